//! The text encoding: what single constructs mean, what edits do to the octets, what is refused.

use strait_control::h248::limits::{
    MAX_DEPTH, MAX_MESSAGE_BYTES, MAX_PARTS, MAX_STREAMS, MAX_TRANSACTIONS,
};
use strait_control::h248::{
    Action, Body, Command, ContextId, Edits, Encoding, ErrorCode, ErrorDescriptor, Message,
    MessageId, Own, OwnMessage, OwnTermination, Replacement, Segment, ServiceChangeAddress,
    ServiceChangeMethod, ServiceChangeReason, SyntaxError, Transaction, TransactionId,
    TransactionKind,
};

fn transactions(message: &Message) -> Vec<Transaction> {
    match &message.content.body {
        Body::Transactions(transactions) => transactions.clone(),
        Body::Error(error) => panic!("{error:?}"),
    }
}

fn actions(transaction: &Transaction) -> &[Action] {
    match &transaction.kind {
        TransactionKind::Request { actions, .. } => actions,
        TransactionKind::Reply {
            result: Ok(actions),
            ..
        } => actions,
        other => panic!("{other:?}"),
    }
}

/// The first command of a message's body.
fn command(body: &str) -> Command {
    let text = format!("!/1 [10.0.0.1] {body}");
    let message = Message::parse(text.as_bytes()).unwrap();
    actions(&transactions(&message)[0])[0].commands[0].clone()
}

fn edited(text: &str, edit: impl FnOnce(&Message, &mut Edits)) -> String {
    let message = Message::parse(text.as_bytes()).unwrap();
    let mut edits = Edits::new();
    edit(&message, &mut edits);
    let mut out = Vec::new();
    message.render(&edits, &mut out);
    String::from_utf8(out).unwrap()
}

fn refused(text: &str) -> SyntaxError {
    Message::parse(text.as_bytes()).expect_err(text)
}

fn name_of(name: &str) -> MessageId {
    MessageId::Device(name.into())
}

#[test]
fn transactions_of_every_kind() {
    let text = "!/3 [10.0.0.1]:2944 K{7,9-12}P=13/2{IA,ER=505{\"no\"}}PN=14{}SM=15/3/& T=16{C=-{}}";
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(message.encoding(), Encoding::Compact);
    let kinds: Vec<_> = transactions(&message).into_iter().map(|t| t.kind).collect();
    let id = TransactionId;
    let expected = [
        TransactionKind::Acknowledgement {
            ranges: vec![(id(7), id(7)), (id(9), id(12))],
        },
        TransactionKind::Reply {
            id: id(13),
            acknowledge: true,
            segment: Some(Segment {
                number: 2,
                last: false,
            }),
            result: Err(ErrorDescriptor {
                code: ErrorCode::BEFORE_SERVICE_CHANGE,
                text: "no".into(),
            }),
        },
        TransactionKind::Pending { id: id(14) },
        TransactionKind::SegmentReply {
            id: id(15),
            segment: Segment {
                number: 3,
                last: true,
            },
        },
        TransactionKind::Request {
            id: id(16),
            actions: vec![Action {
                context: ContextId::Null,
                commands: vec![],
                error: None,
            }],
        },
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn an_error_may_be_all_there_is() {
    let message = Message::parse(b"MEGACO/1 mg1 Error = 400 { \"a } in it\" }\n").unwrap();
    let text = "a } in it".into();
    let code = ErrorCode::SYNTAX_IN_MESSAGE;
    assert_eq!(
        message.content.body,
        Body::Error(ErrorDescriptor { code, text })
    );
}

#[test]
fn a_header_may_be_authenticated() {
    let text = "AU = 0x00000001:0x00000002:0x0123 MEGACO/2 <a> Pending=5{}";
    let message = Message::parse(text.as_bytes()).unwrap();
    assert!(message.content.authenticated);
    assert_eq!(message.content.version, 2);
}

#[test]
fn commands_say_how_they_may_fail() {
    let both = command("T=1{C=1{o-w-S=*{AT{}}}}");
    assert!(both.optional && both.wildcard_reply);
    let one = command("T=1{C=1{W-S=*}}");
    assert!(!one.optional && one.wildcard_reply);
    let failed = command("P=1{C=1{S=a{ER=430{}}}}");
    assert_eq!(failed.error.unwrap().code, ErrorCode::UNKNOWN_TERMINATION);
}

#[test]
fn terminations_may_come_in_lists() {
    let names = |command: Command| -> Vec<String> {
        let ids = command.terminations.into_iter();
        ids.map(|id| String::from_utf8(id.name.into()).unwrap())
            .collect()
    };
    assert_eq!(names(command("T=1{C=1{A=[ A/1 , a/2 ]}}")), ["a/1", "a/2"]);
    assert_eq!(names(command("P=1{C=1{AV=C{a/1,a/2}}}")), ["a/1", "a/2"]);
    assert_eq!(names(command("T=1{C=1{AV=C{AT{}}}}")), ["c"]);
    let failed = command("P=1{C=1{AC=Context{Error=411{}}}}");
    assert_eq!(failed.error.unwrap().code, ErrorCode::UNKNOWN_CONTEXT);
}

#[test]
fn what_a_service_change_says() {
    let command = command(
        "T=1{C=-{SC=ROOT{SV{MT=X-mine,RE=\"903 To another\",AD=2944,MG=[10.0.0.9]:2944,V=2,\
         DL=5,PF=ResGW/1,X-a=[1:2],20260101T00000000}}}}",
    );
    let change = command.service_change.unwrap();
    assert_eq!(change.method, Some(ServiceChangeMethod::Other));
    assert_eq!(change.reason, Some(903));
    assert_eq!(change.version, Some(2));
    assert_eq!(
        change.address.unwrap().value,
        ServiceChangeAddress::Port(2944)
    );
    let ip = [10, 0, 0, 9].into();
    let port = Some(2944);
    assert_eq!(
        change.controller.unwrap().value,
        MessageId::Address { ip, port }
    );
}

#[test]
fn a_message_identifier_is_replaced_and_kept_apart() {
    let replace = |text: &str, name: &str| {
        edited(text, |message, edits| {
            let site = message.content.sender.site;
            edits.set(site, Replacement::MessageId(name_of(name)));
        })
    };
    assert_eq!(
        replace("!/1 [10.0.0.1]:29 ;x\nPN=1{}", "a"),
        "!/1 a ;x\nPN=1{}"
    );
    assert_eq!(replace("!/1[10.0.0.1]PN=1{}", "a"), "!/1 a PN=1{}");
}

#[test]
fn addresses_of_service_changes_are_replaced() {
    let text = "!/1 <a> T=1{C=-{SC=ROOT{SV{AD= MTP{0102} ,MG=<b> : 2944}}}}";
    let new = edited(text, |message, edits| {
        let transactions = transactions(message);
        let change = actions(&transactions[0])[0].commands[0]
            .service_change
            .clone();
        let change = change.unwrap();
        let port = ServiceChangeAddress::Port(55555);
        edits.set(change.address.unwrap().site, Replacement::Address(port));
        let id = MessageId::Address {
            ip: "2001:db8::1".parse().unwrap(),
            port: Some(2945),
        };
        edits.set(change.controller.unwrap().site, Replacement::MessageId(id));
    });
    let expected = "!/1 <a> T=1{C=-{SC=ROOT{SV{AD= 55555 ,MG=[2001:db8::1]:2945}}}}";
    assert_eq!(new, expected);
}

#[test]
fn a_description_is_replaced_within_its_blanks() {
    let text = "!/1 <a> T=1{C=1{A=${M{ST=2{L { ;x\n v=0\r\na=1\\}\r\n }, R{}}}}}}";
    let new = edited(text, |message, edits| {
        let transactions = transactions(message);
        let stream = actions(&transactions[0])[0].commands[0].streams[0].clone();
        let (local, remote) = (stream.local.unwrap(), stream.remote.unwrap());
        assert_eq!(local.text, b"v=0\r\na=1}\r\n");
        assert_eq!(remote.text, b"");
        edits.set(local.site, Replacement::Descriptor(b"v=0\na={}\n".to_vec()));
        edits.set(remote.site, Replacement::Descriptor(b"v=0".to_vec()));
    });
    let expected = "!/1 <a> T=1{C=1{A=${M{ST=2{L { ;x\n v=0\na={\\}\n }, R{v=0}}}}}}";
    assert_eq!(new, expected);
}

#[test]
fn a_reply_asks_to_be_acknowledged_once() {
    let ask = |text: &str| {
        edited(text, |message, edits| {
            edits.set(transactions(message)[0].site, Replacement::Acknowledge);
        })
    };
    assert_eq!(ask("!/1 <a> P=1 { C=1{S=a}}"), "!/1 <a> P=1 {IA, C=1{S=a}}");
    let long = ask("MEGACO/1 <a> Reply=1{Error=500{}}");
    assert_eq!(long, "MEGACO/1 <a> Reply=1{ImmAckRequired,Error=500{}}");
    assert_eq!(ask("!/1 <a> P=1{ia,C=1{S=a}}"), "!/1 <a> P=1{ia,C=1{S=a}}");
}

#[test]
fn a_digit_map_among_descriptions_is_none() {
    let text = "!/1 <a> T=1{C=${A=${M{DM{;}}\n},R{v=0}}}}}";
    let message = Message::parse(text.as_bytes()).unwrap();
    let TransactionKind::Request { actions, .. } = &transactions(&message)[0].kind else {
        panic!("a request");
    };
    let stream = &actions[0].commands[0].streams[0];
    assert_eq!(stream.remote.as_ref().unwrap().text, b"v=0");
    assert!(stream.local.is_none());
}

#[test]
fn a_transaction_is_left_out() {
    let text = "!/1 <a> K{1} ;one\nPN=2{}PN=3{}\n";
    let new = edited(text, |message, edits| {
        edits.set(transactions(message)[0].site, Replacement::Nothing);
        edits.set(transactions(message)[2].site, Replacement::Nothing);
    });
    assert_eq!(new, "!/1 <a>  ;one\nPN=2{}\n");
}

#[test]
fn our_own_messages_are_written_as_their_receiver_writes() {
    let sender = name_of("sbc");
    let text = "no \"way\"\u{e9}".into();
    let code = ErrorCode::INTERNAL;
    let error = ErrorDescriptor { code, text };
    let id = TransactionId(9);
    let own = [
        (Own::MessageError(error.clone()), "ER=500{\"no ?way??\"}"),
        (
            Own::Refusal {
                transaction: id,
                error,
            },
            "P=9{ER=500{\"no ?way??\"}}",
        ),
        (Own::Pending(id), "PN=9{}"),
        (Own::Acknowledgement(id), "K{9}"),
        (Own::AuditRoot(id), "T=9{C=-{AV=ROOT{AT{}}}}"),
        (
            Own::Forced {
                transaction: id,
                termination: termination(ContextId::Number(7)),
                reason: ServiceChangeReason::TakenOut,
            },
            "T=9{C=7{SC=rtp/1{SV{MT=FO,RE=\"905 Termination taken out of service\"}}}}",
        ),
        (
            Own::Silence {
                transaction: id,
                termination: termination(ContextId::Number(7)),
                streams: vec![1, 3],
            },
            "T=9{C=7{MF=rtp/1{M{ST=1{O{MO=IN}},ST=3{O{MO=IN}}}}}}",
        ),
        (
            Own::Subtract {
                transaction: id,
                termination: termination(ContextId::Null),
            },
            "T=9{C=-{S=rtp/1{AT{}}}}",
        ),
    ];
    let write = |what: &Own, encoding| {
        let what = what.clone();
        let sender = &sender;
        let version = 2;
        let mut out = Vec::new();
        OwnMessage {
            encoding,
            version,
            sender,
            what,
        }
        .write(&mut out);
        String::from_utf8(out).unwrap()
    };
    for (what, text) in &own {
        assert_eq!(write(what, Encoding::Compact), format!("!/2 sbc\n{text}"));
    }
    let long = "MEGACO/2 sbc\nTransaction=9{Context=-{AuditValue=ROOT{Audit{}}}}";
    assert_eq!(write(&own[4].0, Encoding::Text), long);
    let long = "MEGACO/2 sbc\nTransaction=9{Context=7{ServiceChange=rtp/1{Services{\
        Method=Forced,Reason=\"905 Termination taken out of service\"}}}}";
    assert_eq!(write(&own[5].0, Encoding::Text), long);
}

fn termination(context: ContextId) -> OwnTermination {
    let name = b"rtp/1".as_slice().into();
    OwnTermination { context, name }
}

#[test]
fn what_is_no_message_is_refused() {
    let none = [
        "",
        "MEGACO",
        "MEGACO/1",
        "MEGACO/1 [10.0.0.1]",
        "MEGACO/x <a> PN=1{}",
        "M/1 <a> PN=1{}",
        "!/1 <a> X=1{}",
        "!/1 <a> PN=1{} x",
        "!/1 <a> PN=4294967296{}",
        "!/1 <a> T=1{}",
        "!/1 <a> T=1{C=1{A=a}",
        "!/1 <a> T=1{C=1{A=a}}}",
        "!/1 <a> T=1{C=1{A=a,}}",
        "!/1 <a> T=1{C=1{A}}",
        "!/1 <a> T=1{C=x{A=a}}",
        "!/1 <a> P=1{}",
        "!/1 <a> P=1{IA}",
        "!/1 <a> P=1{ER=1{},C=1{S=a}}",
        "!/1 <a> P=1{C=1{S=a},ER=1{}}",
        "!/1 <a> SM=1",
        "!/1 <a> T=1{C=1{A=a{M{L{v=0}}",
        "!/1 <a> T=1{C=1{A=a{M{L{v=0},L{v=0}}}}}",
        "!/1 <a> T=1{C=1{A=a{M{O{MO=XX}}}}}",
        "!/1 <a> T=1{C=-{SC=a{SV{AD=1,AD=2}}}}",
        "!/1 <a> T=1{C=1{A=a{b=\"c}}}",
        "!/1 <a> T=1{C=1{A=[a,b}}",
        "!/1 <a> T=1{C=1{A=\u{e9}}}",
        "0\u{82}",
    ];
    for text in none {
        assert_eq!(refused(text).code, ErrorCode::SYNTAX_IN_MESSAGE, "{text}");
    }
    for version in ["0", "4", "99"] {
        let text = format!("!/{version} <a> PN=1{{}}");
        assert_eq!(refused(&text).code, ErrorCode::VERSION_NOT_SUPPORTED);
    }
}

#[test]
fn every_bound_is_answered_by_its_code() {
    let resources = ErrorCode::INSUFFICIENT_RESOURCES;
    let commands = |count| format!("!/1 <a> P=1{{C=1{{S=a{}}}}}", ",S=a".repeat(count));
    // An action, and for each command itself and its termination.
    assert!(Message::parse(commands(MAX_PARTS / 2 - 2).as_bytes()).is_ok());
    assert_eq!(refused(&commands(MAX_PARTS / 2)).code, resources);
    let list = format!("!/1 <a> T=1{{C=1{{S=[a{}]}}}}", ",a".repeat(MAX_PARTS));
    assert_eq!(refused(&list).code, resources);
    let streams = |count: usize| {
        let streams: Vec<_> = (0..count).map(|id| format!("ST={id}{{}}")).collect();
        format!("!/1 <a> T=1{{C=1{{A=a{{M{{{}}}}}}}}}", streams.join(","))
    };
    assert!(Message::parse(streams(MAX_STREAMS).as_bytes()).is_ok());
    assert_eq!(refused(&streams(MAX_STREAMS + 1)).code, resources);
    let pending = |count| format!("!/1 <a> {}", "PN=1{}".repeat(count));
    assert!(Message::parse(pending(MAX_TRANSACTIONS).as_bytes()).is_ok());
    let many = refused(&pending(MAX_TRANSACTIONS + 1));
    assert_eq!(many.code, ErrorCode::TOO_MANY_TRANSACTIONS);
    let nested = |depth| format!("!/1 <a> PN=1{}{}", "{x".repeat(depth), "}".repeat(depth));
    assert!(Message::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(
        refused(&nested(MAX_DEPTH + 1)).code,
        ErrorCode::SYNTAX_IN_MESSAGE
    );
    let long = " ".repeat(MAX_MESSAGE_BYTES + 1);
    assert_eq!(refused(&long).code, resources);
}
