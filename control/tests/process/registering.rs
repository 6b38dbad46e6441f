//! REGISTER and OPTIONS through the process, over UDP and TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::strait::{Strait, answer, header, receive};

pub fn request(method: &str, transport: &str, from: SocketAddr, number: u32) -> String {
    format!(
        "{method} sip:example.org SIP/2.0\r\n\
         Via: SIP/2.0/{transport} 10.9.9.9:5060;rport;branch=z9hG4bK{transport}{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\n\
         Call-ID: {transport}-{from}\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:alice@10.9.9.9:5060>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Lets the softswitch accept the next request of that method; what it saw.
pub fn accept(strait: &Strait, method: &str) -> String {
    let (seen, from) = receive(&strait.switch, |text| {
        text.starts_with(method) && text.contains("z9hG4bK") && !is_probe(text)
    });
    let contact = seen
        .lines()
        .find(|line| line.starts_with("Contact:"))
        .unwrap_or_default();
    let extra = format!("{contact};expires=600\r\n");
    let extra = if contact.is_empty() { "" } else { &extra };
    strait
        .switch
        .send_to(answer(&seen, "200 OK", extra).as_bytes(), from)
        .unwrap();
    seen
}

/// Strait asks its softswitches whether they live.
fn is_probe(text: &str) -> bool {
    text.starts_with("OPTIONS") && !text.contains("alice")
}

fn hides_the_phone(seen: &str) {
    assert!(!seen.contains("10.9.9.9"), "{seen}");
    assert_eq!(
        seen.lines().filter(|line| line.starts_with("Via:")).count(),
        1,
        "{seen}"
    );
}

#[test]
fn a_phone_registers_over_udp() {
    let strait = Strait::start();
    let phone = strait.phone();
    let local = phone.local_addr().unwrap();
    for (number, method) in [(1, "REGISTER"), (2, "OPTIONS")] {
        let sent = request(method, "UDP", local, number);
        phone.send_to(sent.as_bytes(), strait.place.access).unwrap();
        let seen = accept(&strait, method);
        hides_the_phone(&seen);
        let (got, from) = receive(&phone, |text| !text.starts_with("SIP/2.0 100"));
        assert!(got.starts_with("SIP/2.0 200 "), "{got}");
        assert_eq!(from, strait.place.access);
        assert!(
            header(&got, "Via").contains(&format!("received={}", local.ip())),
            "{got}"
        );
        assert!(header(&got, "Via").contains("rport=5060"), "{got}");
    }
    let registrations = strait.get("/registrations");
    assert_eq!(registrations[0]["contact"], "sip:alice@10.9.9.9:5060");
    assert_eq!(registrations[0]["remote"], local.to_string());
    assert_eq!(strait.get("/status")["registrations"], 1);
}

#[test]
fn a_phone_registers_over_tcp_and_its_connection_may_break() {
    let strait = Strait::start();
    let mut phone = TcpStream::connect(strait.place.access).unwrap();
    let local = phone.local_addr().unwrap();
    for (number, method) in [(1, "REGISTER"), (2, "OPTIONS")] {
        let sent = request(method, "TCP", local, number);
        let (first, second) = sent.split_at(sent.len() / 2);
        phone.write_all(first.as_bytes()).unwrap();
        phone.write_all(second.as_bytes()).unwrap();
        let seen = accept(&strait, method);
        hides_the_phone(&seen);
        assert!(header(&seen, "Via").starts_with("SIP/2.0/UDP"), "{seen}");
        let got = read_response(&mut phone);
        assert!(got.starts_with("SIP/2.0 200 "), "{got}");
    }
    // A request whose answer finds nobody.
    phone
        .write_all(request("OPTIONS", "TCP", local, 3).as_bytes())
        .unwrap();
    let (seen, from) = receive(&strait.switch, |text| !is_probe(text));
    drop(phone);
    strait.until("the connection's end", |strait| {
        strait.get("/status")["signalling"]["connections"] == 0
    });
    strait
        .switch
        .send_to(answer(&seen, "200 OK", "").as_bytes(), from)
        .unwrap();
    let phone = strait.phone();
    let local = phone.local_addr().unwrap();
    phone
        .send_to(
            request("OPTIONS", "UDP", local, 4).as_bytes(),
            strait.place.access,
        )
        .unwrap();
    accept(&strait, "OPTIONS");
    receive(&phone, |text| text.starts_with("SIP/2.0 200 "));
}

/// The next final response on a stream; none of them has a body.
fn read_response(stream: &mut TcpStream) -> String {
    loop {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
        let text = String::from_utf8(bytes).unwrap();
        if !text.starts_with("SIP/2.0 1") {
            return text;
        }
    }
}
