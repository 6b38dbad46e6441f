//! Calls that are sent on: where the names in a redirection lead.

use strait_control::gateway::io::Transport;

use crate::calls::{INVITE, response, within};
use crate::registrations::{REGISTER, register};
use crate::routing::from_core;
use crate::world::{CONFIG, CORE, World, between, header, start};

#[test]
fn a_redirection_is_followed_to_where_it_led() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let moved = response(&invite, "302 Moved Temporarily", "b1", "").replace(
        "<sip:bob@10.0.0.1:5060>",
        "<sip:bob2@10.9.9.9:5070>;q=1, <sip:bob@example.org>",
    );
    let told = world.send(softswitch, &moved).only(phone).to_owned();
    let contact = header(&told, "Contact");
    assert!(
        contact.starts_with("<sip:bob2@192.0.2.1:5060;strait="),
        "{contact}"
    );
    assert!(
        contact.contains(">;q=1, <sip:bob@192.0.2.1:5060;strait="),
        "{contact}"
    );
    world.send(phone, &within(&told, "ACK", 1, "inv1", "192.168.1.5:5060"));
    let uri = between(contact, "<", ">");
    let again = INVITE.replace("sip:bob@192.0.2.1 SIP", &format!("{uri} SIP"));
    let again = again.replace("inv1", "inv2").replace("CSeq: 1", "CSeq: 2");
    let passed = world.send(phone, &again);
    let far = &passed.sent[1];
    assert_eq!(start(&far.text), "INVITE sip:bob2@10.9.9.9:5070 SIP/2.0");
    assert_eq!(far.flow.remote, "10.9.9.9:5070".parse().unwrap());
}

#[test]
fn a_name_that_a_phone_beside_the_softswitch_forwards_to_is_the_softswitchs() {
    let named = CONFIG.replace("probe: null", "probe: null, domain: sip.example");
    let mut world = World::with(&named);
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = |uri: &str, number: u32| {
        let invite = INVITE.replace("sip:bob@192.0.2.1 SIP", &format!("{uri} SIP"));
        let invite = invite.replace("inv1", &format!("inv{number}"));
        invite.replace("CSeq: 1", &format!("CSeq: {number}"))
    };
    let moved = |request: &str, contact: &str| {
        let moved = response(request, "302 Moved Temporarily", "b1", "");
        moved.replace("<sip:bob@10.0.0.1:5060>", contact)
    };
    let mut led_to = "sip:bob@192.0.2.1".to_owned();
    let beside = world.party(CORE, Transport::Udp, "10.0.1.7:5060");
    for (number, asked, contact) in [
        (1, softswitch, "<sip:bob@10.0.1.7:5060>"),
        (2, beside, "<sip:carol@SIP.example>"),
        (3, softswitch, "<sip:carol@elsewhere.example>"),
        (4, softswitch, "<sip:dan@10.0.1.7:5060>"),
        (5, beside, "<sip:dan@elsewhere.example>"),
    ] {
        let passed = world.send(phone, &invite(&led_to, number));
        let passed = passed.only(asked).to_owned();
        let told = world
            .send(asked, &moved(&passed, contact))
            .only(phone)
            .to_owned();
        let branch = format!("inv{number}");
        world.send(
            phone,
            &within(&told, "ACK", number, &branch, "192.168.1.5:5060"),
        );
        led_to = between(header(&told, "Contact"), "<", ">").to_owned();
    }
    // Whose name that is, only who has said it may know.
    let passed = world.send(phone, &invite(&led_to, 6));
    assert_eq!(
        start(passed.only(beside)),
        "INVITE sip:dan@elsewhere.example SIP/2.0"
    );
}

#[test]
fn a_party_that_forwards_its_calls_names_others_to_the_softswitch() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (asked, _) = register(&mut world, phone, REGISTER);
    let own = between(header(&asked, "Contact"), "<", ">");
    let invite = world.send(softswitch, &from_core("INVITE", own, "i1"));
    let invite = invite.only(phone).to_owned();
    let contacts = "Contact: <sip:carol@example.org>, <sip:carol@192.0.2.1>;q=0.5, \
                    <sip:alice@192.168.1.5:5060;line=2>;q=0.2\nContent-Length";
    let moved = response(&invite, "302 Moved Temporarily", "b1", "");
    let moved = moved.replace("Contact: <sip:bob@10.0.0.1:5060>\n", "");
    let moved = moved.replace("Content-Length", contacts);
    let told = world.send(phone, &moved).only(softswitch).to_owned();
    let told = header(&told, "Contact");
    // Nobody but the softswitch can say where Carol is.
    assert!(
        told.starts_with("<sip:carol@example.org>, <sip:carol@10.0.0.1>;q=0.5, "),
        "{told}"
    );
    // What the party has of its own is reached through us.
    let again = told.rsplit('<').next().unwrap().split('>').next().unwrap();
    assert!(again.starts_with("sip:alice@198.51.100.1:5060;line=2;strait="));
    let passed = world.send(softswitch, &from_core("INVITE", again, "i2"));
    assert!(start(passed.only(phone)).starts_with("INVITE sip:alice@192.168.1.5:5060;line=2 "));
}
