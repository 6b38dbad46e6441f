//! The binary encoding beside the text one: the same messages, encoded by Erlang's megaco from its
//! own reading of the text, say the same.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use strait_control::h248::{
    Body, Content, Descriptor, Encoding, Message, Pattern, Site, TerminationId, TransactionKind,
    Wildcard, fuzz,
};

fn vectors(extension: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/h248/vectors");
    let files = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn binary(path: &Path) -> Vec<u8> {
    let hex = std::fs::read_to_string(path).unwrap();
    let octets = hex.trim().as_bytes().chunks(2);
    let octets = octets.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16));
    octets.collect::<Result<_, _>>().unwrap()
}

/// What is said, without where it stands and how its lines end, and with the binary names of
/// terminations: three octets for the number in the text's.
fn said(mut content: Content) -> String {
    content.sender.site = Site(0);
    let Body::Transactions(transactions) = &mut content.body else {
        return format!("{content:?}");
    };
    for transaction in transactions {
        transaction.site = Site(0);
        let actions = match &mut transaction.kind {
            TransactionKind::Request { actions, .. } => actions,
            TransactionKind::Reply {
                result: Ok(actions),
                ..
            } => actions,
            _ => continue,
        };
        for command in actions.iter_mut().flat_map(|action| &mut action.commands) {
            command.terminations.iter_mut().for_each(as_binary);
            for stream in &mut command.streams {
                let both = [&mut stream.local, &mut stream.remote];
                both.into_iter().flatten().for_each(plain);
            }
            let Some(change) = &mut command.service_change else {
                continue;
            };
            change
                .address
                .iter_mut()
                .for_each(|known| known.site = Site(0));
            change
                .controller
                .iter_mut()
                .for_each(|known| known.site = Site(0));
        }
    }
    format!("{content:?}")
}

fn as_binary(termination: &mut TerminationId) {
    let pattern = Pattern::Prefix { bits: 0 };
    termination.name = match &*termination.name {
        b"root" => [0xff; 8].into(),
        b"*" | b"$" => [0; 3].into(),
        [b'a', digits @ ..] => {
            let number: u32 = std::str::from_utf8(digits).unwrap().parse().unwrap();
            number.to_be_bytes()[1..].into()
        }
        _ => return,
    };
    termination.wildcard = match termination.wildcard {
        Wildcard::None => Wildcard::None,
        Wildcard::Choose(_) => Wildcard::Choose(pattern),
        Wildcard::All(_) => Wildcard::All(pattern),
    };
}

fn plain(descriptor: &mut Descriptor) {
    descriptor.site = Site(0);
    let text = String::from_utf8(std::mem::take(&mut descriptor.text)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    descriptor.text = lines.collect::<Vec<_>>().join("\n").into_bytes();
}

#[test]
fn what_is_said_in_text_and_in_binary_is_the_same() {
    let mut pairs = 0;
    for path in vectors("txt") {
        let text = std::fs::read(&path).unwrap();
        let bytes = binary(&path.with_extension("hex"));
        let (text, bytes) = (Message::parse(&text), Message::parse(&bytes));
        let (text, bytes) = (text.unwrap(), bytes.unwrap());
        assert_eq!(text.encoding(), Encoding::Text);
        assert_eq!(bytes.encoding(), Encoding::Binary);
        let (text, bytes) = (text.content, bytes.content);
        assert_eq!(said(text), said(bytes), "{}", path.display());
        pairs += 1;
    }
    assert!(pairs > 15, "{pairs}");
}

proptest! {
    /// Octets changed, taken out and put in, anywhere in a message.
    #[test]
    fn mutilated_messages_break_nothing(
        vector in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let vectors = vectors("hex");
        let mut bytes = binary(&vectors[vector.index(vectors.len())]);
        for (at, octet, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes.insert(at, octet),
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                2 => bytes[at] ^= 1 << (octet % 8),
                _ => bytes[at] = octet,
            }
        }
        fuzz::binary(&bytes);
    }

    /// Any octets.
    #[test]
    fn streams_are_cut_alike(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let stream = [&bytes[..bytes.len().min(1)], b"\x03\x00\x00\x07abc", &bytes].concat();
        fuzz::tpkt(&stream);
        fuzz::binary(&bytes);
    }
}
