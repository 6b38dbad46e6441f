//! Servers and terminals that talk to each other: real gateways, and terminals that do what the
//! page says. Everything sent is written down as an arrow.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use strait_control::gateway::io::{Flow, Hop, Input, ListenerIndex, RealmIndex, Transport};

use crate::serve::scene::response;
use crate::world::secrets::Secrets;
use crate::world::{Outcome, World, between, header, start, wire};

/// A terminal: the versions it has, and those it is registered under.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub has: &'static [Ip],
    pub registered: &'static [Ip],
    /// Whether one REGISTER, over the first of them, carries the Contacts of all.
    pub together: bool,
    /// Whether it answers 380 to an offer of a version that it cannot use.
    pub judges: bool,
}

impl Kind {
    /// A terminal that registers each version by itself.
    pub const fn new(name: &'static str, has: &'static [Ip], registered: &'static [Ip]) -> Self {
        Self {
            name,
            has,
            registered,
            together: false,
            judges: false,
        }
    }

    /// The versions it sends a REGISTER over.
    fn registers(self) -> Vec<Ip> {
        let count = if self.together {
            1
        } else {
            self.registered.len()
        };
        self.registered[..count].to_vec()
    }
}

/// What figures call the servers.
const SERVERS: [&str; 2] = ["one", "two"];

fn version(address: SocketAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ip {
    V4,
    V6,
}

use Ip::{V4, V6};

/// Where caller and callee are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At one dual server.
    Same,
    /// At two dual servers.
    Dual,
    /// The callee at a server of IPv4 alone.
    Ipv4,
    /// The caller at a server of IPv4 alone.
    FromIpv4,
}

/// A server and the addresses it is at, by version.
struct Server {
    world: World,
    addresses: Vec<SocketAddr>,
}

impl Server {
    fn new(number: u8, domain: &str, versions: &[Ip], steering: &str) -> Self {
        let v4 = format!("192.0.2.{number}");
        let v6 = format!("2001:db8:a::{number}");
        let ips: Vec<&str> = versions
            .iter()
            .map(|ip| if *ip == V4 { &*v4 } else { &*v6 })
            .collect();
        let list = |entry: &dyn Fn(&str) -> String| {
            let entries: Vec<String> = ips.iter().map(|ip| entry(ip)).collect();
            entries.join(", ")
        };
        let signalling = list(&|ip| format!("{{ address: \"{ip}\" }}"));
        let media = list(&|ip| format!("{{ address: \"{ip}\", ports: 20000-20099 }}"));
        let mut world = World::with(&format!(
            "realms:\n  - name: home\n    signalling: [ {signalling} ]\n    \
             media: [ {media} ]\n    serve: {{ domains: [ {domain} ], steering: {steering} }}\n"
        ));
        world.secrets = Secrets::None;
        let addresses = ips
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), 5060));
        Self {
            world,
            addresses: addresses.collect(),
        }
    }

    /// Something comes from `remote`.
    fn hear(&mut self, remote: SocketAddr, text: &str) -> Outcome {
        let same = |own: &SocketAddr| own.is_ipv4() == remote.is_ipv4();
        let listener = self.addresses.iter().position(same).expect("it is heard");
        let flow = Flow {
            realm: RealmIndex(0),
            listener: ListenerIndex(listener as u16),
            transport: Transport::Udp,
            remote,
            connection: None,
        };
        let bytes = text.as_bytes();
        self.world.input(Input::Message { flow, bytes })
    }
}

/// A terminal in a call.
struct Terminal {
    user: &'static str,
    domain: &'static str,
    number: u8,
    kind: Kind,
}

impl Terminal {
    fn address(&self, ip: Ip) -> SocketAddr {
        let number = self.number;
        let text = match ip {
            V4 => format!("198.51.100.{number}:5060"),
            V6 => format!("[2001:db8:b::{number}]:5060"),
        };
        text.parse().unwrap()
    }

    fn is_at(&self, address: SocketAddr) -> bool {
        self.kind.has.iter().any(|ip| self.address(*ip) == address)
    }

    fn contact(&self, ip: Ip) -> String {
        format!("sip:{}@{}", self.user, self.address(ip))
    }

    fn description(&self, ip: Ip) -> String {
        let at = self.address(ip).ip();
        let version = if ip == V4 { "IP4" } else { "IP6" };
        format!(
            "v=0\no=- 1 1 IN {version} {at}\ns=-\nc=IN {version} {at}\nt=0 0\n\
             m=audio 4000 RTP/AVP 0\n"
        )
    }

    fn register(&self, ip: Ip, cseq: u32) -> String {
        let (user, domain) = (self.user, self.domain);
        let contacts = match self.kind.together {
            true => self.kind.registered.to_vec(),
            false => vec![ip],
        };
        let contacts = contacts.iter().map(|ip| format!("<{}>", self.contact(*ip)));
        let contacts = contacts.collect::<Vec<_>>().join(", ");
        wire(&format!(
            "REGISTER sip:{domain} SIP/2.0\nVia: SIP/2.0/UDP {};branch=z9hG4bKr{user}{cseq}\n\
             Max-Forwards: 70\nFrom: <sip:{user}@{domain}>;tag=r\nTo: <sip:{user}@{domain}>\n\
             Call-ID: r-{user}\nCSeq: {cseq} REGISTER\nContact: {contacts}\nExpires: 600\n\
             Content-Length: 0\n\n",
            self.address(ip)
        ))
    }

    /// An INVITE over `ip` with media in `media`.
    fn invite(&self, ip: Ip, media: Ip, uri: &str, cseq: u32) -> String {
        let (user, domain) = (self.user, self.domain);
        wire(&format!(
            "INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP {};branch=z9hG4bKi{user}{cseq}\n\
             Max-Forwards: 70\nFrom: <sip:{user}@{domain}>;tag=i\nTo: <{uri}>\nCall-ID: i-{user}\n\
             CSeq: {cseq} INVITE\nContact: <{}>\nContent-Type: application/sdp\n\
             Content-Length: auto\n\n{}",
            self.address(ip),
            self.contact(ip),
            self.description(media)
        ))
    }

    /// The version of an offer that it takes: the first alternative it has, else the one of `c=`.
    fn takes(&self, description: &str) -> Option<Ip> {
        let version = |text: &str| if text.contains("IP4") { V4 } else { V6 };
        let alternatives = description
            .lines()
            .filter(|line| line.starts_with("a=altc:"));
        let connection = description.lines().filter(|line| line.starts_with("c="));
        let mut offered = alternatives.chain(connection).map(version);
        offered.find(|ip| self.kind.has.contains(ip))
    }

    /// What it answers to an INVITE that came over `ip`.
    fn answer(&self, request: &str, ip: Ip) -> String {
        let offer = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let answer = match self.takes(offer) {
            Some(media) => response(
                request,
                "200 OK",
                &format!(
                    "Contact: <{}>\nContent-Type: application/sdp\n",
                    self.contact(ip)
                ),
                &self.description(media),
            ),
            None if self.kind.judges => {
                let own = self.kind.has[0];
                let lines = "Content-Type: application/sdp\n";
                let body = self.description(own);
                response(request, "380 Alternative Service", lines, &body)
            }
            None => response(request, "488 Not Acceptable Here", "", ""),
        };
        wire(&answer)
    }
}

/// How a call went.
pub struct Call {
    servers: Vec<Server>,
    caller: Terminal,
    callee: Terminal,
    /// Everything said, an arrow each: `alice > one IPv6 INVITE`.
    pub said: Vec<String>,
    /// Offers that the callee was given, and answers that the caller was.
    described: [Vec<String>; 2],
    finals: Vec<String>,
}

impl Call {
    pub fn new(caller: Kind, callee: Kind, place: Place, steering: &str) -> Self {
        let dual = |number, domain| Server::new(number, domain, &[V4, V6], steering);
        let unaware = "{ media: direct, judge: terminal }";
        let ipv4 = |number, domain| Server::new(number, domain, &[V4], unaware);
        let (net, org) = ("example.net", "example.org");
        let servers = match place {
            Place::Same => vec![dual(1, net)],
            Place::Dual => vec![dual(1, net), dual(2, org)],
            Place::Ipv4 => vec![dual(1, net), ipv4(2, org)],
            Place::FromIpv4 => vec![ipv4(1, net), dual(2, org)],
        };
        let domain = ["example.net", "example.org"][servers.len() - 1];
        let terminal = |user, domain, number, kind| Terminal {
            user,
            domain,
            number,
            kind,
        };
        let mut call = Self {
            servers,
            caller: terminal("alice", "example.net", 5, caller),
            callee: terminal("bob", domain, 6, callee),
            said: Vec::new(),
            described: [Vec::new(), Vec::new()],
            finals: Vec::new(),
        };
        call.register();
        call
    }

    fn register(&mut self) {
        let last = self.servers.len() - 1;
        for (terminal, server) in [(&self.caller, 0), (&self.callee, last)] {
            let name = SERVERS[server];
            let server = &mut self.servers[server];
            for (cseq, ip) in (1..).zip(terminal.kind.registers()) {
                let from = terminal.address(ip);
                let has = |own: &SocketAddr| own.is_ipv4() == from.is_ipv4();
                if server.addresses.iter().any(has) {
                    let outcome = server.hear(from, &terminal.register(ip, cseq));
                    let answer = &outcome.sent[0].text;
                    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
                    let (user, version) = (terminal.user, version(from));
                    self.said
                        .push(format!("{user} > {name} {version} REGISTER"));
                    self.said
                        .push(format!("{name} > {user} {version} 200 REGISTER"));
                }
            }
        }
    }

    /// What was said since it was last asked.
    pub fn figure(&mut self) -> String {
        std::mem::take(&mut self.said).join("\n")
    }

    fn note(&mut self, from: &str, to: &str, address: SocketAddr, text: &str) {
        let first = start(text).strip_prefix("SIP/2.0 ");
        let what = match first.map(|status| &status[..3]) {
            Some(status) if status.starts_with('1') => return,
            Some(status) => {
                let method = header(text, "CSeq").split(' ').nth(1).unwrap_or_default();
                format!("{status} {method}")
            }
            None => text.split(' ').next().unwrap_or_default().to_owned(),
        };
        self.said
            .push(format!("{from} > {to} {} {what}", version(address)));
    }

    /// Who is at an address.
    fn name_of(&self, address: SocketAddr) -> &'static str {
        let at = |server: &Server| server.addresses.contains(&address);
        match self.servers.iter().position(at) {
            Some(server) => SERVERS[server],
            None if self.caller.is_at(address) => self.caller.user,
            None => self.callee.user,
        }
    }

    /// Calls, and calls again in the other version where that is what the caller is told.
    pub fn place(&mut self) -> String {
        let uri = format!("sip:bob@{}", self.callee.domain);
        let kind = self.caller.kind;
        // The newer version first, where it has both.
        let first = *kind.registered.last().expect("it is registered");
        let status = self.invite(first, first, &uri, 1);
        if status == 200 {
            return self.media("yes");
        }
        let other = if first == V4 { V6 } else { V4 };
        if status != 380 || !kind.has.contains(&other) {
            return format!("no ({status})");
        }
        let over = if kind.registered.contains(&other) {
            other
        } else {
            first
        };
        match self.invite(over, other, &uri, 2) {
            200 => self.media("after 380"),
            status => format!("no ({status})"),
        }
    }

    /// One INVITE over `over` with media in `media`; the status it ends with.
    pub fn talk(&mut self, over: Ip, media: Ip) -> u16 {
        let uri = format!("sip:bob@{}", self.callee.domain);
        let cseq = 1 + self.finals.len() as u32;
        self.invite(over, media, &uri, cseq)
    }

    /// Whether each can send to where the other one's description says.
    fn media(&self, answer: &str) -> String {
        let [offer, given] = &self.described;
        let reach = |terminal: &Terminal, other: &Terminal, description: &str| {
            let at = between(description, "\r\nc=IN ", "\r\n");
            let ip: IpAddr = at.split(' ').nth(1).unwrap().parse().unwrap();
            let known = terminal
                .kind
                .has
                .contains(if ip.is_ipv4() { &V4 } else { &V6 });
            let theirs = other
                .kind
                .has
                .iter()
                .any(|own| other.address(*own).ip() == ip);
            let ours = self.servers.iter().flat_map(|server| &server.addresses);
            known && (theirs || ours.into_iter().any(|own| own.ip() == ip))
        };
        let to_callee = reach(&self.caller, &self.callee, given.last().expect("an answer"));
        let offered = offer.last().expect("an offer");
        // Where the callee took an alternative, that is where it sends.
        let taken = self.callee.takes(offered).expect("it took one");
        let alternative = offered.contains("a=altc:")
            && !offered.contains(match taken {
                V4 => "c=IN IP4",
                V6 => "c=IN IP6",
            });
        let to_caller = alternative || reach(&self.callee, &self.caller, offered);
        assert!(
            to_callee && to_caller,
            "set up, and nobody hears: {:#?}",
            self.described
        );
        answer.to_owned()
    }

    /// What both parties' session descriptions were when they arrived: offers, then answers.
    pub fn described(&self) -> &[Vec<String>; 2] {
        &self.described
    }

    /// Sends an INVITE and carries on until the caller has its final response.
    fn invite(&mut self, ip: Ip, media: Ip, uri: &str, cseq: u32) -> u16 {
        let text = self.caller.invite(ip, media, uri, cseq);
        let from = self.caller.address(ip);
        let mut waiting = VecDeque::from([(0, from, text)]);
        let before = self.finals.len();
        for _ in 0..200 {
            let Some((server, from, text)) = waiting.pop_front() else {
                break;
            };
            if !self.servers.iter().any(|one| one.addresses.contains(&from)) {
                self.note(self.name_of(from), SERVERS[server], from, &text);
            }
            let mut outcome = self.servers[server].hear(from, &text);
            while let Some(lookup) = outcome.lookups.pop() {
                self.said.push(format!("{} > dns DNS", SERVERS[server]));
                let answer = Ok(self.hops(&lookup.host));
                let id = lookup.id;
                outcome.extend(
                    self.servers[server]
                        .world
                        .input(Input::Resolved { id, answer }),
                );
            }
            for sent in outcome.sent {
                let own = self.servers[server].addresses[usize::from(sent.flow.listener.0)];
                waiting.extend(self.arrive(server, own, sent.flow.remote, sent.text));
            }
        }
        let finals = &self.finals[before..];
        let last = finals
            .last()
            .unwrap_or_else(|| panic!("no answer to {uri}"));
        start(last).split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// What follows when `text` arrives at `to`.
    fn arrive(
        &mut self,
        server: usize,
        from: SocketAddr,
        to: SocketAddr,
        text: String,
    ) -> Vec<(usize, SocketAddr, String)> {
        self.note(SERVERS[server], self.name_of(to), to, &text);
        let at = |server: &Server| server.addresses.contains(&to);
        if let Some(next) = self.servers.iter().position(at) {
            return vec![(next, from, text)];
        }
        let ip = if to.is_ipv4() { V4 } else { V6 };
        let body = text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
            .to_owned();
        if self.callee.is_at(to) && text.starts_with("INVITE ") {
            self.described[0].push(body);
            return vec![(server, to, self.callee.answer(&text, ip))];
        }
        if self.caller.is_at(to) && text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") {
            self.described[1].push(body);
            let target = match text.starts_with("SIP/2.0 200") {
                true => between(header(&text, "Contact"), "<", ">").to_owned(),
                false => "sip:bob@example.net".to_owned(),
            };
            let branch = match text.starts_with("SIP/2.0 200") {
                true => format!("SIP/2.0/UDP {to};branch=z9hG4bKack{}", self.finals.len()),
                false => header(&text, "Via").to_owned(),
            };
            let cseq = header(&text, "CSeq").replace("INVITE", "ACK");
            let ack = wire(&format!(
                "ACK {target} SIP/2.0\nVia: {branch}\nMax-Forwards: 70\nFrom: {}\nTo: {}\n\
                 Call-ID: {}\nCSeq: {cseq}\nContent-Length: 0\n\n",
                header(&text, "From"),
                header(&text, "To"),
                header(&text, "Call-ID")
            ));
            self.finals.push(text);
            return vec![(server, to, ack)];
        }
        Vec::new()
    }

    /// What the DNS says of a domain.
    fn hops(&self, domain: &str) -> Vec<Hop> {
        let server = if domain == "example.org" { 1 } else { 0 };
        let addresses = self.servers[server].addresses.iter();
        let hop = |address: &SocketAddr| Hop {
            transport: Transport::Udp,
            address: *address,
        };
        addresses.map(hop).collect()
    }
}
