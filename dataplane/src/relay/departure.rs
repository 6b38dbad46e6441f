//! Stage 3: where a datagram goes, and the headers it goes with.

use strait_shared::adjacency::AdjacencyTable;
use strait_shared::drops::DropReason;
use strait_shared::net::Endpoint;
use strait_shared::slot::{EgressPort, SlotIndex};
use strait_shared::table::Table;

use super::Egress;
use super::arrival::{Arrival, addressing};
use super::locals::Locals;
use crate::frame::Frame;
use crate::wire::checksum::{Sum, updated};
use crate::wire::ethernet::Network;
use crate::wire::{MacAddress, ethernet, ipv4, ipv6, udp};

/// How a datagram leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    pub(super) port: EgressPort,
    /// The remote is one of our own slots: the frame goes through the relay once more.
    pub(super) hairpin: bool,
    from: Endpoint,
    to: Endpoint,
    next_hop: MacAddress,
    mac: MacAddress,
    vlan: u16,
    dscp: u8,
    frame_bytes_max: u16,
}

impl Departure {
    /// The way out of `slot`.
    #[inline]
    pub(super) fn plan(
        index: SlotIndex,
        table: &Table,
        locals: &Locals,
        next_hops: &AdjacencyTable,
        egress: &[Egress],
    ) -> Result<Self, DropReason> {
        let slot = table.slot(index).ok_or(DropReason::NoPeer)?;
        let view = slot.view().ok_or(DropReason::Contended)?;
        if !view.is_open() {
            return Err(DropReason::NoPeer);
        }
        let (to, hairpin) = view.destination(&slot).ok_or(DropReason::NoRemote)?;
        let local = locals.of(view.port_of().unwrap_or(index));
        let (local, port) = local.ok_or(DropReason::NoPeer)?;
        if local.ip.v4().is_some() != to.ip.v4().is_some() {
            return Err(DropReason::Family);
        }
        let from = Endpoint { ip: local.ip, port };
        // The mark does not know of VLANs and NICs.
        if hairpin && locals.find(local.network, to).is_some() {
            let network = local.network;
            let own = egress
                .get(usize::from(network.port.0))
                .ok_or(DropReason::NoAdjacency)?;
            return Ok(Self {
                port: network.port,
                hairpin,
                from,
                to,
                next_hop: own.mac,
                mac: own.mac,
                vlan: network.vlan,
                dscp: view.dscp(),
                frame_bytes_max: u16::MAX,
            });
        }
        let hop = next_hops
            .get(view.adjacency())
            .ok_or(DropReason::NoAdjacency)?;
        let port = egress
            .get(usize::from(hop.egress_port.0))
            .ok_or(DropReason::NoAdjacency)?;
        Ok(Self {
            port: hop.egress_port,
            hairpin: false,
            from,
            to,
            next_hop: MacAddress(hop.mac),
            mac: port.mac,
            vlan: view.vlan(),
            dscp: view.dscp(),
            frame_bytes_max: port.frame_bytes_max,
        })
    }

    /// Puts new headers in place of the ones the datagram came with.
    #[inline]
    pub(super) fn rewrite(&self, arrival: &Arrival, frame: &mut Frame) -> Result<(), DropReason> {
        let (network, ip_bytes) = match self.to.ip.v4() {
            Some(_) => (Network::V4, ipv4::HEADER_BYTES),
            None => (Network::V6, ipv6::HEADER_BYTES),
        };
        let link_bytes = ethernet::header_bytes(self.vlan);
        let header_bytes = link_bytes + ip_bytes + udp::HEADER_BYTES;
        let payload_bytes = usize::from(arrival.payload_bytes);
        if header_bytes + payload_bytes > usize::from(self.frame_bytes_max) {
            return Err(DropReason::TooLong);
        }
        let frame_bytes = frame
            .reheader(usize::from(arrival.payload_at), payload_bytes, header_bytes)
            .ok_or(DropReason::TooLong)?;
        let (link, packet) = frame_bytes.split_at_mut(link_bytes);
        let (ip, datagram) = packet.split_at_mut(ip_bytes);
        let (udp, payload) = datagram
            .split_first_chunk_mut()
            .ok_or(DropReason::TooLong)?;
        ethernet::build(link, self.next_hop, self.mac, self.vlan, network);
        let udp_bytes = udp::HEADER_BYTES as u16 + arrival.payload_bytes;
        self.build_ip(ip, udp_bytes);
        let checksum = self.checksum(arrival, payload, udp_bytes);
        udp::build(
            udp,
            self.from.port,
            self.to.port,
            arrival.payload_bytes,
            checksum,
        );
        frame.port = self.port;
        Ok(())
    }

    #[inline]
    fn build_ip(&self, out: &mut [u8], udp_bytes: u16) {
        if let (Some(from), Some(to)) = (self.from.ip.v4(), self.to.ip.v4()) {
            let out = out.first_chunk_mut().expect("as long as the header");
            ipv4::build(out, from.into(), to.into(), self.dscp, udp_bytes);
        } else {
            let out = out.first_chunk_mut().expect("as long as the header");
            let (from, to) = (self.from.ip.octets(), self.to.ip.octets());
            ipv6::build(out, from.into(), to.into(), self.dscp, udp_bytes);
        }
    }

    /// The checksum for the new addresses and ports. A sender that left it out over IPv4 (RFC
    /// 768) gets none there, and one over IPv6, where it is due (RFC 8200 §8.1).
    #[inline]
    fn checksum(&self, arrival: &Arrival, payload: &[u8], udp_bytes: u16) -> u16 {
        let new = addressing(self.from, self.to);
        if arrival.checksum != 0 {
            updated(arrival.checksum, arrival.addressing, new).udp_checksum()
        } else if self.to.ip.v4().is_some() {
            0
        } else {
            // Once in the pseudo header, once in the UDP header.
            let lengths = Sum::default().word(udp_bytes).word(udp_bytes);
            let protocol = u16::from(udp::PROTOCOL);
            Sum::of(payload)
                .plus(new)
                .plus(lengths)
                .word(protocol)
                .udp_checksum()
        }
    }
}
