//! How packets get about, and where everybody is: arguments of several commands.

use clap::{Args, ValueEnum};

use strait_dataplane::port::af_xdp::Mode;

use crate::Failure;
use crate::device::Device;
use crate::hosts::{Cores, Layout, Middle as Between};
use crate::station::Station;

const NO_INTERFACE: &str =
    "--wire af_xdp with a configuration needs --near-interface and --far-interface";

/// How packets get about, and where everybody is.
#[derive(Args, Debug, Clone, Default)]
pub struct Ways {
    /// The NICs of the built-in configuration.
    #[arg(long, value_enum, default_value_t, conflicts_with = "config")]
    pub over: Over,
    /// The mode that af_xdp NICs must have: zero-copy, native or generic; the best there is.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<Mode>,
    /// The virtual devices of --over dpdk.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "DEVICE",
        conflicts_with = "config"
    )]
    pub device: Device,
    /// How the parties send and receive. Over a memory NIC they use its rings in any case.
    #[arg(long, value_enum, default_value_t)]
    pub wire: Wire,
    /// Network namespaces joined by veth pairs, one for each party and one for what stands between
    /// them, instead of loopback addresses. What needs interfaces has them in any case. As root.
    #[arg(long, conflicts_with = "config")]
    pub hosts: bool,
    /// The sides that have IPv6 instead of IPv4, on hosts of their own: near, far or both.
    #[arg(
        long,
        value_enum,
        value_name = "SIDE,...",
        value_delimiter = ',',
        conflicts_with = "config"
    )]
    pub ipv6: Vec<Side>,
    /// Cores for the parties and for what stands between them, with what the kernel does for each
    /// in threads of its own, so that its processor time is told too. With --hosts.
    #[arg(long, value_name = "PARTIES,MIDDLE", value_parser = cores, conflicts_with = "config")]
    pub cores: Option<Cores>,
}

/// Where the parties are elsewhere on this machine.
#[derive(Args, Debug, Clone, Default)]
pub struct Away {
    /// The network namespace of the calling parties.
    #[arg(long, value_name = "NAME")]
    pub near_namespace: Option<String>,
    /// The network namespace of the called parties.
    #[arg(long, value_name = "NAME")]
    pub far_namespace: Option<String>,
    /// The interface of the calling parties, for --wire af_xdp.
    #[arg(long, value_name = "NAME")]
    pub near_interface: Option<String>,
    /// The interface of the called parties, for --wire af_xdp.
    #[arg(long, value_name = "NAME")]
    pub far_interface: Option<String>,
}

/// What stands between the parties: Strait, or what it is compared with.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Middle {
    /// Strait's dataplane.
    #[default]
    Strait,
    /// rtpengine without its kernel module.
    Rtpengine,
    /// The kernel, which forwards and translates addresses by nftables.
    Nftables,
    /// Strait's AF_XDP port without its relay: frames change their MAC addresses alone.
    Echo,
    /// DPDK's testpmd, which does the same, over packet sockets.
    #[value(name = "testpmd-af_packet")]
    TestpmdPacket,
    /// DPDK's testpmd over AF_XDP.
    #[value(name = "testpmd-af_xdp")]
    TestpmdXdp,
    /// Nothing: the parties send to each other, which is what there is to lose.
    Nothing,
}

impl Middle {
    /// Whether it stands between interfaces, not on loopback addresses.
    pub fn needs_hosts(self) -> bool {
        !matches!(self, Self::Strait | Self::Rtpengine | Self::Nothing)
    }

    /// Whether it stands between sides of which these have IPv6.
    pub fn crosses(self, ipv6: &[Side]) -> bool {
        match self {
            Self::Strait | Self::Rtpengine => true,
            Self::Nftables => ipv6.is_empty(),
            _ => ipv6.is_empty() || ipv6.contains(&Side::Near) && ipv6.contains(&Side::Far),
        }
    }
}

/// The NICs of the built-in configuration.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Over {
    /// Ordinary sockets.
    #[default]
    Udp,
    /// Frames over rings in memory.
    Memory,
    /// Frames straight from the queues of the interfaces.
    #[value(name = "af_xdp")]
    AfXdp,
    /// DPDK's virtual devices on the interfaces, driven by strait-dataplane-dpdk.
    Dpdk,
}

/// One of the two parties' sides.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// That of those who call.
    Near,
    /// That of those who are called.
    Far,
}

/// How the parties send and receive.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Wire {
    /// Ordinary sockets.
    #[default]
    Sockets,
    /// Frames straight to and from their interfaces.
    #[value(name = "af_xdp")]
    AfXdp,
}

impl Ways {
    /// The hosts that everybody has of their own, with so many queues; nothing where they share
    /// loopback addresses.
    pub fn layout(&self, through: Middle, queues: u16) -> Option<Layout> {
        let bypasses = self.wire == Wire::AfXdp || matches!(self.over, Over::AfXdp | Over::Dpdk);
        let asked_for = self.hosts || self.cores.is_some() || !self.ipv6.is_empty();
        let middle = match through {
            Middle::Nothing => Between::Nothing,
            Middle::TestpmdPacket => Between::Dpdk(Device::Packet),
            Middle::TestpmdXdp => Between::Dpdk(Device::Xdp),
            Middle::Strait if self.over == Over::Dpdk => Between::Dpdk(self.device),
            _ => Between::Kernel,
        };
        let layout = Layout {
            middle,
            is_ipv6: [Side::Near, Side::Far].map(|side| self.ipv6.contains(&side)),
            queues,
            cores: self.cores,
        };
        (asked_for || bypasses || through.needs_hosts()).then_some(layout)
    }
}

impl Away {
    /// Where a side's party is, and its interface, which only some wires need.
    pub fn party(&self, side: usize, wire: Wire) -> Result<(Station, String), Failure> {
        let [namespace, interface] = match side {
            0 => [&self.near_namespace, &self.near_interface],
            _ => [&self.far_namespace, &self.far_interface],
        };
        if wire == Wire::AfXdp && interface.is_none() {
            return Err(Failure::Mismatch(NO_INTERFACE));
        }
        let station = Station {
            namespace: namespace.clone(),
            core: None,
        };
        Ok((station, interface.clone().unwrap_or_default()))
    }
}

/// Reads a mode's name.
pub fn mode(text: &str) -> Result<Mode, String> {
    let named = Mode::ALL.into_iter().find(|mode| mode.name() == text);
    named.ok_or_else(|| "zero-copy, native or generic".to_owned())
}

/// Reads two cores.
pub fn cores(text: &str) -> Result<Cores, String> {
    let both = text.split_once(',').and_then(|(parties, middle)| {
        Some(Cores {
            parties: parties.parse().ok()?,
            middle: middle.parse().ok()?,
        })
    });
    both.ok_or_else(|| "two cores' numbers, such as 0,1".to_owned())
}
