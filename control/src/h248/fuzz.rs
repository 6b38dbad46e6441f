//! What holds for every input whatsoever: bodies of the fuzz targets, which the tests run over
//! the committed corpora and over generated messages. They panic where a property is broken.

use super::limits::MAX_MESSAGE_BYTES;
use super::{
    Body, Content, Edits, Encoding, ErrorDescriptor, Message, MessageId, Own, OwnMessage,
    Replacement, ServiceChangeAddress, Site, TransactionId, TransactionKind, tpkt,
};

/// What stands for a description after the edits.
const DESCRIPTION: &[u8] = b"v=0\r\ns={\\}\r\nm=audio 4 RTP/AVP 0\r\n";

/// A message in text.
pub fn text(bytes: &[u8]) {
    message(bytes);
}

/// A message in binary.
pub fn binary(bytes: &[u8]) {
    message(bytes);
}

/// A stream of TPKT packets: the same messages come out however it is cut into pieces, and none
/// that would not go into a packet again. The first byte says how it is cut.
pub fn tpkt(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let whole = packets([stream].into_iter());
    let pieces = packets(stream.chunks(usize::from(*cut) % 16 + 1));
    assert_eq!(whole, pieces);
    let mut written = Vec::new();
    for message in &whole.0 {
        assert!(tpkt::write(message, &mut written));
    }
    let again = packets([&*written].into_iter());
    assert_eq!(again, (whole.0, None));
}

/// The messages a stream brings in these pieces, and the error it ends in.
fn packets<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Option<tpkt::FramingError>) {
    let mut framer = tpkt::Framer::new();
    let mut messages = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(tpkt::Frame::Message(message))) => messages.push(message.to_vec()),
                Ok(Some(tpkt::Frame::Empty)) => {}
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(framer.next(), Err(error), "an error is final");
                    return (messages, Some(error));
                }
            }
        }
    }
    (messages, None)
}

/// A message: what parses leaves unchanged, edits change what they name and nothing else, and what
/// is refused is answered.
fn message(bytes: &[u8]) {
    match Message::parse(bytes) {
        Ok(message) => {
            assert_eq!(rendered(&message, &Edits::new()), bytes);
            if bytes.len() < MAX_MESSAGE_BYTES / 16 {
                edits_change_what_they_name(&message);
                descriptions_that_stay_leave_all_as_it_is(&message);
                transactions_can_be_left_out(&message);
            }
        }
        Err(error) => {
            assert!(error.at <= bytes.len());
            let text = error.reason.into();
            let code = error.code;
            refusals_parse(bytes, ErrorDescriptor { code, text });
        }
    }
}

fn rendered(message: &Message, edits: &Edits) -> Vec<u8> {
    let mut out = Vec::new();
    message.render(edits, &mut out);
    out
}

/// Every site but those of whole transactions gets something else: read again, that is there,
/// and nothing else is different.
fn edits_change_what_they_name(message: &Message) {
    let mut edits = Edits::new();
    let mut expected = message.content.clone();
    edit(&mut expected, &mut edits, describe(message.encoding()));
    let bytes = rendered(message, &edits);
    let edited = Message::parse(&bytes).expect("an edited message is a message");
    assert_eq!(edited.content, expected);
    assert_eq!(edited.encoding(), message.encoding());
}

/// Descriptions of which every line stays are none that change: not an octet does.
fn descriptions_that_stay_leave_all_as_it_is(message: &Message) {
    let (mut all, mut same) = (Edits::new(), Edits::new());
    edit(&mut message.content.clone(), &mut all, <[u8]>::to_vec);
    let described = |(_, what): &(Site, &Replacement)| matches!(what, Replacement::Descriptor(_));
    for (site, replacement) in all.iter().filter(described) {
        same.set(site, replacement.clone());
    }
    if message.encoding() == Encoding::Binary {
        assert_eq!(rendered(message, &same), message.bytes());
    }
}

/// What becomes of a description: in text another one; in binary, where not every line can be said
/// by native properties, the same with another address and port.
fn describe(encoding: Encoding) -> fn(&[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Text | Encoding::Compact => |_| DESCRIPTION.to_vec(),
        Encoding::Binary => |text| {
            let lines = text.split_inclusive(|octet| *octet == b'\n');
            lines.flat_map(moved).collect()
        },
    }
}

fn moved(line: &[u8]) -> Vec<u8> {
    let mut words: Vec<_> = line.split(|octet| *octet == b' ').collect();
    match line.first() {
        Some(b'c') => b"c=IN IP4 192.0.2.1\r\n".to_vec(),
        Some(b'm') if words.len() > 2 => {
            words[1] = b"4";
            words.join(&b' ')
        }
        _ => line.to_vec(),
    }
}

/// Records an edit for each site, and what the message says afterwards.
fn edit(content: &mut Content, edits: &mut Edits, describe: impl Fn(&[u8]) -> Vec<u8>) {
    let port = Some(2944);
    let address = MessageId::Address {
        ip: [192, 0, 2, 1].into(),
        port,
    };
    let mut set = |site: Site, replacement: Replacement| edits.set(site, replacement);
    // A name needs blanks around it where an address does not.
    content.sender.value = MessageId::Device("mg1/a".into());
    let sender = content.sender.value.clone();
    set(content.sender.site, Replacement::MessageId(sender));
    let Body::Transactions(transactions) = &mut content.body else {
        return;
    };
    for transaction in transactions {
        let actions = match &mut transaction.kind {
            TransactionKind::Request { actions, .. } => actions,
            TransactionKind::Reply {
                acknowledge,
                result,
                ..
            } => {
                *acknowledge = true;
                set(transaction.site, Replacement::Acknowledge);
                let Ok(actions) = result else { continue };
                actions
            }
            _ => continue,
        };
        for command in actions.iter_mut().flat_map(|action| &mut action.commands) {
            for stream in &mut command.streams {
                for descriptor in [&mut stream.local, &mut stream.remote]
                    .into_iter()
                    .flatten()
                {
                    descriptor.text = describe(&descriptor.text);
                    let text = descriptor.text.clone();
                    set(descriptor.site, Replacement::Descriptor(text));
                }
            }
            let Some(change) = &mut command.service_change else {
                continue;
            };
            if let Some(controller) = &mut change.controller {
                controller.value = address.clone();
                set(controller.site, Replacement::MessageId(address.clone()));
            }
            if let Some(known) = &mut change.address {
                known.value = ServiceChangeAddress::Elsewhere(address.clone());
                set(known.site, Replacement::Address(known.value.clone()));
            }
        }
    }
}

/// Each transaction in turn.
fn transactions_can_be_left_out(message: &Message) {
    let Body::Transactions(transactions) = &message.content.body else {
        return;
    };
    if transactions.len() < 2 {
        return;
    }
    for index in [0, transactions.len() / 2, transactions.len() - 1] {
        let mut edits = Edits::new();
        edits.set(transactions[index].site, Replacement::Nothing);
        let bytes = rendered(message, &edits);
        let edited = Message::parse(&bytes).expect("an edited message is a message");
        let Body::Transactions(left) = &edited.content.body else {
            panic!("no transactions are left");
        };
        let mut expected = transactions.clone();
        expected.remove(index);
        assert_eq!(summary(left), summary(&expected));
    }
}

/// The transactions without their sites, which are numbered anew.
fn summary(transactions: &[super::Transaction]) -> Vec<String> {
    let kinds = transactions
        .iter()
        .map(|transaction| match &transaction.kind {
            TransactionKind::Request { id, actions } => format!("{id:?} {}", actions.len()),
            TransactionKind::Reply { id, result, .. } => {
                let actions = result.as_ref().map(Vec::len);
                format!("{id:?} {actions:?}")
            }
            other => format!("{other:?}"),
        });
    kinds.collect()
}

/// What we say to a message that cannot be read is understood.
fn refusals_parse(bytes: &[u8], error: ErrorDescriptor) {
    let encoding = Encoding::begun_by(bytes);
    let sender = MessageId::Domain {
        name: "sbc.example.net".into(),
        port: Some(2945),
    };
    let transaction = TransactionId(7);
    let said = [
        Own::MessageError(error.clone()),
        Own::Refusal { transaction, error },
    ];
    for what in said {
        let own = OwnMessage {
            encoding,
            version: 2,
            sender: &sender,
            what,
        };
        let mut bytes = Vec::new();
        own.write(&mut bytes);
        let read = Message::parse(&bytes).expect("a message of ours is a message");
        assert_eq!(read.encoding(), encoding);
        assert_eq!(read.content.sender.value, sender);
        assert_eq!(read.content.version, 2);
    }
}
