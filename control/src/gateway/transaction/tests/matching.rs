//! Which message belongs to which transaction: RFC 3261 §17.1.3, §17.2.3, §8.2.2.2.

use super::*;

use RequestOutcome::{AckAbsorbed, AckForSuccess, Merged, New, Retransmission};

#[test]
fn a_request_with_the_same_branch_sent_by_and_method_is_the_same() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    bench.new_request(udp(), &invite);
    for again in [
        invite.clone(),
        invite.replace("z9hG4bKa", "Z9HG4BKA"),
        invite.replace("192.0.2.1:5060;", "192.0.2.1 ;"),
        invite.replace("Call-ID: call", "Call-ID: other"),
    ] {
        assert_eq!(bench.receive(udp(), &again), Ok(Retransmission), "{again}");
    }
    let other_port = Flow {
        remote: "192.0.2.1:7777".parse().unwrap(),
        ..udp()
    };
    assert_eq!(bench.receive(other_port, &invite), Ok(Retransmission));
}

#[test]
fn a_request_that_differs_in_any_of_them_is_another() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    bench.new_request(udp(), &invite);
    let sent_by = invite.replace("192.0.2.1:5060;", "192.0.2.1:5061;");
    bench.new_request(udp(), &sent_by.replace("Call-ID: call", "Call-ID: 2"));
    bench.new_request(
        udp(),
        &request("INVITE", "z9hG4bKb").replace(": call", ": 3"),
    );
    bench.new_request(udp(), &request("UPDATE", "z9hG4bKa"));
}

#[test]
fn neither_another_network_nor_another_sender_reaches_a_transaction() {
    let mut bench = Bench::new();
    bench.new_request(udp(), &request("INVITE", "z9hG4bKa"));
    let realm = Flow {
        realm: RealmIndex(1),
        ..udp()
    };
    let sender = Flow {
        remote: "192.0.2.66:5060".parse().unwrap(),
        ..udp()
    };
    for stranger in [realm, sender] {
        let cancel = bench.receive(stranger, &request("CANCEL", "z9hG4bKa"));
        assert!(matches!(cancel, Ok(RequestOutcome::CancelUnmatched(_))));
    }
}

/// A NAT that gets another address between a request and its copy.
#[test]
fn who_moves_within_a_dialog_is_answered_where_it_is_now() {
    let from = |remote: &str| Flow {
        remote: remote.parse().unwrap(),
        ..udp()
    };
    let (port, address) = (from("192.0.2.1:7777"), from("192.0.2.66:5060"));
    let mut bench = Bench::new();
    let info = |branch| {
        let text = request("INFO", branch).replace("org>\r\nCall", "org>;tag=9\r\nCall");
        text.replace("5060;branch", "5060;rport;branch")
    };
    let id = bench.new_request(udp(), &info("z9hG4bKa"));
    let stranger = bench.receive(address, &info("z9hG4bKa"));
    assert!(matches!(stranger, Ok(New(other)) if other != id));

    let mut bench = Bench::new();
    let id = bench.new_request(udp(), &info("z9hG4bKa"));
    for flow in [port, address, udp(), address] {
        let again = bench.receive_as(Standing::Known, flow, &info("z9hG4bKa"));
        assert_eq!(again, Ok(Retransmission));
        assert_eq!(bench.layer.way_back(id).unwrap().flow, flow);
    }
    let vias = bench.layer.way_back(id).unwrap().vias.clone();
    assert!(
        String::from_utf8(vias)
            .unwrap()
            .contains("received=192.0.2.66")
    );
    bench.respond(id, 200);
    let other = bench.receive_as(Standing::Known, udp(), &info("z9hG4bKb"));
    assert!(matches!(other, Ok(New(_))));
    let again = bench.receive_as(Standing::Known, port, &info("z9hG4bKa"));
    assert_eq!(again, Ok(Retransmission));
    let to = bench.out.drain(..).map(|output| match output {
        Output::Send { flow, .. } => flow,
        other => panic!("the layer only sends: {other:?}"),
    });
    assert_eq!(to.collect::<Vec<_>>(), [address, port]);
    bench.pass(40_000);
    assert_eq!(bench.layer.len(), (0, 0));
    assert_eq!(bench.layer.retained_bytes(), (0, 0));
}

#[test]
fn senders_of_before_rfc_3261_are_matched_by_the_whole_via() {
    let mut bench = Bench::new();
    for branch in ["1", "z9hG4bK"] {
        let old = |method: &str| {
            request(method, branch).replace("Call-ID: call", &format!("Call-ID: {branch}"))
        };
        let id = bench.new_request(udp(), &old("INVITE"));
        assert_eq!(bench.receive(udp(), &old("INVITE")), Ok(Retransmission));
        let next = old("INVITE").replace("CSeq: 1", "CSeq: 2");
        bench.new_request(udp(), &next);
        let other_via = old("INVITE").replace("192.0.2.1:5060", "192.0.2.1:5070");
        assert!(matches!(bench.receive(udp(), &other_via), Ok(Merged(_))));
        let cancel = bench.receive(udp(), &old("CANCEL"));
        assert!(matches!(cancel, Ok(RequestOutcome::Cancel { invite, .. }) if invite == id));
        bench.respond(id, 487);
        let ack = old("ACK").replace("org>\r\nCall", "org>;tag=9\r\nCall");
        assert_eq!(bench.receive(udp(), &ack), Ok(AckAbsorbed(id)));
    }
}

#[test]
fn an_ack_for_a_2xx_is_the_users_even_with_the_invites_via() {
    let mut bench = Bench::new();
    let id = bench.new_request(udp(), &request("INVITE", "z9hG4bKa"));
    bench.respond(id, 200);
    assert_eq!(
        bench.receive(udp(), &request("ACK", "z9hG4bKa")),
        Ok(AckForSuccess)
    );
    assert_eq!(
        bench.receive(udp(), &request("ACK", "z9hG4bKb")),
        Ok(AckForSuccess)
    );
}

#[test]
fn copies_of_a_request_that_meet_again_are_merged() {
    let mut bench = Bench::new();
    let first = bench.new_request(udp(), &request("INVITE", "z9hG4bKa"));
    let copy = request("INVITE", "z9hG4bKb");
    assert!(matches!(bench.receive(udp(), &copy), Ok(Merged(id)) if id != first));
    let forked = request("INVITE", "z9hG4bKc").replace("INVITE sip:bob", "INVITE sip:carol");
    assert!(matches!(bench.receive(udp(), &forked), Ok(New(_))));
    let dialog = request("INVITE", "z9hG4bKd").replace("org>\r\nCall", "org>;tag=9\r\nCall");
    assert!(matches!(bench.receive(udp(), &dialog), Ok(New(_))));
    let realm = Flow {
        realm: RealmIndex(1),
        ..udp()
    };
    assert!(matches!(
        bench.receive(realm, &request("INVITE", "z9hG4bKe")),
        Ok(New(_))
    ));
    bench.respond(first, 486);
    bench.receive(udp(), &request("ACK", "z9hG4bKa")).unwrap();
    bench.pass(10_000);
    assert!(matches!(
        bench.receive(udp(), &request("INVITE", "z9hG4bKf")),
        Ok(New(_))
    ));
}

#[test]
fn a_response_finds_its_request_by_branch_and_method_in_its_realm() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "OPTIONS", "z9hG4bKa");
    assert_eq!(
        bench.answer(200, "OPTIONS", "z9hG4bKb"),
        ResponseOutcome::Stray
    );
    assert_eq!(
        bench.answer(200, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Stray
    );
    let text = response(200, "OPTIONS", "z9hG4bKa");
    let two_vias = text.replace("From:", "Via: SIP/2.0/UDP x\r\nFrom:");
    let realm = Flow {
        realm: RealmIndex(1),
        ..udp()
    };
    for (text, flow) in [(two_vias, udp()), (text, realm)] {
        let message = Message::parse(text.as_bytes()).unwrap();
        let outcome = bench
            .layer
            .receive_response(bench.now, &message, &flow, &mut bench.out);
        assert_eq!(outcome, ResponseOutcome::Stray);
    }
    assert_eq!(
        bench.answer(200, "OPTIONS", "z9hG4bKa"),
        ResponseOutcome::Deliver(id)
    );
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    let mut bench = Bench::new();
    let good = request("OPTIONS", "z9hG4bKa");
    for (remove, put) in [
        ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n", ""),
        ("Via: SIP/2.0", "Via: SIP/3.0"),
        ("Call-ID: call\r\n", ""),
        ("CSeq: 1 OPTIONS\r\n", ""),
        ("CSeq: 1 OPTIONS", "CSeq: x"),
        ("From: <sip:alice@example.org>;tag=1\r\n", ""),
    ] {
        let bad = good.replace(remove, put);
        assert!(
            matches!(bench.receive(udp(), &bad), Err(Refused::Malformed(_))),
            "{bad}"
        );
    }
    assert_eq!(bench.layer.len(), (0, 0));
}
