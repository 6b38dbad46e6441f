//! What a hostile softswitch does unasked.

use std::net::SocketAddr;
use std::time::Duration;

use strait_parties::party::Datagram;
use strait_parties::rtp::packet::{Packet, Ssrc};
use strait_parties::sip::description::Description;
use strait_parties::sip::message::Message;
use strait_shared::time::Instant;

use super::{CALLS_MAX, NAME, Placed, Rogue};
use crate::checks::{FORGED, Overheard};
use crate::configuration::{DOMAIN, FIRST_PORT};

/// Requests for somebody else's dialog.
const MEDDLING: [&str; 9] = [
    "BYE", "BYE", "INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "PRACK", "ACK",
];
/// Requests for nobody's dialog.
const ALONE: [&str; 7] = [
    "OPTIONS",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "REGISTER",
    "PUBLISH",
    "BYE",
];
/// Its calls come no closer together than this.
const BETWEEN_CALLS: Duration = Duration::from_secs(3);

impl Rogue {
    pub(super) fn strike(&mut self, now: Instant) {
        match self.random.u8(..12) {
            0 => {
                let mut bytes = vec![0; self.random.usize(..600)];
                self.random.fill(&mut bytes);
                self.send(bytes);
            }
            1 => self.answer_nobody(),
            2 | 3 => self.say_again(),
            4 | 5 => self.meddle(),
            6 => self.cancel_others(),
            7 => self.call(now),
            8 => self.ask(),
            9 => self.go_on(),
            _ => self.spray(),
        }
    }

    /// Something of what it said before, perhaps damaged.
    fn say_again(&mut self) {
        let Some(message) = self.random.choice(self.said.iter()).cloned() else {
            return;
        };
        let message = match self.random.bool() {
            true => self.mutilate(&message),
            false => message,
        };
        self.send(message);
    }

    /// The answer to a question that Strait never asked.
    fn answer_nobody(&mut self) {
        let status = [100, 180, 183, 200, 302, 401, 487, 503][self.random.usize(..8)];
        let method = ["INVITE", "BYE", "OPTIONS", "REGISTER"][self.random.usize(..4)];
        let overheard = self.overheard();
        let (branch, own) = (self.random.u64(..), self.strait);
        let text = format!(
            "SIP/2.0 {status} Yes\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch:x}\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n\
             Contact: <sip:judas@{}>\r\nContent-Length: 0\r\n\r\n",
            overheard.from, overheard.to, overheard.call_id, overheard.number, self.own,
        );
        self.send(text.into_bytes());
    }

    /// A request in a dialog of others, by all that it has overheard of it.
    fn meddle(&mut self) {
        let method = MEDDLING[self.random.usize(..MEDDLING.len())];
        let mut heard = self.overheard();
        if !heard.is_of_dialog() {
            return;
        }
        if self.random.bool() {
            std::mem::swap(&mut heard.from, &mut heard.to);
        }
        heard.number = heard.number.wrapping_add(self.random.u32(..3));
        let user = self.random.usize(..self.users);
        let uri = match self.random.bool() {
            true => format!("sip:u{user}@{}", self.strait),
            false => format!("sip:u{user}@{DOMAIN}"),
        };
        let branch = self.random.u64(..);
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bK{branch:x}", self.own);
        self.request(method, &uri, &via, &heard);
    }

    /// CANCEL for a call that an honest softswitch has under way, by its very Via.
    fn cancel_others(&mut self) {
        let heard = self.overheard();
        if heard.via.is_empty() {
            return;
        }
        let user = self.random.usize(..self.users);
        let (uri, via) = (format!("sip:u{user}@{}", self.strait), heard.via.clone());
        self.request("CANCEL", &uri, &via, &heard);
    }

    /// A call to an honest user or a customer, which it may never acknowledge.
    fn call(&mut self, now: Instant) {
        if now < self.calls_at {
            return;
        }
        self.calls_at = now + BETWEEN_CALLS;
        let user = match self.random.bool() {
            true => format!("u{}", self.random.usize(..self.users)),
            false => format!("c{}", self.random.usize(..2)),
        };
        let heard = self.stranger(&user);
        let uri = format!("sip:{user}@{}", self.strait);
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bK{}", self.own, heard.call_id);
        let Some(invite) = self.request("INVITE", &uri, &via, &heard) else {
            return;
        };
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
        }
        self.calls.push_back(Placed {
            invite,
            user,
            success: None,
        });
    }

    /// A request outside of dialogs.
    fn ask(&mut self) {
        let method = ALONE[self.random.usize(..ALONE.len())];
        let user = format!("u{}", self.random.usize(..self.users + 2));
        let heard = self.stranger(&user);
        let uri = format!("sip:{user}@{}", self.strait);
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bK{}", self.own, heard.call_id);
        self.request(method, &uri, &via, &heard);
    }

    /// A call of its own goes on, in some way or other.
    fn go_on(&mut self) {
        let which = self.random.usize(..self.calls.len().max(1));
        let Some(placed) = self.calls.get(which) else {
            return;
        };
        let (invite, success) = (placed.invite.clone(), placed.success.clone());
        let number = invite.cseq().map_or(1, |cseq| cseq.number);
        let last = success.as_ref().unwrap_or(&invite);
        let heard = Overheard {
            call_id: invite.call_id().to_owned(),
            from: invite.header("From").unwrap_or_default().to_owned(),
            to: last.header("To").unwrap_or_default().to_owned(),
            via: String::new(),
            number: number + self.random.u32(..3),
        };
        let target = success
            .as_ref()
            .and_then(|success| success.name_addr("Contact"));
        let uri = target.map_or(format!("sip:{}", self.strait), |target| {
            target.uri.to_string()
        });
        let methods = [
            "ACK", "ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "PRACK", "INFO",
        ];
        let method = methods[self.random.usize(..methods.len())];
        let (own, branch) = (self.own, self.random.u64(..));
        let via = match method {
            "CANCEL" => invite.header("Via").unwrap_or_default().to_owned(),
            _ => format!("SIP/2.0/UDP {own};branch=z9hG4bK{branch:x}"),
        };
        self.request(method, &uri, &via, &heard);
    }

    /// One of its own calls is answered: it may speak, to where Strait says.
    pub(super) fn answered(&mut self, now: Instant, status: u16, response: Message) {
        let mut calls = self.calls.iter_mut();
        let own = calls.find(|placed| placed.invite.call_id() == response.call_id());
        let (200..300, Some(placed)) = (status, own) else {
            return;
        };
        let answer = Description::parse(&response.body).ok();
        let at = answer.and_then(|answer| Some(answer.audio()?.rtp));
        let user = placed.user.clone();
        placed.success = Some(response);
        if let Some(at) = at.filter(|at| at.is_ipv4() == self.own.is_ipv4()) {
            self.speak(now, at, &user);
        }
    }

    fn speak(&mut self, now: Instant, to: SocketAddr, user: &str) {
        let ssrc = self.random.u32(..);
        self.checks.borrow_mut().stream_begun(ssrc, NAME, user, now);
        for sequence in 0..self.random.u16(1..20) {
            let packet = Packet {
                marker: false,
                payload_type: 8,
                sequence,
                timestamp: u32::from(sequence) * 160,
                ssrc: Ssrc(ssrc),
                payload: &[0xd5; 160],
            };
            self.out.push_back(Datagram {
                source: SocketAddr::new(self.own.ip(), 31_000),
                destination: to,
                payload: packet.to_bytes(),
            });
        }
    }

    /// Media to any of Strait's ports in the core, from where nobody signals.
    fn spray(&mut self) {
        let stream = self.checks.borrow().media.some_stream(&mut self.random);
        let packet = Packet {
            marker: false,
            payload_type: 8,
            sequence: self.random.u16(..),
            timestamp: self.random.u32(..),
            ssrc: Ssrc(stream.unwrap_or(self.random.u32(..))),
            payload: &FORGED.repeat(20),
        };
        let port = self.random.u16(FIRST_PORT..=self.last_port);
        self.out.push_back(Datagram {
            source: SocketAddr::new(self.elsewhere, self.random.u16(30_000..50_000)),
            destination: SocketAddr::new(self.strait.ip(), port),
            payload: packet.to_bytes(),
        });
    }

    /// Sends a request about what `heard` names.
    fn request(
        &mut self,
        method: &str,
        uri: &str,
        via: &str,
        heard: &Overheard,
    ) -> Option<Message> {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: {}\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} {method}\r\nEvent: presence\r\nExpires: 30\r\n\
             Subscription-State: active\r\nRAck: 1 1 INVITE\r\nRefer-To: <sip:u0@{DOMAIN}>\r\n\
             Content-Length: 0\r\n\r\n",
            self.random.u8(1..80),
            heard.from,
            heard.to,
            heard.call_id,
            heard.number,
        );
        let mut message = Message::parse(text.as_bytes()).ok()?;
        let contact = self.lies.contact(&mut self.random);
        contact
            .into_iter()
            .for_each(|contact| message.push("Contact", contact));
        if ["INVITE", "UPDATE", "ACK"].contains(&method) && self.random.u8(..4) > 0 {
            self.describe(&mut message);
        }
        self.say(message.to_bytes());
        Some(message)
    }

    /// A beginning of its own, towards a user.
    fn stranger(&mut self, user: &str) -> Overheard {
        let (call, tag) = (self.random.u64(..), self.random.u32(..));
        Overheard {
            call_id: format!("{call:x}"),
            from: format!("<sip:{NAME}@example.net>;tag={tag:x}"),
            to: format!("<sip:{user}@{DOMAIN}>"),
            via: String::new(),
            number: 1,
        }
    }

    fn overheard(&mut self) -> Overheard {
        let heard = self.checks.borrow().gossip.some(&mut self.random);
        heard.unwrap_or_else(|| self.stranger("u0"))
    }
}
