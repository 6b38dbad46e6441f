//! What an interface is: its number, address, size, queues and settings that matter here.

use std::io;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use super::ethtool;
use crate::netlink::Netlink;
use crate::wire::MacAddress;

/// An interface as the kernel has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) mac: MacAddress,
    pub(super) mtu: usize,
    /// Receive queues in use.
    pub(super) queues: u32,
    /// The NIC takes VLAN tags off before anybody sees them.
    pub(super) strips_vlan: bool,
}

impl Interface {
    /// The interface of this name, if there is one.
    pub(super) fn find(name: &str) -> io::Result<Option<Self>> {
        let mut found = None;
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        Netlink::open()?.dump(request, |message| {
            if let RouteNetlinkMessage::NewLink(link) = message
                && is_called(&link, name)
            {
                found = Some(link);
            }
        })?;
        Ok(found.map(|link| Self::read(name, &link)))
    }

    fn read(name: &str, link: &LinkMessage) -> Self {
        let mut interface = Self {
            index: link.header.index,
            mac: MacAddress::default(),
            mtu: 0,
            queues: 1,
            strips_vlan: ethtool::strips_vlan(name),
        };
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::Address(octets) => {
                    let octets = octets.as_slice().try_into();
                    interface.mac = octets.map_or(interface.mac, MacAddress);
                }
                LinkAttribute::Mtu(mtu) => interface.mtu = *mtu as usize,
                LinkAttribute::NumRxQueues(queues) => interface.queues = *queues,
                _ => {}
            }
        }
        // Drivers allocate more queues than they use.
        interface.queues = ethtool::receive_queues(name).unwrap_or(interface.queues);
        interface
    }
}

fn is_called(link: &LinkMessage, name: &str) -> bool {
    let mut attributes = link.attributes.iter();
    attributes.any(|attribute| matches!(attribute, LinkAttribute::IfName(other) if other == name))
}
