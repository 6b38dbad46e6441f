//! What we say ourselves is understood.

use super::super::super::model::*;
use super::super::super::{Own, OwnMessage, OwnTermination, ServiceChangeReason};
use super::super::{own, read};

#[test]
fn messages_of_our_own_are_read() {
    let sender = MessageId::Address {
        ip: [192, 0, 2, 1].into(),
        port: Some(2945),
    };
    let error = ErrorDescriptor {
        code: ErrorCode::NOT_READY,
        text: "no \u{1f980}".into(),
    };
    let transaction = TransactionId(u32::MAX);
    let all = [
        Own::MessageError(error.clone()),
        Own::Refusal { transaction, error },
        Own::Pending(transaction),
        Own::Acknowledgement(transaction),
        Own::AuditRoot(transaction),
    ];
    for what in all.into_iter().chain(requests_of_our_own(transaction)) {
        let message = OwnMessage {
            encoding: Encoding::Binary,
            version: 2,
            sender: &sender,
            what,
        };
        let mut bytes = Vec::new();
        own(&message, &mut bytes);
        let (content, _) = read(&bytes).unwrap();
        assert_eq!((content.version, &content.sender.value), (2, &sender));
        match (&message.what, &content.body) {
            (Own::MessageError(_), Body::Error(found)) => assert_eq!(&*found.text, "no ?"),
            (_, Body::Transactions(found)) => match (&message.what, &found[0].kind) {
                (Own::Refusal { .. }, TransactionKind::Reply { id, result, .. }) => {
                    assert_eq!(
                        (*id, result.as_ref().unwrap_err().code.0),
                        (transaction, 502)
                    );
                }
                (Own::Pending(_), TransactionKind::Pending { id }) => assert_eq!(*id, transaction),
                (Own::Acknowledgement(_), TransactionKind::Acknowledgement { ranges }) => {
                    assert_eq!(*ranges, [(transaction, transaction)]);
                }
                (own, TransactionKind::Request { id, actions }) => {
                    assert_eq!(*id, transaction);
                    asks(own, &actions[0]);
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn requests_of_our_own(transaction: TransactionId) -> [Own; 3] {
    let termination = OwnTermination {
        context: ContextId::Number(2000),
        name: [9, 8, 7].into(),
    };
    [
        Own::Forced {
            transaction,
            termination: termination.clone(),
            reason: ServiceChangeReason::LayerLost,
        },
        Own::Silence {
            transaction,
            termination: termination.clone(),
            streams: vec![1, 300],
        },
        Own::Subtract {
            transaction,
            termination,
        },
    ]
}

fn asks(own: &Own, action: &Action) {
    let command = &action.commands[0];
    let termination = &command.terminations[0];
    if let Own::AuditRoot(_) = own {
        assert_eq!(action.context, ContextId::Null);
        assert_eq!(command.kind, CommandKind::AuditValue);
        assert_eq!(termination.name[..], [0xff; 8]);
        return;
    }
    assert_eq!(action.context, ContextId::Number(2000));
    assert_eq!(termination.name[..], [9, 8, 7]);
    match own {
        Own::Forced { .. } => {
            assert_eq!(command.kind, CommandKind::ServiceChange);
            let change = command.service_change.as_ref().unwrap();
            let said = (change.method, change.reason);
            assert_eq!(said, (Some(ServiceChangeMethod::Forced), Some(906)));
        }
        Own::Silence { .. } => {
            assert_eq!(command.kind, CommandKind::Modify);
            let streams = command.streams.iter();
            let streams: Vec<_> = streams.map(|stream| (stream.id, stream.mode)).collect();
            assert_eq!(
                streams,
                [(1, Some(Mode::Inactive)), (300, Some(Mode::Inactive))]
            );
        }
        Own::Subtract { .. } => assert_eq!(command.kind, CommandKind::Subtract),
        other => panic!("{other:?}"),
    }
}
