//! Whoever is called: stands where Strait's softswitch would, and does what the user name says.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;
use strait_parties::sip::dialog::Dialog;
use strait_parties::sip::message::Message;
use strait_parties::sip::transaction::{Arrival, ServerId};
use strait_shared::time::Instant;

use super::agent::Agent;
use super::{Kind, addresses, description, kind_and_number};

/// Everyone who is called.
pub struct Callee {
    agent: Agent,
    /// How long it rings.
    ring: Duration,
    calls: HashMap<u64, Call>,
    by_call_id: HashMap<String, u64>,
    answers: BinaryHeap<Reverse<(Instant, u64)>>,
}

struct Call {
    invite: Message,
    transaction: ServerId,
    kind: Kind,
    own: [SocketAddr; 2],
    /// Where Strait takes this side's media.
    strait: Option<[SocketAddr; 2]>,
    dialog: Option<Dialog>,
    tag: String,
    hop: SocketAddr,
    version: u64,
}

impl Callee {
    /// Stands at the softswitch's address.
    pub fn bind(address: SocketAddr, ring: Duration) -> io::Result<Self> {
        Ok(Self {
            agent: Agent::bind(address)?,
            ring,
            calls: HashMap::new(),
            by_call_id: HashMap::new(),
            answers: BinaryHeap::new(),
        })
    }

    /// Takes what has arrived and answers what is due; `media` has this side's addresses for a
    /// call. How many messages came.
    pub fn work(&mut self, now: Instant, media: &dyn Fn(u64) -> [SocketAddr; 2]) -> usize {
        let messages = self.agent.receive();
        let count = messages.len();
        for (source, message) in messages {
            if message.status().is_some() {
                self.agent.transactions.response(now, &message);
                continue;
            }
            let local = self.agent.local();
            match self
                .agent
                .transactions
                .receive(now, source, local, &message)
            {
                Arrival::New(id) => self.request(now, source, id, message, media),
                Arrival::AckForSuccess => self.acknowledged(&message),
                Arrival::Absorbed | Arrival::Unmatched => {}
            }
        }
        while let Some(&Reverse((at, number))) = self.answers.peek()
            && at <= now
        {
            self.answers.pop();
            self.answer(now, number);
        }
        self.agent.transactions.timeout(now);
        self.agent.flush();
        count
    }

    /// Works until Strait has asked whether anybody is here.
    pub fn answered_probe(&mut self, now: Instant, media: &dyn Fn(u64) -> [SocketAddr; 2]) -> bool {
        self.work(now, media) > 0
    }

    /// Where Strait takes a call's media on this side.
    pub fn strait(&self, number: u64) -> Option<[SocketAddr; 2]> {
        self.calls.get(&number)?.strait
    }

    /// Ends a call from this side.
    pub fn hang_up(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        if let Some(dialog) = &mut call.dialog {
            let mut bye = dialog.request(Method::Bye, None);
            self.agent.request(now, call.hop, &mut bye);
            self.agent.flush();
        }
    }

    /// Lets go of a call.
    pub fn forget(&mut self, number: u64) {
        if let Some(call) = self.calls.remove(&number) {
            self.by_call_id.remove(call.invite.call_id());
        }
    }

    fn request(
        &mut self,
        now: Instant,
        source: SocketAddr,
        id: ServerId,
        request: Message,
        media: &dyn Fn(u64) -> [SocketAddr; 2],
    ) {
        let known = self.by_call_id.get(request.call_id()).copied();
        match (request.method(), known) {
            (Some(Method::Invite), Some(number)) => self.reinvited(now, number, id, &request),
            (Some(Method::Invite), None) => self.invited(now, source, id, request, media),
            (Some(Method::Cancel), Some(number)) => {
                self.respond(now, &id, &request, 200, "");
                let Some(call) = self.calls.get(&number) else {
                    return;
                };
                let (invite, transaction) = (call.invite.clone(), call.transaction.clone());
                let tag = call.tag.clone();
                self.respond(now, &transaction, &invite, 487, &tag);
            }
            _ => self.respond(now, &id, &request, 200, ""),
        }
    }

    fn invited(
        &mut self,
        now: Instant,
        source: SocketAddr,
        id: ServerId,
        invite: Message,
        media: &dyn Fn(u64) -> [SocketAddr; 2],
    ) {
        let called = match &invite.start {
            strait_parties::sip::message::Start::Request { uri, .. } => {
                strait_parties::sip::uri::Uri::parse(uri)
                    .ok()
                    .and_then(|uri| uri.user)
            }
            strait_parties::sip::message::Start::Response(_) => None,
        };
        let Some((kind, number)) = called.as_deref().and_then(kind_and_number) else {
            self.respond(now, &id, &invite, 404, "nobody");
            return;
        };
        let tag = self.agent.token();
        let status = if kind == Kind::Busy { 486 } else { 180 };
        self.respond(now, &id, &invite, status, &tag);
        if matches!(kind, Kind::Answer | Kind::Reinvite) {
            self.answers.push(Reverse((now + self.ring, number)));
        }
        self.by_call_id.insert(invite.call_id().to_owned(), number);
        let call = Call {
            strait: addresses(&invite.body),
            own: media(number),
            transaction: id,
            kind,
            dialog: None,
            tag,
            hop: source,
            version: 1,
            invite,
        };
        self.calls.insert(number, call);
    }

    fn answer(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.dialog = Dialog::from_request(&call.invite, &call.tag);
        let mut answer = Message::response(&call.invite, 200, &call.tag);
        answer.push("Contact", self.agent.contact(call.kind.name()));
        answer.set_body("application/sdp", description(call.own, call.version));
        let id = call.transaction.clone();
        self.agent.transactions.respond(now, &id, &answer);
    }

    fn reinvited(&mut self, now: Instant, number: u64, id: ServerId, request: &Message) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let mut answer = Message::response(request, 200, &call.tag);
        answer.push("Contact", self.agent.contact(call.kind.name()));
        answer.set_body("application/sdp", description(call.own, call.version));
        call.transaction = id.clone();
        self.agent.transactions.respond(now, &id, &answer);
    }

    fn acknowledged(&mut self, ack: &Message) {
        let number = self.by_call_id.get(ack.call_id());
        if let Some(call) = number.and_then(|number| self.calls.get(number)) {
            let id = call.transaction.clone();
            self.agent.transactions.acknowledged(&id);
        }
    }

    fn respond(&mut self, now: Instant, id: &ServerId, request: &Message, status: u16, tag: &str) {
        let mut response = Message::response(request, status, tag);
        if status == 180 {
            response.push("Contact", self.agent.contact("ringing"));
        }
        self.agent.transactions.respond(now, id, &response);
    }
}
