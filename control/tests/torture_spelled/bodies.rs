//! Descriptions and other bodies.

use std::fmt::Write;

use crate::{code, invite, leaks, page, passed};

const HEAD: &str = "v=0\no=- 1 1 IN IP4 192.168.1.5\ns=-\nc=IN IP4 192.168.1.5\nt=0 0\n";
const AUDIO: &str = "m=audio 4000 RTP/AVP 8\n";
const SDP: &str = "Content-Type: application/sdp\n";

/// What is tried, the lines after [`HEAD`], and what `\n` in all of the description becomes.
const TRIED: &[(&str, &str, &str)] = &[
    ("nothing", "m=audio 4000 RTP/AVP 8\n", "\r\n"),
    (
        "line ends of LF",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 172.16.9.9\n",
        "\n",
    ),
    (
        "line ends of CR",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 172.16.9.9\n",
        "\r",
    ),
    (
        "line ends of LF CR",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 172.16.9.9\n",
        "\n\r",
    ),
    (
        "empty lines",
        "m=audio 4000 RTP/AVP 8\n\n\nc=IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "no end to the last line",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 172.16.9.9",
        "\r\n",
    ),
    (
        "two c= of the session",
        "c=IN IP4 172.16.9.9\nm=audio 4000 RTP/AVP 8\n",
        "\r\n",
    ),
    (
        "two c= of the media",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 172.16.9.9\nc=IN IP4 203.0.113.7\n",
        "\r\n",
    ),
    (
        "C= in capitals",
        "m=audio 4000 RTP/AVP 8\nC=IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "blank before c=",
        "m=audio 4000 RTP/AVP 8\n c=IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "blank after c",
        "m=audio 4000 RTP/AVP 8\nc =IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "tabs in c=",
        "m=audio 4000 RTP/AVP 8\nc=IN\tIP4\t172.16.9.9\n",
        "\r\n",
    ),
    (
        "c= with a tail",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 203.0.113.7 172.16.9.9\n",
        "\r\n",
    ),
    (
        "leading zeros in c=",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 192.168.001.005\n",
        "\r\n",
    ),
    (
        "a=rtcp with an address",
        "m=audio 4000 RTP/AVP 8\na=rtcp:4001 IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "two a=rtcp",
        "m=audio 4000 RTP/AVP 8\na=rtcp:4001\na=rtcp:7 IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "A=RTCP in capitals",
        "m=audio 4000 RTP/AVP 8\na=RTCP:7 IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "a=rtcp of the session",
        "a=rtcp:7 IN IP4 172.16.9.9\nm=audio 4000 RTP/AVP 8\n",
        "\r\n",
    ),
    (
        "a candidate",
        "m=audio 4000 RTP/AVP 8\na=candidate:1 1 UDP 9 172.16.9.9 9 typ host\n",
        "\r\n",
    ),
    (
        "a candidate in capitals",
        "m=audio 4000 RTP/AVP 8\na=CANDIDATE:1 1 UDP 9 172.16.9.9 9 typ host\n",
        "\r\n",
    ),
    (
        "a candidate of the session",
        "a=candidate:1 1 UDP 9 2001:db8:a::5 9 typ host\nm=audio 4000 RTP/AVP 8\n",
        "\r\n",
    ),
    (
        "remote candidates",
        "m=audio 4000 RTP/AVP 8\na=remote-candidates:1 172.16.9.9 9\n",
        "\r\n",
    ),
    (
        "altc",
        "m=audio 4000 RTP/AVP 8\na=altc:1 IP4 172.16.9.9 9\n",
        "\r\n",
    ),
    (
        "a source filter",
        "m=audio 4000 RTP/AVP 8\na=source-filter: incl IN IP4 * 172.16.9.9\n",
        "\r\n",
    ),
    (
        "an unknown attribute",
        "m=audio 4000 RTP/AVP 8\na=x-real:172.16.9.9\n",
        "\r\n",
    ),
    (
        "an unknown attribute, escaped",
        "m=audio 4000 RTP/AVP 8\na=x:172%2E16%2E9%2E9\n",
        "\r\n",
    ),
    (
        "an unknown letter",
        "m=audio 4000 RTP/AVP 8\nx=172.16.9.9\n",
        "\r\n",
    ),
    (
        "a line without equals sign",
        "m=audio 4000 RTP/AVP 8\n172.16.9.9\n",
        "\r\n",
    ),
    (
        "k= with a URI",
        "k=uri:http://172.16.9.9/\nm=audio 4000 RTP/AVP 8\n",
        "\r\n",
    ),
    (
        "u=, e= and i=",
        "u=http://172.16.9.9/\ne=a@203.0.113.7\ni=172.16.9.9\nm=audio 4000 RTP/AVP 8\n",
        "\r\n",
    ),
    (
        "a second o=",
        "o=- 1 1 IN IP4 172.16.9.9\nm=audio 4000 RTP/AVP 8\n",
        "\r\n",
    ),
    (
        "a second description",
        "m=audio 4000 RTP/AVP 8\nv=0\nc=IN IP4 172.16.9.9\n",
        "\r\n",
    ),
    (
        "a stream not relayed",
        "m=message 7 TCP/MSRP *\na=path:msrp://172.16.9.9:7/s;tcp\n",
        "\r\n",
    ),
];

#[test]
fn no_spelling_of_a_description_brings_an_address_across() {
    let mut table =
        "| tried | lines | what the softswitch reads, or the answer |\n|---|---|---|\n".to_owned();
    let mut leaking = Vec::new();
    for (what, lines, end) in TRIED {
        let body = format!("{HEAD}{lines}");
        let message = crate::invite("Contact: <sip:a@192.168.1.5>\n", "");
        let (head, _) = message.rsplit_once("Content-Length").unwrap();
        let body = body.replace('\n', end);
        let head = format!("{head}{SDP}Content-Length: {}\n\n", body.len()).replace('\n', "\r\n");
        let outcome = match passed(&(head + &body)) {
            Err(answer) => answer,
            Ok(text) => {
                if !leaks(&text).is_empty() {
                    leaking.push(format!("{what}: {:?} in\n{text}", leaks(&text)));
                }
                rest_of(&text)
            }
        };
        let sent = lines.trim_end().replace('\n', "⏎");
        writeln!(table, "| {what} | {} | {} |", code(&sent), code(&outcome)).unwrap();
    }
    assert!(leaking.is_empty(), "{}", leaking.join("\n"));
    page::check("descriptions", &table);
}

/// The description as it came out, from the line after `t=`.
fn rest_of(text: &str) -> String {
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let rest = body
        .split_once("t=0 0")
        .map_or(body, |(_, rest)| rest)
        .trim();
    rest.replace("\r\n", "⏎").replace(['\r', '\n'], "⏎")
}

#[test]
fn no_body_of_several_parts_brings_an_address_across() {
    let sdp = format!("Content-Type: application/sdp\n\n{HEAD}{AUDIO}");
    let isup = "Content-Type: application/x-any\n\nat 172.16.9.9\n";
    for (kind, parts) in [
        ("multipart/mixed;boundary=b", format!("--b\n{sdp}--b--\n")),
        (
            "Multipart/Mixed; BOUNDARY=\"b\"",
            format!("--b\n{sdp}--b\n{isup}--b--\n"),
        ),
        (
            "multipart/alternative;boundary=b",
            format!("--b\n{isup}--b\n{sdp}--b--\n"),
        ),
        (
            "multipart/mixed;boundary=b",
            format!("at 172.16.9.9\n--b\n{sdp}--b--\nat 172.16.9.9\n"),
        ),
        (
            "multipart/mixed;boundary=b",
            format!("--b\n{sdp}--b\n{sdp}--b--\n"),
        ),
        (
            "multipart/mixed;boundary=b",
            format!("--b\nContent-Type: multipart/related;boundary=c\n\n--c\n{sdp}--c--\n--b--\n"),
        ),
        ("application/sdp ; charset=x", format!("{HEAD}{AUDIO}")),
        ("Application/SDP", format!("{HEAD}{AUDIO}")),
        ("application/x-sdp", format!("{HEAD}{AUDIO}")),
        (
            "message/sip",
            "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.168.1.5\n\n".to_owned(),
        ),
    ] {
        let headers = format!("Contact: <sip:a@192.168.1.5>\nContent-Type: {kind}\n");
        match passed(&invite(&headers, &parts)) {
            Ok(text) => assert!(
                leaks(&text).is_empty(),
                "{kind}: {:?} in\n{text}",
                leaks(&text)
            ),
            Err(answer) => assert!(answer.starts_with('4'), "{kind}: {answer}"),
        }
    }
}
