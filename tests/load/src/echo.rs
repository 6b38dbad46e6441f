//! The process behind `--through echo`: two interfaces, and frames from one to the other.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use strait_dataplane::frame::Frame;
use strait_dataplane::limits::{BURST, IDLE_WAIT, SPIN_BREATHS};
use strait_dataplane::port::af_xdp::AfXdpPort;
use strait_dataplane::port::{FrameIndex, Port};
use strait_shared::geometry::LocalAddress;
use strait_shared::slot::EgressPort;
use strait_shared::time::Instant;

use crate::Failure;
use crate::arguments::Echo;
use crate::station::Station;
use crate::wire::{BypassError, open};

/// Octets of the two MAC addresses that a frame begins with.
const ADDRESSES: std::ops::Range<usize> = 0..12;

/// A party: the interface it is behind, its hardware address, and where it receives.
#[derive(Clone, Debug)]
pub struct Party {
    interface: String,
    mac: [u8; 6],
    ip: IpAddr,
    ports: [u16; 2],
}

/// Passes frames on until told to stop.
pub fn run(arguments: &Echo, stop: &AtomicBool) -> Result<bool, Failure> {
    let parties = &arguments.party;
    let [near, far] = &parties[..] else {
        return Err(Failure::Mismatch("echo: two parties"));
    };
    // What comes in at one party's interface is for the other one.
    let interfaces = [(near, far, 0), (far, near, 1)].map(|(own, other, number)| {
        let local = LocalAddress {
            ip: other.ip,
            vlan: None,
            first_port: other.ports[0],
            last_port: other.ports[1],
            egress_port: EgressPort(number),
        };
        (own.interface.as_str(), local)
    });
    let opened = open(&Station::default(), &interfaces, arguments.mode);
    let mut ports = opened.map_err(|cause: BypassError| Failure::Bypass {
        interface: near.interface.clone(),
        cause,
    })?;
    let mut frames: Vec<Frame> = ports[0].lend(BURST).map_or_else(Vec::new, |buffers| {
        buffers.into_iter().map(Frame::of).collect()
    });
    println!("ready");
    let mut idle = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut passed = 0;
        for (from, to, party) in [(0, 1, far), (1, 0, near)] {
            passed += pass(&mut ports, [from, to], party.mac, &mut frames);
        }
        idle = if passed == 0 { idle + 1 } else { 0 };
        if idle > SPIN_BREATHS {
            // A signal ends the wait early, and the loop with it.
            let _ = wait(&ports);
        }
    }
    Ok(true)
}

/// Passes one burst on; how many frames that was.
fn pass(
    ports: &mut [AfXdpPort],
    [from, to]: [usize; 2],
    peer: [u8; 6],
    frames: &mut [Frame],
) -> usize {
    let count = ports[from].rx_burst(Instant::ZERO, frames);
    if count == 0 {
        return 0;
    }
    let own = ports[to].mac().0;
    for frame in &mut frames[..count] {
        let start = frame.start();
        let octets = &mut frame.buffer().octets_mut()[start..][ADDRESSES];
        octets[..6].copy_from_slice(&peer);
        octets[6..].copy_from_slice(&own);
    }
    let chosen: [FrameIndex; BURST] = std::array::from_fn(|index| index as FrameIndex);
    ports[to].tx_burst(Instant::ZERO, frames, &chosen[..count]);
    count
}

/// Waits for a frame, as long as an idle worker would.
fn wait(ports: &[AfXdpPort]) -> io::Result<()> {
    let readable = ports.iter().filter_map(Port::readiness);
    let readable: Vec<_> = readable.collect();
    let mut polled: Vec<PollFd<'_>> = readable
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN))
        .collect();
    let at_most = Timespec::try_from(IDLE_WAIT).unwrap_or_default();
    poll(&mut polled, Some(&at_most))?;
    Ok(())
}

/// Reads `interface,mac,address,first-last`.
pub fn party(text: &str) -> Result<Party, String> {
    let read = || {
        let mut parts = text.split(',');
        let (interface, mac) = (parts.next()?.to_owned(), parts.next()?);
        let octets = mac.split(':').map(|octet| u8::from_str_radix(octet, 16));
        let octets: Vec<u8> = octets.collect::<Result<_, _>>().ok()?;
        let ip = parts.next()?.parse().ok()?;
        let (first, last) = parts.next()?.split_once('-')?;
        Some(Party {
            interface,
            mac: octets.try_into().ok()?,
            ip,
            ports: [first.parse().ok()?, last.parse().ok()?],
        })
    };
    read().ok_or_else(|| "interface,mac,address,first-last".to_owned())
}
