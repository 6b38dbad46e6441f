//! strait-control is killed outright, and the next one goes on with what the journal holds.

use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use strait_control::gateway::journal::LAYOUT;

use crate::calls::{in_dialog, invite, records, set_up};
use crate::registering::{accept, request};
use crate::strait::{Place, Strait, answer, header, receive};

#[test]
fn the_successor_knows_the_call_renegotiates_and_ends_it() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    let (got, _) = set_up(&strait, &phone, 1);
    kill(&mut strait);
    let calls = strait.get("/calls");
    assert_eq!(calls[0]["state"], "answered", "{calls:#}");
    assert_eq!(calls[0]["call_id"], "call-1");
    assert_eq!(calls[0]["streams"].as_array().unwrap().len(), 2);

    let offer = invite(&phone, 2);
    let (_, sdp) = offer.split_once("\r\n\r\n").unwrap();
    let head = in_dialog("INVITE", &got, 1);
    let contact = format!(
        "Contact: <sip:alice@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        phone.local_addr().unwrap(),
        sdp.len()
    );
    let reinvite = head.replace("Content-Length: 0\r\n\r\n", &contact) + sdp;
    say(&strait, &phone, &reinvite);
    let (asked, from) = receive(&strait.switch, |text| text.starts_with("INVITE"));
    assert!(!asked.contains("10.9.9.9"), "{asked}");
    let far = format!("Contact: <sip:bob@{}>\r\n", strait.place.softswitch);
    let body = format!("{far}Content-Type: application/sdp\r\n\r\n{sdp}");
    let ok = answer(&asked, "200 OK", &body);
    strait.switch.send_to(ok.as_bytes(), from).unwrap();
    let (told, _) = receive(&phone, |text| text.starts_with("SIP/2.0 200 "));
    assert!(!told.contains("10.9.9.9"), "{told}");
    let ack = in_dialog("ACK", &got, 1).replace("CSeq: 1 ", "CSeq: 2 ");
    say(&strait, &phone, &ack);
    receive(&strait.switch, |text| text.starts_with("ACK"));

    kill(&mut strait);
    let bye = in_dialog("BYE", &got, 1).replace("CSeq: 2 ", "CSeq: 3 ");
    say(&strait, &phone, &bye);
    let (bye, from) = receive(&strait.switch, |text| text.starts_with("BYE"));
    let ok = answer(&bye, "200 OK", "");
    strait.switch.send_to(ok.as_bytes(), from).unwrap();
    receive(&phone, |text| text.starts_with("SIP/2.0 200 "));
    strait.until("the record", |strait| {
        !records(strait, "calls.jsonl").is_empty()
    });
    let records = records(&strait, "calls.jsonl");
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["reason"], "bye");
    assert_eq!(records[0]["caller"]["call_id"], "call-1");
    assert_eq!(strait.get("/status")["calls"], 0);
}

#[test]
fn a_call_in_set_up_fails_towards_both_sides() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    say(&strait, &phone, &invite(&phone, 1));
    let (asked, from) = receive(&strait.switch, |text| text.starts_with("INVITE"));
    kill(&mut strait);
    receive(&phone, |text| text.starts_with("SIP/2.0 503 "));
    let ringing = answer(&asked, "180 Ringing", "");
    strait.switch.send_to(ringing.as_bytes(), from).unwrap();
    let (cancel, _) = receive(&strait.switch, |text| text.starts_with("CANCEL"));
    assert_eq!(header(&cancel, "Via"), header(&asked, "Via"));
    strait.until("the record", |strait| {
        !records(strait, "calls.jsonl").is_empty()
    });
    let records = records(&strait, "calls.jsonl");
    assert_eq!(records[0]["reason"], "control restarted");
}

#[test]
fn one_that_makes_way_has_written_all_it_knows() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    for number in 1..=50 {
        set_up(&strait, &phone, number);
    }
    // Nobody has waited for the disk.
    strait.signal("USR2");
    let (status, said) = strait.ended();
    assert_eq!(status.signal(), Some(12), "{said}");
    strait.replace();
    assert_eq!(strait.get("/status")["calls"], 50);
    assert_eq!(
        records(&strait, "calls.jsonl"),
        [] as [serde_json::Value; 0]
    );
    let silent = std::time::Duration::from_millis(200);
    phone.set_read_timeout(Some(silent)).unwrap();
    let mut space = [0; 2_000];
    let heard = phone
        .recv(&mut space)
        .map(|len| String::from_utf8_lossy(&space[..len]).into());
    assert!(
        heard.is_err(),
        "no party is told: {heard:?}",
        heard = heard.map(|it: String| it)
    );
}

#[test]
fn registrations_outlive_both_processes() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    let local = phone.local_addr().unwrap();
    say(&strait, &phone, &request("REGISTER", "UDP", local, 1));
    let registered = accept(&strait, "REGISTER");
    receive(&phone, |text| text.starts_with("SIP/2.0 200 "));
    wait_for_journal(&strait);
    let old = std::mem::replace(&mut strait.region, strait.place.region());
    strait.server = None;
    strait.server = Some(strait.place.serve(&strait.region));
    strait.replace();
    drop(old);
    assert_eq!(strait.get("/status")["registrations"], 1);
    let contact = header(&registered, "Contact");
    let uri = contact.trim_start_matches('<').split('>').next().unwrap();
    let message = request("MESSAGE", "UDP", strait.place.softswitch, 1);
    let message = message.replacen("sip:example.org", uri, 1);
    strait
        .switch
        .send_to(message.as_bytes(), strait.place.core)
        .unwrap();
    let (seen, _) = receive(&phone, |text| text.starts_with("MESSAGE"));
    assert!(
        seen.starts_with("MESSAGE sip:alice@10.9.9.9:5060"),
        "{seen}"
    );
}

#[test]
fn a_journal_that_is_none_is_refused_with_a_way_out() {
    let place = Place::new();
    let journal = place.directory.path().join("strait.journal");
    std::fs::write(&journal, "not a journal").unwrap();
    let (status, said) = place.run_to_end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("move the file away"), "{said}");
    assert_eq!(std::fs::read(&journal).unwrap(), b"not a journal");
}

#[test]
fn a_journal_of_another_release_is_code_6_and_stays_as_it_is() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    let (got, _) = set_up(&strait, &phone, 1);
    wait_for_journal(&strait);
    strait.signal("KILL");
    strait.ended();
    let journal = strait.place.directory.path().join("strait.journal");
    set_layout(&journal, LAYOUT + 1);
    let (status, said) = strait.place.run_to_end();
    assert_eq!(status.code(), Some(6), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("start the version that wrote it"), "{said}");
    // The way back: the release that wrote it still finds everything.
    set_layout(&journal, LAYOUT);
    strait.replace();
    let bye = in_dialog("BYE", &got, 1);
    say(&strait, &phone, &bye);
    receive(&strait.switch, |text| text.starts_with("BYE"));
}

fn set_layout(journal: &Path, layout: u32) {
    let database = redb::Database::open(journal).unwrap();
    let transaction = database.begin_write().unwrap();
    let facts = redb::TableDefinition::<&str, u64>::new("facts");
    let mut facts = transaction.open_table(facts).unwrap();
    facts.insert("layout", u64::from(layout)).unwrap();
    drop(facts);
    transaction.commit().unwrap();
}

/// Kills control outright once what it has done is on disk; its successor is ready after this.
fn kill(strait: &mut Strait) {
    wait_for_journal(strait);
    strait.replace();
}

fn wait_for_journal(strait: &Strait) {
    strait.until("the journal", |strait| {
        strait.counter("journal_waiting") == 0
    });
}

fn say(strait: &Strait, phone: &UdpSocket, text: &str) {
    phone.send_to(text.as_bytes(), strait.place.access).unwrap();
}
