//! The registrar: what is bound, for how long, and what is refused.

use std::time::Duration;

use crate::serve::scene::{ALICE, BOB, Ip, registered, server};
use crate::world::{World, find, header, start};

fn contacts(world: &World) -> Vec<String> {
    let all = world.gateway.registrations(world.now);
    all.into_iter().map(|known| known.contact).collect()
}

#[track_caller]
fn refused(world: &mut World, lines: &str, cseq: u32) -> String {
    let from = ALICE.party(world, Ip::V4);
    let outcome = world.send(from, &ALICE.register_with(Ip::V4, lines, cseq));
    outcome.only(from).to_owned()
}

#[test]
fn two_registers_or_one_bind_both_versions() {
    let mut twice = server("");
    registered(&mut twice, ALICE, Ip::V6, &[Ip::V6], 1);
    let answer = registered(&mut twice, ALICE, Ip::V4, &[Ip::V4], 2);
    assert_eq!(answer.matches("\r\nContact: ").count(), 2, "{answer}");
    assert!(find(&answer, "Date").is_some(), "{answer}");
    let mut once = server("");
    let answer = registered(&mut once, ALICE, Ip::V6, &[Ip::V6, Ip::V4], 1);
    assert_eq!(answer.matches(";expires=600\r\n").count(), 2, "{answer}");
    assert_eq!(contacts(&once), contacts(&twice));
    let known = once.gateway.registrations(once.now);
    assert_eq!(known.len(), 2);
    assert!(known.iter().any(|known| known.heard.is_ipv4()));
    assert!(known.iter().any(|known| known.heard.is_ipv6()));
}

#[test]
fn contacts_go_one_by_one_all_at_once_and_by_themselves() {
    let mut world = server("");
    registered(&mut world, ALICE, Ip::V6, &[Ip::V6, Ip::V4], 1);
    registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
    let gone = format!("Contact: <{}>;expires=0\n", ALICE.contact(Ip::V4));
    let answer = refused(&mut world, &gone, 2);
    assert_eq!(
        header(&answer, "Contact"),
        format!("<{}>;expires=600", ALICE.contact(Ip::V6))
    );
    let query = refused(&mut world, "", 3);
    assert_eq!(header(&query, "Contact"), header(&answer, "Contact"));
    let answer = refused(&mut world, "Contact: *\nExpires: 0\n", 4);
    assert!(find(&answer, "Contact").is_none(), "{answer}");
    assert_eq!(contacts(&world), [BOB.contact(Ip::V4)]);
    world.wait(Duration::from_secs(599));
    assert_eq!(contacts(&world).len(), 1);
    world.wait(Duration::from_secs(2));
    assert!(contacts(&world).is_empty());
}

#[test]
fn what_contradicts_itself_changes_nothing() {
    let mut world = server("contacts_per_user: 3");
    registered(&mut world, ALICE, Ip::V4, &[Ip::V4], 7);
    let before = contacts(&world);
    let own = ALICE.contact(Ip::V4);
    let mut cseq = 10;
    for (lines, status) in [
        ("Contact: *\nExpires: 60\n".to_owned(), "400"),
        (format!("Contact: *, <{own}>\nExpires: 0\n"), "400"),
        (
            format!("Contact: <{own}>;expires=60, <{own}>;expires=90\n"),
            "400 Contact Given Twice",
        ),
        (format!("Contact: <{own}>;expires=5\n"), "423"),
        (
            "Contact: <sip:alice@192.0.2.1>\n".to_owned(),
            "403 Contact Names This Server",
        ),
        (
            "Contact: <sip:alice@[::1]>\n".to_owned(),
            "488 Contact Unreachable",
        ),
        (
            "Contact: <sip:a@h1>, <sip:a@h2>, <sip:a@h3>\n".to_owned(),
            "503 Too Many Contacts",
        ),
        (
            format!("Path: <sip:192.0.2.8;lr>\nContact: <{own}>\n"),
            "420",
        ),
        ("Contact: <sip:alice@198.51.100.5\n".to_owned(), "400"),
    ] {
        cseq += 1;
        let answer = refused(&mut world, &lines, cseq);
        assert!(
            start(&answer).starts_with(&format!("SIP/2.0 {status}")),
            "{lines}{answer}"
        );
        assert_eq!(contacts(&world), before, "{lines}");
    }
    let old = refused(&mut world, &format!("Contact: <{own}>;expires=0\n"), 6);
    assert_eq!(start(&old), "SIP/2.0 400 CSeq Out Of Order");
    let elsewhere = ALICE
        .register(Ip::V4, &[Ip::V4], 30)
        .replace("To: <sip:alice@example.net>", "To: <sip:alice@example.org>");
    let from = ALICE.party(&world, Ip::V4);
    let answer = world.send(from, &elsewhere);
    assert_eq!(
        start(answer.only(from)),
        "SIP/2.0 404 Not A User Of This Domain"
    );
    assert_eq!(contacts(&world), before);
}

#[test]
fn one_source_registers_so_often_and_no_other_feels_it() {
    let mut world = server("registers_per_second: 20");
    let from = ALICE.party(&world, Ip::V4);
    let mut taken = 0;
    for cseq in 1..=100 {
        let answer = world.send(from, &ALICE.register(Ip::V4, &[Ip::V4], cseq));
        let answer = answer.only(from);
        taken += u32::from(start(answer) == "SIP/2.0 200 OK");
        assert!(start(answer) == "SIP/2.0 200 OK" || find(answer, "Retry-After").is_some());
    }
    assert_eq!(taken, 20);
    assert_eq!(world.gateway.counters().registrations_over_rate, 80);
    registered(&mut world, BOB, Ip::V4, &[Ip::V4], 1);
}

#[test]
fn a_successor_knows_who_is_where() {
    let mut world = server("");
    registered(&mut world, ALICE, Ip::V6, &[Ip::V6, Ip::V4], 1);
    let lines = "Supported: path\nPath: <sip:192.0.2.8;lr>\n\
                 Contact: <sip:bob@10.1.1.1>;q=0.25\n";
    let proxy = BOB.party(&world, Ip::V4);
    world.send(proxy, &BOB.register_with(Ip::V4, lines, 1));
    let before = world.gateway.registrations(world.now);
    assert_eq!(before.len(), 3);
    world.wait(Duration::from_secs(100));
    let (restored, _) = world.crash(world.journal.clone());
    assert_eq!(restored.registrations, 3);
    let after = world.gateway.registrations(world.now);
    let names = |all: &[strait_control::gateway::snapshot::RegistrationSnapshot]| {
        all.iter()
            .map(|one| (one.aor.clone(), one.contact.clone(), one.heard))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&after), names(&before));
    assert!(
        after
            .iter()
            .all(|known| known.far_left <= Duration::from_secs(3500))
    );
    let query = world.send(proxy, &BOB.register_with(Ip::V4, "", 2));
    let contact = header(query.only(proxy), "Contact");
    assert!(
        contact.starts_with("<sip:bob@10.1.1.1>;expires=3500;q=0.250"),
        "{contact}"
    );
    world.wait(Duration::from_secs(3600));
    assert!(contacts(&world).is_empty());
    assert!(
        world
            .journal
            .keys()
            .all(|key| key.kind != strait_control::gateway::journal::Kind::Location)
    );
}
