//! Everyone who calls, and the time it takes them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;
use strait_parties::sip::dialog::Dialog;
use strait_parties::sip::message::{Message, Start};
use strait_parties::sip::transaction::{Arrival, ClientId, Expired};
use strait_parties::sip::uri::Uri;
use strait_shared::time::Instant;

use super::agent::Agent;
use super::figures::record;
use super::{Figures, Kind, addresses, description, user};

/// Who calls.
const USER: &str = "load";

/// What the driver has to know of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A call is answered; Strait takes its media at these addresses on the near side.
    Established(u64, [SocketAddr; 2]),
    /// A call is over, well or not.
    Ended(u64),
}

/// Everyone who calls.
pub struct Caller {
    agent: Agent,
    /// Where Strait takes calls.
    strait: SocketAddr,
    /// How long callees ring.
    ring: Duration,
    calls: HashMap<u64, Call>,
    by_call_id: HashMap<String, u64>,
    pending: BTreeMap<ClientId, (u64, Purpose)>,
    /// What became of the calls.
    pub figures: Figures,
    happenings: Vec<Happening>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Invite,
    Reinvite,
    Cancel,
    Bye,
}

struct Call {
    kind: Kind,
    own: [SocketAddr; 2],
    invite: Message,
    placed: Instant,
    rings: bool,
    answered: bool,
    dialog: Option<Dialog>,
    bye: Option<Instant>,
    transactions: Vec<ClientId>,
}

impl Caller {
    /// Callers at this address, who call through Strait's.
    pub fn bind(address: SocketAddr, strait: SocketAddr, ring: Duration) -> io::Result<Self> {
        Ok(Self {
            agent: Agent::bind(address)?,
            strait,
            ring,
            calls: HashMap::new(),
            by_call_id: HashMap::new(),
            pending: BTreeMap::new(),
            figures: Figures::default(),
            happenings: Vec::new(),
        })
    }

    /// Places a call, with media at these RTP and RTCP addresses.
    pub fn place(&mut self, now: Instant, number: u64, kind: Kind, own: [SocketAddr; 2]) {
        let target = Uri::at(&user(kind, number), self.strait);
        let mut invite = self.agent.invite(USER, &target, description(own, 1));
        let id = self.agent.request(now, self.strait, &mut invite);
        self.pending.insert(id.clone(), (number, Purpose::Invite));
        self.by_call_id.insert(invite.call_id().to_owned(), number);
        let call = Call {
            kind,
            own,
            invite,
            placed: now,
            rings: false,
            answered: false,
            dialog: None,
            bye: None,
            transactions: vec![id],
        };
        self.calls.insert(number, call);
        self.figures.placed += 1;
    }

    /// Offers the same again.
    pub fn reinvite(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let Some(dialog) = &mut call.dialog else {
            return;
        };
        let mut request = dialog.request(Method::Invite, None);
        request.push("Contact", self.agent.contact(USER));
        request.set_body("application/sdp", description(call.own, 1));
        let id = self.agent.request(now, self.strait, &mut request);
        call.transactions.push(id.clone());
        self.pending.insert(id, (number, Purpose::Reinvite));
    }

    /// Ends a call from this side.
    pub fn hang_up(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let Some(dialog) = &mut call.dialog else {
            return;
        };
        call.bye = Some(now);
        let mut bye = dialog.request(Method::Bye, None);
        let id = self.agent.request(now, self.strait, &mut bye);
        self.pending.insert(id, (number, Purpose::Bye));
    }

    /// Takes what has arrived, repeats what is due; how many messages came.
    pub fn work(&mut self, now: Instant) -> usize {
        let messages = self.agent.receive();
        let count = messages.len();
        for (source, message) in messages {
            if message.status().is_some() {
                self.response(now, &message);
            } else {
                self.request(now, source, &message);
            }
        }
        for expired in self.agent.transactions.timeout(now) {
            if let Expired::NoResponse(id) = expired
                && let Some((number, _)) = self.pending.remove(&id)
            {
                self.end(number, Some("no response".to_owned()));
            }
        }
        self.agent.flush();
        count
    }

    /// What the driver has to know of, once.
    pub fn happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    fn request(&mut self, now: Instant, source: SocketAddr, request: &Message) {
        let local = self.agent.local();
        let Arrival::New(id) = self.agent.transactions.receive(now, source, local, request) else {
            return;
        };
        let response = Message::response(request, 200, "");
        self.agent.transactions.respond(now, &id, &response);
        let known = self.by_call_id.get(request.call_id()).copied();
        if let (Some(Method::Bye), Some(number)) = (request.method(), known) {
            self.end(number, None);
        }
    }

    fn response(&mut self, now: Instant, response: &Message) {
        let Some(id) = self.agent.transactions.response(now, response) else {
            return;
        };
        let Some(&(number, purpose)) = self.pending.get(&id) else {
            return;
        };
        let status = response.status().unwrap_or_default();
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        match (purpose, status) {
            (_, 100) => {}
            (Purpose::Invite, 101..=199) => {
                if !std::mem::replace(&mut call.rings, true) {
                    record(&mut self.figures.to_ringing, now.since(call.placed));
                    if call.kind == Kind::Cancel {
                        self.cancel(now, number);
                    }
                }
            }
            (Purpose::Invite | Purpose::Reinvite, 200..=299) => {
                self.accepted(now, number, purpose, response);
            }
            (Purpose::Invite, _) => {
                let meant = match call.kind {
                    Kind::Busy => status == 486,
                    Kind::Cancel => status == 487,
                    Kind::Answer | Kind::Reinvite => false,
                };
                self.end(number, (!meant).then(|| format!("INVITE {status}")));
            }
            (Purpose::Reinvite, _) => self.figures.fail(format!("re-INVITE {status}")),
            (Purpose::Bye, 200..) => {
                let since = call.bye.map_or(Duration::ZERO, |bye| now.since(bye));
                record(&mut self.figures.to_end, since);
                self.end(number, (status >= 300).then(|| format!("BYE {status}")));
            }
            (Purpose::Bye | Purpose::Cancel, _) => {}
        }
        if status >= 300 || status >= 200 && matches!(purpose, Purpose::Bye | Purpose::Cancel) {
            self.pending.remove(&id);
        }
    }

    fn accepted(&mut self, now: Instant, number: u64, purpose: Purpose, response: &Message) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        if purpose == Purpose::Invite && call.dialog.is_none() {
            call.dialog = Dialog::from_response(&call.invite, response);
        }
        let sequence = response.cseq().map_or(1, |cseq| cseq.number);
        let Some(dialog) = &mut call.dialog else {
            return;
        };
        let ack = dialog.request(Method::Ack, Some(sequence));
        self.agent.acknowledge(self.strait, ack);
        if purpose == Purpose::Invite && !std::mem::replace(&mut call.answered, true) {
            let spent = now.since(call.placed).saturating_sub(self.ring);
            record(&mut self.figures.to_answer, spent);
            match addresses(&response.body) {
                Some(media) => self.happenings.push(Happening::Established(number, media)),
                None => self.end(number, Some("an answer without a description".to_owned())),
            }
        }
    }

    fn cancel(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get(&number) else {
            return;
        };
        let Start::Request { uri, .. } = &call.invite.start else {
            return;
        };
        let mut cancel = call.invite.clone();
        cancel.start = Start::Request {
            method: Method::Cancel,
            uri: uri.clone(),
        };
        cancel.body.clear();
        for name in ["Contact", "Content-Type"] {
            cancel.remove(name);
        }
        cancel.set("CSeq", "1 CANCEL");
        // Same Via as the INVITE's (RFC 3261 §9.1).
        let local = self.agent.local();
        let id = self
            .agent
            .transactions
            .request(now, local, self.strait, &cancel);
        self.pending.insert(id, (number, Purpose::Cancel));
    }

    /// A call is over: as it was meant to, or with what went wrong.
    fn end(&mut self, number: u64, wrong: Option<String>) {
        let Some(call) = self.calls.remove(&number) else {
            return;
        };
        self.by_call_id.remove(call.invite.call_id());
        for id in &call.transactions {
            self.pending.remove(id);
        }
        match wrong {
            None => self.figures.succeed(call.kind.name()),
            Some(how) => self.figures.fail(how),
        }
        self.happenings.push(Happening::Ended(number));
    }
}
