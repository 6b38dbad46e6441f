//! What a successor still owes the calls it has taken up: session timers, keep-alives, and a
//! truthful end where their media are gone.

use std::time::Duration;

use strait_control::gateway::io::Input;
use strait_control::gateway::record::EndedBy;

use crate::calls::{ANSWER, INVITE, answered, response, within};
use crate::registrations::{REGISTER, register};
use crate::world::{CONFIG, Outcome, Party, World, header, start};

const VIA: &str = "192.168.1.5:5060";

/// A call that both sides agreed to refresh every so many seconds; what the phone was told.
fn timed(world: &mut World, phone: Party, seconds: u32) -> String {
    let softswitch = world.softswitch(1);
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ok = response(&invite, "200 OK", "b1", ANSWER);
    let expires = format!("Session-Expires: {seconds};refresher=uac\nContact:");
    let ok = world.send(softswitch, &ok.replace("Contact:", &expires));
    let ok = ok.only(phone).to_owned();
    world.send(phone, &within(&ok, "ACK", 1, "ack1", VIA));
    ok
}

fn succeed(world: &mut World) {
    let journal = world.journal.clone();
    let (restored, _) = world.crash(journal);
    assert_eq!((restored.calls, restored.skipped), (1, 0));
}

fn reason(outcome: &Outcome) -> (&'static str, EndedBy) {
    assert_eq!(outcome.records.len(), 1, "{:#?}", outcome.records);
    let ending = outcome.records[0].ending.as_ref().unwrap();
    (ending.reason, ending.ended_by)
}

#[test]
fn a_session_that_nobody_refreshes_ends_when_it_would_have() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    timed(&mut world, phone, 90);
    for _ in 0..3 {
        let quiet = world.wait(Duration::from_secs(29));
        assert!(quiet.records.is_empty(), "time goes on where it was");
        succeed(&mut world);
    }
    let over = world.wait(Duration::from_secs(4));
    assert_eq!(reason(&over), ("session expired", EndedBy::Strait));
    for party in [phone, world.softswitch(1)] {
        assert!(start(over.to(party)[0]).starts_with("BYE "));
    }
    assert_eq!(world.open, []);
}

#[test]
fn a_calendar_that_is_set_back_gives_nobody_more_time() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    register(&mut world, phone, REGISTER);
    timed(&mut world, phone, 90);
    world.wait(Duration::from_secs(60));
    world.set_calendar_back(Duration::from_secs(7_200));
    succeed(&mut world);
    let over = world.wait(Duration::from_secs(31));
    assert_eq!(reason(&over), ("session expired", EndedBy::Strait));
    let record = &over.records[0];
    assert!(record.began <= record.answered.unwrap() && record.answered <= record.ended);
    assert_eq!(world.gateway.sizes().registrations, 1);
    world.wait(Duration::from_secs(600));
    assert_eq!(world.gateway.sizes().registrations, 0);
}

#[test]
fn a_bye_that_was_challenged_before_is_waited_for_by_the_successor() {
    for goes_on in [false, true] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let (_, ok) = answered(&mut world, phone);
        let bye = world.send(phone, &within(&ok, "BYE", 2, "bye", "192.168.1.5"));
        let bye = bye.only(softswitch).to_owned();
        world.send(softswitch, &response(&bye, "401 Unauthorized", "", ""));
        if goes_on {
            world.send(phone, &within(&ok, "INFO", 3, "info", "192.168.1.5"));
        }
        succeed(&mut world);
        assert_eq!(world.gateway.sizes().calls, 1);
        let over = world.wait(Duration::from_secs(33));
        assert_eq!(over.records.len(), usize::from(!goes_on));
        assert_eq!(world.gateway.sizes().calls, usize::from(goes_on));
    }
}

#[test]
fn a_session_that_is_refreshed_goes_on_over_any_number_of_successors() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let ok = timed(&mut world, phone, 90);
    for cseq in 2..8 {
        world.wait(Duration::from_secs(60));
        succeed(&mut world);
        let update = within(&ok, "UPDATE", cseq, &format!("upd{cseq}"), VIA);
        let passed = world.send(phone, &update).only(softswitch).to_owned();
        let fresh = response(&passed, "200 OK", "", "");
        let expires = "Session-Expires: 90;refresher=uac\nContact:";
        let told = world.send(softswitch, &fresh.replace("Contact:", expires));
        assert_eq!(start(told.only(phone)), "SIP/2.0 200 OK");
        succeed(&mut world);
    }
    assert_eq!(world.gateway.sizes().calls, 1);
    let over = world.wait(Duration::from_secs(91));
    assert_eq!(reason(&over), ("session expired", EndedBy::Strait));
}

#[test]
fn the_party_behind_a_nat_is_kept_alive_over_any_number_of_successors() {
    for (method, begins) in [("crlf", "\r\n\r\n"), ("options", "OPTIONS ")] {
        let keepalive = format!("nat: true\n    keepalive: {{ method: {method}, interval: 25s }}");
        let mut world = World::with(&CONFIG.replacen("nat: true", &keepalive, 1));
        let phone = world.phone("203.0.113.7:40001");
        let (_, ok) = answered(&mut world, phone);
        for _ in 0..3 {
            succeed(&mut world);
            // At once, for the one before may have been long ago; then as ever.
            for pause in [Duration::ZERO, Duration::from_secs(25)] {
                let sent = world.wait(pause);
                let sent = sent.to(phone);
                assert_eq!(sent.len(), 1, "{method}: {sent:?}");
                assert!(sent[0].starts_with(begins), "{method}: {sent:?}");
                if method == "options" {
                    let alive = response(sent[0], "200 OK", "p1", "");
                    world.send(phone, &alive);
                }
            }
        }
        let bye = within(&ok, "BYE", 2, "bye1", VIA);
        let softswitch = world.softswitch(1);
        let bye = world.send(phone, &bye).only(softswitch).to_owned();
        world.send(softswitch, &response(&bye, "200 OK", "", ""));
        let after = world.wait(Duration::from_secs(200));
        assert!(after.to(phone).is_empty(), "no call, no keep-alive");
    }
}

#[test]
fn many_parties_are_not_kept_alive_in_one_burst() {
    let keepalive = "nat: true\n    keepalive: { method: crlf, interval: 25s }";
    let mut world = World::with(&CONFIG.replacen("nat: true", keepalive, 1));
    let phones: Vec<Party> = (0..50)
        .map(|number| world.phone(&format!("203.0.113.7:{}", 40_001 + number)))
        .collect();
    let softswitch = world.softswitch(1);
    for (number, phone) in phones.iter().enumerate() {
        let own = |text: &str| text.replace("call-1", &format!("call-{number}x"));
        let invite = own(INVITE).replace("inv1", &format!("inv1-{number}"));
        let asked = world.send(*phone, &invite).only(softswitch).to_owned();
        world.send(softswitch, &response(&asked, "200 OK", "b1", ANSWER));
    }
    let journal = world.journal.clone();
    world.crash(journal);
    let mut asked = 0;
    for at in 0..phones.len() {
        let sent = world.wait(Duration::from_millis(u64::from(at > 0))).sent;
        assert!(sent.len() <= 1, "{at}: {sent:#?}");
        asked += sent.iter().filter(|sent| sent.text == "\r\n\r\n").count();
    }
    assert_eq!(asked, phones.len());
}

#[test]
fn a_table_that_begins_anew_ends_the_calls_and_says_why() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    answered(&mut world, phone);
    let ringing = INVITE.replace("call-1@", "call-2@").replace("inv1", "inv2");
    let asked = world.send(phone, &ringing).only(softswitch).to_owned();
    world.send(softswitch, &response(&asked, "180 Ringing", "b2", ""));
    let over = world.input(Input::MediaLost);
    let endings: Vec<_> = over.records.iter().map(|r| r.ending.clone()).collect();
    for ending in endings.iter().flatten() {
        assert_eq!(
            (ending.reason, ending.ended_by),
            ("dataplane lost", EndedBy::Strait)
        );
    }
    assert_eq!(endings.len(), 2);
    let told = |party, begins: &str| {
        let sent = over.to(party).into_iter();
        let found = sent.filter(|text| start(text).starts_with(begins));
        found
            .map(|text| header(text, "Reason").to_owned())
            .collect()
    };
    let because = ["SIP;cause=480;text=\"dataplane lost\"".to_owned()];
    let sent: [Vec<String>; 2] = [told(phone, "BYE "), told(softswitch, "BYE ")];
    assert_eq!(sent, [because.to_vec(), because.to_vec()]);
    let refused: Vec<String> = told(phone, "SIP/2.0 480 ");
    assert_eq!(refused, because);
}
