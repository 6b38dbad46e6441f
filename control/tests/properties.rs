//! Properties of the parsers and editors over generated messages: what is not edited stays, and
//! what a message means does not depend on how its headers are spelt.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use strait_control::sdp::Description;
use strait_control::sip::{HeaderName, Message, Span, Splices, fuzz, scan};

/// Headers of a sound request: name as usually written, compact form, value.
const HEADERS: [(&str, &str, &str); 12] = [
    (
        "Via",
        "v",
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
    ),
    ("From", "f", "\"A, \\\"B\\\"\" <sip:a@example.com>;tag=1"),
    ("To", "t", "<sip:b@[2001:db8::1]:5060;transport=tcp>"),
    ("Call-ID", "i", "1@192.0.2.1"),
    ("CSeq", "CSeq", "17 INVITE"),
    ("Max-Forwards", "Max-Forwards", "70"),
    (
        "Contact",
        "m",
        "<sip:a,b@192.0.2.1>, <sip:a@192.0.2.2>;q=0.5",
    ),
    ("Supported", "k", "timer, 100rel"),
    ("Subject", "s", "\u{1}\u{fffd} any: thing, <at> \"all"),
    ("X-Unknown", "X-Unknown", ";;,,;;,;"),
    ("Content-Type", "c", "application/sdp"),
    ("Session-Expires", "x", "1800;refresher=uac"),
];

/// One way of writing a header line.
fn spelling(index: usize) -> impl Strategy<Value = String> {
    let (long, compact, value) = HEADERS[index];
    let name = prop_oneof![
        Just(long.to_owned()),
        Just(compact.to_owned()),
        Just(long.to_uppercase()),
        Just(long.to_lowercase()),
    ];
    let blank = select(vec!["", " ", "\t", "  "]);
    let before = select(vec!["", " ", "\r\n  ", "\r\n\t"]);
    let after = select(vec!["", " ", "\r\n "]);
    let end = select(vec!["\r\n", "\r\n", "\n"]);
    (name, blank, before, after, end).prop_map(move |(name, blank, before, after, end)| {
        format!("{name}{blank}:{before}{value}{after}{end}")
    })
}

/// A sound request, its headers in any order and spelling.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<_> = (0..HEADERS.len())
        .map(|index| spelling(index).boxed())
        .collect();
    let body = vec(any::<u8>(), 0..40);
    (lines, body).prop_flat_map(|(lines, body)| {
        let length = format!("Content-Length: {}\r\n", body.len());
        let lines = [lines, vec![length]].concat();
        (Just(lines).prop_shuffle(), Just(body)).prop_map(|(lines, body)| {
            let head = format!("INVITE sip:b@example.com SIP/2.0\r\n{}\r\n", lines.concat());
            [head.into_bytes(), body].concat()
        })
    })
}

/// Anything made of the pieces that grammars trip over.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "INVITE",
        " ",
        "sip:a@b",
        "SIP/2.0",
        "\r\n",
        "\r",
        "\n",
        "Via",
        "v",
        ":",
        ";",
        ",",
        "\"",
        "\\",
        "<",
        ">",
        "=",
        "SIP/2.0/UDP a",
        "l",
        "3",
        "0",
        "[::1]",
        "192.0.2.1",
        "v=0",
        "c=IN IP4 1.1.1.1",
        "m=audio 1 RTP/AVP 0",
        "a=rtcp:1",
        "\r\n\r\n",
        "%40",
        "?",
        "@",
        "tag",
        "\u{e9}",
    ]);
    vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn a_request_means_the_same_however_it_is_spelt(bytes in request()) {
        let message = Message::parse(&bytes).unwrap();
        message.check().unwrap();
        fuzz::message(&bytes);
        prop_assert_eq!(message.bytes(), &bytes[..]);
        prop_assert_eq!(message.headers().len(), HEADERS.len() + 1);
        for (name, _, value) in HEADERS {
            let found = message.headers().iter().find(|header| {
                let written = message.text(header.name_span);
                HeaderName::new(&written) == HeaderName::new(name.as_bytes())
                    && *message.text(header.value) == *value.as_bytes()
            });
            prop_assert!(found.is_some(), "{} is lost", name);
        }
        prop_assert_eq!(message.elements(HeaderName::Contact).count(), 2);
        prop_assert!(message.lists(HeaderName::Supported, "100REL"));
        prop_assert_eq!(message.cseq().unwrap().number, 17);
    }

    #[test]
    fn an_edit_changes_its_span_and_nothing_else(
        bytes in request(), edits in vec((any::<Index>(), any::<Index>(), ".{0,9}"), 0..8),
    ) {
        let mut spans: Vec<usize> = edits.iter()
            .flat_map(|(start, end, _)| [start.index(bytes.len() + 1), end.index(bytes.len() + 1)])
            .collect();
        spans.sort_unstable();
        let spans = spans.chunks(2).map(|pair| Span::new(pair[0], pair[1]));
        let edits: Vec<(Span, String)> = spans.zip(edits.into_iter().map(|edit| edit.2)).collect();
        // Insertions at one place keep their order; what else starts there comes after them.
        prop_assume!(edits.windows(2).all(|pair| pair[0].0.start() != pair[1].0.start()));
        let mut expected = bytes.clone();
        for (span, text) in edits.iter().rev() {
            expected.splice(span.start()..span.end(), text.bytes());
        }
        for order in [edits.clone(), edits.into_iter().rev().collect()] {
            let mut splices = Splices::new();
            for (span, text) in &order {
                splices.replace(*span, text);
            }
            let mut out = Vec::new();
            splices.apply(&bytes, &mut out);
            prop_assert_eq!(&out, &expected);
        }
    }

    #[test]
    fn overlapping_edits_leave_what_none_of_them_covers(
        edits in vec((0..100usize, 0..20usize), 0..12),
    ) {
        let bytes: Vec<u8> = (0..120).collect();
        let mut splices = Splices::new();
        let mut covered = [false; 120];
        for (start, len) in edits {
            splices.replace(Span::new(start, start + len), [255]);
            covered[start..start + len].fill(true);
        }
        let mut out = Vec::new();
        splices.apply(&bytes, &mut out);
        out.retain(|byte| *byte != 255);
        let kept: Vec<u8> = bytes.into_iter().filter(|byte| !covered[usize::from(*byte)]).collect();
        prop_assert_eq!(out, kept);
    }

    #[test]
    fn nothing_makes_the_parsers_panic(bytes in prop_oneof![soup(), vec(any::<u8>(), 0..200)]) {
        fuzz::message(&bytes);
        fuzz::framing(&bytes);
        fuzz::uri(&bytes);
        strait_control::sdp::fuzz::description(&bytes);
        strait_control::sdp::fuzz::description(&[b"v=0\r\n", &bytes[..]].concat());
    }

    #[test]
    fn every_address_written_out_is_found(
        ip in any::<std::net::IpAddr>(),
        around in select(vec!["", "<sip:a@|:5060>", " |, x", "x=|;", "(|)"]),
    ) {
        let (before, after) = around.split_once('|').unwrap_or_default();
        let text = match ip.is_ipv6() && after.starts_with(':') {
            true => format!("{before}[{ip}]{after}"),
            false => format!("{before}{ip}{after}"),
        };
        let found: Vec<_> = scan::addresses(text.as_bytes(), Span::new(0, text.len())).collect();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(found[0].ip, ip);
    }

    #[test]
    fn a_description_keeps_its_lines(
        lines in vec(select(vec![
            "s=-", "t=0 0", "b=AS:1", "a=sendrecv", "a=mid:1", "a=candidate:1", "", "junk",
            "a=rtcp-mux", "m=audio 9 RTP/AVP 0",
            "m=video 7/2 RTP/SAVP 1 2", "c=IN IP4 192.0.2.1", "a=rtcp:9",
        ]), 0..30),
        end in select(vec!["\r\n", "\n", "\r"]),
    ) {
        let text: String = lines.iter().map(|line| format!("{line}{end}")).collect();
        let text = format!("v=0{end}{text}");
        let media = lines.iter().filter(|line| line.starts_with("m=")).count();
        let Ok(description) = Description::parse(text.as_bytes()) else {
            prop_assert!(media > strait_control::sdp::limits::MAX_MEDIA);
            return Ok(());
        };
        prop_assert_eq!(description.media().len(), media);
        prop_assert_eq!(description.lines().count(), lines.len() + 1);
        strait_control::sdp::fuzz::description(text.as_bytes());
    }
}
