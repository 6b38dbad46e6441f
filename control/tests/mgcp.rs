//! Properties of the MGCP reader over generated datagrams: what is not edited stays, and what a
//! message means does not depend on how it is spelt or what else its datagram carries.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use strait_control::mgcp::{Message, fuzz, messages};
use strait_control::sip::Splices;

const DESCRIPTION: [&str; 4] = [
    "v=0",
    "c=IN IP4 10.0.0.7",
    "t=0 0",
    "m=audio 3456 RTP/AVP 0",
];

fn start() -> impl Strategy<Value = String> {
    let verb = select(vec![
        "CRCX", "mdcx", "Dlcx", "RQNT", "NTFY", "AUEP", "RSIP", "XYZ1",
    ]);
    let endpoint = select(vec![
        "aaln/1@rgw.example.net",
        "*@[10.0.0.7]",
        "a/$@[2001:db8::7]:2427",
    ]);
    let version = select(vec!["MGCP 1.0", "mgcp  1.0 NCS 1.0"]);
    let blank = select(vec![" ", "\t", "  "]);
    let command = (verb, 1u32..=999_999_999, endpoint, version, blank).prop_map(
        |(verb, number, endpoint, version, blank)| {
            format!("{verb}{blank}{number}{blank}{endpoint}{blank}{version}")
        },
    );
    let comment = select(vec!["", " OK", " /pkg gone", "  what: ever, @ "]);
    let response = (0u16..1000, 1u32..=999_999_999, comment)
        .prop_map(|(code, number, comment)| format!("{code:03} {number}{comment}"));
    prop_oneof![command, response]
}

fn parameter() -> impl Strategy<Value = String> {
    let line = select(vec![
        "Z: aaln/1@[10.0.0.7]",
        "z:  a@gw ",
        "I: A3C4, 17",
        "K: 1-7, 9",
        "X-any+: \u{1}:;,",
        "S: L/rg(a@b)",
        "D: (0T|00T)",
        "F:",
        "fxr/gwfax: t38",
    ]);
    line.prop_map(str::to_owned)
}

/// Lines of one message: parameters that may stand once, others, descriptions.
fn message() -> impl Strategy<Value = Vec<String>> {
    let entity = option::of(select(vec![
        "N: ca@[10.0.0.1]:2727",
        "n:ca.example.net",
        "N:",
    ]));
    let single = option::of(select(vec!["M: sendrecv", "m:LOOPBACK"]));
    let lines = vec(parameter(), 0..8);
    (start(), entity, single, lines, 0usize..3).prop_map(
        |(start, entity, single, lines, descriptions)| {
            let once = [entity, single].into_iter().flatten().map(str::to_owned);
            let mut all: Vec<String> = [start].into_iter().chain(once).chain(lines).collect();
            for _ in 0..descriptions {
                all.push(String::new());
                all.extend(DESCRIPTION.map(str::to_owned));
            }
            all
        },
    )
}

fn datagram() -> impl Strategy<Value = (Vec<Vec<String>>, String)> {
    let end = select(vec!["\r\n", "\n"]);
    (vec(message(), 1..6), end, any::<bool>()).prop_map(|(messages, end, ended)| {
        let text = messages.iter().map(|lines| lines.join(end) + end);
        let text = text.collect::<Vec<_>>().join(&format!(".{end}"));
        let whole = if ended {
            &text
        } else {
            text.trim_end_matches(end)
        };
        (messages, whole.to_owned())
    })
}

/// Anything made of the pieces that grammars trip over.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "CRCX",
        "200",
        "000",
        " ",
        "\t",
        "1",
        "1000000000",
        "a@b",
        "*@[10.0.0.1]",
        "MGCP 1.0",
        "\r\n",
        "\n",
        "\r",
        ".\n",
        ".\r\n",
        "\n\n",
        "K:",
        "1-2,",
        "N:",
        "Z:",
        "I:",
        "C:",
        "@",
        "[",
        "]",
        ":",
        "/",
        "v=0\r\n",
        "\u{e9}",
        "\0",
        "AUEP 1 a@b MGCP 1.0\n",
        "510 9 x\r\n",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_leaves_as_it_came((written, text) in datagram()) {
        fuzz::datagram(text.as_bytes());
        let read: Vec<Message> = messages(text.as_bytes()).map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), written.len());
        let mut out = Vec::new();
        for (message, lines) in read.iter().zip(&written) {
            let head = lines.iter().take_while(|line| !line.is_empty()).count();
            prop_assert_eq!(message.parameters().count(), head - 1);
            let descriptions = lines.iter().filter(|line| *line == "v=0").count();
            prop_assert_eq!(message.descriptions().len(), descriptions);
            message.render(&Splices::new(), &mut out);
        }
        prop_assert_eq!(out, text.as_bytes());
    }

    #[test]
    fn anything_at_all_is_read_without_harm(bytes in soup()) {
        fuzz::datagram(&bytes);
    }
}
