//! A slot's forwarding as nine words of a record.

use std::net::SocketAddr;

use super::record::{DecodeError, Payload, Reader, high, low, pack};
use crate::limits;
use crate::net::{Endpoint, PackedIp};
use crate::slot::{AdjacencyIndex, Forwarding, LatchPolicy, Policer, SlotIndex};

mod flag {
    pub const ACCEPT: u64 = 1 << 0;
    pub const SEND_BEFORE_LATCH: u64 = 1 << 1;
    pub const RTCP: u64 = 1 << 2;
    pub const RTCP_MUX: u64 = 1 << 3;
    pub const REARM: u64 = 1 << 4;
    pub const POLICED: u64 = 1 << 5;
}

/// No slot, where a slot may be absent.
const NO_SLOT: u32 = u32::MAX;
/// No adjacency, where one may be absent.
const NO_ADJACENCY: u32 = u32::MAX;

pub(super) fn put(payload: &mut Payload, forwarding: &Forwarding, rearm: bool) {
    let f = forwarding;
    let mut flags = 0;
    for (set, bit) in [
        (f.accept, flag::ACCEPT),
        (f.send_before_latch, flag::SEND_BEFORE_LATCH),
        (f.rtcp, flag::RTCP),
        (f.rtcp_mux, flag::RTCP_MUX),
        (rearm, flag::REARM),
        (f.policer.is_some(), flag::POLICED),
    ] {
        flags |= if set { bit } else { 0 };
    }
    let signalled = Endpoint::from(f.signalled);
    let policy = match f.policy {
        LatchPolicy::Signalled => 0u64,
        LatchPolicy::Restricted => 1,
        LatchPolicy::Symmetric => 2,
    };
    payload.put(
        flags
            | policy << 8
            | u64::from(f.dscp) << 16
            | u64::from(f.vlan.unwrap_or(0)) << 32
            | u64::from(signalled.port) << 48,
    );
    payload.put(pack(slot_or_none(f.peer), slot_or_none(f.next_sibling)));
    let adjacency = f.adjacency.map_or(NO_ADJACENCY, |index| u32::from(index.0));
    payload.put(pack(slot_or_none(f.port_of), adjacency));
    payload.put_ip(signalled.ip);
    payload.put_ip(f.signalling_source.into());
    payload.put(pack(f.silence_timeout_ms, f.clock_hz));
    let policer = f.policer.map_or([0; 3], |p| {
        [p.packets_per_second, p.bytes_per_second, p.burst_ms]
    });
    payload.put(pack(policer[0], policer[1]));
    payload.put(u64::from(policer[2]));
}

pub(super) fn take(reader: &mut Reader<'_>) -> Result<(Forwarding, bool), DecodeError> {
    let head = reader.take();
    let known = flag::ACCEPT
        | flag::SEND_BEFORE_LATCH
        | flag::RTCP
        | flag::RTCP_MUX
        | flag::REARM
        | flag::POLICED;
    if head & 0xff & !known != 0 || head >> 24 & 0xff != 0 {
        return Err(DecodeError::Padding);
    }
    let set = |bit| head & bit != 0;
    let links = reader.take();
    let place = reader.take();
    let ip = reader.take_ip();
    let source = reader.take_ip();
    let spans = reader.take();
    let (rates, burst) = (reader.take(), reader.take());
    let forwarding = Forwarding {
        peer: some_slot(low(links)),
        accept: set(flag::ACCEPT),
        policy: policy(head >> 8 & 0xff)?,
        signalled: signalled(ip, (head >> 48) as u16)?,
        signalling_source: source.ip(),
        send_before_latch: set(flag::SEND_BEFORE_LATCH),
        rtcp: set(flag::RTCP),
        rtcp_mux: set(flag::RTCP_MUX),
        dscp: dscp((head >> 16) as u8)?,
        vlan: vlan((head >> 32) as u16)?,
        policer: policer(set(flag::POLICED), rates, burst)?,
        silence_timeout_ms: low(spans),
        next_sibling: some_slot(high(links)),
        port_of: some_slot(low(place)),
        adjacency: adjacency(high(place))?,
        clock_hz: clock_hz(high(spans))?,
    };
    Ok((forwarding, set(flag::REARM)))
}

fn slot_or_none(slot: Option<SlotIndex>) -> u32 {
    slot.map_or(NO_SLOT, |slot| slot.0)
}

fn some_slot(word: u32) -> Option<SlotIndex> {
    (word != NO_SLOT).then_some(SlotIndex(word))
}

fn policy(byte: u64) -> Result<LatchPolicy, DecodeError> {
    match byte {
        0 => Ok(LatchPolicy::Signalled),
        1 => Ok(LatchPolicy::Restricted),
        2 => Ok(LatchPolicy::Symmetric),
        _ => Err(DecodeError::Policy),
    }
}

fn signalled(ip: PackedIp, port: u16) -> Result<Option<SocketAddr>, DecodeError> {
    if ip.is_none() && port != 0 {
        return Err(DecodeError::Padding);
    }
    Ok(Endpoint { ip, port }.socket_addr())
}

fn dscp(byte: u8) -> Result<u8, DecodeError> {
    if byte > limits::DSCP_MAX {
        Err(DecodeError::Dscp(byte))
    } else {
        Ok(byte)
    }
}

fn vlan(word: u16) -> Result<Option<u16>, DecodeError> {
    match word {
        0 => Ok(None),
        1..=limits::VLAN_MAX => Ok(Some(word)),
        _ => Err(DecodeError::Vlan(word)),
    }
}

fn clock_hz(hz: u32) -> Result<u32, DecodeError> {
    if hz > limits::CLOCK_HZ_MAX {
        Err(DecodeError::Clock(hz))
    } else {
        Ok(hz)
    }
}

fn adjacency(word: u32) -> Result<Option<AdjacencyIndex>, DecodeError> {
    if word == NO_ADJACENCY {
        return Ok(None);
    }
    let index = u16::try_from(word).map_err(|_| DecodeError::Adjacency)?;
    Ok(Some(AdjacencyIndex(index)))
}

fn policer(present: bool, rates: u64, burst: u64) -> Result<Option<Policer>, DecodeError> {
    if !present {
        return if rates | burst == 0 {
            Ok(None)
        } else {
            Err(DecodeError::Padding)
        };
    }
    let policer = Policer {
        packets_per_second: low(rates),
        bytes_per_second: high(rates),
        burst_ms: u32::try_from(burst).map_err(|_| DecodeError::Policer)?,
    };
    let fits = policer.packets_per_second >= limits::PACKETS_PER_SECOND_MIN
        && policer.bytes_per_second >= limits::BYTES_PER_SECOND_MIN
        && policer.burst_ms <= limits::BURST_MS_MAX;
    if fits {
        Ok(Some(policer))
    } else {
        Err(DecodeError::Policer)
    }
}
