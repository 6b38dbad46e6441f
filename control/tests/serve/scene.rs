//! A realm that serves `example.net` in both versions, and terminals in it.

use strait_control::gateway::io::{RealmIndex, Transport};

use crate::world::secrets::Secrets;
use crate::world::{Outcome, Party, World, header};

pub const HOME: RealmIndex = RealmIndex(0);

/// The configuration, with `serve` as given behind its domains.
pub fn config(serve: &str) -> String {
    let base = r#"
realms:
  - name: home
    signalling:
      - { transport: udp, address: 192.0.2.1 }
      - { transport: tcp, address: 192.0.2.1 }
      - { transport: udp, address: "2001:db8:a::1" }
    media:
      - { address: 192.0.2.1, ports: 20000-20999 }
      - { address: "2001:db8:a::1", ports: 20000-20999 }
    serve:
      domains: [ example.net ]
      SERVE
softswitches:
  - { name: far, realm: home, address: "192.0.2.99:5060", domain: far.example, probe: null }
"#;
    base.replace("SERVE", serve)
}

/// A server whose realm serves as given. Terminals of one network may read each other's addresses.
pub fn server(serve: &str) -> World {
    let mut world = World::with(&config(serve));
    world.secrets = Secrets::None;
    world
}

/// A terminal's user name, and where it is in either version.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    pub user: &'static str,
    pub number: u8,
}

pub const ALICE: Terminal = Terminal {
    user: "alice",
    number: 5,
};

pub const BOB: Terminal = Terminal {
    user: "bob",
    number: 6,
};

/// A version of IP, as requests of a scenario travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ip {
    V4,
    V6,
}

impl Terminal {
    /// Its address in one version.
    pub fn host(self, ip: Ip) -> String {
        match ip {
            Ip::V4 => format!("198.51.100.{}", self.number),
            Ip::V6 => format!("[2001:db8:b::{}]", self.number),
        }
    }

    pub fn party(self, world: &World, ip: Ip) -> Party {
        let remote = format!("{}:5060", self.host(ip));
        world.party(HOME, Transport::Udp, &remote)
    }

    pub fn contact(self, ip: Ip) -> String {
        format!("sip:{}@{}:5060", self.user, self.host(ip))
    }

    /// A REGISTER over `ip` that names the Contacts of `contacts`.
    pub fn register(self, ip: Ip, contacts: &[Ip], cseq: u32) -> String {
        let contacts: Vec<String> = contacts
            .iter()
            .map(|ip| format!("<{}>", self.contact(*ip)))
            .collect();
        let contacts = contacts.join(", ");
        self.register_with(ip, &format!("Contact: {contacts}\nExpires: 600\n"), cseq)
    }

    /// A REGISTER over `ip` with these header lines.
    pub fn register_with(self, ip: Ip, lines: &str, cseq: u32) -> String {
        let (user, host) = (self.user, self.host(ip));
        format!(
            "REGISTER sip:example.net SIP/2.0\n\
             Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bKr{user}{cseq}\n\
             Max-Forwards: 70\nFrom: <sip:{user}@example.net>;tag=r{user}\n\
             To: <sip:{user}@example.net>\nCall-ID: reg-{user}\nCSeq: {cseq} REGISTER\n\
             {lines}Content-Length: 0\n\n"
        )
    }

    /// An INVITE to `uri` over `ip` whose description is of version `media`.
    pub fn invite(self, ip: Ip, uri: &str, media: Ip, cseq: u32) -> String {
        let (user, host) = (self.user, self.host(ip));
        let sdp = self.description(media);
        format!(
            "INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bKi{user}{cseq}\n\
             Max-Forwards: 70\nFrom: <sip:{user}@example.net>;tag=i{user}\n\
             To: <sip:bob@example.net>\nCall-ID: call-{user}\nCSeq: {cseq} INVITE\n\
             Contact: <{}>\nContent-Type: application/sdp\nContent-Length: auto\n\n{sdp}",
            self.contact(ip)
        )
    }

    pub fn description(self, media: Ip) -> String {
        let host = self.host(media);
        let ip = host.trim_matches(['[', ']']);
        let version = match media {
            Ip::V4 => "IP4",
            Ip::V6 => "IP6",
        };
        format!(
            "v=0\no=- 1 1 IN {version} {ip}\ns=-\nc=IN {version} {ip}\nt=0 0\n\
             m=audio 4000 RTP/AVP 0\n"
        )
    }
}

/// Registers, and expects that it is done; the answer.
#[track_caller]
pub fn registered(world: &mut World, who: Terminal, ip: Ip, contacts: &[Ip], cseq: u32) -> String {
    let from = who.party(world, ip);
    let outcome = world.send(from, &who.register(ip, contacts, cseq));
    let answer = outcome.only(from).to_owned();
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n"), "{answer}");
    answer
}

/// A response to a request that was sent to somebody, with these lines and this body.
pub fn response(request: &str, status: &str, lines: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        text += &format!("{name}: {}\n", header(request, name));
    }
    let to = header(request, "To");
    let tag = if to.contains(";tag=") {
        ""
    } else {
        ";tag=callee"
    };
    text += &format!("To: {to}{tag}\n{lines}Content-Length: auto\n\n{body}");
    text
}

/// The body of a message.
pub fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The final response that came to a party.
#[track_caller]
pub fn last(outcome: &Outcome, party: Party) -> &str {
    outcome.last(party)
}
