//! Calls on hold, whose parties nobody hears go.

use std::time::Duration;

use crate::calls::{ANSWER, answered, response, within};
use crate::dialogs::with_offer;
use crate::world::{Outcome, Party, World, header, start};

/// A call that its caller has put on hold.
fn on_hold() -> (World, Party, Party) {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (_, ok) = answered(&mut world, phone);
    let hold = with_offer(&within(&ok, "INVITE", 2, "hold", "192.168.1.5"));
    let hold = world.send(phone, &format!("{hold}a=inactive\n"));
    let held = format!("{ANSWER}a=inactive\n");
    let held = response(hold.only(softswitch), "200 OK", "", &held);
    let held = world.send(softswitch, &held).only(phone).to_owned();
    world.send(phone, &within(&held, "ACK", 2, "held", "192.168.1.5"));
    (world, phone, softswitch)
}

/// The question that a party was asked, by what it was sent.
fn question(outcome: &Outcome, party: Party) -> &str {
    let all = outcome.to(party).into_iter();
    let mut all = all.filter(|text| text.starts_with("OPTIONS "));
    all.next().expect("it was asked")
}

fn reasons(outcome: &Outcome) -> Vec<&'static str> {
    let endings = outcome
        .records
        .iter()
        .filter_map(|record| record.ending.as_ref());
    endings.map(|ending| ending.reason).collect()
}

#[test]
fn who_is_on_hold_is_asked_whether_its_call_stands() {
    for (status, ends) in [
        ("200 OK", false),
        ("405 Method Not Allowed", false),
        ("500 Out of Order", false),
        ("481 Call/Transaction Does Not Exist", true),
    ] {
        let (mut world, phone, softswitch) = on_hold();
        let asked = world.wait(Duration::from_secs(60));
        let to_phone = question(&asked, phone);
        assert_eq!(header(to_phone, "Call-ID"), "call-1@192.168.1.5");
        assert_eq!(header(to_phone, "CSeq"), "0 OPTIONS");
        assert!(header(to_phone, "To").contains(";tag="));
        let to_softswitch = question(&asked, softswitch);
        assert_eq!(header(to_softswitch, "CSeq"), "2 OPTIONS");
        let outcome = world.send(softswitch, &response(to_softswitch, status, "", ""));
        let byes = outcome.to(phone).into_iter().map(start);
        let byes = byes.filter(|line| line.starts_with("BYE ")).count();
        assert_eq!(byes, usize::from(ends), "{status}");
        assert_eq!(reasons(&outcome), vec!["party gone"; usize::from(ends)]);
    }
}

#[test]
fn a_call_on_hold_ends_when_neither_party_answers_any_more() {
    let (mut world, _, _) = on_hold();
    let over = world.wait(Duration::from_secs(200));
    assert_eq!(reasons(&over), ["party gone"]);
    assert!(world.open.is_empty());
    let (mut world, phone, _) = on_hold();
    for _ in 0..5 {
        let asked = world.wait(Duration::from_secs(60));
        assert!(reasons(&asked).is_empty(), "one of them is there");
        world.send(phone, &response(question(&asked, phone), "200 OK", "", ""));
    }
}

#[test]
fn who_is_heard_is_not_asked() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    answered(&mut world, phone);
    let outcome = world.wait(Duration::from_secs(300));
    for party in [phone, softswitch] {
        let mut all = outcome.to(party).into_iter();
        assert!(!all.any(|text| header(text, "Call-ID").contains("call-1")));
    }
}
