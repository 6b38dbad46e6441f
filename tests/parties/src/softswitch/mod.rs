//! A softswitch: registrar with digest authentication, and a proxy that routes calls between its
//! users and stays on their path.
//!
//! It keeps bindings and, unless it forks, nothing about transactions (RFC 3261 §16.11): branches
//! are derived from the branches received, so retransmissions, CANCEL and ACK follow their INVITE
//! by themselves.

mod fork;
mod proxy;
mod registrar;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use self::fork::Forks;
pub use self::registrar::Binding;

use crate::party::{Datagram, Party};
use crate::sip::digest::{Algorithm, Challenge, md5};
use crate::sip::message::{Message, Start};
use crate::sip::uri::{NameAddr, Uri, parameter};

/// Requests answered by the softswitch itself whose ACK is still to be swallowed.
const ANSWERED_MAXIMUM: usize = 1024;

/// A softswitch's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its signalling address.
    pub address: SocketAddr,
    /// The domain its users are in; also the realm of its challenges.
    pub domain: String,
    /// Users and their passwords.
    pub users: BTreeMap<String, String>,
    /// The hash its challenges ask for.
    pub algorithm: Algorithm,
    /// Whether calls are challenged too, not only registrations.
    pub challenge_calls: bool,
    /// Whether a call rings at all phones of its user, not at the one registered last.
    pub forking: bool,
    /// Where registered users are reached.
    pub reach: Reach,
    /// Shortest expiry granted; shorter ones get 423.
    pub minimum_expiry: Duration,
    /// Longest expiry granted.
    pub maximum_expiry: Duration,
}

/// Where a registered user is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// At the address in the Contact: as RFC 3261 has it, and as it must be behind a session
    /// border controller.
    Contact,
    /// At the address the registration came from: a softswitch that helps with NATs itself.
    Source,
}

/// What a softswitch has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Registrations accepted, refreshes included.
    pub registrations: u64,
    /// Registrations refused for a wrong or unknown name or password.
    pub refused: u64,
    /// Requests forwarded.
    pub forwarded: u64,
    /// Datagrams that are no SIP message, or cannot be routed.
    pub dropped: u64,
}

/// A softswitch.
pub struct Softswitch {
    config: Config,
    secret: u64,
    bindings: BTreeMap<String, Vec<Binding>>,
    answered: VecDeque<String>,
    forks: Forks,
    counters: Counters,
    out: VecDeque<Datagram>,
}

impl Config {
    /// A softswitch at `address` for `domain` with users whose password is the phones' default.
    pub fn new<'a>(
        address: SocketAddr,
        domain: &str,
        users: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let password = |user: &str| (user.to_owned(), format!("secret of {user}"));
        Self {
            address,
            domain: domain.to_owned(),
            users: users.into_iter().map(password).collect(),
            algorithm: Algorithm::Md5,
            challenge_calls: false,
            forking: false,
            reach: Reach::Contact,
            minimum_expiry: Duration::from_secs(10),
            maximum_expiry: Duration::from_secs(3600),
        }
    }
}

impl Softswitch {
    /// A softswitch nobody has registered with.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            secret: fastrand::Rng::with_seed(seed).u64(..),
            bindings: BTreeMap::new(),
            answered: VecDeque::new(),
            forks: Forks::default(),
            counters: Counters::default(),
            out: VecDeque::new(),
        }
    }

    /// What it has done.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How it is set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The bindings of a user that hold at `now`.
    pub fn bindings(&self, now: Instant, user: &str) -> impl Iterator<Item = &Binding> {
        self.bindings
            .get(user)
            .into_iter()
            .flatten()
            .filter(move |binding| binding.until > now)
    }

    fn request(&mut self, now: Instant, datagram: &Datagram, mut request: Message) {
        note_source(&mut request, datagram.source);
        let Start::Request { method, uri } = &request.start else {
            return;
        };
        let (method, Ok(uri)) = (*method, Uri::parse(uri)) else {
            self.respond(&request, 400);
            return;
        };
        if method == Method::Ack && self.swallows(&request) {
            return;
        }
        if self.is_of_fork(now, datagram.source, &request) {
            return;
        }
        let ours = self.is_ours(&uri);
        match method {
            Method::Register if ours => self.register(now, datagram.source, &request),
            Method::Options if ours && uri.user.is_none() => self.respond(&request, 200),
            _ => self.route(now, datagram.source, request, uri),
        }
    }

    /// Whether a URI names this softswitch: its domain, or its own address.
    fn is_ours(&self, uri: &Uri) -> bool {
        uri.is_at(&self.config.domain) || uri.address() == Some(self.config.address)
    }

    /// Answers a request from here.
    fn respond(&mut self, request: &Message, status: u16) {
        let response = self.response(request, status);
        self.send_response(response);
    }

    fn response(&mut self, request: &Message, status: u16) -> Message {
        if request.method() == Some(Method::Invite) {
            self.answered.extend(request.branch().map(str::to_owned));
            while self.answered.len() > ANSWERED_MAXIMUM {
                self.answered.pop_front();
            }
        }
        let tag = md5(&format!("{} {}", self.secret, request.call_id()));
        Message::response(request, status, &tag[..8])
    }

    /// Sends a response to where its topmost Via says (RFC 3261 §18.2.2, RFC 3581 §4).
    fn send_response(&mut self, response: Message) {
        let Some(destination) = response.items("Via").next().and_then(return_address) else {
            self.counters.dropped += 1;
            return;
        };
        let source = self.config.address;
        self.out.push_back(Datagram {
            source,
            destination,
            payload: response.to_bytes(),
        });
    }

    /// An ACK to a final response of our own goes no further.
    fn swallows(&self, ack: &Message) -> bool {
        self.answered
            .iter()
            .any(|branch| Some(branch.as_str()) == ack.branch())
    }

    fn challenge(&self, request: &Message) -> Challenge {
        let nonce = md5(&format!("{}/{}", self.secret, request.call_id()));
        Challenge {
            realm: self.config.domain.clone(),
            nonce,
            algorithm: self.config.algorithm,
            qop: true,
            opaque: None,
            stale: false,
        }
    }

    /// The user a header of credentials proves to be.
    fn authenticated(&self, request: &Message, header: &str) -> Option<String> {
        let credentials = request.header(header)?;
        let user = crate::sip::digest::user_name(credentials)?;
        let password = self.config.users.get(&user)?;
        let proven = self
            .challenge(request)
            .accepts(credentials, password, request.method()?);
        proven.then_some(user)
    }
}

impl Party for Softswitch {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        match Message::parse(&datagram.payload) {
            Ok(message) if message.status().is_some() => self.forward_response(now, message),
            Ok(message) => self.request(now, datagram, message),
            // Keep-alives are blank (RFC 5626 §3.5.1).
            Err(_) if datagram.payload.iter().all(u8::is_ascii_whitespace) => {}
            Err(_) => self.counters.dropped += 1,
        }
    }

    fn timeout(&mut self, now: Instant) {
        for bindings in self.bindings.values_mut() {
            bindings.retain(|binding| binding.until > now);
        }
        self.fork_timeout(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let bindings = self.bindings.values().flatten();
        let lapses = bindings.map(|binding| binding.until).min();
        let repeats = self.forks.transactions.next_timeout();
        lapses.into_iter().chain(repeats).min()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        let forked = self.forks.transactions.poll_transmit();
        forked.or_else(|| self.out.pop_front())
    }
}

/// Writes where the request came from into its topmost Via.
fn note_source(request: &mut Message, source: SocketAddr) {
    let Some(via) = request.pop_item("Via") else {
        return;
    };
    let via = match via.split_once(";rport") {
        Some((before, after)) if !after.starts_with('=') => {
            format!("{before};rport={}{after}", source.port())
        }
        _ => via,
    };
    request.push_front("Via", format!("{via};received={}", source.ip()));
}

/// Where a response goes: the address received from and the port noted, else the sent-by.
fn return_address(via: &str) -> Option<SocketAddr> {
    let sent_by = via.split_whitespace().nth(1)?.split(';').next()?;
    let sent_by = Uri::parse(&format!("sip:{sent_by}")).ok()?;
    let port = parameter(via, "rport").and_then(|port| port.parse().ok());
    let ip = parameter(via, "received").and_then(|ip| ip.parse().ok());
    match (ip, sent_by.address()) {
        (Some(ip), _) => Some(SocketAddr::new(
            ip,
            port.or(sent_by.port)
                .unwrap_or(crate::sip::uri::DEFAULT_PORT),
        )),
        (None, address) => address,
    }
}

/// The URI of a Route header's item.
fn route_uri(item: &str) -> Option<Uri> {
    NameAddr::parse(item).ok().map(|route| route.uri)
}
