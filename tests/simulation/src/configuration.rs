//! Strait's configuration in a world, and the addresses everybody has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use strait_config::Config;
use strait_shared::geometry::{Geometry, Sizes};

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
  - name: core
    signalling:
      - {{ transport: udp, address: {CORE}, port: 5060 }}
      - {{ transport: udp, address: "{CORE6}", port: 5060 }}
    media: [{}, {}]
    latch: {latch}
softswitches:
  - {{ name: core-1, realm: core, address: "{first}", domain: {DOMAIN}, probe: {probe} }}
  - {{ name: core-2, realm: core, address: "{second}", domain: {DOMAIN}, probe: {probe} }}
dataplane:
  nics: [{{ name: access, port: memory }}, {{ name: core, port: memory }}]
  workers: [{workers}]
  fork_slots: 16
"#,
        access[0], access[1], core[0], core[1]
    )
}
