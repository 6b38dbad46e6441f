//! What parties say that answer anything with anything.

use crate::choices::Choices;
use crate::texts::{ANSWER, INVITE, REGISTER, response};
use crate::world::{CORE, Party, between, find, wire};

/// A request that begins something, the `number`th, in the terms of the sender's side.
pub fn beginning(choices: &mut impl Choices, number: u32, from_core: bool) -> String {
    let mut text = match choices.below(6) {
        0 => REGISTER.to_owned(),
        1 => INVITE.split("Content-Type").next().unwrap().to_owned() + "Content-Length: 0\n\n",
        2 => {
            let method = choices.pick(&["SUBSCRIBE", "REFER", "MESSAGE", "FOO"]);
            REGISTER.replace("REGISTER", method)
        }
        _ => INVITE.to_owned(),
    };
    for mark in ["reg1", "inv1"] {
        text = text.replace(mark, &format!("{mark}x{number}"));
    }
    text = text
        .replace("-1@", &format!("-{number}@"))
        .replace("=a1", &format!("=a{number}"));
    if from_core {
        text = text
            .replace("192.0.2.1", "198.51.100.1")
            .replace("192.168.1.5", "10.0.0.9");
        text = text.replace("alice@", "x@").replace("bob@", "alice@");
    }
    text
}

/// Some response to a request.
pub fn answer(choices: &mut impl Choices, party: Party, request: &str) -> String {
    let status = choices.pick(&[
        "100 Trying",
        "180 Ringing",
        "183 Session Progress",
        "200 OK",
        "200 OK",
        "200 OK",
        "199 Early Dialog Terminated",
        "302 Moved Temporarily",
        "401 Unauthorized",
        "481 Call Does Not Exist",
        "486 Busy Here",
        "487 Request Terminated",
        "488 Not Acceptable Here",
        "491 Request Pending",
        "503 Service Unavailable",
    ]);
    let tag = choices.pick(&["b1", "b2", "b3", "b4"]);
    let body = choices.pick(&["", ANSWER]);
    let text = response(request, status, tag, body);
    if party.flow.realm == CORE {
        return text;
    }
    text.replace("10.0.0.50", "192.168.1.5")
        .replace("10.0.0.1", "192.168.1.5")
}

/// A request that a response calls for, or does not; the `count`th of all.
pub fn follow_up(choices: &mut impl Choices, count: u32, response: &str) -> Option<String> {
    let contact = find(response, "Contact").unwrap_or("<sip:nobody@192.0.2.1>");
    let target = if contact.contains('<') {
        between(contact, "<", ">")
    } else {
        "sip:x@y.z"
    };
    let (mut from, mut to) = (find(response, "From")?, find(response, "To")?);
    if choices.once_in(8) {
        (from, to) = (to, from);
    }
    let (call_id, cseq) = (find(response, "Call-ID")?, find(response, "CSeq")?);
    let number: u32 = cseq.split(' ').next()?.parse().ok()?;
    let method = choices.pick(&[
        "ACK",
        "ACK",
        "ACK",
        "BYE",
        "INVITE",
        "UPDATE",
        "PRACK",
        "INFO",
        "CANCEL",
        "NOTIFY",
        "REFER",
        "OPTIONS",
        "SUBSCRIBE",
    ]);
    let new = format!("SIP/2.0/UDP 192.168.1.5;branch=z9hG4bKc{count}");
    let (via, number) = match method {
        "CANCEL" | "ACK" if choices.once_in(2) => (find(response, "Via")?.to_owned(), number),
        "ACK" => (new, number),
        _ => (new, number.saturating_add(choices.below(3) as u32)),
    };
    let body = choices.pick(&["", "", ANSWER]);
    let body = body.replace("10.0.0.50", "192.168.1.5");
    let content = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\n"
    };
    let text = format!(
        "{method} {target} SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: {from}\nTo: {to}\n\
         Call-ID: {call_id}\nCSeq: {number} {method}\nContact: <sip:alice@192.168.1.5>\n\
         Event: x\nSubscription-State: terminated\nRefer-To: <sip:c@192.0.2.1?Replaces=1>\n\
         {content}Content-Length: auto\n\n{body}"
    );
    Some(text)
}

/// A message in the terms of its sender's side, as it travels.
pub fn spoken(from: Party, text: &str) -> Vec<u8> {
    let text = match from.flow.realm {
        CORE => text
            .replace("192.168.1.5", "10.0.0.50")
            .replace("192.0.2.1", "198.51.100.1"),
        _ => text.to_owned(),
    };
    wire(&text).into_bytes()
}

/// A message with a few bytes of it gone wrong.
pub fn damaged(choices: &mut impl Choices, message: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..1 + choices.below(3) {
        let at = choices.below(bytes.len().max(1));
        let byte = match choices.below(2) {
            0 => choices.pick(b"<>;:=,@\" \n\r\t%?[]\\0"),
            _ => choices.below(0x100) as u8,
        };
        match choices.below(4) {
            _ if bytes.is_empty() => {}
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, byte),
            _ => {
                let length = choices.below(64);
                let own = choices.bytes(length);
                let end = (at + choices.below(64)).min(bytes.len());
                bytes.splice(at..end, own);
            }
        }
    }
    bytes
}
