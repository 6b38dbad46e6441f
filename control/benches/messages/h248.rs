//! An H.248 message that a proxy relays: a controller's Add of two streams with both descriptors.

use strait_control::h248::{Body, Edits, Message, MessageId, Replacement, TransactionKind};

pub const TEXT: &[u8] = include_bytes!("../../tests/h248/vectors/both-sides.txt");

const HEX: &str = include_str!("../../tests/h248/vectors/both-sides.hex");

/// The same in binary.
pub fn binary() -> Vec<u8> {
    let digits = HEX.trim().as_bytes().chunks(2);
    let digits = digits.filter_map(|two| std::str::from_utf8(two).ok());
    digits
        .filter_map(|two| u8::from_str_radix(two, 16).ok())
        .collect()
}

/// Parse, another sender, another address and port in each of four descriptors, render.
pub fn relay(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let mut edits = Edits::new();
    let sender = MessageId::Address {
        ip: [192, 0, 2, 1].into(),
        port: Some(2944),
    };
    edits.set(message.content.sender.site, Replacement::MessageId(sender));
    let Body::Transactions(transactions) = &message.content.body else {
        return;
    };
    for transaction in transactions {
        let TransactionKind::Request { actions, .. } = &transaction.kind else {
            continue;
        };
        let commands = actions.iter().flat_map(|action| &action.commands);
        let streams = commands.flat_map(|command| &command.streams);
        for descriptor in streams
            .flat_map(|stream| [&stream.local, &stream.remote])
            .flatten()
        {
            let text = moved(&descriptor.text);
            edits.set(descriptor.site, Replacement::Descriptor(text));
        }
    }
    message.render(&edits, out);
}

fn moved(text: &[u8]) -> Vec<u8> {
    let mut moved = Vec::with_capacity(text.len() + 32);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        match line {
            [b'c', ..] => moved.extend_from_slice(b"c=IN IP4 192.0.2.1\r\n"),
            [b'm', ..] => {
                let words = line.splitn(3, |octet| *octet == b' ');
                for (place, word) in words.enumerate() {
                    let word = if place == 1 { b" 40000 " } else { word };
                    moved.extend_from_slice(word);
                }
            }
            _ => moved.extend_from_slice(line),
        }
    }
    moved
}
