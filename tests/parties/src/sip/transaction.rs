//! Transactions of a user agent over UDP (RFC 3261 §17, with RFC 6026's treatment of 2xx).
//!
//! A server transaction repeats its final response until acknowledged whether that is the layer's
//! business (non-2xx, §17.2.1) or the user's (2xx, §13.3.1.4): the timers are the same.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::message::Message;
use super::uri::parameter;
use crate::party::Datagram;

/// Round-trip estimate (§17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between repetitions of a non-INVITE request or a response.
pub const T2: Duration = Duration::from_secs(4);
/// How long a transaction is tried, and remembered (timers B, F, H, J).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(32);

/// A client transaction: the branch we chose and the method it carries.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClientId {
    branch: String,
    method: String,
}

/// A server transaction: branch, sent-by and method as received (§17.2.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ServerId {
    branch: String,
    sent_by: String,
    method: String,
}

/// What a received request turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// Nothing seen before: the user answers it.
    New(ServerId),
    /// Seen before: the last response has been repeated.
    Absorbed,
    /// An ACK to a 2xx, which is no transaction of its own.
    AckForSuccess,
    /// Not enough of a Via to say.
    Unmatched,
}

/// A transaction that ended without what it waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expired {
    /// No final response (timer B or F).
    NoResponse(ClientId),
    /// No ACK (timer H).
    NoAck(ServerId),
}

/// All transactions of one user agent.
#[derive(Default)]
pub struct Transactions {
    /// Whether the transport repeats what is lost.
    reliable: bool,
    clients: BTreeMap<ClientId, Client>,
    servers: BTreeMap<ServerId, Server>,
    out: VecDeque<Datagram>,
}

struct Client {
    datagram: Datagram,
    request: Message,
    state: ClientState,
    repeat: Option<(Instant, Duration)>,
    ends: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientState {
    Trying,
    Proceeding,
    /// A final response has come; kept to absorb repetitions.
    Completed,
}

struct Server {
    source: SocketAddr,
    local: SocketAddr,
    invite: bool,
    answer: Option<Datagram>,
    repeat: Option<(Instant, Duration)>,
    ends: Instant,
}

impl Transactions {
    /// None yet; over a reliable transport no request is repeated (§17.1.1.2, §17.1.2.2).
    pub fn over(reliable: bool) -> Self {
        Self {
            reliable,
            ..Self::default()
        }
    }

    /// Sends a request whose topmost Via carries a branch of its own.
    pub fn request(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        request: &Message,
    ) -> ClientId {
        let method = request
            .method()
            .expect("only requests are sent as requests");
        let branch = request
            .branch()
            .expect("every request sent carries a branch");
        let id = ClientId {
            branch: branch.to_owned(),
            method: method.to_string(),
        };
        let datagram = Datagram {
            source: local,
            destination: remote,
            payload: request.to_bytes(),
        };
        self.out.push_back(datagram.clone());
        let client = Client {
            datagram,
            request: request.clone(),
            state: ClientState::Trying,
            repeat: (!self.reliable).then_some((now + T1, T1)),
            ends: now + TRANSACTION_TIMEOUT,
        };
        self.clients.insert(id.clone(), client);
        id
    }

    /// A request is not repeated any more, and nothing it is answered counts.
    pub fn give_up(&mut self, id: &ClientId) {
        self.clients.remove(id);
    }

    /// Takes a response. The user is told of the transaction it belongs to, except for repetitions
    /// of a final response; repetitions of a 2xx to INVITE are the user's to acknowledge again.
    pub fn response(&mut self, now: Instant, response: &Message) -> Option<ClientId> {
        let status = response.status()?;
        let id = ClientId {
            branch: response.branch()?.to_owned(),
            method: response.cseq()?.method.to_string(),
        };
        let client = self.clients.get_mut(&id)?;
        let invite = id.method == Method::Invite.to_string();
        if invite && status >= 300 {
            let ack = acknowledge(&client.request, response);
            self.out.push_back(Datagram {
                payload: ack.to_bytes(),
                ..client.datagram.clone()
            });
        }
        match (status, client.state) {
            (100..=199, ClientState::Completed) => return None,
            (100..=199, _) => {
                client.state = ClientState::Proceeding;
                // INVITE rests; others go on at the slow pace (§17.1.2.2).
                let rests = invite || self.reliable;
                client.repeat = if rests { None } else { Some((now + T2, T2)) };
                if invite {
                    client.ends = Instant::MAX;
                }
            }
            (_, ClientState::Completed) if !(invite && status < 300) => return None,
            (_, ClientState::Completed) => {}
            (_, _) => {
                client.state = ClientState::Completed;
                client.repeat = None;
                client.ends = now + TRANSACTION_TIMEOUT;
            }
        }
        Some(id)
    }

    /// Takes a request.
    pub fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        local: SocketAddr,
        request: &Message,
    ) -> Arrival {
        let Some((id, method)) = server_id(request) else {
            return Arrival::Unmatched;
        };
        if let Some(server) = self.servers.get_mut(&id) {
            if method == Method::Ack {
                server.repeat = None;
                server.invite = false;
            } else if let Some(answer) = &server.answer {
                self.out.push_back(answer.clone());
            }
            return Arrival::Absorbed;
        }
        if method == Method::Ack {
            return Arrival::AckForSuccess;
        }
        let server = Server {
            source,
            local,
            invite: method == Method::Invite,
            answer: None,
            repeat: None,
            ends: now + TRANSACTION_TIMEOUT,
        };
        self.servers.insert(id.clone(), server);
        Arrival::New(id)
    }

    /// Answers a request; a final answer to INVITE is repeated until acknowledged.
    pub fn respond(&mut self, now: Instant, id: &ServerId, response: &Message) {
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        let answer = Datagram {
            source: server.local,
            destination: server.source,
            payload: response.to_bytes(),
        };
        if response.status().is_some_and(|status| status >= 200) {
            server.repeat = server.invite.then_some((now + T1, T1));
            server.ends = now + TRANSACTION_TIMEOUT;
        }
        self.out.push_back(answer.clone());
        server.answer = Some(answer);
    }

    /// Where a request arrived.
    pub fn local_of(&self, id: &ServerId) -> Option<SocketAddr> {
        self.servers.get(id).map(|server| server.local)
    }

    /// The ACK to a 2xx has come: the answer is not repeated any more.
    pub fn acknowledged(&mut self, id: &ServerId) {
        if let Some(server) = self.servers.get_mut(id) {
            server.repeat = None;
            server.invite = false;
        }
    }

    /// Repeats what is due and forgets what is over.
    pub fn timeout(&mut self, now: Instant) -> Vec<Expired> {
        let mut expired = Vec::new();
        let out = &mut self.out;
        self.clients.retain(|id, client| {
            if let Some((_, interval)) = client.repeat.filter(|(at, _)| *at <= now) {
                out.push_back(client.datagram.clone());
                // INVITE doubles without bound (timer A), others up to T2 (timer E).
                let invite = id.method == Method::Invite.to_string();
                let next = if invite {
                    interval * 2
                } else {
                    (interval * 2).min(T2)
                };
                client.repeat = Some((now + next, next));
            }
            let over = client.ends <= now;
            if over && client.state != ClientState::Completed {
                expired.push(Expired::NoResponse(id.clone()));
            }
            !over
        });
        self.servers.retain(|id, server| {
            if let (Some((_, interval)), Some(answer)) =
                (server.repeat.filter(|(at, _)| *at <= now), &server.answer)
            {
                out.push_back(answer.clone());
                let next = (interval * 2).min(T2);
                server.repeat = Some((now + next, next));
            }
            // An INVITE nobody has answered yet rings as long as it likes.
            let over = server.ends <= now && !(server.invite && server.repeat.is_none());
            if over && server.repeat.is_some() {
                expired.push(Expired::NoAck(id.clone()));
            }
            !over
        });
        expired
    }

    /// Whether a client transaction may still hear something.
    pub fn is_alive(&self, id: &ClientId) -> bool {
        self.clients.contains_key(id)
    }

    /// When [`Transactions::timeout`] is wanted next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let clients = self
            .clients
            .values()
            .flat_map(|client| [Some(client.ends), client.repeat.map(|(at, _)| at)]);
        let servers = self.servers.values().flat_map(|server| {
            let unanswered = server.invite && server.repeat.is_none();
            [
                (!unanswered).then_some(server.ends),
                server.repeat.map(|(at, _)| at),
            ]
        });
        clients.chain(servers).flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }
}

/// The ACK to a non-2xx final response (§17.1.1.3): same branch, same route.
fn acknowledge(request: &Message, response: &Message) -> Message {
    let mut ack = request.clone();
    if let super::message::Start::Request { method, .. } = &mut ack.start {
        *method = Method::Ack;
    }
    ack.body.clear();
    for name in [
        "Content-Type",
        "Contact",
        "Authorization",
        "Proxy-Authorization",
        "Allow",
    ] {
        ack.remove(name);
    }
    ack.set("To", response.header("To").unwrap_or_default());
    let number = request.cseq().map_or(0, |cseq| cseq.number);
    ack.set("CSeq", format!("{number} ACK"));
    ack
}

/// ACK is matched to the INVITE it acknowledges.
fn server_id(request: &Message) -> Option<(ServerId, Method)> {
    let method = request.method()?;
    let via = request.items("Via").next()?;
    let sent_by = via.split_whitespace().nth(1)?.split(';').next()?.to_owned();
    let matched = if method == Method::Ack {
        Method::Invite
    } else {
        method
    };
    let branch = parameter(via, "branch")?.to_owned();
    Some((
        ServerId {
            branch,
            sent_by,
            method: matched.to_string(),
        },
        method,
    ))
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
