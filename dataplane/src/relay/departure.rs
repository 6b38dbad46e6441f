//! Stage 3: where a datagram goes, and the headers it goes with.

use std::net::Ipv4Addr;

use strait_shared::adjacency::AdjacencyTable;
use strait_shared::command::NextHop;
use strait_shared::drops::DropReason;
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::slot::{EgressPort, SlotIndex};
use strait_shared::table::{ForwardingView, Table};

use super::Egress;
use super::arrival::{Arrival, addressing};
use super::locals::{Local, Locals};
use super::routes::Routes;
use crate::frame::Frame;
use crate::limits::HEADER_BYTES_MAX;
use crate::wire::checksum::{Sum, updated};
use crate::wire::ethernet::Network;
use crate::wire::{MacAddress, ethernet, ipv4, ipv6, udp};

/// How a datagram leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure<'a> {
    link: Link,
    /// The remote is one of our own slots: the frame goes through the relay once more.
    pub(super) hairpin: bool,
    network: Network,
    local: &'a Local,
    port: u16,
    to: Endpoint,
    dscp: u8,
}

/// Where a frame goes next.
#[derive(Clone, Copy, Debug)]
struct Link {
    port: EgressPort,
    next_hop: MacAddress,
    mac: MacAddress,
    vlan: u16,
    frame_bytes_max: u16,
}

/// Everything that departure reads.
pub(super) struct Exit<'a> {
    pub(super) table: &'a Table,
    pub(super) locals: &'a Locals,
    pub(super) next_hops: &'a AdjacencyTable,
    pub(super) routes: &'a Routes,
    pub(super) egress: &'a [Egress],
}

impl<'a> Exit<'a> {
    /// The way out of a slot.
    #[inline]
    pub(super) fn plan(&self, index: SlotIndex) -> Result<Departure<'a>, DropReason> {
        let slot = self.table.slot(index).ok_or(DropReason::NoPeer)?;
        let view = slot.view().ok_or(DropReason::Contended)?;
        if !view.is_open() {
            return Err(DropReason::NoPeer);
        }
        let (to, hairpin) = view.destination(&slot).ok_or(DropReason::NoRemote)?;
        let local = self.locals.get(view.address()).ok_or(DropReason::NoPeer)?;
        let network = network_of(to.ip);
        if network != network_of(local.ip) {
            return Err(DropReason::Family);
        }
        // The mark does not know of VLANs and NICs.
        let hairpin = hairpin && self.locals.find(local.network, to).is_some();
        let link = if hairpin {
            self.inside(local)
        } else {
            self.outside(&view, to.ip)
        };
        Ok(Departure {
            link: link.ok_or(DropReason::NoAdjacency)?,
            hairpin,
            network,
            local,
            port: local.port(view.port_of().unwrap_or(index)),
            to,
            dscp: view.dscp(),
        })
    }

    #[inline]
    fn outside(&self, view: &ForwardingView, to: PackedIp) -> Option<Link> {
        let mut hop = self.next_hops.get(view.adjacency())?;
        if hop.mac == NextHop::BY_REMOTE {
            // Where the remote's own is not known, the port knows what to do.
            let routed = self.routes.find(view.address(), to);
            hop = routed
                .and_then(|index| self.next_hops.get(index))
                .unwrap_or(hop);
        }
        let port = self.egress.get(usize::from(hop.egress_port.0))?;
        Some(Link {
            port: hop.egress_port,
            next_hop: MacAddress(hop.mac),
            mac: port.mac,
            vlan: view.vlan(),
            frame_bytes_max: port.frame_bytes_max,
        })
    }

    /// As if the frame had been sent to our own NIC.
    #[cold]
    fn inside(&self, local: &Local) -> Option<Link> {
        let port = self.egress.get(usize::from(local.network.port().0))?;
        Some(Link {
            port: local.network.port(),
            next_hop: port.mac,
            mac: port.mac,
            vlan: local.network.vlan(),
            frame_bytes_max: u16::MAX,
        })
    }
}

impl Departure<'_> {
    /// The port the frame leaves by.
    #[inline]
    pub(super) fn port(&self) -> EgressPort {
        self.link.port
    }

    /// Puts new headers in place of the ones the datagram came with.
    #[inline]
    pub(super) fn rewrite(&self, arrival: &Arrival, frame: &mut Frame) -> Result<(), DropReason> {
        let link = &self.link;
        let ip_bytes = match self.network {
            Network::V4 => ipv4::HEADER_BYTES,
            Network::V6 => ipv6::HEADER_BYTES,
        };
        let link_bytes = ethernet::header_bytes(link.vlan);
        let header_bytes = link_bytes + ip_bytes + udp::HEADER_BYTES;
        let payload_bytes = usize::from(arrival.payload_bytes);
        if header_bytes + payload_bytes > usize::from(link.frame_bytes_max) {
            return Err(DropReason::TooLong);
        }
        let (room, payload) = frame
            .reheader(usize::from(arrival.payload_at), payload_bytes, header_bytes)
            .ok_or(DropReason::TooLong)?;
        let udp_bytes = udp::HEADER_BYTES as u16 + arrival.payload_bytes;
        let checksum = self.checksum(arrival, payload, udp_bytes);
        let (room, udp) = room.split_at_mut(HEADER_BYTES_MAX - udp::HEADER_BYTES);
        let udp = udp.first_chunk_mut().expect("the rest of the room");
        udp::build(
            udp,
            self.port,
            self.to.port,
            arrival.payload_bytes,
            checksum,
        );
        let room = self.build_ip(room, udp_bytes);
        let room = room
            .last_chunk_mut()
            .expect("as long as the longest headers");
        ethernet::build(room, link.next_hop, link.mac, link.vlan, self.network);
        frame.port = link.port;
        Ok(())
    }

    /// Writes the IP header at the end of the room and answers with what is left of it.
    #[inline]
    fn build_ip<'r>(&self, room: &'r mut [u8], udp_bytes: u16) -> &'r mut [u8] {
        let (from, to) = (self.local.ip, self.to.ip);
        match self.network {
            Network::V4 => {
                let (room, out) = room.split_last_chunk_mut().expect("as above");
                ipv4::build(out, v4(from), v4(to), self.dscp, udp_bytes);
                room
            }
            Network::V6 => {
                let (room, out) = room.split_last_chunk_mut().expect("as above");
                let (from, to) = (from.octets().into(), to.octets().into());
                ipv6::build(out, from, to, self.dscp, udp_bytes);
                room
            }
        }
    }

    /// The checksum for the new addresses and ports. A sender that left it out over IPv4 (RFC
    /// 768) gets none there, and one over IPv6, where it is due (RFC 8200 §8.1).
    #[inline]
    fn checksum(&self, arrival: &Arrival, payload: &[u8], udp_bytes: u16) -> u16 {
        let new = addressing(self.local, self.port, self.to);
        if arrival.checksum != 0 {
            return updated(arrival.checksum, arrival.addressing, new).udp_checksum();
        }
        match self.network {
            Network::V4 => 0,
            Network::V6 => {
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
}

#[inline]
fn network_of(ip: PackedIp) -> Network {
    if ip.v4().is_some() {
        Network::V4
    } else {
        Network::V6
    }
}

/// The address of a slot whose network is known to be IPv4: the last four octets.
#[inline]
fn v4(ip: PackedIp) -> Ipv4Addr {
    Ipv4Addr::from(ip.0[1] as u32)
}
