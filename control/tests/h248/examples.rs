//! The call of RFC 3525 Appendix I, message by message, from the corpus of the fuzz target.

use std::path::PathBuf;

use strait_control::h248::{
    Body, Command, CommandKind, ContextId, Message, Mode, TransactionId, TransactionKind,
};

/// A step of the flow, and what is asserted of it.
fn step(number: usize, look: impl FnOnce(&Message, &TransactionKind)) {
    let name = format!("../tests/fuzz/corpus/h248_text/flow-{number:02}");
    let bytes = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let message = Message::parse(&bytes).unwrap();
    let Body::Transactions(transactions) = &message.content.body else {
        panic!("step {number} is an error");
    };
    assert_eq!(transactions.len(), 1, "step {number}");
    look(&message, &transactions[0].kind);
}

fn commands(kind: &TransactionKind) -> (TransactionId, ContextId, &[Command]) {
    let (id, actions) = match kind {
        TransactionKind::Request { id, actions } => (id, actions),
        TransactionKind::Reply {
            id,
            result: Ok(actions),
            ..
        } => (id, actions),
        other => panic!("no commands: {other:?}"),
    };
    assert_eq!(actions.len(), 1);
    (*id, actions[0].context, &actions[0].commands)
}

fn said(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap()
}

#[test]
fn every_step_is_read_as_request_or_reply_of_one_context() {
    for number in 1..=28 {
        step(number, |_, kind| {
            assert!(!commands(kind).2.is_empty(), "step {number}");
        });
    }
}

#[test]
fn a_gateway_restarts() {
    step(1, |message, kind| {
        assert_eq!(message.content.version, 1);
        let (id, context, commands) = commands(kind);
        assert_eq!((id, context), (TransactionId(9998), ContextId::Null));
        assert_eq!(commands[0].kind, CommandKind::ServiceChange);
        assert_eq!(
            commands[0].service_change.as_ref().unwrap().reason,
            Some(901)
        );
    });
}

#[test]
fn two_alternatives_are_offered_and_one_is_taken() {
    step(11, |_, kind| {
        let (_, context, commands) = commands(kind);
        assert_eq!(context, ContextId::Choose);
        let stream = &commands[1].streams[0];
        assert_eq!((stream.id, stream.mode), (1, Some(Mode::ReceiveOnly)));
        let local = said(&stream.local.as_ref().unwrap().text);
        assert_eq!(local.matches("v=0\nc=IN IP4 $\nm=audio $").count(), 2);
        assert!(local.ends_with("RTP/AVP 0\n"));
    });
    step(12, |_, kind| {
        let (_, context, commands) = commands(kind);
        assert_eq!(context, ContextId::Number(2000));
        assert_eq!(&*commands[0].terminations[0].name, b"a4444");
        assert!(commands[0].streams.is_empty());
        let local = commands[1].streams[0].local.as_ref().unwrap();
        assert!(said(&local.text).contains("\nm=audio 2222 RTP/AVP 4\n"));
    });
}

#[test]
fn an_audit_tells_both_descriptions_and_the_mode() {
    step(24, |_, kind| {
        let stream = &commands(kind).2[0].streams[0];
        assert_eq!(stream.mode, Some(Mode::SendReceive));
        assert!(said(&stream.local.as_ref().unwrap().text).contains("125.125.125.111"));
        assert!(said(&stream.remote.as_ref().unwrap().text).contains("124.124.124.222"));
    });
}
