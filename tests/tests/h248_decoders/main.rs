//! What Strait re-encodes in H.248's binary encoding, and what it says itself, is decoded by
//! others: pycrate and Erlang's megaco find that exactly what was to change has changed; Wireshark
//! marks nothing. Each is left out, and says so, where it is not installed.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use strait_control::h248::{
    Body, Edits, Encoding, ErrorCode, ErrorDescriptor, Message, MessageId, Own, OwnMessage,
    Replacement, TransactionId, TransactionKind, tpkt,
};

const SENDER: [u8; 4] = [192, 0, 2, 250];
const SENDER_PORT: u16 = 2945;

/// A message before, and what Strait made of it; of its own there is no before.
struct Case {
    name: String,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
    /// Values, and what they have become.
    swaps: Vec<(Vec<u8>, Vec<u8>)>,
}

#[test]
fn pycrate_finds_what_was_to_change_and_nothing_else() {
    let python = std::env::var("STRAIT_TEST_PYTHON").unwrap_or("python3".into());
    let mut known = Command::new(&python);
    known.args(["-c", "from pycrate_asn1dir import H248"]);
    if !runs(&mut known) {
        return println!("left out: {python} has no pycrate (STRAIT_TEST_PYTHON names another)");
    }
    let lines = cases().into_iter().map(|case| {
        let swaps = case.swaps.iter().map(|(old, new)| [hex(old), hex(new)]);
        let line = serde_json::json!({
            "name": case.name,
            "sender": sender(),
            "before": case.before.as_deref().map(hex),
            "after": hex(&case.after),
            "swaps": swaps.collect::<Vec<_>>(),
        });
        format!("{line}\n")
    });
    let lines: String = lines.collect();
    all_the_same(Command::new(python).arg(script("pycrate.py")), &lines);
}

#[test]
fn megaco_finds_what_was_to_change_and_nothing_else() {
    let known = "halt(case code:which(megaco_ber_encoder) of non_existing -> 1; _ -> 0 end).";
    if !runs(Command::new("erl").args(["-noshell", "-eval", known])) {
        return println!("left out: Erlang's megaco is not installed (erlang-megaco)");
    }
    let lines = cases().into_iter().map(|case| {
        let before = case.before.as_deref().map_or("-".into(), hex);
        let mut words = vec![case.name, sender(), before, hex(&case.after)];
        words.extend(
            case.swaps
                .iter()
                .flat_map(|(old, new)| [hex(old), hex(new)]),
        );
        words.join(" ") + "\n"
    });
    let lines: String = lines.collect();
    all_the_same(
        Command::new("escript").arg(script("megaco.escript")),
        &lines,
    );
}

#[test]
fn wireshark_marks_nothing_in_datagrams_and_packets() {
    if !runs(Command::new("tshark").arg("--version")) {
        return println!("left out: tshark is not installed");
    }
    let cases = cases();
    let directory = tempfile::tempdir().unwrap();
    for (transport, packets) in [("-u", false), ("-T", true)] {
        let mut dump = String::new();
        for case in &cases {
            let mut octets = Vec::new();
            match packets {
                true => assert!(tpkt::write(&case.after, &mut octets)),
                false => octets.extend_from_slice(&case.after),
            }
            for (at, line) in octets.chunks(16).enumerate() {
                let line: Vec<_> = line.iter().map(|octet| format!("{octet:02x}")).collect();
                dump += &format!("{:06x} {}\n", 16 * at, line.join(" "));
            }
            dump += "\n";
        }
        let (text, capture) = (
            directory.path().join("dump"),
            directory.path().join("capture"),
        );
        std::fs::write(&text, dump).unwrap();
        let mut convert = Command::new("text2pcap");
        convert
            .args(["-q", transport, "2945,2945"])
            .args([&text, &capture]);
        assert!(runs(&mut convert));
        let read = |fields: &[&str], filter: &str| {
            let mut tshark = Command::new("tshark");
            tshark
                .arg("-r")
                .arg(&capture)
                .args(["-Y", filter, "-T", "fields"]);
            let output = tshark.args(fields).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let decoded = read(&["-e", "h248.version"], "h248");
        assert_eq!(decoded.lines().count(), cases.len(), "{transport}");
        let marked = "_ws.malformed || ber.error || _ws.expert.severity >= \"Warning\"";
        let marked = read(&["-e", "frame.number", "-e", "_ws.expert.message"], marked);
        assert_eq!(marked, "", "{transport}: {}", names(&cases));
    }
}

fn names(cases: &[Case]) -> String {
    let names = cases.iter().enumerate();
    let names = names.map(|(number, case)| format!("{} {}", number + 1, case.name));
    names.collect::<Vec<_>>().join(", ")
}

fn sender() -> String {
    hex(&[&SENDER[..], &SENDER_PORT.to_be_bytes()].concat())
}

/// Every message of the vectors with another sender, address and port, and those of our own.
fn cases() -> Vec<Case> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../control/tests/h248/vectors");
    let mut cases = own_cases();
    for entry in std::fs::read_dir(vectors).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|found| found == "hex") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            cases.push(edited(
                name,
                octets(&std::fs::read_to_string(&path).unwrap()),
            ));
        }
    }
    assert!(cases.len() > 25);
    cases
}

fn edited(name: String, before: Vec<u8>) -> Case {
    let message = Message::parse(&before).unwrap();
    let (mut edits, mut swaps) = (Edits::new(), Vec::new());
    let sender = MessageId::Address {
        ip: SENDER.into(),
        port: Some(SENDER_PORT),
    };
    edits.set(message.content.sender.site, Replacement::MessageId(sender));
    let Body::Transactions(transactions) = &message.content.body else {
        return case(name, &message, &edits, swaps);
    };
    for transaction in transactions {
        let actions = match &transaction.kind {
            TransactionKind::Request { actions, .. } => actions,
            TransactionKind::Reply {
                result: Ok(actions),
                ..
            } => actions,
            _ => continue,
        };
        let commands = actions.iter().flat_map(|action| &action.commands);
        let streams = commands.flat_map(|command| &command.streams);
        for descriptor in streams
            .flat_map(|stream| [&stream.local, &stream.remote])
            .flatten()
        {
            let text = std::str::from_utf8(&descriptor.text).unwrap();
            let lines = text.lines().map(|line| moved(line, &mut swaps) + "\r\n");
            let text = lines.collect::<String>().into_bytes();
            edits.set(descriptor.site, Replacement::Descriptor(text));
        }
    }
    case(name, &message, &edits, swaps)
}

fn case(name: String, message: &Message, edits: &Edits, swaps: Vec<(Vec<u8>, Vec<u8>)>) -> Case {
    let mut after = Vec::new();
    message.render(edits, &mut after);
    Case {
        name,
        before: Some(message.bytes().to_vec()),
        after,
        swaps,
    }
}

/// The line with another address or port, where one is said. The values that change with it are
/// those of SDP equivalents, as they are and as IA5String; those of native properties, as BER and
/// plain.
fn moved(line: &str, swaps: &mut Vec<(Vec<u8>, Vec<u8>)>) -> String {
    let mut words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    let (old, place) = match line.as_bytes()[0] {
        // Of addresses only those that stay of their version are compared value by value.
        b'c' if words[1] == "IP4" => (words[2].clone(), 2),
        b'm' => (words[1].clone(), 1),
        _ => return line.to_owned(),
    };
    if old == "$" {
        return line.to_owned();
    }
    words[place] = match place {
        1 => "65000".to_owned(),
        _ => SENDER.map(|octet| octet.to_string()).join("."),
    };
    let new = words.join(" ");
    let ia5 = |line: &str| [&[0x16, line.len() as u8 - 2], &line.as_bytes()[2..]].concat();
    swaps.push((line[2..].into(), new[2..].into()));
    swaps.push((ia5(line), ia5(&new)));
    if let Ok(port) = old.parse::<u16>() {
        let wrapped = [
            &[2, if port > 0x7fff { 3 } else { 2 }][..],
            &[0][..usize::from(port > 0x7fff)],
        ];
        let wrapped = [wrapped.concat(), port.to_be_bytes().to_vec()].concat();
        swaps.push((wrapped, vec![2, 3, 0, 0xfd, 0xe8]));
        swaps.push((port.to_be_bytes().to_vec(), vec![0xfd, 0xe8]));
    }
    if let Ok(address) = old.parse::<std::net::Ipv4Addr>() {
        let wrapped = |octets: [u8; 4]| [&[4, 4], &octets[..]].concat();
        swaps.push((wrapped(address.octets()), wrapped(SENDER)));
        swaps.push((address.octets().to_vec(), SENDER.to_vec()));
    }
    new
}

fn own_cases() -> Vec<Case> {
    let sender = MessageId::Domain {
        name: "sbc.example.net".into(),
        port: None,
    };
    let error = ErrorDescriptor {
        code: ErrorCode::NOT_READY,
        text: "Not ready".into(),
    };
    let transaction = TransactionId(u32::MAX);
    let all = [
        Own::MessageError(error.clone()),
        Own::Refusal { transaction, error },
        Own::Pending(transaction),
        Own::Acknowledgement(transaction),
        Own::AuditRoot(transaction),
    ];
    let all = all.into_iter().enumerate().map(|(number, what)| {
        let mut after = Vec::new();
        let own = OwnMessage {
            encoding: Encoding::Binary,
            version: 1 + number as u16 % 3,
            sender: &sender,
            what,
        };
        own.write(&mut after);
        Case {
            name: format!("own-{number}"),
            before: None,
            after,
            swaps: Vec::new(),
        }
    });
    all.collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.trim().as_bytes().chunks(2);
    let digits = digits.map(|two| std::str::from_utf8(two).unwrap());
    digits
        .map(|two| u8::from_str_radix(two, 16).unwrap())
        .collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/h248_decoders")
        .join(name)
}

fn runs(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Each line is answered with a line that says so.
fn all_the_same(command: &mut Command, lines: &str) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    let number = lines.lines().count();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let same = said.lines().filter(|line| line.ends_with(": same")).count();
    assert_eq!((same, said.lines().count()), (number, number), "{said}");
}
