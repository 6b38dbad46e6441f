//! Calls between terminals of one server: the figures of embodiment 1, and what stands beside
//! them.

use strait_control::gateway::io::Transport;

use crate::serve::scene::{ALICE, BOB, Ip, body, last, registered, response, server};
use crate::world::{Outcome, World, between, find, header, start};

const TO_BOB: &str = "sip:bob@example.net";

/// Alice calls over `ip`, with a description of `media`.
fn call(world: &mut World, ip: Ip, media: Ip, uri: &str, cseq: u32) -> Outcome {
    let alice = ALICE.party(world, ip);
    world.send(alice, &ALICE.invite(ip, uri, media, cseq))
}

/// Bob takes the INVITE that came to him over `ip`, with a description of `media`; what Alice gets.
#[track_caller]
fn answered(world: &mut World, invited: &Outcome, ip: Ip, media: Ip, alice: Ip) -> String {
    let bob = BOB.party(world, ip);
    let request = invited.only(bob).to_owned();
    let contact = format!(
        "Contact: <{}>\nContent-Type: application/sdp\n",
        BOB.contact(ip)
    );
    let ok = response(&request, "200 OK", &contact, &BOB.description(media));
    let outcome = world.send(bob, &ok);
    let answer = last(&outcome, ALICE.party(world, alice)).to_owned();
    assert_eq!(start(&answer), "SIP/2.0 200 OK");
    answer
}

fn decision(world: &mut World) -> String {
    let outcome = world.input(strait_control::gateway::io::Input::Operator(
        strait_control::gateway::io::OperatorCommand::EndAllCalls,
    ));
    let record = outcome.records.last().expect("a record");
    serde_json::to_value(record).unwrap()["steering"]["decision"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn figure_3_a_dual_terminal_is_told_to_call_again_in_the_version_of_the_callee() {
    for judge in ["arrival", "offer"] {
        let mut world = server(&format!("steering: {{ media: direct, judge: {judge} }}"));
        registered(&mut world, ALICE, Ip::V6, &[Ip::V6], 1);
        registered(&mut world, ALICE, Ip::V4, &[Ip::V4], 2);
        registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
        let told = call(&mut world, Ip::V6, Ip::V6, TO_BOB, 1);
        let told = last(&told, ALICE.party(&world, Ip::V6));
        assert_eq!(start(told), "SIP/2.0 380 Alternative Service");
        assert!(header(told, "Warning").ends_with("\"Use IPv4\""), "{told}");
        assert!(body(told).contains("c=IN IP4 0.0.0.0\r\n"), "{told}");
        assert!(body(told).contains("m=audio 9 RTP/AVP 0\r\n"), "{told}");
        let contact = between(header(told, "Contact"), "<", ">").to_owned();
        assert!(
            contact.starts_with("sip:bob@192.0.2.1:5060;strait="),
            "{contact}"
        );
        // Where the Contact leads, or where it was to go: the call is set up.
        for (cseq, uri) in [(2, &*contact), (3, TO_BOB)] {
            let invited = call(&mut world, Ip::V4, Ip::V4, uri, cseq);
            let request = invited.only(BOB.party(&world, Ip::V4));
            assert_eq!(
                start(request),
                format!("INVITE {} SIP/2.0", BOB.contact(Ip::V4))
            );
            assert_eq!(
                body(request),
                ALICE.description(Ip::V4).replace('\n', "\r\n")
            );
            let answer = answered(&mut world, &invited, Ip::V4, Ip::V4, Ip::V4);
            assert_eq!(body(&answer), BOB.description(Ip::V4).replace('\n', "\r\n"));
            assert_eq!(decision(&mut world), "shared");
        }
    }
}

#[test]
fn figures_4_and_6_a_dual_terminal_is_called_in_the_version_of_the_caller() {
    for both in [false, true] {
        let mut world = server("steering: { media: direct, judge: arrival }");
        match both {
            true => drop(registered(&mut world, BOB, Ip::V6, &[Ip::V6, Ip::V4], 1)),
            false => {
                registered(&mut world, BOB, Ip::V6, &[Ip::V6], 1);
                registered(&mut world, BOB, Ip::V4, &[Ip::V4], 2);
            }
        }
        registered(&mut world, ALICE, Ip::V4, &[Ip::V4], 1);
        let invited = call(&mut world, Ip::V4, Ip::V4, TO_BOB, 1);
        assert!(invited.to(BOB.party(&world, Ip::V6)).is_empty());
        answered(&mut world, &invited, Ip::V4, Ip::V4, Ip::V4);
        assert_eq!(decision(&mut world), "shared");
    }
}

#[test]
fn figures_7_and_8_the_terminal_judges() {
    let mut world = server("steering: { media: direct, judge: terminal }");
    registered(&mut world, ALICE, Ip::V4, &[Ip::V4], 1);
    registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
    let invited = call(&mut world, Ip::V6, Ip::V6, TO_BOB, 1);
    let bob = BOB.party(&world, Ip::V4);
    let request = invited.only(bob).to_owned();
    assert_eq!(
        body(&request),
        ALICE.description(Ip::V6).replace('\n', "\r\n")
    );
    let lines = "Content-Type: application/sdp\n";
    let refusal = response(
        &request,
        "380 Alternative Service",
        lines,
        &BOB.description(Ip::V4),
    );
    let told = world.send(bob, &refusal);
    let told = last(&told, ALICE.party(&world, Ip::V6));
    assert_eq!(start(told), "SIP/2.0 380 Alternative Service");
    assert_eq!(body(told), BOB.description(Ip::V4).replace('\n', "\r\n"));
    // Again over IPv6, with IPv4 for the media.
    let invited = call(&mut world, Ip::V6, Ip::V4, TO_BOB, 2);
    answered(&mut world, &invited, Ip::V4, Ip::V4, Ip::V6);
    assert_eq!(decision(&mut world), "forwarded");
}

#[test]
fn by_default_media_is_relayed_between_the_versions() {
    let mut world = server("");
    registered(&mut world, ALICE, Ip::V6, &[Ip::V6], 1);
    registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
    let invited = call(&mut world, Ip::V6, Ip::V6, TO_BOB, 1);
    let request = invited.only(BOB.party(&world, Ip::V4));
    assert!(
        body(request).contains("c=IN IP4 192.0.2.1\r\n"),
        "{request}"
    );
    let answer = answered(&mut world, &invited, Ip::V4, Ip::V4, Ip::V6);
    assert!(
        body(&answer).contains("c=IN IP6 2001:db8:a::1\r\n"),
        "{answer}"
    );
    assert!(!world.open.is_empty());
    assert_eq!(decision(&mut world), "relayed");
    assert!(world.open.is_empty());
}

#[test]
fn altc_offers_the_callee_both_versions_and_takes_either() {
    for (chosen, own) in [
        (Ip::V6, "c=IN IP6 2001:db8:a::1\r\n"),
        (Ip::V4, "c=IN IP4 192.0.2.1\r\n"),
    ] {
        let mut world = server("steering: { mismatch: altc }");
        registered(&mut world, ALICE, Ip::V6, &[Ip::V6], 1);
        registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
        let invited = call(&mut world, Ip::V6, Ip::V6, TO_BOB, 1);
        let request = invited.only(BOB.party(&world, Ip::V4)).to_owned();
        let offer = body(&request);
        assert!(offer.contains("c=IN IP4 192.0.2.1\r\n"), "{offer}");
        let port = between(offer, "m=audio ", " ");
        assert!(offer.contains("a=altc:1 IP6 2001:db8:a::1 "), "{offer}");
        assert!(
            offer.contains(&format!("a=altc:2 IP4 192.0.2.1 {port}\r\n")),
            "{offer}"
        );
        let answer = answered(&mut world, &invited, Ip::V4, chosen, Ip::V6);
        assert!(
            body(&answer).contains("c=IN IP6 2001:db8:a::1\r\n"),
            "{answer}"
        );
        // One pair towards each party is left: the one of the version that Bob chose.
        assert_eq!(world.open.len(), 4, "{:?}", world.open);
        let usage = world
            .gateway
            .port_usage(world.now, crate::serve::scene::HOME);
        world.wait(std::time::Duration::from_secs(30));
        let rested = world
            .gateway
            .port_usage(world.now, crate::serve::scene::HOME);
        assert_eq!(rested.total - rested.free, 2, "{own} {usage:?} {rested:?}");
        assert_eq!(decision(&mut world), "altc");
        world.wait(std::time::Duration::from_secs(30));
        let over = world
            .gateway
            .port_usage(world.now, crate::serve::scene::HOME);
        assert_eq!(over.free, over.total);
    }
}

#[test]
fn parties_who_send_each_other_in_a_circle_are_stopped() {
    let mut world = server("steering: { media: direct, judge: arrival }");
    registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
    let mut seen = Vec::new();
    for cseq in 1..=5 {
        let told = call(&mut world, Ip::V6, Ip::V6, TO_BOB, cseq);
        let told = last(&told, ALICE.party(&world, Ip::V6));
        seen.push(start(told).to_owned());
    }
    assert_eq!(seen[..3], ["SIP/2.0 380 Alternative Service"; 3]);
    assert_eq!(seen[3..], ["SIP/2.0 488 No Common IP Version"; 2]);
    world.wait(std::time::Duration::from_secs(5));
    let told = call(&mut world, Ip::V6, Ip::V6, TO_BOB, 9);
    let told = last(&told, ALICE.party(&world, Ip::V6));
    assert_eq!(start(told), "SIP/2.0 380 Alternative Service");
}

#[test]
fn figure_10_words_cross_the_versions() {
    let mut world = server("steering: { media: direct }");
    registered(&mut world, ALICE, Ip::V6, &[Ip::V6], 1);
    registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
    let (alice, bob) = (ALICE.party(&world, Ip::V6), BOB.party(&world, Ip::V4));
    let words = "see [2001:db8:b::5] or 198.51.100.6";
    let message = format!(
        "MESSAGE sip:bob@example.net SIP/2.0\nVia: SIP/2.0/UDP {}:5060;branch=z9hG4bKm1\n\
         Max-Forwards: 70\nFrom: <sip:alice@example.net>;tag=m\nTo: <sip:bob@example.net>\n\
         Call-ID: m1\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: auto\n\n{words}",
        ALICE.host(Ip::V6)
    );
    let sent = world.send(alice, &message);
    let request = sent.only(bob).to_owned();
    assert_eq!(body(&request), words);
    let ok = world.send(bob, &response(&request, "200 OK", "", ""));
    assert_eq!(start(ok.only(alice)), "SIP/2.0 200 OK");
    let subscribe = message
        .replace("MESSAGE", "SUBSCRIBE")
        .replace("m1", "s1")
        .replace(
            "Content-Type: text/plain",
            &format!("Contact: <{}>\nEvent: presence", ALICE.contact(Ip::V6)),
        )
        .replace(words, "");
    let sent = world.send(alice, &subscribe);
    let request = sent.only(bob).to_owned();
    let contact = format!("Contact: <{}>\nExpires: 600\n", BOB.contact(Ip::V4));
    world.send(bob, &response(&request, "200 OK", &contact, ""));
    let target = between(header(&request, "Contact"), "<", ">").to_owned();
    let presence = "<presence entity='sip:bob@198.51.100.6'/>";
    let notify = format!(
        "NOTIFY {target} SIP/2.0\nVia: SIP/2.0/UDP {}:5060;branch=z9hG4bKn1\nMax-Forwards: 70\n\
         From: <sip:bob@example.net>;tag=callee\nTo: {}\nCall-ID: {}\nCSeq: 1 NOTIFY\n\
         Contact: <{}>\nEvent: presence\nSubscription-State: active\n\
         Content-Type: application/pidf+xml\nContent-Length: auto\n\n{presence}",
        BOB.host(Ip::V4),
        header(&request, "From"),
        header(&request, "Call-ID"),
        BOB.contact(Ip::V4)
    );
    let sent = world.send(bob, &notify);
    let request = sent.only(alice);
    assert_eq!(body(request), presence);
    assert!(find(request, "Subscription-State").is_some());
}

#[test]
fn a_terminal_behind_a_proxy_is_reached_along_its_path() {
    let mut world = server("");
    let proxy = "198.51.100.80:5060";
    let proxy = world.party(crate::serve::scene::HOME, Transport::Udp, proxy);
    let lines = "Supported: path\nPath: <sip:198.51.100.80;lr>\n\
                 Contact: <sip:bob@10.1.1.1>\n";
    let outcome = world.send(proxy, &BOB.register_with(Ip::V4, lines, 1));
    let answer = outcome.only(proxy);
    assert_eq!(header(answer, "Path"), "<sip:198.51.100.80;lr>");
    let invited = call(&mut world, Ip::V4, Ip::V4, TO_BOB, 1);
    let request = invited.only(proxy);
    assert_eq!(start(request), "INVITE sip:bob@10.1.1.1 SIP/2.0");
    assert_eq!(header(request, "Route"), "<sip:198.51.100.80;lr>");
}

#[test]
fn a_second_terminal_is_tried_where_the_first_refuses() {
    let mut world = server("");
    let from = BOB.party(&world, Ip::V4);
    let lines = "Contact: <sip:bob@198.51.100.6:5060>;q=0.9, <sip:bob@198.51.100.66:5060>;q=0.5\n";
    world.send(from, &BOB.register_with(Ip::V4, lines, 1));
    registered(&mut world, ALICE, Ip::V4, &[Ip::V4], 1);
    let invited = call(&mut world, Ip::V4, Ip::V4, TO_BOB, 1);
    let request = invited.only(from).to_owned();
    let busy = world.send(from, &response(&request, "486 Busy Here", "", ""));
    let second = world.party(
        crate::serve::scene::HOME,
        strait_control::gateway::io::Transport::Udp,
        "198.51.100.66:5060",
    );
    let request = last(&busy, second).to_owned();
    assert_eq!(start(&request), "INVITE sip:bob@198.51.100.66:5060 SIP/2.0");
    let busy = world.send(second, &response(&request, "486 Busy Here", "", ""));
    assert_eq!(
        start(last(&busy, ALICE.party(&world, Ip::V4))),
        "SIP/2.0 486 Busy Here"
    );
    assert!(world.open.is_empty());
}
