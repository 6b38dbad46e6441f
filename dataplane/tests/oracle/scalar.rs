//! The obvious relay: plain structs, one datagram at a time, addresses as the standard library
//! has them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use strait_shared::drops::DropReason;
use strait_shared::geometry::Geometry;
use strait_shared::slot::{Forwarding, LatchPolicy, SlotIndex};
use strait_shared::time::Instant;

use crate::world::read;

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Packet {
    pub nic: u8,
    pub vlan: Option<u16>,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// How far its checksum is off; nothing where it was left out.
    pub damage: Option<u32>,
    pub payload: Vec<u8>,
}

/// A datagram that left.
pub struct Sent {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub vlan: Option<u16>,
    pub dscp: u8,
    pub damage: Option<u32>,
    pub payload: Vec<u8>,
}

/// Packets, bytes, refused, policed; and the remote.
pub type Counted = ((u64, u64, u64, u64), Option<SocketAddr>);

#[derive(Default)]
struct Slot {
    forwarding: Forwarding,
    open: bool,
    latched: Option<SocketAddr>,
    packets: u64,
    bytes: u64,
    refused: u64,
    policed: u64,
    last_seen: Instant,
    due: (u64, u64),
    heard: Option<(u32, u16)>,
}

pub struct Scalar {
    geometry: Geometry,
    slots: BTreeMap<u32, Slot>,
    sent: [Vec<Sent>; 2],
    dropped: BTreeMap<DropReason, u64>,
}

impl Scalar {
    pub fn new(geometry: &Geometry) -> Self {
        Self {
            geometry: geometry.clone(),
            slots: BTreeMap::new(),
            sent: [Vec::new(), Vec::new()],
            dropped: BTreeMap::new(),
        }
    }

    pub fn open(&mut self, slot: SlotIndex, forwarding: Forwarding) {
        let place = self.slots.entry(slot.0).or_default();
        if place.open {
            // The same use again: only its configuration changes.
            place.forwarding = forwarding;
        } else {
            let last_seen = crate::rig::now();
            *place = Slot {
                forwarding,
                open: true,
                last_seen,
                ..Slot::default()
            };
        }
    }

    pub fn update(&mut self, slot: SlotIndex, forwarding: Forwarding, rearm: bool) {
        if let Some(place) = self.slots.get_mut(&slot.0).filter(|place| place.open) {
            place.forwarding = forwarding;
            if rearm {
                place.latched = None;
            }
        }
    }

    pub fn close(&mut self, slot: SlotIndex) {
        if let Some(place) = self.slots.get_mut(&slot.0) {
            place.open = false;
        }
    }

    pub fn burst(&mut self, nic: usize, frames: &[(usize, Vec<u8>)], now: Instant) {
        let mut arrived = Vec::new();
        for (_, frame) in frames.iter().filter(|(on, _)| *on == nic) {
            match read(nic as u8, frame) {
                Ok(packet) => arrived.push(packet),
                Err(reason) => self.drop(reason),
            }
        }
        let again = self.pass(arrived, now);
        let again = self.pass(again, now);
        for _ in again {
            self.drop(DropReason::HairpinLimit);
        }
    }

    pub fn sent(&mut self, nic: usize) -> Vec<Sent> {
        std::mem::take(&mut self.sent[nic])
    }

    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.get(&reason).copied().unwrap_or(0)
    }

    pub fn counters(&self, slot: SlotIndex) -> Option<Counted> {
        let slot = self.slots.get(&slot.0).filter(|slot| slot.open)?;
        Some((
            (slot.packets, slot.bytes, slot.refused, slot.policed),
            slot.latched,
        ))
    }

    fn drop(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// All enter before the first leaves; returns those that meet one of our own addresses.
    fn pass(&mut self, packets: Vec<Packet>, now: Instant) -> Vec<Packet> {
        let mut entered = Vec::new();
        for packet in packets {
            match self.enter(&packet, now) {
                Ok(peer) => entered.push((peer, packet)),
                Err(reason) => self.drop(reason),
            }
        }
        let mut again = Vec::new();
        for (peer, packet) in entered {
            match self.leave(peer, packet) {
                Ok(None) => {}
                Ok(Some(packet)) => again.push(packet),
                Err(reason) => self.drop(reason),
            }
        }
        again
    }

    fn enter(&mut self, packet: &Packet, now: Instant) -> Result<u32, DropReason> {
        let head = self
            .find(packet.nic, packet.vlan, packet.to)
            .ok_or(DropReason::NoSlot)?;
        if martian(packet.from) {
            return Err(DropReason::Martian);
        }
        let mut index = head;
        let mut verdict = self.ask(head, packet, now);
        let reason = verdict;
        for _ in 0..8 {
            let refused = [Err(DropReason::SourceRefused), Err(DropReason::GateShut)];
            if !refused.contains(&verdict) {
                break;
            }
            let Some(next) = self
                .slots
                .get(&index)
                .and_then(|s| s.forwarding.next_sibling)
            else {
                break;
            };
            index = next.0;
            verdict = self.ask(index, packet, now);
        }
        if verdict.is_err() {
            if reason == Err(DropReason::SourceRefused) {
                self.slots.get_mut(&head).unwrap().refused += 1;
            }
            return Err(reason.unwrap_err());
        }
        self.count(index, packet, now)
    }

    fn ask(&mut self, index: u32, packet: &Packet, now: Instant) -> Result<(), DropReason> {
        let rtp_heard = self.slots.get(&(index & !1)).and_then(|slot| slot.heard);
        let slot = self.slots.get_mut(&index).filter(|slot| slot.open);
        let slot = slot.ok_or(DropReason::Closed)?;
        let forwarding = slot.forwarding;
        if !forwarding.accept {
            return Err(DropReason::GateShut);
        }
        let heard = if forwarding.rtcp {
            rtp_heard
        } else {
            slot.heard
        };
        let may = match slot.latched {
            Some(remote) if remote == packet.from => return Ok(()),
            Some(remote) => {
                let silence_ms = now.since(slot.last_seen).as_millis();
                let exact = forwarding.signalled == Some(packet.from);
                if remote.ip() == packet.from.ip() {
                    forwarding.policy != LatchPolicy::Signalled
                        && (exact || continues(&forwarding, heard, silence_ms, &packet.payload))
                } else {
                    let patience_ms = if forwarding.rtcp { 15_000 } else { 2_000 };
                    let named = names(&forwarding, packet.from);
                    let gives_way = forwarding.policy == LatchPolicy::Symmetric
                        && !names(&forwarding, remote)
                        && (exact || (named && silence_ms >= patience_ms));
                    let moved = forwarding.policy != LatchPolicy::Signalled
                        && named
                        && continues(&forwarding, heard, silence_ms, &packet.payload);
                    gives_way || moved
                }
            }
            None => admits(&forwarding, packet.from),
        };
        if !may {
            return Err(DropReason::SourceRefused);
        }
        slot.latched = Some(packet.from);
        Ok(())
    }

    fn count(&mut self, index: u32, packet: &Packet, now: Instant) -> Result<u32, DropReason> {
        let slot = self.slots.get_mut(&index).unwrap();
        let bytes = packet.payload.len() as u64;
        if let Some(policer) = slot.forwarding.policer {
            let now = now.as_nanos();
            let latest = now + u64::from(policer.burst_ms) * 1_000_000;
            let interval = 1_000_000_000 / u64::from(policer.packets_per_second);
            let cost = 256_000_000_000 / u64::from(policer.bytes_per_second);
            let over = if slot.due.0 > latest {
                Some(DropReason::PacketRate)
            } else {
                (slot.due.1 > latest).then_some(DropReason::ByteRate)
            };
            if let Some(reason) = over {
                slot.policed += 1;
                return Err(reason);
            }
            slot.due = (
                slot.due.0.max(now) + interval,
                slot.due.1.max(now) + bytes * cost / 256,
            );
        }
        slot.packets += 1;
        slot.bytes += bytes;
        slot.last_seen = now;
        if let Some((ssrc, sequence)) = rtp(&slot.forwarding, &packet.payload) {
            slot.heard = Some((ssrc, highest(slot.heard, ssrc, sequence)));
        }
        slot.forwarding
            .peer
            .map(|peer| peer.0)
            .ok_or(DropReason::NoPeer)
    }

    fn leave(&mut self, peer: u32, packet: Packet) -> Result<Option<Packet>, DropReason> {
        let slot = self
            .slots
            .get(&peer)
            .filter(|slot| slot.open)
            .ok_or(DropReason::NoPeer)?;
        let forwarding = slot.forwarding;
        let early = forwarding
            .signalled
            .filter(|_| forwarding.send_before_latch);
        let to = slot.latched.or(early).ok_or(DropReason::NoRemote)?;
        let port = forwarding.port_of.unwrap_or(SlotIndex(peer));
        let from = self.geometry.local(port).unwrap();
        if from.is_ipv4() != to.is_ipv4() {
            return Err(DropReason::Family);
        }
        let address =
            self.geometry.addresses()[usize::from(self.geometry.address(port).unwrap().0)];
        let nic = address.egress_port.0;
        let damage = match packet.damage {
            None if to.is_ipv6() => Some(0),
            other => other,
        };
        let payload = packet.payload;
        if self.find(nic, address.vlan, to).is_some() {
            return Ok(Some(Packet {
                nic,
                vlan: address.vlan,
                from,
                to,
                damage,
                payload,
            }));
        }
        let (vlan, dscp) = (forwarding.vlan, forwarding.dscp);
        self.sent[usize::from(nic)].push(Sent {
            from,
            to,
            vlan,
            dscp,
            damage,
            payload,
        });
        Ok(None)
    }

    fn find(&self, nic: u8, vlan: Option<u16>, to: SocketAddr) -> Option<u32> {
        let slots = 0..self.geometry.spares().start;
        slots.into_iter().find(|&slot| {
            let address = self.geometry.address(SlotIndex(slot)).unwrap();
            let local = self.geometry.addresses()[usize::from(address.0)];
            local.egress_port.0 == nic
                && local.vlan == vlan
                && self.geometry.local(SlotIndex(slot)) == Some(to)
        })
    }
}

/// How far a checksum is off, as a number of one's complement.
pub fn damage(checksum: u16, right: u16) -> u32 {
    (u32::from(checksum) + 0xffff - u32::from(right)) % 0xffff
}

fn martian(from: SocketAddr) -> bool {
    from.port() == 0
        || match from.ip() {
            IpAddr::V4(ip) => ip.octets()[0] == 0 || ip.octets()[0] >= 224,
            IpAddr::V6(ip) => {
                ip.is_unspecified() || ip.is_multicast() || ip.to_ipv4_mapped().is_some()
            }
        }
}

fn admits(forwarding: &Forwarding, from: SocketAddr) -> bool {
    match forwarding.policy {
        LatchPolicy::Signalled => forwarding.signalled == Some(from),
        LatchPolicy::Restricted => names(forwarding, from),
        LatchPolicy::Symmetric => true,
    }
}

/// Whether signalling speaks of the address: the SDP, or where it came from.
fn names(forwarding: &Forwarding, from: SocketAddr) -> bool {
    forwarding.signalled.map(|address| address.ip()) == Some(from.ip())
        || forwarding.signalling_source == Some(from.ip())
}

fn continues(
    forwarding: &Forwarding,
    heard: Option<(u32, u16)>,
    silence_ms: u128,
    payload: &[u8],
) -> bool {
    let Some((ssrc, highest)) = heard else {
        return false;
    };
    match rtp(forwarding, payload) {
        Some((other, sequence)) => {
            let ahead = sequence.wrapping_sub(highest);
            silence_ms >= 2_000 && other == ssrc && ahead.min(ahead.wrapping_neg()) <= 3_000
        }
        None => {
            let rtcp = payload.len() >= 8
                && payload[0] >> 6 == 2
                && (192..=223).contains(&payload[1])
                && (usize::from(payload[2]) << 8 | usize::from(payload[3])) * 4 + 4
                    <= payload.len();
            (forwarding.rtcp || forwarding.rtcp_mux)
                && silence_ms >= 15_000
                && rtcp
                && payload[4..8] == ssrc.to_be_bytes()
        }
    }
}

/// SSRC and sequence of an RTP packet, on slots and with types where it can be one.
fn rtp(forwarding: &Forwarding, payload: &[u8]) -> Option<(u32, u16)> {
    let complete = payload.len() >= 12
        && payload[0] >> 6 == 2
        && payload.len() >= 12 + usize::from(payload[0] & 15) * 4;
    if !complete || forwarding.rtcp || (200..=204).contains(&payload[1]) {
        return None;
    }
    let length = (usize::from(payload[2]) << 8 | usize::from(payload[3])) * 4 + 4;
    let rtcp = (192..=223).contains(&payload[1]) && length <= payload.len();
    if forwarding.rtcp_mux && rtcp {
        return None;
    }
    let ssrc = u32::from_be_bytes([payload[8], payload[9], payload[10], payload[11]]);
    Some((ssrc, u16::from_be_bytes([payload[2], payload[3]])))
}

fn highest(heard: Option<(u32, u16)>, ssrc: u32, sequence: u16) -> u16 {
    match heard {
        Some((before, highest)) if before == ssrc => {
            let ahead = sequence.wrapping_sub(highest);
            let late = ahead != 0 && ahead.wrapping_neg() <= 100;
            if late { highest } else { sequence }
        }
        _ => sequence,
    }
}
