//! CANCEL and what it races with (RFC 3261 §9).

use std::time::Duration;

use strait_control::gateway::io::{Input, OperatorCommand};
use strait_control::gateway::record::EndedBy;

use crate::calls::{ANSWER, INVITE, response, within};
use crate::world::{World, header, start};

fn cancel() -> String {
    let head = INVITE.split("Contact:").next().unwrap();
    head.replace("INVITE", "CANCEL") + "Content-Length: 0\n\n"
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let early = world.send(phone, &cancel());
    assert_eq!(start(early.only(phone)), "SIP/2.0 200 OK");
    assert!(early.to(softswitch).is_empty());
    let now = world.send(softswitch, &response(&invite, "100 Trying", "", ""));
    assert!(start(now.only(softswitch)).starts_with("CANCEL "));
    assert_eq!(header(now.only(softswitch), "Via"), header(&invite, "Via"));
}

#[test]
fn an_answer_that_crosses_a_cancel_is_the_callers_to_end() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    world.send(softswitch, &response(&invite, "180 Ringing", "b1", ""));
    world.send(phone, &cancel());
    let ok = world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let ok = ok.only(phone).to_owned();
    assert_eq!(start(&ok), "SIP/2.0 200 OK");
    world.send(phone, &within(&ok, "ACK", 1, "ack", "192.168.1.5"));
    let bye = world.send(phone, &within(&ok, "BYE", 2, "bye", "192.168.1.5"));
    let over = world.send(
        softswitch,
        &response(bye.only(softswitch), "200 OK", "", ""),
    );
    assert_eq!(over.records[0].ending.as_ref().unwrap().reason, "bye");
    assert!(world.open.is_empty());
}

#[test]
fn a_cancel_nobody_honours_ends_all_the_same() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    world.send(softswitch, &response(&invite, "180 Ringing", "b1", ""));
    world.send(phone, &cancel());
    let over = world.wait(Duration::from_secs(33));
    assert_eq!(start(over.to(phone)[0]), "SIP/2.0 487 Request Terminated");
    assert_eq!(over.records[0].ending.as_ref().unwrap().reason, "cancelled");
    assert!(world.open.is_empty());
}

#[test]
fn a_cancel_for_nothing_is_told_so() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let refused = world.send(phone, &cancel());
    assert_eq!(
        start(refused.only(phone)),
        "SIP/2.0 481 Call/Transaction Does Not Exist"
    );
}

#[test]
fn a_cancelled_call_is_not_tried_elsewhere() {
    let mut world = World::new();
    let (phone, one, two) = (
        world.phone("203.0.113.7:40001"),
        world.softswitch(1),
        world.softswitch(2),
    );
    let invite = world.send(phone, INVITE).only(one).to_owned();
    world.send(phone, &cancel());
    let outcome = world.wait(Duration::from_secs(5));
    assert!(outcome.to(two).is_empty());
    let refused = world.send(one, &response(&invite, "503 Service Unavailable", "x", ""));
    assert!(refused.to(two).is_empty());
    assert_eq!(refused.records.len(), 1);
}

#[test]
fn repeated_requests_are_answered_and_not_sent_on_again() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    world.send(phone, INVITE);
    let again = world.send(phone, INVITE);
    assert_eq!(start(again.only(phone)), "SIP/2.0 100 Trying");
    assert!(again.to(softswitch).is_empty());
}

#[test]
fn someone_elses_cancel_does_nothing() {
    let mut world = World::new();
    let (phone, mallory) = (
        world.phone("203.0.113.7:40001"),
        world.phone("203.0.113.66:40001"),
    );
    let softswitch = world.softswitch(1);
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    world.send(softswitch, &response(&invite, "180 Ringing", "b1", ""));
    let refused = world.send(mallory, &cancel());
    assert_eq!(
        start(refused.only(mallory)),
        "SIP/2.0 481 Call/Transaction Does Not Exist"
    );
    assert!(refused.to(softswitch).is_empty());
}

#[test]
fn a_bye_refused_before_the_answer_ends_nothing() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ringing = response(&invite, "183 Session Progress", "b1", ANSWER);
    let ringing = world.send(softswitch, &ringing).only(phone).to_owned();
    let bye = within(&ringing, "BYE", 2, "bye1", "192.168.1.5");
    let bye = world.send(phone, &bye).only(softswitch).to_owned();
    let refused = response(&bye, "481 Call/Transaction Does Not Exist", "", "");
    world.send(softswitch, &refused);
    world.wait(Duration::from_secs(1));
    let ok = world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let ok = ok.only(phone).to_owned();
    world.send(phone, &within(&ok, "ACK", 1, "ack", "192.168.1.5"));
    let over = world.input(Input::Operator(OperatorCommand::EndAllCalls));
    assert!(start(over.only(phone)).starts_with("BYE "));
    assert!(start(over.only(softswitch)).starts_with("BYE "));
    let record = &over.records[0];
    assert!(record.answered.is_some() && record.ended >= record.answered);
}

#[test]
fn a_bye_that_crosses_the_answer_ends_no_earlier_than_it() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ringing = response(&invite, "183 Session Progress", "b1", ANSWER);
    let ringing = world.send(softswitch, &ringing).only(phone).to_owned();
    let bye = within(&ringing, "BYE", 2, "bye1", "192.168.1.5");
    let bye = world.send(phone, &bye).only(softswitch).to_owned();
    world.wait(Duration::from_secs(1));
    world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let over = world.send(softswitch, &response(&bye, "200 OK", "", ""));
    let record = &over.records[0];
    assert!(record.answered.is_some() && record.ended >= record.answered);
}

#[test]
fn a_record_says_who_cancelled() {
    let ended = |cancelled: bool, patience: u64| {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let invite = world.send(phone, INVITE).only(softswitch).to_owned();
        world.send(softswitch, &response(&invite, "180 Ringing", "b1", ""));
        if cancelled {
            world.send(phone, &cancel());
        }
        world.wait(Duration::from_secs(patience));
        let refusal = response(&invite, "487 Request Terminated", "b1", "");
        let over = world.send(softswitch, &refusal);
        let ending = over.records[0].ending.clone().unwrap();
        (ending.ended_by, ending.reason)
    };
    assert_eq!(ended(true, 1), (EndedBy::Caller, "cancelled"));
    // Timer C (RFC 3261 §16.8).
    assert_eq!(ended(false, 182), (EndedBy::Strait, "setup timeout"));
    // A callee that makes it up.
    assert_eq!(ended(false, 1), (EndedBy::Callee, "rejected"));
}
