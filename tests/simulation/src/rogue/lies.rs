//! What a lying softswitch writes where an address belongs: in descriptions, Contacts and routes.

use std::net::{IpAddr, SocketAddr};

use crate::configuration::{self, FIRST_PORT};
use crate::plan::Plan;

/// Addresses that media must never be sent to, or that mean nothing.
const NOWHERE: [&str; 11] = [
    "127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.5",
    "240.1.2.3",
    "::1",
    "::",
    "ff02::1",
    "fe80::1",
    "::ffff:10.0.0.1",
    "300.1.2.3",
];
/// Ports where something else lives, or nothing can.
const PORTS: [u32; 7] = [0, 1, 53, 1_023, 5_060, 65_535, 70_000];

/// Somebody's store of lies.
pub struct Lies {
    /// The liar's own address.
    own: SocketAddr,
    /// Where Strait is in the core.
    strait: IpAddr,
    /// Honest softswitches, and telephones of both sides, with the ports that they have.
    others: Vec<SocketAddr>,
    last_port: u16,
}

impl Lies {
    /// The lies of a softswitch at `own` in a world.
    pub fn new(own: SocketAddr, strait: IpAddr, plan: &Plan) -> Self {
        let phones = (0..plan.homes.len()).map(configuration::public);
        let core =
            (0..plan.homes.len()).map(|number| configuration::in_core(number, own.is_ipv6()));
        let ports = 40_000..40_008;
        let phones = phones.chain(core);
        let phones = phones.flat_map(|ip| ports.clone().map(move |port| SocketAddr::new(ip, port)));
        Self {
            own,
            strait,
            others: configuration::softswitches(plan)
                .into_iter()
                .chain(phones)
                .collect(),
            last_port: plan.last_port,
        }
    }

    /// A description, which may be true.
    pub fn description(&self, random: &mut fastrand::Rng) -> String {
        if random.u8(..3) == 0 {
            return self.describe(self.own.ip(), u32::from(random.u16(30_000..40_000)), "");
        }
        let (ip, port) = self.place(random);
        let (other, other_port) = self.place(random);
        match random.u8(..8) {
            0 => {
                let family = version(other);
                let rtcp = format!("a=rtcp:{other_port} IN {family} {other}\r\n");
                self.describe(self.own.ip(), 31_000, &rtcp)
            }
            1 => {
                let line = format!("m=audio {port} RTP/AVP 8\r\nc=IN {} {ip}\r\n", version(ip));
                self.describe(other, other_port, &line.repeat(random.usize(1..40)))
            }
            2 => {
                let text = self.describe(ip, port, "a=rtcp-mux\r\n");
                let at = random.usize(..text.len());
                text[..at].to_owned()
            }
            3 => {
                let nowhere = NOWHERE[random.usize(..NOWHERE.len())];
                let family = if nowhere.contains(':') { "IP6" } else { "IP4" };
                format!(
                    "v=0\r\no=- 1 1 IN {family} {nowhere}\r\ns=-\r\nc=IN {family} {nowhere}\r\n\
                     t=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
                )
            }
            _ => self.describe(ip, port, ""),
        }
    }

    /// A Contact, or none.
    pub fn contact(&self, random: &mut fastrand::Rng) -> Option<String> {
        let own = format!("<sip:judas@{}>", self.own);
        Some(match random.u8(..12) {
            0..=3 => own,
            4 => format!("<sip:judas@{}>", SocketAddr::new(self.strait, 5060)),
            5 => format!("<sip:judas@{}>", self.softswitch(random)),
            6 => "<sip:judas@127.0.0.1:5060>".to_owned(),
            7 => {
                let (user, token) = (random.u8(..7), random.u64(..));
                let strait = SocketAddr::new(self.strait, 5060);
                format!("<sip:u{user}@{strait};strait={token:016x}>")
            }
            8 => format!("<sip:{}@{}>", "a".repeat(3_000), self.own),
            9 => "<sip:judas@nobody.invalid;transport=tcp>;q=0.5, <sip:@>".to_owned(),
            10 => "*".to_owned(),
            _ => return None,
        })
    }

    /// A Record-Route, or none.
    pub fn record_route(&self, random: &mut fastrand::Rng) -> Option<String> {
        Some(match random.u8(..8) {
            0 => format!("<sip:{};lr>", self.own),
            1 => format!("<sip:{};lr>", SocketAddr::new(self.strait, 5060)),
            2 => format!("<sip:{};lr>, <sip:{}>", self.softswitch(random), self.own),
            3 => "<sip:127.0.0.1;lr>, <sip:nobody.invalid;lr>".to_owned(),
            4 => format!("<sip:{};lr>, ", self.own).repeat(40) + "<sip:10.0.9.9;lr>",
            _ => return None,
        })
    }

    fn softswitch(&self, random: &mut fastrand::Rng) -> SocketAddr {
        self.others[random.usize(..2)]
    }

    /// Somebody else's address and port.
    fn place(&self, random: &mut fastrand::Rng) -> (IpAddr, u32) {
        let relay = [
            configuration::ACCESS,
            configuration::ACCESS6,
            configuration::CORE,
            configuration::CORE6,
            configuration::ANNEX,
        ];
        match random.u8(..4) {
            0 => {
                let ip = relay[random.usize(..relay.len())];
                let port = random.u16(FIRST_PORT..=self.last_port);
                (ip.parse().expect("an address"), u32::from(port))
            }
            1 => (
                self.strait,
                u32::from(random.u16(FIRST_PORT..=self.last_port)),
            ),
            2 => {
                let other = self.others[random.usize(..self.others.len())];
                (other.ip(), u32::from(other.port()))
            }
            _ => (self.own.ip(), PORTS[random.usize(..PORTS.len())]),
        }
    }

    fn describe(&self, ip: IpAddr, port: u32, rest: &str) -> String {
        let family = version(ip);
        format!(
            "v=0\r\no=- 7 7 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8 0\r\n{rest}"
        )
    }
}

fn version(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}
