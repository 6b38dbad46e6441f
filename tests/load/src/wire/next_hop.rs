//! The hardware address that frames for an address go to, as the kernel of a host knows it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Failure;
use crate::station::Station;

/// How long a neighbour may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The port of the discard service (RFC 863): what is sent there only has the neighbour looked for.
const DISCARD: u16 = 9;

/// The hardware address of the next hop to `to` out of `interface`.
pub fn next_hop(station: &Station, interface: &str, to: IpAddr) -> Result<[u8; 6], Failure> {
    let found = station.within(|| {
        let route = ip(&["route", "get", &to.to_string()])?;
        let gateway = route[0]["gateway"].as_str();
        let hop = gateway.map_or_else(|| to.to_string(), str::to_owned);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let neighbours = ip(&["neigh", "show", "to", &hop, "dev", interface])?;
            if let Some(mac) = neighbours[0]["lladdr"].as_str().and_then(octets) {
                return Ok(mac);
            }
            if Instant::now() >= deadline {
                return Err(io::Error::other("nobody answers for the next hop"));
            }
            ask_for(to)?;
            std::thread::sleep(LOOK_EVERY);
        }
    });
    found.map_err(|cause| Failure::Unreachable { to, cause })
}

/// What `ip` says.
fn ip(arguments: &[&str]) -> io::Result<Value> {
    let mut command = Command::new("ip");
    command.arg("-json").args(arguments).stderr(Stdio::null());
    let output = command.output()?;
    // It says nothing at all of what it knows nothing of.
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// Has the kernel look for the next hop.
fn ask_for(to: IpAddr) -> io::Result<()> {
    let any: IpAddr = match to {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.send_to(&[], (to, DISCARD)).map(drop)
}

fn octets(mac: &str) -> Option<[u8; 6]> {
    let octets = mac.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Vec<u8> = octets.collect::<Result<_, _>>().ok()?;
    octets.try_into().ok()
}
