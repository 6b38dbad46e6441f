//! REGISTER: with the softswitch as registrar, and in its place.

use std::time::Duration;

pub use crate::texts::REGISTER;
use crate::world::{CONFIG, Party, World, between, find, header, start};

/// The softswitch answers a REGISTER as it came.
pub fn granted(request: &str, expires: u32) -> String {
    let (via, from) = (header(request, "Via"), header(request, "From"));
    let (to, contact) = (header(request, "To"), header(request, "Contact"));
    let (call_id, cseq) = (header(request, "Call-ID"), header(request, "CSeq"));
    format!(
        "SIP/2.0 200 OK\nVia: {via};received=198.51.100.1\nFrom: {from}\nTo: {to};tag=r1\n\
         Call-ID: {call_id}\nCSeq: {cseq}\nContact: {contact};expires={expires}\n\
         Server: Registrar (10.0.0.1)\nContent-Length: 0\n\n"
    )
}

/// Registers a phone; what the registrar saw and what the phone got.
pub fn register(world: &mut World, phone: Party, request: &str) -> (String, String) {
    let softswitch = world.softswitch(1);
    let asked = world.send(phone, request).only(softswitch).to_owned();
    let answer = world
        .send(softswitch, &granted(&asked, 600))
        .only(phone)
        .to_owned();
    (asked, answer)
}

#[test]
fn a_registration_passes_and_its_contact_is_ours() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let (asked, answer) = register(&mut world, phone, REGISTER);
    assert_eq!(start(&asked), "REGISTER sip:10.0.0.1 SIP/2.0");
    assert_eq!(
        header(&asked, "From"),
        "\"Alice\" <sip:alice@10.0.0.1>;tag=a1"
    );
    assert_eq!(header(&asked, "To"), "\"Alice\" <sip:alice@10.0.0.1>");
    assert_eq!(header(&asked, "Max-Forwards"), "69");
    assert_eq!(header(&asked, "Call-ID").len(), 32);
    let contact = header(&asked, "Contact");
    assert!(
        contact.starts_with("<sip:alice@198.51.100.1:5060;ob;strait="),
        "{contact}"
    );
    assert!(
        contact.ends_with(">;+sip.instance=\"<urn:uuid:1>\""),
        "{contact}"
    );
    assert_eq!(header(&asked, "User-Agent"), "Phone/1.2 (198.51.100.1)");
    assert_eq!(start(&answer), "SIP/2.0 200 OK");
    assert_eq!(
        header(&answer, "Via"),
        "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKreg1;received=203.0.113.7;rport=40001"
    );
    assert_eq!(header(&answer, "Call-ID"), "reg-1@192.168.1.5");
    assert_eq!(
        header(&answer, "To"),
        "\"Alice\" <sip:alice@192.0.2.1>;tag=r1"
    );
    let contact = "<sip:alice@192.168.1.5:5060;ob>;+sip.instance=\"<urn:uuid:1>\";expires=600";
    assert_eq!(header(&answer, "Contact"), contact);
    assert_eq!(header(&answer, "Server"), "Registrar (192.0.2.1)");
    let kept = world.gateway.registrations(world.now);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].aor, "sip:alice@10.0.0.1");
    assert_eq!(kept[0].far_left, Duration::from_secs(600));
}

#[test]
fn a_challenge_passes_and_the_credentials_too() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let asked = world.send(phone, REGISTER).only(softswitch).to_owned();
    let challenge = granted(&asked, 0)
        .replace("200 OK", "401 Unauthorized")
        .replace(
            "Server: ",
            "WWW-Authenticate: Digest realm=\"10.0.0.1\", nonce=\"n\"\nServer: ",
        );
    let answer = world.send(softswitch, &challenge).only(phone).to_owned();
    assert_eq!(start(&answer), "SIP/2.0 401 Unauthorized");
    assert_eq!(
        header(&answer, "WWW-Authenticate"),
        "Digest realm=\"10.0.0.1\", nonce=\"n\""
    );
    assert_eq!(world.gateway.sizes().registrations, 0);
    let credentials = "Digest username=\"alice\", realm=\"10.0.0.1\", uri=\"sip:192.0.2.1\"";
    let again = REGISTER
        .replace("CSeq: 1", &format!("Authorization: {credentials}\nCSeq: 2"))
        .replace("reg1", "reg2");
    let (asked, _) = register(&mut world, phone, &again);
    assert_eq!(header(&asked, "Authorization"), credentials);
    assert_eq!(world.gateway.sizes().registrations, 1);
}

#[test]
fn a_short_expiry_towards_the_phone_is_refreshed_here() {
    let keepalive = "nat: true\n    keepalive: { method: register, interval: 30s }";
    let mut world = World::with(&CONFIG.replacen("nat: true", keepalive, 1));
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (_, answer) = register(&mut world, phone, REGISTER);
    assert!(
        header(&answer, "Contact").ends_with(";expires=30"),
        "{answer}"
    );
    world.wait(Duration::from_secs(25));
    let refresh = REGISTER
        .replace("CSeq: 1", "CSeq: 2")
        .replace("reg1", "reg2");
    let outcome = world.send(phone, &refresh);
    assert!(outcome.to(softswitch).is_empty());
    let repeated = outcome.only(phone);
    assert_eq!(header(repeated, "CSeq"), "2 REGISTER");
    assert!(header(repeated, "Via").contains("reg2"));
    assert!(header(repeated, "Contact").ends_with(";expires=30"));
    assert_eq!(header(repeated, "To"), header(&answer, "To"));
    // From another port it is somebody the registrar should look at.
    let moved = world.phone("203.0.113.7:40002");
    let refresh = REGISTER
        .replace("CSeq: 1", "CSeq: 3")
        .replace("reg1", "reg3");
    assert_eq!(world.send(moved, &refresh).to(softswitch).len(), 1);
    // And when the registrar is about to forget.
    world.wait(Duration::from_secs(520));
    let refresh = REGISTER
        .replace("CSeq: 1", "CSeq: 4")
        .replace("reg1", "reg4");
    assert_eq!(world.send(phone, &refresh).to(softswitch).len(), 1);
}

#[test]
fn a_nat_that_rebinds_keeps_the_contact_and_moves_the_flow() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let (first, _) = register(&mut world, phone, REGISTER);
    let moved = world.phone("203.0.113.7:40002");
    let again = REGISTER
        .replace("CSeq: 1", "CSeq: 2")
        .replace("reg1", "reg2");
    let (second, _) = register(&mut world, moved, &again);
    assert_eq!(header(&first, "Contact"), header(&second, "Contact"));
    let kept = world.gateway.registrations(world.now);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].heard, moved.flow.remote);
}

#[test]
fn two_phones_with_the_same_private_address_are_two_contacts() {
    let mut world = World::new();
    let (one, two) = (
        world.phone("203.0.113.7:40001"),
        world.phone("203.0.113.8:40001"),
    );
    let (first, _) = register(&mut world, one, REGISTER);
    let other = REGISTER.replace("reg-1@", "reg-2@").replace("reg1", "reg2");
    let (second, _) = register(&mut world, two, &other);
    assert_ne!(header(&first, "Contact"), header(&second, "Contact"));
    assert_eq!(world.gateway.registrations(world.now).len(), 2);
}

#[test]
fn contacts_go_one_by_one_or_all_at_once() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    register(&mut world, phone, REGISTER);
    let gone = REGISTER
        .replace("CSeq: 1", "CSeq: 2")
        .replace("reg1", "reg2")
        .replace("Expires: 3600", "Expires: 0");
    let asked = world.send(phone, &gone).only(softswitch).to_owned();
    let answer =
        granted(&asked, 0).replace(&format!("Contact: {}", header(&asked, "Contact")), "X: y");
    world.send(softswitch, &answer);
    assert_eq!(world.gateway.registrations(world.now).len(), 0);
    let again = REGISTER
        .replace("CSeq: 1", "CSeq: 3")
        .replace("reg1", "reg3");
    register(&mut world, phone, &again);
    let contact = format!(
        "Contact: {}",
        header(&crate::world::wire(REGISTER), "Contact")
    );
    let all = gone
        .replace("CSeq: 2", "CSeq: 4")
        .replace("reg2", "reg4")
        .replace(&contact, "Contact: *");
    let asked = world.send(phone, &all).only(softswitch).to_owned();
    assert_eq!(header(&asked, "Contact"), "*");
    world.send(
        softswitch,
        &granted(&asked, 0).replace("Contact: *;expires=0", "X: y"),
    );
    assert_eq!(world.gateway.registrations(world.now).len(), 0);
    assert_eq!(world.gateway.sizes().exchanges, 0);
}

#[test]
fn too_short_an_expiry_is_refused_with_the_least_that_would_do() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let brief = world.send(phone, &REGISTER.replace("Expires: 3600", "Expires: 20"));
    assert_eq!(start(brief.only(phone)), "SIP/2.0 423 Interval Too Brief");
    assert_eq!(header(brief.only(phone), "Min-Expires"), "60");
}

#[test]
fn registrations_run_out() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    register(&mut world, phone, REGISTER);
    world.wait(Duration::from_secs(599));
    assert_eq!(world.gateway.sizes().registrations, 1);
    world.wait(Duration::from_secs(2));
    assert_eq!(world.gateway.sizes().registrations, 0);
    world.wait(Duration::from_secs(200));
    let sizes = world.gateway.sizes();
    assert_eq!(
        (sizes.tokens, sizes.timers, sizes.server_transactions),
        (0, 0, 0)
    );
}

#[test]
fn registrations_are_bounded() {
    let mut world = World::with(&format!("{CONFIG}limits: {{ registrations: 1 }}\n"));
    let phone = world.phone("203.0.113.7:40001");
    register(&mut world, phone, REGISTER);
    let other = world.phone("203.0.113.9:1");
    let more = REGISTER
        .replace("reg-1@", "reg-2@")
        .replace("alice@", "bob@");
    let refused = world.send(other, &more);
    assert_eq!(
        start(refused.only(other)),
        "SIP/2.0 503 Too Many Registrations"
    );
    assert!(find(refused.only(other), "Retry-After").is_some());
}

#[test]
fn keepalives_hold_the_binding_open() {
    for method in ["crlf", "options"] {
        let keepalive = format!("nat: true\n    keepalive: {{ method: {method}, interval: 25s }}");
        let mut world = World::with(&CONFIG.replacen("nat: true", &keepalive, 1));
        let phone = world.phone("203.0.113.7:40001");
        register(&mut world, phone, REGISTER);
        let outcome = world.wait(Duration::from_secs(26));
        let message = outcome.to(phone)[0];
        match method {
            "crlf" => assert_eq!(message, "\r\n\r\n"),
            _ => {
                assert_eq!(
                    start(message),
                    "OPTIONS sip:alice@192.168.1.5:5060;ob SIP/2.0"
                );
                let branch = between(message, "branch=", ";");
                assert!(branch.starts_with("z9hG4bK"));
            }
        }
        world.wait(Duration::from_secs(700));
        assert_eq!(world.gateway.sizes().timers, 0, "{method}");
    }
}

#[test]
fn one_request_may_register_several_contacts() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let both = REGISTER.replace(
        "Expires: 3600",
        "Contact: <sip:alice@192.168.1.6>;expires=1800, <sip:alice@192.168.1.7>;expires=0\n\
         Expires: 3600",
    );
    let asked = world.send(phone, &both).only(softswitch).to_owned();
    let contacts: Vec<&str> = asked
        .split("\r\n")
        .filter_map(|line| line.strip_prefix("Contact: "))
        .flat_map(|line| line.split(", "))
        .collect();
    assert_eq!(contacts.len(), 3);
    assert!(contacts[1].ends_with(">;expires=1800"));
    let ours = [contacts[0], contacts[1]].map(|contact| between(contact, "<", ">"));
    let answer = granted(&asked, 0).replace(
        &format!("Contact: {};expires=0", contacts[0]),
        &format!(
            "Contact: <{}>;expires=600\nContact: <{}>;expires=300",
            ours[0], ours[1]
        ),
    );
    let answer = world.send(softswitch, &answer).only(phone).to_owned();
    assert!(answer.contains("Contact: <sip:alice@192.168.1.5:5060;ob>;expires=600\r\n"));
    assert!(answer.contains("Contact: <sip:alice@192.168.1.6>;expires=300\r\n"));
    assert_eq!(world.gateway.registrations(world.now).len(), 2);
    let too_many = format!(
        "Contact: {}\nExpires:",
        vec!["<sip:a@192.168.1.5>"; 20].join(", ")
    );
    let refused = world.send(
        phone,
        &REGISTER
            .replace("Expires:", &too_many)
            .replace("reg1", "reg2")
            .replace("CSeq: 1", "CSeq: 2"),
    );
    assert_eq!(start(refused.only(phone)), "SIP/2.0 400 Too Many Contacts");
}

#[test]
fn a_registrar_that_grants_more_than_it_was_asked_for_is_not_believed() {
    for asked_for in [600, u32::MAX] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let request = REGISTER.replace("Expires: 3600", &format!("Expires: {asked_for}"));
        let asked = world.send(phone, &request).only(softswitch).to_owned();
        world.send(softswitch, &granted(&asked, u32::MAX));
        world.wait(Duration::from_secs(590));
        assert_eq!(world.gateway.sizes().registrations, 1);
        world.wait(Duration::from_secs(86_400));
        let sizes = world.gateway.sizes();
        assert_eq!((sizes.registrations, sizes.tokens), (0, 0));
    }
}
