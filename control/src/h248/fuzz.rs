//! What holds for every input whatsoever: bodies of the fuzz targets, which the tests run over
//! the committed corpora and over generated messages. They panic where a property is broken.

use super::limits::MAX_MESSAGE_BYTES;
use super::{
    Body, Content, Edits, Encoding, ErrorDescriptor, Message, MessageId, Own, OwnMessage,
    Replacement, ServiceChangeAddress, Site, TransactionId, TransactionKind,
};

/// What stands for a description after the edits.
const DESCRIPTION: &[u8] = b"v=0\r\ns={\\}\r\nm=audio 4 RTP/AVP 0\r\n";

/// A message in text: what parses leaves unchanged, edits change what they name and nothing else,
/// and what is refused is answered.
pub fn text(bytes: &[u8]) {
    match Message::parse(bytes) {
        Ok(message) => {
            assert_eq!(rendered(&message, &Edits::new()), bytes);
            if bytes.len() < MAX_MESSAGE_BYTES / 16 {
                edits_change_what_they_name(&message);
                transactions_can_be_left_out(&message);
            }
        }
        Err(error) => {
            assert!(error.at <= bytes.len());
            let text = error.reason.into();
            let code = error.code;
            own_messages_parse(ErrorDescriptor { code, text });
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
    edit(&mut expected, &mut edits);
    let bytes = rendered(message, &edits);
    let edited = Message::parse(&bytes).expect("an edited message is a message");
    assert_eq!(edited.content, expected);
    assert_eq!(edited.encoding(), message.encoding());
}

/// Records an edit for each site, and what the message says afterwards.
fn edit(content: &mut Content, edits: &mut Edits) {
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
                    descriptor.text = DESCRIPTION.to_vec();
                    let text = DESCRIPTION.to_vec();
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

/// What we say ourselves is understood.
fn own_messages_parse(error: ErrorDescriptor) {
    let sender = MessageId::Domain {
        name: "sbc.example.net".into(),
        port: Some(2945),
    };
    let transaction = TransactionId(7);
    let said = [
        Own::MessageError(error.clone()),
        Own::Refusal { transaction, error },
        Own::Pending(transaction),
        Own::Acknowledgement(transaction),
        Own::AuditRoot(transaction),
    ];
    for (encoding, what) in [Encoding::Text, Encoding::Compact]
        .into_iter()
        .flat_map(|encoding| said.iter().map(move |what| (encoding, what.clone())))
    {
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
