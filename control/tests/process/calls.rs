//! A call through the process, and its record.

use std::net::UdpSocket;

use serde_json::Value;

use crate::strait::{Strait, answer, header, receive};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\n";

/// An INVITE of its own call.
pub fn invite(phone: &UdpSocket, number: u32) -> String {
    let local = phone.local_addr().unwrap();
    format!(
        "INVITE sip:bob@example.org SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};rport;branch=z9hG4bKi{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.org>;tag=a{number}\r\nTo: <sip:bob@example.org>\r\n\
         Call-ID: call-{number}\r\nCSeq: {number} INVITE\r\nContact: <sip:alice@{local}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

/// Sets a call up; the 200 as the phone saw it and the INVITE as the softswitch did.
pub fn set_up(strait: &Strait, phone: &UdpSocket, number: u32) -> (String, String) {
    let contact = format!("Contact: <sip:bob@{}>\r\n", strait.place.softswitch);
    phone
        .send_to(invite(phone, number).as_bytes(), strait.place.access)
        .unwrap();
    let (seen, from) = receive(&strait.switch, |text| text.starts_with("INVITE"));
    let extra = format!("{contact}Content-Type: application/sdp\r\n\r\n{SDP}");
    strait
        .switch
        .send_to(answer(&seen, "200 OK", &extra).as_bytes(), from)
        .unwrap();
    let (got, _) = receive(phone, |text| text.starts_with("SIP/2.0 200 "));
    phone
        .send_to(
            in_dialog("ACK", &got, number).as_bytes(),
            strait.place.access,
        )
        .unwrap();
    receive(&strait.switch, |text| text.starts_with("ACK"));
    (got, seen)
}

/// A request of the phone's within the dialog that a 200 set up.
pub fn in_dialog(method: &str, response: &str, number: u32) -> String {
    let contact = header(response, "Contact");
    let uri = contact.trim_start_matches('<').split('>').next().unwrap();
    let cseq = if method == "ACK" { number } else { number + 1 };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK{method}{number}\r\n\
         Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Content-Length: 0\r\n\r\n",
        header(response, "From"),
        header(response, "To"),
        header(response, "Call-ID"),
    )
}

pub fn records(strait: &Strait, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(strait.place.directory.path().join(name));
    let text = text.unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_call_is_seen_while_it_stands_and_recorded_when_it_ends() {
    let strait = Strait::start();
    let phone = strait.phone();
    let (got, seen) = set_up(&strait, &phone, 1);
    let (access, core) = (strait.place.access.ip(), strait.place.core.ip());
    assert!(got.contains(&format!("c=IN IP4 {access}")), "{got}");
    assert!(seen.contains(&format!("c=IN IP4 {core}")), "{seen}");
    assert!(!seen.contains("10.9.9.9"), "{seen}");
    let calls = strait.get("/calls");
    assert_eq!(calls[0]["state"], "answered");
    assert_eq!(calls[0]["call_id"], "call-1");
    assert_eq!(calls[0]["streams"].as_array().unwrap().len(), 2);
    let number = &calls[0]["number"];
    assert_eq!(
        strait.get(&format!("/calls/{number}"))["caller_realm"],
        "access"
    );

    phone
        .send_to(in_dialog("BYE", &got, 1).as_bytes(), strait.place.access)
        .unwrap();
    let (bye, from) = receive(&strait.switch, |text| text.starts_with("BYE"));
    strait
        .switch
        .send_to(answer(&bye, "200 OK", "").as_bytes(), from)
        .unwrap();
    receive(&phone, |text| {
        text.starts_with("SIP/2.0 200 ") && text.contains("BYE")
    });
    strait.until("the record", |strait| {
        !records(strait, "calls.jsonl").is_empty()
    });
    let records = records(&strait, "calls.jsonl");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["ended_by"], "caller");
    assert_eq!(records[0]["caller"]["call_id"], "call-1");
    assert_eq!(strait.get("/status")["calls"], 0);
    let open = (0..strait.region.geometry().slots()).filter(|slot| {
        strait
            .region
            .table()
            .snapshot(strait_shared::slot::SlotIndex(*slot))
            .unwrap()
            .open
    });
    assert_eq!(open.count(), 0);
}

#[test]
fn the_operator_ends_a_call() {
    let strait = Strait::start();
    let phone = strait.phone();
    set_up(&strait, &phone, 1);
    let number = strait.get("/calls")[0]["number"].to_string();
    assert_eq!(strait.ask("DELETE", &format!("/calls/{number}")).0, 202);
    for party in [&phone, &strait.switch] {
        let (bye, from) = receive(party, |text| text.starts_with("BYE"));
        party
            .send_to(answer(&bye, "200 OK", "").as_bytes(), from)
            .unwrap();
    }
    strait.until("the record", |strait| {
        !records(strait, "calls.jsonl").is_empty()
    });
    assert_eq!(records(&strait, "calls.jsonl")[0]["ended_by"], "operator");
}

#[test]
fn records_go_to_a_new_file_after_a_hangup_signal() {
    let strait = Strait::start();
    let phone = strait.phone();
    let end = |number: u32| {
        let listed = strait.get("/calls")[0]["number"].to_string();
        strait.ask("DELETE", &format!("/calls/{listed}"));
        strait.until("its end", |strait| {
            strait.counter("records_written") == u64::from(number)
        });
    };
    set_up(&strait, &phone, 1);
    end(1);
    let directory = strait.place.directory.path();
    std::fs::rename(directory.join("calls.jsonl"), directory.join("old.jsonl")).unwrap();
    strait.signal("HUP");
    strait.until("the new file", |_| directory.join("calls.jsonl").exists());
    set_up(&strait, &phone, 10);
    end(2);
    assert_eq!(records(&strait, "old.jsonl").len(), 1);
    assert_eq!(records(&strait, "calls.jsonl").len(), 1);
}

#[test]
fn stopping_ends_the_calls_that_stand() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    set_up(&strait, &phone, 1);
    strait.signal("TERM");
    strait.told("STOPPING=1");
    for party in [&phone, &strait.switch] {
        let (bye, from) = receive(party, |text| text.starts_with("BYE"));
        party
            .send_to(answer(&bye, "200 OK", "").as_bytes(), from)
            .unwrap();
    }
    let (status, said) = strait.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(records(&strait, "calls.jsonl").len(), 1);
}
