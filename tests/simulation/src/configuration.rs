//! Strait's configuration in a world, and the addresses everybody has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use strait_config::Config;
use strait_shared::geometry::{Geometry, Sizes};

use crate::controlled;
use crate::plan::{Fault, Latch, Plan};

/// The domain of all users.
pub const DOMAIN: &str = "example.org";
/// The first port of each media address.
pub const FIRST_PORT: u16 = 20_000;
/// Strait's port for SIP over TCP: what travels to it are segments.
pub const TCP_PORT: u16 = 5061;
/// Strait's address towards phones.
pub const ACCESS: &str = "192.0.2.1";
/// The same, IPv6.
pub const ACCESS6: &str = "2001:db8:a::1";
/// Strait's address towards softswitches.
pub const CORE: &str = "198.51.100.1";
/// The same, IPv6.
pub const CORE6: &str = "2001:db8:c::1";

/// Strait's media address towards the hostile softswitch's customers.
pub const ANNEX: &str = "192.0.2.2";
/// Strait's port for SIP towards those.
pub const ANNEX_PORT: u16 = 5070;
/// The domain of those.
pub const ANNEX_DOMAIN: &str = "example.net";

/// The softswitch that calls go to, and the one that is tried after it.
pub fn softswitches(plan: &Plan) -> [SocketAddr; 2] {
    let text = match plan.core_ipv6 {
        true => ["[2001:db8:c::10]:5060", "[2001:db8:c::11]:5060"],
        false => ["10.0.0.1:5060", "10.0.0.2:5060"],
    };
    text.map(|text| text.parse().expect("an address"))
}

/// Where phone number `number` is on the public IPv4 internet.
pub fn public(number: usize) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, 100 + number as u8).into()
}

/// The second address of a phone whose first one is `own`: another interface.
pub fn second(own: IpAddr) -> IpAddr {
    match own {
        PRIVATE => IpAddr::V4(Ipv4Addr::new(192, 168, 1, 21)),
        IpAddr::V4(v4) => {
            let [a, b, c, last] = v4.octets();
            Ipv4Addr::new(a, b, c, last + 130).into()
        }
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[7] += 0x1000;
            std::net::Ipv6Addr::from(segments).into()
        }
    }
}

/// Where phone number `number` is when it stands in the core.
pub fn in_core(number: usize, ipv6: bool) -> IpAddr {
    let last = 100 + number as u16;
    let text = match ipv6 {
        true => format!("2001:db8:c::{last}"),
        false => format!("10.0.1.{last}"),
    };
    text.parse().expect("an address")
}

/// The hostile softswitch, where there is one.
pub fn rogue(plan: &Plan) -> SocketAddr {
    let text = match plan.core_ipv6 {
        true => "[2001:db8:c::66]:5060",
        false => "10.0.0.66:5060",
    };
    text.parse().expect("an address")
}

/// Where its media comes from that belongs to no call of its own.
pub fn rogue_media(plan: &Plan) -> IpAddr {
    let text = match plan.core_ipv6 {
        true => "2001:db8:c::67",
        false => "10.0.0.67",
    };
    text.parse().expect("an address")
}

/// Where its customer number `number` is.
pub fn customer(number: usize) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, 120 + number as u8).into()
}

/// The external address of NAT number `number`.
pub fn external(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, 10 + number as u8)
}

/// The external address that NAT number `number` has after `before`: one of ten of its own.
pub fn later_external(number: usize, before: Ipv4Addr) -> Ipv4Addr {
    let turn = match before == external(number) {
        true => 0,
        false => (before.octets()[3] + 1) % 10,
    };
    Ipv4Addr::new(203, 0, 113, 140 + 10 * number as u8 + turn)
}

/// The address of a phone in its private network; all of them look alike.
pub const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20));

/// Strait's configuration.
pub fn config(plan: &Plan) -> Arc<Config> {
    let text = text(plan);
    let config: Result<Config, _> = text.parse();
    match config {
        Ok(config) => Arc::new(config),
        Err(report) => panic!("the configuration is refused: {report:?}\n{text}"),
    }
}

/// The region's sizes: the configuration's, with the plan's rings.
pub fn geometry(plan: &Plan, config: &Config) -> Geometry {
    let geometry = strait_config::geometry(config).expect("the configuration is valid");
    let sizes = Sizes {
        workers: geometry.workers(),
        addresses: geometry.addresses().to_vec(),
        fork_slots: geometry.fork_slots(),
        ring_capacity: plan.ring_capacity,
        adjacencies: geometry.adjacencies(),
    };
    Geometry::new(sizes).expect("only the rings are smaller")
}

fn text(plan: &Plan) -> String {
    let [first, second] = softswitches(plan);
    let latch = match plan.latch {
        Latch::Signalled => "signalled",
        Latch::Restricted => "restricted",
        Latch::Symmetric => "symmetric",
    };
    let vlan = |number| match plan.vlans {
        true => format!(", vlan: {number}"),
        false => String::new(),
    };
    let (ports, keepalive) = (format!("{FIRST_PORT}-{}", plan.last_port), plan.keepalive);
    let (access_vlan, core_vlan) = (vlan(10), vlan(20));
    let probe = match plan.has(Fault::Outage) {
        true => "10s",
        false => "null",
    };
    let workers = vec!["{core: null}"; usize::from(plan.workers)].join(", ");
    let media = |address: &str, nic: &str, vlan: &str| {
        format!("{{ address: \"{address}\", ports: {ports}, nic: {nic}{vlan} }}")
    };
    let access = [ACCESS, ACCESS6].map(|address| media(address, "access", &access_vlan));
    let core = [CORE, CORE6].map(|address| media(address, "core", &core_vlan));
    let annex = match plan.has(Fault::Treachery) {
        true => annex(latch, keepalive, &media(ANNEX, "access", &access_vlan)),
        false => String::new(),
    };
    let rogue = match plan.has(Fault::Treachery) {
        true => rogue_softswitch(plan, probe),
        false => String::new(),
    };
    let [near, far, controllers] = controlled::configuration(plan);
    format!(
        r#"
realms:
  - name: access
    nat: true
    signalling:
      - {{ transport: udp, address: {ACCESS}, port: 5060 }}
      - {{ transport: udp, address: "{ACCESS6}", port: 5060 }}
      - {{ transport: tcp, address: {ACCESS}, port: {TCP_PORT} }}
      - {{ transport: tcp, address: "{ACCESS6}", port: {TCP_PORT} }}
    media: [{}, {}]
    latch: {latch}
    keepalive: {{ method: {keepalive}, interval: 20s }}
    registration: {{ minimum_expiry: 10s, maximum_expiry: 3600s, absorb: true }}
    police: {{ packets_per_second: 200, bytes_per_second: 64000, burst_ms: 1000 }}
    forward_to: [core-1, core-2]
{near}  - name: core
    signalling:
      - {{ transport: udp, address: {CORE}, port: 5060 }}
      - {{ transport: udp, address: "{CORE6}", port: 5060 }}
    media: [{}, {}]
    latch: {latch}
{far}{annex}softswitches:
  - {{ name: core-1, realm: core, address: "{first}", domain: {DOMAIN}, probe: {probe} }}
  - {{ name: core-2, realm: core, address: "{second}", domain: {DOMAIN}, probe: {probe} }}
{rogue}{controllers}dataplane:
  nics: [{{ name: access, port: memory }}, {{ name: core, port: memory }}]
  workers: [{workers}]
  fork_slots: 16
"#,
        access[0], access[1], core[0], core[1]
    )
}

/// The realm of the hostile softswitch's customers.
fn annex(latch: &str, keepalive: &str, media: &str) -> String {
    format!(
        r#"  - name: annex
    nat: true
    signalling: [{{ transport: udp, address: {ACCESS}, port: {ANNEX_PORT} }}]
    media: [{media}]
    latch: {latch}
    keepalive: {{ method: {keepalive}, interval: 20s }}
    registration: {{ minimum_expiry: 10s, maximum_expiry: 100s, absorb: true }}
    police: {{ packets_per_second: 200, bytes_per_second: 64000, burst_ms: 1000 }}
    forward_to: [rogue]
"#
    )
}

fn rogue_softswitch(plan: &Plan, probe: &str) -> String {
    let address = rogue(plan);
    format!(
        "  - {{ name: rogue, realm: core, address: \"{address}\", domain: {ANNEX_DOMAIN}, \
         probe: {probe} }}\n"
    )
}
