//! The XDP program: media goes to the workers' sockets, everything else on to the kernel.
//!
//! A frame is media when it carries UDP, whole or as its first fragment, to one of the local
//! addresses, on that address's VLAN, and to a port of its ranges. IP options and up to
//! [`EXTENSIONS_MAX`] IPv6 extension headers are stepped over, so that the relay sees and counts
//! what it refuses. Later fragments carry no port and stay with the kernel; their first one has
//! been counted.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use strait_shared::geometry::LocalAddress;
use strait_shared::net::PackedIp;

use super::assembler::Arithmetic::{Add, And, Move, ShiftLeft, ShiftRight};
use super::assembler::Condition::{Above, Below, Equal, NotEqual};
use super::assembler::Register::{R0, R1, R2, R3, R4, R6, R7, R8, R9, Stack};
use super::assembler::Width::{Byte, Double, Half, Word};
use super::assembler::{Assembler, Instruction, Label};
use super::bpf::{self, MapKind};
use crate::limits::{EXTENSIONS_MAX, QUEUES_MAX};
use crate::wire::udp;

/// The verdict that hands a frame on to the kernel.
const PASS: i32 = 2;
/// Functions of the kernel.
const MAP_LOOKUP: i32 = 1;
const REDIRECT_TO_MAP: i32 = 51;
/// Fields of the context: where the frame begins and ends, and the queue it came by.
const FRAME_START: i16 = 0;
const FRAME_END: i16 = 4;
const QUEUE: i16 = 16;
/// The key of the map of addresses, on the stack: the address, IPv4 mapped into IPv6, then the
/// VLAN.
const KEY_BYTES: usize = 20;
const KEY_AT: i16 = -24;
/// A bit for each port.
const PORT_BITMAP_BYTES: usize = 65_536 / 8;
/// IPv6 headers that may stand before UDP (RFC 8200 §4.1) and are of the same form.
const EXTENSIONS: [i32; 3] = [0, 43, 60];
const FRAGMENT: i32 = 44;

const _: () = assert!(
    cfg!(target_endian = "little"),
    "constants are swapped for it"
);

/// The maps and the program of one NIC, loaded but not yet attached.
pub(super) struct Steering {
    program: OwnedFd,
    sockets: OwnedFd,
    unclaimed: OwnedFd,
}

impl Steering {
    /// Loads a program that steers these addresses.
    pub(super) fn load(addresses: &[LocalAddress]) -> io::Result<Self> {
        let bitmaps = bitmaps(addresses);
        let bitmap_bytes = PORT_BITMAP_BYTES as u32;
        let count = bitmaps.len().max(1) as u32;
        let ports = bpf::create_map(MapKind::Hash, KEY_BYTES as u32, bitmap_bytes, count)?;
        for (key, bitmap) in &bitmaps {
            bpf::update(ports.as_fd(), key, bitmap)?;
        }
        let sockets = bpf::create_map(MapKind::Sockets, 4, 4, QUEUES_MAX)?;
        let unclaimed = bpf::create_map(MapKind::Array, 4, 8, 1)?;
        let instructions = program(&ports, &sockets, &unclaimed);
        let program = bpf::load("strait", &instructions)?;
        Ok(Self {
            program,
            sockets,
            unclaimed,
        })
    }

    /// What is attached to the interface.
    pub(super) fn program(&self) -> BorrowedFd<'_> {
        self.program.as_fd()
    }

    /// From now on media that comes by `queue` goes to `socket`.
    pub(super) fn steer(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let socket = socket.as_raw_fd().to_ne_bytes();
        bpf::update(self.sockets.as_fd(), &queue.to_ne_bytes(), &socket)
    }

    /// Media that came by a queue without a socket, and went on to the kernel.
    pub(super) fn unclaimed(&self) -> u64 {
        let mut count = [0; 8];
        let read = bpf::lookup(self.unclaimed.as_fd(), &[0; 4], &mut count);
        read.map_or(0, |()| u64::from_ne_bytes(count))
    }
}

/// For each address on its VLAN the bits of its ports.
fn bitmaps(addresses: &[LocalAddress]) -> Vec<([u8; KEY_BYTES], Vec<u8>)> {
    let mut bitmaps: Vec<([u8; KEY_BYTES], Vec<u8>)> = Vec::new();
    for address in addresses {
        let mut key = [0; KEY_BYTES];
        key[..16].copy_from_slice(&PackedIp::from(address.ip).octets());
        key[16..].copy_from_slice(&u32::from(address.vlan.unwrap_or(0)).to_ne_bytes());
        let known = bitmaps.iter().position(|(other, _)| *other == key);
        let at = known.unwrap_or_else(|| {
            bitmaps.push((key, vec![0; PORT_BITMAP_BYTES]));
            bitmaps.len() - 1
        });
        for port in address.first_port..=address.last_port {
            bitmaps[at].1[usize::from(port / 8)] |= 1 << (port % 8);
        }
    }
    bitmaps
}

/// `R6` holds the context, `R7` where the header being looked at begins, `R8` the end of the
/// frame, `R9` the VLAN, `R3` what the next header is.
fn program(ports: &OwnedFd, sockets: &OwnedFd, unclaimed: &OwnedFd) -> Vec<Instruction> {
    let mut a = Assembler::default();
    let (pass, v4, v6, udp) = (a.label(), a.label(), a.label(), a.label());
    a.compute(Move, R6, R1);
    a.load(Word, R7, R6, FRAME_START);
    a.load(Word, R8, R6, FRAME_END);
    ethernet(&mut a, v4, v6, pass);
    a.mark(v4);
    ipv4(&mut a, pass);
    a.jump(udp);
    a.mark(v6);
    ipv6(&mut a, udp, pass);
    a.mark(udp);
    lookup(&mut a, ports, pass);
    redirect(&mut a, sockets, unclaimed);
    a.mark(pass);
    a.compute_immediate(Move, R0, PASS);
    a.exit();
    a.finish()
}

/// Goes on at `v4` or `v6` with `R7` at the IP header.
fn ethernet(a: &mut Assembler, v4: Label, v6: Label, pass: Label) {
    const TAGGED: u16 = 0x8100;
    let untagged = a.label();
    need(a, 14, pass);
    a.load(Half, R3, R7, 12);
    a.compute_immediate(Move, R9, 0);
    a.jump_if_immediate(NotEqual, R3, network_16(TAGGED), untagged);
    need(a, 18, pass);
    a.load(Half, R9, R7, 14);
    a.swap_16(R9);
    a.compute_immediate(And, R9, 0x0fff);
    a.load(Half, R3, R7, 16);
    a.compute_immediate(Add, R7, 4);
    a.mark(untagged);
    a.compute_immediate(Add, R7, 14);
    a.jump_if_immediate(Equal, R3, network_16(0x0800), v4);
    a.jump_if_immediate(Equal, R3, network_16(0x86dd), v6);
    a.jump(pass);
}

/// Falls through with the key's address written and `R7` at the UDP header.
fn ipv4(a: &mut Assembler, pass: Label) {
    const HEADER_BYTES_MIN: i32 = 20;
    need(a, HEADER_BYTES_MIN, pass);
    a.load(Byte, R3, R7, 9);
    a.jump_if_immediate(NotEqual, R3, i32::from(udp::PROTOCOL), pass);
    a.load(Half, R3, R7, 6);
    a.swap_16(R3);
    a.compute_immediate(And, R3, 0x1fff);
    a.jump_if_immediate(NotEqual, R3, 0, pass);
    a.store_immediate(Double, Stack, KEY_AT, 0);
    a.store_immediate(Word, Stack, KEY_AT + 8, 0xffff_0000_u32.cast_signed());
    a.load(Word, R3, R7, 16);
    a.store(Word, Stack, KEY_AT + 12, R3);
    a.load(Byte, R3, R7, 0);
    a.compute_immediate(And, R3, 0x0f);
    a.compute_immediate(ShiftLeft, R3, 2);
    a.jump_if_immediate(Below, R3, HEADER_BYTES_MIN, pass);
    a.compute(Add, R7, R3);
}

/// Goes on at `udp` with the key's address written and `R7` at the UDP header.
fn ipv6(a: &mut Assembler, udp: Label, pass: Label) {
    need(a, 40, pass);
    for half in [0, 8] {
        a.load(Double, R3, R7, 24 + half);
        a.store(Double, Stack, KEY_AT + half, R3);
    }
    a.load(Byte, R3, R7, 6);
    a.compute_immediate(Add, R7, 40);
    for _ in 0..EXTENSIONS_MAX {
        extension(a, udp, pass);
    }
    a.jump_if_immediate(NotEqual, R3, i32::from(udp::PROTOCOL), pass);
}

/// Goes on at `udp` when that is the next header, else falls through behind the next header.
fn extension(a: &mut Assembler, udp: Label, pass: Label) {
    let (plain, fragment, behind) = (a.label(), a.label(), a.label());
    a.jump_if_immediate(Equal, R3, i32::from(udp::PROTOCOL), udp);
    need(a, 8, pass);
    a.jump_if_immediate(Equal, R3, FRAGMENT, fragment);
    for kind in EXTENSIONS {
        a.jump_if_immediate(Equal, R3, kind, plain);
    }
    a.jump(pass);
    a.mark(plain);
    a.load(Byte, R3, R7, 0);
    a.load(Byte, R4, R7, 1);
    a.compute_immediate(Add, R4, 1);
    a.compute_immediate(ShiftLeft, R4, 3);
    a.compute(Add, R7, R4);
    a.jump(behind);
    a.mark(fragment);
    a.load(Half, R4, R7, 2);
    a.swap_16(R4);
    a.compute_immediate(And, R4, 0xfff8);
    a.jump_if_immediate(NotEqual, R4, 0, pass);
    a.load(Byte, R3, R7, 0);
    a.compute_immediate(Add, R7, 8);
    a.mark(behind);
}

/// Falls through when the datagram at `R7` is for a port of ours.
fn lookup(a: &mut Assembler, ports: &OwnedFd, pass: Label) {
    need(a, 4, pass);
    a.load(Half, R7, R7, 2);
    a.swap_16(R7);
    a.store(Word, Stack, KEY_AT + 16, R9);
    a.load_map(R1, ports.as_raw_fd());
    a.compute(Move, R2, Stack);
    a.compute_immediate(Add, R2, i32::from(KEY_AT));
    a.call(MAP_LOOKUP);
    a.jump_if_immediate(Equal, R0, 0, pass);
    a.compute(Move, R1, R7);
    a.compute_immediate(ShiftRight, R1, 3);
    a.compute(Add, R0, R1);
    a.load(Byte, R1, R0, 0);
    a.compute_immediate(And, R7, 7);
    a.compute(ShiftRight, R1, R7);
    a.compute_immediate(And, R1, 1);
    a.jump_if_immediate(Equal, R1, 0, pass);
}

/// To the socket of the queue; counted, and on to the kernel, where there is none.
fn redirect(a: &mut Assembler, sockets: &OwnedFd, unclaimed: &OwnedFd) {
    let done = a.label();
    a.load_map(R1, sockets.as_raw_fd());
    a.load(Word, R2, R6, QUEUE);
    a.compute_immediate(Move, R3, PASS);
    a.call(REDIRECT_TO_MAP);
    a.jump_if_immediate(NotEqual, R0, PASS, done);
    a.store_immediate(Word, Stack, KEY_AT, 0);
    a.load_map(R1, unclaimed.as_raw_fd());
    a.compute(Move, R2, Stack);
    a.compute_immediate(Add, R2, i32::from(KEY_AT));
    a.call(MAP_LOOKUP);
    let none = a.label();
    a.jump_if_immediate(Equal, R0, 0, none);
    a.compute_immediate(Move, R1, 1);
    a.atomic_add(R0, 0, R1);
    a.mark(none);
    a.compute_immediate(Move, R0, PASS);
    a.mark(done);
    a.exit();
}

/// Passes unless the frame has so many octets from `R7` on. Spoils `R2`.
fn need(a: &mut Assembler, octets: i32, pass: Label) {
    a.compute(Move, R2, R7);
    a.compute_immediate(Add, R2, octets);
    a.jump_if(Above, R2, R8, pass);
}

/// A number as it reads when two octets in network byte order are loaded.
fn network_16(number: u16) -> i32 {
    i32::from(number.to_be())
}

#[cfg(test)]
mod tests;
