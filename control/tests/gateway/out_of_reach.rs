//! Calls one of whose parties cannot be reached where it was.

use std::time::Duration;

use strait_control::gateway::io::{Input, Transport};

use crate::calls::{answered, within};
use crate::dialogs::from_callee;
use crate::registrations::{REGISTER, granted, register};
use crate::world::{ACCESS, World, header, start};

/// A call whose phone has lost its connection: what the softswitch was asked, and the phone told.
fn cut_off() -> (World, String, String) {
    let mut world = World::new();
    let phone = world.party(ACCESS, Transport::Tcp, "203.0.113.7:40001");
    let (invite, ok) = answered(&mut world, phone);
    let connection = phone.flow.connection.unwrap();
    world.input(Input::Disconnected { connection });
    (world, invite, ok)
}

#[test]
fn a_lost_connection_is_said_and_does_not_end_the_call() {
    let (mut world, invite, ok) = cut_off();
    let softswitch = world.softswitch(1);
    let cut = world.send(softswitch, &from_callee(&invite, "INFO", 1, "i1", ""));
    assert_eq!(start(cut.only(softswitch)), "SIP/2.0 480 Connection Lost");
    // It is heard again, on a new connection.
    let again = world.party(ACCESS, Transport::Tcp, "203.0.113.7:40002");
    world.send(again, &within(&ok, "INFO", 2, "i3", "192.168.1.5"));
    let passed = world.send(softswitch, &from_callee(&invite, "INFO", 2, "i2", ""));
    assert_eq!(passed.sent[0].flow.connection, again.flow.connection);
    assert_eq!(world.gateway.sizes().calls, 1);
}

#[test]
fn who_registers_again_after_a_lost_connection_is_reached_there_in_its_calls() {
    let (mut world, invite, _) = cut_off();
    let softswitch = world.softswitch(1);
    let again = REGISTER.replace("UDP", "TCP").replace(";ob", "");
    // Somebody elsewhere who calls the same private address its own is somebody else.
    let other = world.party(ACCESS, Transport::Tcp, "203.0.113.8:40009");
    register(&mut world, other, &again.replace("reg-1", "reg-2"));
    let cut = world.send(softswitch, &from_callee(&invite, "INFO", 1, "i1", ""));
    assert_eq!(start(cut.only(softswitch)), "SIP/2.0 480 Connection Lost");
    let renewed = world.party(ACCESS, Transport::Tcp, "203.0.113.7:40002");
    register(&mut world, renewed, &again.replace("reg1", "reg3"));
    let bye = world.send(softswitch, &from_callee(&invite, "BYE", 2, "b2", ""));
    let passed = bye.sent.iter().find(|sent| sent.text.starts_with("BYE "));
    assert_eq!(passed.unwrap().flow.connection, renewed.flow.connection);
}

#[test]
fn who_connects_again_is_told_of_a_call_that_ended_meanwhile() {
    let (mut world, invite, _) = cut_off();
    let softswitch = world.softswitch(1);
    let bye = world.send(softswitch, &from_callee(&invite, "BYE", 1, "b1", ""));
    assert_eq!(start(bye.only(softswitch)), "SIP/2.0 480 Connection Lost");
    assert_eq!(world.gateway.sizes().calls, 0);
    let again = REGISTER.replace("UDP", "TCP").replace(";ob", "");
    let other = world.party(ACCESS, Transport::Tcp, "203.0.113.8:40009");
    register(&mut world, other, &again.replace("reg-1", "reg-2"));
    let mut told = |port: u16| {
        let renewed = world.party(ACCESS, Transport::Tcp, &format!("203.0.113.7:{port}"));
        let asked = again.replace("reg1", &format!("reg{port}"));
        let asked = asked.replace("CSeq: 1 ", &format!("CSeq: {port} "));
        let asked = world.send(renewed, &asked).only(softswitch).to_owned();
        let outcome = world.send(softswitch, &granted(&asked, 600));
        let texts = outcome.to(renewed).into_iter();
        let byes = texts.filter(|text| text.starts_with("BYE "));
        byes.map(str::to_owned).collect::<Vec<_>>()
    };
    let [bye] = &told(40_002)[..] else {
        panic!("not told once")
    };
    assert!(bye.contains("Call-ID: call-1@192.168.1.5"), "{bye}");
    assert!(header(bye, "CSeq").starts_with("2 "), "{bye}");
    assert!(told(40_003).is_empty(), "it was told before");
}

#[test]
fn who_registers_from_elsewhere_is_reached_there_in_its_calls() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let contact = REGISTER.replace(";ob", "");
    register(&mut world, phone, &contact);
    let (invite, _) = answered(&mut world, phone);
    // Its NAT has another address since.
    let moved = world.phone("203.0.113.99:50001");
    let again = contact.replace("reg1", "reg2");
    register(&mut world, moved, &again.replace("CSeq: 1 ", "CSeq: 2 "));
    // Somebody else whose Contact looks the same has not moved.
    let other = world.phone("203.0.113.8:40009");
    let theirs = contact.replace("alice@192.0.2.1", "carol@192.0.2.1");
    register(&mut world, other, &theirs.replace("reg", "carol"));
    let bye = world.send(softswitch, &from_callee(&invite, "BYE", 1, "b1", ""));
    let passed = bye.sent.iter().find(|sent| sent.text.starts_with("BYE "));
    assert_eq!(passed.unwrap().flow.remote, moved.flow.remote);
}

#[test]
fn a_bye_that_found_nobody_is_said_where_its_party_is_since() {
    for registers_first in [true, false] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let contact = REGISTER.replace(";ob", "");
        register(&mut world, phone, &contact);
        let (invite, _) = answered(&mut world, phone);
        let bye = world.send(softswitch, &from_callee(&invite, "BYE", 1, "b1", ""));
        assert_eq!(bye.to(phone).len(), 1);
        let moved = world.phone("203.0.113.99:50001");
        let again = contact
            .replace("reg1", "reg2")
            .replace("CSeq: 1 ", "CSeq: 2 ");
        let mut told = Vec::new();
        if registers_first {
            register(&mut world, moved, &again);
        }
        let given_up = world.wait(Duration::from_secs(33));
        told.extend(given_up.to(moved).into_iter().map(str::to_owned));
        assert_eq!(world.gateway.sizes().calls, 0);
        if !registers_first {
            let asked = world.send(moved, &again).only(softswitch).to_owned();
            let outcome = world.send(softswitch, &granted(&asked, 600));
            told.extend(outcome.to(moved).into_iter().map(str::to_owned));
        }
        let byes = told.iter().filter(|text| text.starts_with("BYE "));
        assert!(byes.count() > 0, "registers first: {registers_first}");
    }
}
