//! Addresses for one demonstration: a part of 127.0.0.0/8 that nobody uses, and the configuration
//! that puts Strait there.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::Path;

use crate::exit::{Exit, Failure};

/// The domain everyone is in.
pub const DOMAIN: &str = "example.org";
/// Ports Strait may use for media on each of its two addresses.
const MEDIA_PORTS: u16 = 200;
/// Second octets tried, and ports, until a free combination is found.
const OCTETS: RangeInclusive<u8> = 30..=61;
const SIGNALLING_PORTS: [u16; 3] = [5060, 15_060, 25_060];
const FIRST_MEDIA_PORTS: [u16; 3] = [20_000, 40_000, 50_000];
/// Ports the phones may use for media, and where they may begin.
pub const PHONE_PORTS: u16 = 64;
const FIRST_PHONE_PORTS: [u16; 3] = [30_000, 31_000, 32_000];

/// The addresses of one demonstration.
pub struct Place {
    octet: u8,
    port: u16,
    first_media_port: u16,
    first_phone_port: u16,
    /// Held as long as the place is used, so that two demonstrations do not choose the same.
    _claim: UdpSocket,
}

impl Place {
    /// A place nobody uses.
    pub fn find() -> Result<Self, Failure> {
        for port in SIGNALLING_PORTS {
            for octet in OCTETS {
                if let Some(place) = Self::claim(octet, port) {
                    return Ok(place);
                }
            }
        }
        Err(Failure::new(
            Exit::InUse,
            "demo: no free addresses in 127.0.0.0/8: something holds UDP ports 5060, 15060 and \
             25060, or the media ports, on all of them; end it and try again",
        ))
    }

    /// Strait's signalling address towards the phones.
    pub fn access(&self) -> SocketAddr {
        self.at(0, 1)
    }

    /// Strait's signalling address towards the softswitch.
    pub fn core(&self) -> SocketAddr {
        self.at(0, 2)
    }

    /// The softswitch.
    pub fn softswitch(&self) -> SocketAddr {
        self.at(0, 10)
    }

    /// The phone in the core network.
    pub fn core_phone(&self) -> SocketAddr {
        self.at(0, 11)
    }

    /// The signalling port everyone uses.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the phones' media ports begin.
    pub fn first_phone_port(&self) -> u16 {
        self.first_phone_port
    }

    /// The external address of a NAT.
    pub fn nat(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.octet, number, 1)
    }

    /// Whether an address is one of Strait's.
    pub fn is_strait(&self, address: SocketAddr) -> bool {
        address.ip() == self.access().ip() || address.ip() == self.core().ip()
    }

    /// The configuration, its runtime files in `runtime`.
    pub fn configuration(&self, runtime: &Path) -> String {
        let (access, core, softswitch) = (self.access(), self.core(), self.softswitch());
        let (access_ip, core_ip, port) = (access.ip(), core.ip(), self.port);
        let first = self.first_media_port;
        let last = first + MEDIA_PORTS - 1;
        // A JSON string is a YAML string, whatever the path contains.
        let runtime = serde_json::Value::from(runtime.to_string_lossy());
        format!(
            "# Written by `strait demo`: phones behind NATs on one side, a softswitch on the other.
instance: demo
runtime_directory: {runtime}
realms:
  - name: access
    nat: true
    signalling: [ {{ transport: udp, address: {access_ip}, port: {port} }} ]
    media: [ {{ address: {access_ip}, ports: {first}-{last} }} ]
    latch: restricted
    dscp: 46
    keepalive: {{ method: options, interval: 5s }}
    forward_to: [softswitch]
  - name: core
    signalling: [ {{ transport: udp, address: {core_ip}, port: {port} }} ]
    media: [ {{ address: {core_ip}, ports: {first}-{last} }} ]
    latch: restricted
    dscp: 46
softswitches:
  - {{ name: softswitch, realm: core, address: \"{softswitch}\", domain: {DOMAIN}, probe: 5s }}
limits: {{ calls: 100, registrations: 100, calls_per_second: 100, tcp_connections: 10 }}
dataplane:
  nics: [ {{ name: default, port: udp }} ]
  workers: [ {{}} ]
records: {{ file: calls.jsonl }}
drain_timeout: 3s
"
        )
    }

    fn claim(octet: u8, port: u16) -> Option<Self> {
        let claim = UdpSocket::bind((Ipv4Addr::new(127, octet, 255, 254), port)).ok()?;
        let at = |third, last| Ipv4Addr::new(127, octet, third, last);
        // A port-preserving NAT uses the ports of the phone behind it.
        let phones = [at(0, 11), at(1, 1), at(2, 1)];
        let hosts = [at(0, 1), at(0, 2), at(0, 10)].into_iter().chain(phones);
        if !hosts.into_iter().all(|ip| is_free((ip, port))) {
            return None;
        }
        let free = |hosts: &[Ipv4Addr], first: u16, count: u16| {
            let all = |port| hosts.iter().all(|ip| is_free((*ip, port)));
            (first..first + count).all(all)
        };
        let first_media_port = FIRST_MEDIA_PORTS
            .into_iter()
            .find(|first| free(&[at(0, 1), at(0, 2)], *first, MEDIA_PORTS))?;
        let first_phone_port = FIRST_PHONE_PORTS
            .into_iter()
            .find(|first| free(&phones, *first, PHONE_PORTS))?;
        Some(Self {
            octet,
            port,
            first_media_port,
            first_phone_port,
            _claim: claim,
        })
    }

    fn at(&self, third: u8, last: u8) -> SocketAddr {
        (Ipv4Addr::new(127, self.octet, third, last), self.port).into()
    }
}

fn is_free(address: (Ipv4Addr, u16)) -> bool {
    UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_demonstrations_get_different_places() {
        let (one, two) = (Place::find().unwrap(), Place::find().unwrap());
        assert_ne!(one.access(), two.access());
        assert!(one.is_strait(one.core()) && !one.is_strait(two.core()));
    }

    #[test]
    fn the_configuration_is_valid() {
        let place = Place::find().unwrap();
        let text = place.configuration(Path::new("/tmp/a \"quoted\" directory"));
        let config = strait_config::Config::parse(&text, "demo.yaml");
        assert!(config.is_ok(), "{}", config.unwrap_err());
    }
}
