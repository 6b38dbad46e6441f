//! `ethtool` requests of an interface. A leaf with unsafe code.
#![allow(unsafe_code)]

use std::os::fd::AsRawFd;

use libc::{c_char, ifreq};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

const GET_FLAGS: u32 = 0x25;
const GET_CHANNELS: u32 = 0x3c;
/// `ETH_FLAG_RXVLAN`
const RECEIVE_VLAN: u32 = 1 << 8;

#[repr(C)]
#[derive(Default)]
struct Flags {
    command: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    most: [u32; 4],
    receive: u32,
    transmit: u32,
    other: u32,
    combined: u32,
}

/// The receive queues in use, where the driver says.
pub(super) fn receive_queues(interface: &str) -> Option<u32> {
    let mut channels = Channels {
        command: GET_CHANNELS,
        ..Channels::default()
    };
    ask(interface, &mut channels)?;
    Some(channels.receive + channels.combined).filter(|queues| *queues > 0)
}

/// Whether the NIC takes VLAN tags off before anybody sees them.
pub(super) fn strips_vlan(interface: &str) -> bool {
    let mut flags = Flags {
        command: GET_FLAGS,
        ..Flags::default()
    };
    ask(interface, &mut flags).is_some() && flags.flags & RECEIVE_VLAN != 0
}

/// Asks the driver; `question` begins with its command and is as long as the command demands.
fn ask<Q>(interface: &str, question: &mut Q) -> Option<()> {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None).ok()?;
    // SAFETY: `ifreq` is a plain C struct for which all zeros is a value.
    let mut request: ifreq = unsafe { std::mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return None;
    }
    for (to, octet) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = octet as c_char;
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(question).cast();
    // SAFETY: the kernel reads the request and writes into the question, both of which outlive
    // the call and have the sizes that the command demands.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &mut request) };
    (answer == 0).then_some(())
}
