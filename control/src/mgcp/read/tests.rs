//! Messages as RFC 3435 Appendix F and the NCS profile write them, and what is none.

use super::*;
use crate::mgcp::{Mode, RestartMethod, ReturnCode, Verb};
use crate::sip::Splices;

fn read(text: &str) -> Message<'_> {
    let mut all = messages(text.as_bytes());
    let message = all.next().unwrap().unwrap();
    assert!(all.next().is_none());
    message
}

fn fault(text: &str) -> (Fault, Option<u16>) {
    let read = messages(text.as_bytes()).find_map(Result::err);
    let malformed = read.unwrap_or_else(|| panic!("{text:?} is a message"));
    (malformed.fault, malformed.answer.map(|(_, code)| code.0))
}

/// The command encodings of RFC 3435 Appendix F, each with its response, and what stands in them:
/// parameters and descriptions.
const EXAMPLES: [(&str, usize, usize); 18] = [
    (
        "RQNT 1202 aaln/1@rgw-2567.whatever.net MGCP 1.0\n\
         N: ca@ca1.whatever.net:5678\nX: 0123456789AC\n\
         R: L/hd(A, E(S(L/dl),R(L/oc, L/hu, D/[0-9#*T](D))))\n\
         D: (0T|00T|[1-7]xxx|8xxxxxxx|#xxxxxxx|*xx|91xxxxxxxxxx|9011x.T)\nS:\nT: G/ft\n",
        6,
        0,
    ),
    ("200 1202 OK\n", 0, 0),
    (
        "NTFY 2002 aaln/1@rgw-2567.whatever.net MGCP 1.0\r\n\
         N: ca@ca1.whatever.net:5678\r\nX: 0123456789AC\r\n\
         O: L/hd,D/9,D/1,D/2,D/0,D/1,D/8,D/2,D/9,D/4,D/2,D/6,D/6\r\n",
        3,
        0,
    ),
    (
        "CRCX 1204 aaln/1@rgw-2567.whatever.net MGCP 1.0\r\n\
         C: A3C47F21456789F0\r\nL: p:10, a:PCMU\r\nM: recvonly\r\n",
        3,
        0,
    ),
    (
        "200 1204 OK\r\nI: FDE234C8\r\n\r\nv=0\r\no=- 25678 753849 IN IP4 128.96.41.1\r\ns=-\r\n\
         c=IN IP4 128.96.41.1\r\nt=0 0\r\nm=audio 3456 RTP/AVP 0\r\n",
        1,
        1,
    ),
    (
        "CRCX 1205 aaln/1@rgw-2569.whatever.net MGCP 1.0\nC: A3C47F21456789F0\n\
         L: p:10, a:PCMU\nM: sendrecv\nX: 0123456789AD\nR: L/hd\nS: L/rg\n\n\
         v=0\no=- 25678 753849 IN IP4 128.96.41.1\ns=-\nc=IN IP4 128.96.41.1\nt=0 0\n\
         m=audio 3456 RTP/AVP 0\n",
        6,
        1,
    ),
    ("100 1206 Pending\nI: DFE233D1\n", 1, 0),
    ("200 1206 OK\nK:\nI: DFE233D1\n\nv=0\n", 2, 1),
    ("000 1206\n", 0, 0),
    (
        "MDCX 1209 aaln/1@rgw-2567.whatever.net MGCP 1.0\nC: A3C47F21456789F0\nI: FDE234C8\n\
         L: p:10, a:PCMU\nM: recvonly\nX: 0123456789AE\nR: L/hu\nS: G/rt\n",
        7,
        0,
    ),
    (
        "DLCX 1210 aaln/1@rgw-2567.whatever.net MGCP 1.0\nC: A3C47F21456789F0\nI: FDE234C8\n",
        2,
        0,
    ),
    (
        "250 1210 OK\nP: PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27, LA=48\n",
        1,
        0,
    ),
    (
        "DLCX 9210 aaln/1@rgw-2567.whatever.net MGCP 1.0\nC: A3C47F21456789F0\nI: FDE234C8\n\
         E: 900 - Hardware error\nP: PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27, LA=48\n",
        4,
        0,
    ),
    (
        "AUEP 1201 aaln/1@rgw-2567.whatever.net MGCP 1.0\nF: A, R,D,S,X,N,I,T,O,ES\n",
        1,
        0,
    ),
    (
        "200 1200 OK\nZ: aaln/1@rgw-2567.whatever.net\nZ: aaln/2@rgw-2567.whatever.net\n",
        2,
        0,
    ),
    (
        "200 1203 OK\nC: A3C47F21456789F0\nN: [128.96.41.12]\nL: p:10, a:PCMU;G728\nM: sendrecv\n\
         P: PS=622, OS=31172, PR=390, OR=22561, PL=5, JI=29, LA=50\n\n\
         v=0\nc=IN IP4 128.96.41.1\nm=audio 3456 RTP/AVP 0\n\n\
         v=0\nc=IN IP4 128.96.63.25\nm=audio 1296 RTP/AVP 0\n",
        5,
        2,
    ),
    (
        "RSIP 1200 aaln/1@rgw-2567.whatever.net MGCP 1.0\nRM: graceful\nRD: 300\n",
        2,
        0,
    ),
    ("521 1204 Redirected\nN: CA-1@whatever.net\n", 1, 0),
];

#[test]
fn the_examples_are_read_and_leave_as_they_came() {
    for (text, parameters, descriptions) in EXAMPLES {
        let message = read(text);
        let counts = (message.parameters().count(), message.descriptions().len());
        assert_eq!(counts, (parameters, descriptions), "{text}");
        let mut out = Vec::new();
        message.render(&Splices::new(), &mut out);
        assert_eq!(out, text.as_bytes());
        crate::mgcp::fuzz::datagram(text.as_bytes());
    }
}

#[test]
fn what_a_proxy_must_know_is_found() {
    let notify = read(EXAMPLES[2].0);
    let command = notify.command().unwrap();
    assert_eq!(
        (command.verb, command.transaction.number()),
        (Verb::Notify, 2002)
    );
    assert_eq!(&*command.endpoint.local, b"aaln/1");
    let entity = notify.notified_entity().unwrap();
    assert_eq!(
        (entity.port, &*entity.local.unwrap()),
        (Some(5678), &b"ca"[..])
    );
    let created = read(EXAMPLES[3].0);
    assert_eq!(created.mode(), Some(Mode::ReceiveOnly));
    assert_eq!(&*created.call().unwrap(), b"A3C47F21456789F0");
    let answer = read(EXAMPLES[4].0);
    assert_eq!(&*answer.connections().next().unwrap(), b"FDE234C8");
    assert!(
        answer
            .text(answer.descriptions()[0])
            .starts_with(b"v=0\r\no=-")
    );
    let asking = read(EXAMPLES[7].0);
    assert!(asking.asks_acknowledgement());
    assert_eq!(
        read(EXAMPLES[8].0).response().unwrap().code,
        ReturnCode::RESPONSE_ACK
    );
    assert_eq!(read(EXAMPLES[12].0).reason(), Some(ReturnCode(900)));
    assert_eq!(read(EXAMPLES[14].0).specific_endpoints().count(), 2);
    let audited = read(EXAMPLES[15].0);
    let ends = audited
        .descriptions()
        .iter()
        .map(|span| audited.text(*span));
    let ends: Vec<bool> = ends.map(|text| text.ends_with(b"0\n")).collect();
    assert_eq!(ends, [true, true]);
    let restart = read(EXAMPLES[16].0);
    assert_eq!(restart.restart_method(), RestartMethod::Graceful);
    assert_eq!(restart.restart_delay(), Some(300));
}

#[test]
fn datagrams_of_several_messages_are_cut_at_the_dot() {
    let text = "200 2005 OK\n.\nDLCX 1244 aaln/2@rgw MGCP 1.0\nC: 3\nI: F\n\nv=0\n. \r\n\
        RQNT 1 aaln/2@rgw MGCP 1.0\nK: 1200-1202, 1215\nX: 1";
    let all: Vec<Message> = messages(text.as_bytes()).map(Result::unwrap).collect();
    assert_eq!(all.len(), 3);
    assert_eq!(all[1].descriptions().len(), 1);
    let acknowledged = all[2]
        .acknowledged()
        .map(|range| (range.start().number(), range.end().number()));
    assert_eq!(
        acknowledged.collect::<Vec<_>>(),
        [(1200, 1202), (1215, 1215)]
    );
    let mut out = Vec::new();
    let unchanged = Splices::new();
    all.iter()
        .for_each(|message| message.render(&unchanged, &mut out));
    assert_eq!(out, text.as_bytes());
    let mut fewer = Vec::new();
    all[0].render(&unchanged, &mut fewer);
    all[2].render(&unchanged, &mut fewer);
    let expected = "200 2005 OK\n. \r\nRQNT 1 aaln/2@rgw MGCP 1.0\nK: 1200-1202, 1215\nX: 1";
    assert_eq!(fewer, expected.as_bytes());
}

#[test]
fn spelling_matters_nowhere() {
    let message = read(
        "crcx\t 7  aaln/S1/*@[2001:DB8::1]  mgcp 1.0 NCS 1.0 \r\nm:\tSendRecv \r\nI2:A\r\n\
         X-Flower+: daisy\r\nPl/x: y\r\nn:[::1]:7\r\nZ2: a@b\r\n",
    );
    let command = message.command().unwrap();
    assert_eq!(command.verb, Verb::CreateConnection);
    assert_eq!(&*command.version, b"mgcp 1.0 NCS 1.0");
    assert!(command.endpoint.is_wildcard());
    assert_eq!(message.mode(), Some(Mode::SendReceive));
    assert_eq!(message.notified_entity().unwrap().port, Some(7));
    assert_eq!(message.parameters().count(), 6);
    let packaged = read("800 7 /L  Line is gone\n").response().unwrap();
    assert_eq!(packaged.package.unwrap().as_str(), Some("L"));
    assert_eq!(packaged.comment.as_str(), Some("Line is gone"));
    let empty = read("RQNT 1 a@b MGCP 1.0\nN: \n");
    assert_eq!(empty.notified_entity(), None);
}

#[test]
fn what_is_no_message_is_told_apart_and_answered_where_it_can_be() {
    for (text, expected) in [
        ("", (Fault::Empty, None)),
        ("\r\n\r\n", (Fault::Empty, None)),
        ("AUEP", (Fault::Transaction, None)),
        ("AUEP 0 a@b MGCP 1.0", (Fault::Transaction, None)),
        ("AUEP 1000000000 a@b MGCP 1.0", (Fault::Transaction, None)),
        ("AUEP +1 a@b MGCP 1.0", (Fault::Transaction, None)),
        ("20 1 OK", (Fault::StartLine, None)),
        ("2000 1 OK", (Fault::StartLine, None)),
        ("AUDIT 1 a@b MGCP 1.0", (Fault::StartLine, Some(510))),
        ("AUEP 1 ab MGCP 1.0", (Fault::Endpoint, Some(510))),
        ("AUEP 1 a@b", (Fault::Version, Some(528))),
        ("AUEP 1 a@b MGCP 2.0", (Fault::Version, Some(528))),
        ("AUEP 1 a@b SIP 1.0", (Fault::Version, Some(528))),
        (
            "AUEP 1 a@b MGCP 1.0\nno parameter",
            (Fault::ParameterLine, Some(510)),
        ),
        (
            "AUEP 1 a@b MGCP 1.0\nF: A\n  folded: x",
            (Fault::ParameterLine, Some(510)),
        ),
        (
            "AUEP 1 a@b MGCP 1.0\nF: A\rN: x\n",
            (Fault::StrayReturn, Some(510)),
        ),
        ("AUEP 1 a@b MGCP 1.0\nN: a@b c\n", (Fault::Value, Some(510))),
        (
            "AUEP 1 a@b MGCP 1.0\nN: a\nn: b\n",
            (Fault::Duplicate, Some(510)),
        ),
        ("AUEP 1 a@b MGCP 1.0\nK: 5-4\n", (Fault::Value, Some(510))),
        ("200 1 OK\nZ: nowhere\n", (Fault::Value, None)),
        (
            "200 1 OK\n\nv=0\n\nv=0\n\nv=0\n",
            (Fault::TooManyDescriptions, None),
        ),
        ("200 1 OK\n.\n", (Fault::Empty, None)),
    ] {
        assert_eq!(fault(text), expected, "{text:?}");
        crate::mgcp::fuzz::datagram(text.as_bytes());
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let command = "AUEP 1 a@b MGCP 1.0\n";
    let many = [command; MAX_MESSAGES].join(".\n");
    assert!(messages(many.as_bytes()).all(|message| message.is_ok()));
    let more = [command; 2 * MAX_MESSAGES].join(".\n");
    assert_eq!(messages(more.as_bytes()).count(), MAX_MESSAGES + 1);
    assert_eq!(fault(&more), (Fault::TooManyMessages, None));
    let parameters = |count| format!("{command}{}", "Z: a@b\n".repeat(count));
    assert_eq!(
        read(&parameters(MAX_PARAMETERS))
            .specific_endpoints()
            .count(),
        MAX_PARAMETERS
    );
    assert_eq!(
        fault(&parameters(MAX_PARAMETERS + 1)),
        (Fault::TooManyParameters, Some(510))
    );
    let ranges = |count| format!("{command}K: {}\n", vec!["1-2"; count].join(","));
    assert_eq!(
        read(&ranges(MAX_ACKNOWLEDGED_RANGES))
            .acknowledged()
            .count(),
        128
    );
    assert_eq!(
        fault(&ranges(MAX_ACKNOWLEDGED_RANGES + 1)),
        (Fault::Value, Some(510))
    );
    let name = |length| format!("{command}C: {}\n", "a".repeat(length));
    assert!(read(&name(MAX_IDENTIFIER_BYTES)).call().is_some());
    assert_eq!(
        fault(&name(MAX_IDENTIFIER_BYTES + 1)),
        (Fault::Value, Some(510))
    );
    let long = format!("{command}X: {}", "a".repeat(MAX_DATAGRAM_BYTES));
    assert_eq!(fault(&long), (Fault::TooLong, None));
}
