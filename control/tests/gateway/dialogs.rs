//! What happens within calls: offers that cross, requests out of order, lost messages, parties
//! that go away.

use std::time::Duration;

use strait_control::gateway::io::Input;
use strait_control::gateway::record::EndedBy;
use strait_shared::command::Event;

use crate::calls::{ANSWER, INVITE, answered, response, within};
use crate::world::{World, between, find, header, start};

/// A request within the dialog from the callee, by what it saw of the call.
pub fn from_callee(invite: &str, method: &str, cseq: u32, branch: &str, body: &str) -> String {
    let value = |name| header(invite, name);
    let target = between(value("Contact"), "<", ">");
    let content = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\n"
    };
    format!(
        "{method} {target} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{branch};rport\n\
         Max-Forwards: 70\nFrom: {};tag=b1\nTo: {}\nCall-ID: {}\nCSeq: {cseq} {method}\n\
         Contact: <sip:bob@10.0.0.1:5060>\n{content}Content-Length: auto\n\n{body}",
        value("To"),
        value("From"),
        value("Call-ID"),
    )
}

pub fn with_offer(request: &str) -> String {
    let offer = INVITE.split_once("\n\n").unwrap().1;
    let head = "Contact: <sip:alice@192.168.1.5:5060>\nContent-Type: application/sdp\n";
    request.replace(
        "Content-Length: 0\n\n",
        &format!("{head}Content-Length: auto\n\n{offer}"),
    )
}

#[test]
fn offers_that_cross_get_491_and_one_at_a_time_500() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (invite, ok) = answered(&mut world, phone);
    let again = with_offer(&within(&ok, "INVITE", 2, "re1", "192.168.1.5"));
    let passed = world.send(phone, &again);
    assert_eq!(passed.to(softswitch).len(), 1);
    let crossing = world.send(softswitch, &from_callee(&invite, "INVITE", 1, "x1", ANSWER));
    assert_eq!(
        start(crossing.only(softswitch)),
        "SIP/2.0 491 Request Pending"
    );
    let second = with_offer(&within(&ok, "INVITE", 3, "re2", "192.168.1.5"));
    let second = world.send(phone, &second);
    assert_eq!(start(second.only(phone)), "SIP/2.0 500 INVITE Pending");
    assert!(find(second.only(phone), "Retry-After").is_some());
    let update = with_offer(&within(&ok, "UPDATE", 4, "re3", "192.168.1.5"));
    let update = world.send(phone, &update);
    assert_eq!(start(update.only(phone)), "SIP/2.0 500 Offer Pending");
    let update = world.send(softswitch, &from_callee(&invite, "UPDATE", 2, "x2", ANSWER));
    assert_eq!(
        start(update.only(softswitch)),
        "SIP/2.0 491 Request Pending"
    );
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (_, ok) = answered(&mut world, phone);
    for cseq in 2..5 {
        let again = with_offer(&within(
            &ok,
            "INVITE",
            cseq,
            &format!("re{cseq}"),
            "192.168.1.5",
        ));
        let passed = world.send(phone, &again).last(softswitch).to_owned();
        let refused = response(&passed, "488 Not Acceptable Here", "", "");
        let refused = world.send(softswitch, &refused);
        assert_eq!(
            start(refused.only(phone)),
            "SIP/2.0 488 Not Acceptable Here"
        );
        world.send(
            phone,
            &within(&ok, "ACK", cseq, &format!("re{cseq}"), "192.168.1.5"),
        );
    }
    assert_eq!(world.open.len(), 4);
    assert_eq!(world.gateway.sizes().calls, 1);
}

#[test]
fn other_requests_pass_both_ways_and_in_order_only() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (invite, ok) = answered(&mut world, phone);
    for (cseq, method) in [
        (2, "INFO"),
        (3, "MESSAGE"),
        (4, "FROBNICATE"),
        (5, "OPTIONS"),
    ] {
        let passed = world.send(phone, &within(&ok, method, cseq, method, "192.168.1.5"));
        let passed = passed.only(softswitch).to_owned();
        assert!(start(&passed).starts_with(&format!("{method} sip:bob@10.0.0.1:5060 ")));
        let answer = world.send(softswitch, &response(&passed, "200 OK", "", ""));
        assert_eq!(
            header(answer.only(phone), "CSeq"),
            format!("{cseq} {method}")
        );
        let passed = world.send(softswitch, &from_callee(&invite, method, cseq, method, ""));
        assert!(start(passed.only(phone)).starts_with(&format!("{method} sip:alice@192.168.1.5")));
    }
    let old = world.send(phone, &within(&ok, "INFO", 3, "old", "192.168.1.5"));
    assert_eq!(start(old.only(phone)), "SIP/2.0 500 Out of Order");
}

#[test]
fn requests_for_no_dialog_are_told_so() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let (_, ok) = answered(&mut world, phone);
    let other = within(&ok, "BYE", 2, "x", "192.168.1.5").replace("tag=b1", "tag=b9");
    let refused = world.send(phone, &other);
    assert_eq!(
        start(refused.only(phone)),
        "SIP/2.0 481 Call/Transaction Does Not Exist"
    );
    let stray = within(&ok, "ACK", 9, "y", "192.168.1.5");
    assert!(world.send(phone, &stray).sent.is_empty());
    assert_eq!(world.gateway.counters().stray_acks, 1);
}

#[test]
fn a_session_nobody_refreshes_ends_on_both_sides() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let timed = response(&invite, "200 OK", "b1", ANSWER)
        .replace("Contact:", "Session-Expires: 90;refresher=uac\nContact:");
    let ok = world.send(softswitch, &timed).only(phone).to_owned();
    world.send(phone, &within(&ok, "ACK", 1, "ack", "192.168.1.5"));
    assert!(world.wait(Duration::from_secs(80)).records.is_empty());
    let update = world.send(phone, &within(&ok, "UPDATE", 2, "up", "192.168.1.5"));
    let refreshed = response(update.only(softswitch), "200 OK", "", "")
        .replace("Contact:", "Session-Expires: 90\nContact:");
    world.send(softswitch, &refreshed);
    assert!(world.wait(Duration::from_secs(80)).records.is_empty());
    let over = world.wait(Duration::from_secs(11));
    assert_eq!(
        over.records[0].ending.as_ref().unwrap().reason,
        "session expired"
    );
    assert!(start(over.to(phone)[0]).starts_with("BYE "));
    assert_eq!(header(over.to(softswitch)[0], "CSeq"), "3 BYE");
    assert_eq!(world.gateway.counters().sessions_expired, 1);
}

#[test]
fn silent_media_ends_a_call_on_both_sides() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    answered(&mut world, phone);
    let mut over = None;
    for (slot, generation) in world.open.clone() {
        assert!(over.is_none(), "only when all is silent");
        let outcome = world.input(Input::Media(Event::Silent { slot, generation }));
        over = Some(outcome).filter(|outcome| !outcome.sent.is_empty());
    }
    let over = over.expect("the call has ended");
    assert!(header(over.only(phone), "Reason").contains("media timeout"));
    assert!(start(over.only(softswitch)).starts_with("BYE "));
    assert_eq!(
        over.records[0].ending.as_ref().unwrap().reason,
        "media timeout"
    );
    assert_eq!(over.records[0].streams.len(), 4);
    assert!(world.open.is_empty());
}

#[test]
fn a_party_that_knows_nothing_of_a_call_ends_it_on_both_sides() {
    for (method, ends) in [("INFO", true), ("OPTIONS", true), ("NOTIFY", false)] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let (_, ok) = answered(&mut world, phone);
        let asked = within(&ok, method, 2, "gone", "192.168.1.5");
        let passed = world.send(phone, &asked);
        let denied = response(
            passed.only(softswitch),
            "481 Call/Transaction Does Not Exist",
            "",
            "",
        );
        let outcome = world.send(softswitch, &denied);
        let told = outcome.to(phone);
        assert!(start(told[0]).starts_with("SIP/2.0 481 "), "{method}");
        let bye = |text: &&&str| text.starts_with("BYE ");
        assert_eq!(told.iter().filter(bye).count(), usize::from(ends));
        let reasons = outcome.records.iter().map(|record| &record.ending);
        let reasons: Vec<_> = reasons.flatten().map(|ending| ending.reason).collect();
        assert_eq!(reasons, vec!["party gone"; usize::from(ends)], "{method}");
    }
}

#[test]
fn a_2xx_that_is_never_acknowledged_ends_the_call() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let over = world.wait(Duration::from_secs(33));
    assert_eq!(over.records[0].ending.as_ref().unwrap().reason, "no ACK");
    assert!(start(over.to(softswitch)[0]).starts_with("BYE "));
}

#[test]
fn lost_acks_and_2xx_are_made_good() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ok = response(&invite, "200 OK", "b1", ANSWER);
    let first = world.send(softswitch, &ok).only(phone).to_owned();
    assert_eq!(world.send(softswitch, &ok).only(phone), first);
    let ack = within(&first, "ACK", 1, "ack", "192.168.1.5");
    let passed = world.send(phone, &ack).only(softswitch).to_owned();
    assert_eq!(
        world.send(phone, &ack).only(softswitch),
        passed,
        "repeated by the phone"
    );
    let again = world.send(softswitch, &ok);
    assert_eq!(again.only(softswitch), passed, "repeated for the callee");
}

#[test]
fn an_answer_that_makes_no_sense_is_sent_away() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let bad = ANSWER.replace("c=IN IP4 10.0.0.50", "c=IN IP4 224.1.1.1");
    let refused = world.send(softswitch, &response(&invite, "200 OK", "b1", &bad));
    let sent = refused.to(softswitch);
    assert!(start(sent[0]).starts_with("ACK ") && start(sent[1]).starts_with("BYE "));
    assert_eq!(
        start(refused.only(phone)),
        "SIP/2.0 488 Not Acceptable Here"
    );
    assert!(world.open.is_empty());
    assert_eq!(refused.records.len(), 1);
}

#[test]
fn who_has_not_heard_the_answer_yet_ends_no_call_by_knowing_nothing_of_it() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let asked = world.send(softswitch, &from_callee(&invite, "INFO", 1, "i1", ""));
    let denied = response(asked.only(phone), "481 Call Does Not Exist", "", "");
    let denied = denied.replace("bob@10.0.0.1:5060", "alice@192.168.1.5:5060");
    let passed = world.send(phone, &denied);
    assert!(start(passed.only(softswitch)).starts_with("SIP/2.0 481 "));
    assert_eq!(world.gateway.sizes().calls, 1);
}

#[test]
fn a_first_offer_that_is_never_answered_ends_the_call() {
    for answers in [true, false] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let (head, body) = INVITE.split_once("\n\n").unwrap();
        let head = head.replace("Content-Type: application/sdp\n", "");
        let invite = world.send(phone, &format!("{head}\n\n"));
        let invite = invite.only(softswitch).to_owned();
        let ok = world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
        let ok = ok.only(phone).to_owned();
        let ack = within(&ok, "ACK", 1, "ack1", "192.168.1.5");
        let answer = format!("Content-Type: application/sdp\nContent-Length: auto\n\n{body}");
        let outcome = match answers {
            true => world.send(phone, &ack.replace("Content-Length: 0\n\n", &answer)),
            false => world.send(phone, &ack),
        };
        let told: Vec<&str> = outcome.sent.iter().map(|sent| start(&sent.text)).collect();
        assert!(told[0].starts_with("ACK "), "{told:?}");
        let byes = told.iter().filter(|line| line.starts_with("BYE "));
        assert_eq!(byes.count(), if answers { 0 } else { 2 }, "{told:?}");
        assert_eq!(outcome.records.len(), usize::from(!answers));
    }
}

#[test]
fn both_parties_may_hang_up_at_once() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (invite, ok) = answered(&mut world, phone);
    let near = world.send(phone, &within(&ok, "BYE", 2, "bye", "192.168.1.5"));
    let near = near.only(softswitch).to_owned();
    let far = world.send(softswitch, &from_callee(&invite, "BYE", 1, "by2", ""));
    let far = far.only(phone).to_owned();
    let first = world.send(softswitch, &response(&near, "200 OK", "", ""));
    assert_eq!(start(first.only(phone)), "SIP/2.0 200 OK");
    let phone_says = response(&far, "200 OK", "", "").replace("10.0.0.1", "192.168.1.5");
    let second = world.send(phone, &phone_says);
    assert_eq!(start(second.only(softswitch)), "SIP/2.0 200 OK");
    assert_eq!(first.records.len() + second.records.len(), 1);
    assert_eq!(world.gateway.sizes().dialogs, 0);
}

#[test]
fn a_bye_that_was_challenged_and_is_not_said_again_ends_the_call_all_the_same() {
    for goes_on in [false, true] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let (_, ok) = answered(&mut world, phone);
        let bye = world.send(phone, &within(&ok, "BYE", 2, "bye", "192.168.1.5"));
        let bye = bye.only(softswitch).to_owned();
        world.send(softswitch, &response(&bye, "401 Unauthorized", "", ""));
        world.wait(Duration::from_secs(30));
        assert_eq!(world.gateway.sizes().calls, 1);
        if goes_on {
            world.send(phone, &within(&ok, "INFO", 3, "info", "192.168.1.5"));
        }
        let over = world.wait(Duration::from_secs(3));
        assert_eq!(world.gateway.sizes().calls, usize::from(goes_on));
        if !goes_on {
            let ending = over.records[0].ending.clone().unwrap();
            assert_eq!((ending.ended_by, ending.reason), (EndedBy::Caller, "bye"));
            assert!(start(over.to(softswitch)[0]).starts_with("BYE "));
        }
    }
}

#[test]
fn a_nat_that_rebinds_in_a_call_is_followed() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (invite, ok) = answered(&mut world, phone);
    let moved = world.phone("203.0.113.7:49999");
    let info = world.send(moved, &within(&ok, "INFO", 2, "i", "192.168.1.5"));
    world.send(
        softswitch,
        &response(info.only(softswitch), "200 OK", "", ""),
    );
    let asked = world.send(softswitch, &from_callee(&invite, "INFO", 1, "j", ""));
    assert_eq!(asked.to(moved).len(), 1);
    assert!(asked.to(phone).is_empty());
}

#[test]
fn a_nat_with_a_new_address_does_not_make_a_copy_another_request() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (invite, ok) = answered(&mut world, phone);
    let info = within(&ok, "INFO", 2, "i", "192.168.1.5");
    let asked = world.send(phone, &info);
    let moved = world.phone("203.0.113.99:40001");
    let again = world.send(moved, &info);
    assert!(again.sent.is_empty(), "passed on once");
    let answer = response(asked.only(softswitch), "200 OK", "", "");
    let answered = world.send(softswitch, &answer);
    assert_eq!(answered.to(moved).len(), 1);
    let asked = world.send(softswitch, &from_callee(&invite, "INFO", 1, "j", ""));
    assert_eq!(asked.to(moved).len(), 1);
    // A copy that was long under way says nothing of where its sender is now.
    world.send(moved, &within(&ok, "INFO", 3, "k", "192.168.1.5"));
    world.send(phone, &info);
    let asked = world.send(softswitch, &from_callee(&invite, "INFO", 2, "l", ""));
    assert_eq!(asked.to(moved).len(), 1);
}

#[test]
fn an_offer_accepted_without_answer_does_not_block_the_next() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (_, ok) = answered(&mut world, phone);
    for cseq in 2..4 {
        let branch = format!("up{cseq}");
        let update = with_offer(&within(&ok, "UPDATE", cseq, &branch, "192.168.1.5"));
        let passed = world.send(phone, &update).only(softswitch).to_owned();
        assert!(start(&passed).starts_with("UPDATE "));
        world.send(softswitch, &response(&passed, "200 OK", "", ""));
    }
}

#[test]
fn a_party_may_ask_again_before_its_own_answer_is_acknowledged() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ok = response(&invite, "200 OK", "b1", ANSWER);
    let ok = world.send(softswitch, &ok).only(phone).to_owned();
    let again = from_callee(&invite, "INVITE", 1, "x1", ANSWER);
    let again = world.send(softswitch, &again).only(phone).to_owned();
    let answer = response(&again, "200 OK", "", ANSWER).replace("10.0.0", "192.168.1");
    world.send(phone, &answer);
    let late = world.send(phone, &within(&ok, "ACK", 1, "a1", "192.168.1.5"));
    assert!(start(late.only(softswitch)).starts_with("ACK "));
    let own = from_callee(&invite, "ACK", 1, "a2", "");
    assert!(start(world.send(softswitch, &own).only(phone)).starts_with("ACK "));
}

#[test]
fn replaces_names_the_dialog_as_its_party_knows_it() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (invite, _) = answered(&mut world, phone);
    let target = between(header(&invite, "Contact"), "<", ">");
    let call_id = header(&invite, "Call-ID");
    let offer = INVITE
        .split_once("\n\n")
        .unwrap()
        .1
        .replace("192.168.1.5", "10.0.0.9");
    let replacing = format!(
        "INVITE {target} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKrep;rport\n\
         Max-Forwards: 70\nFrom: <sip:carol@10.0.0.1>;tag=c1\nTo: <sip:alice@10.0.0.1>\n\
         Call-ID: new-1\nCSeq: 1 INVITE\nContact: <sip:carol@10.0.0.9>\n\
         Replaces: {call_id};to-tag=a1;from-tag=b1\nContent-Type: application/sdp\n\
         Content-Length: auto\n\n{offer}"
    );
    let passed = world.send(softswitch, &replacing);
    let expected = "call-1@192.168.1.5;to-tag=a1;from-tag=b1";
    assert_eq!(header(passed.only(phone), "Replaces"), expected);
}
