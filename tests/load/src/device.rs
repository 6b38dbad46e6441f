//! DPDK's virtual devices in the middle, and what a frame goes through on its way to them.

use clap::ValueEnum;

/// Frames in the rings of a packet socket.
const PACKET_RING_FRAMES: u32 = 2_048;

/// The kind of a virtual device.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Device {
    /// `net_af_packet`: rings shared with the kernel's packet sockets, on an interface.
    #[default]
    #[value(name = "af_packet")]
    Packet,
    /// `net_af_xdp`, on an interface.
    #[value(name = "af_xdp")]
    Xdp,
    /// `net_tap`: an interface of DPDK's own, which becomes the party's.
    #[value(name = "tap")]
    Tap,
}

impl Device {
    /// The device of one side with its arguments: on `interface`, or with an interface of this
    /// name, and with so many queues.
    pub fn with(self, side: usize, interface: &str, queues: u16) -> String {
        match self {
            Self::Packet => format!(
                "net_af_packet{side},iface={interface},qpairs={queues},\
                 framecnt={PACKET_RING_FRAMES},qdisc_bypass=1"
            ),
            // Its busy polling would wait for a thread of the kernel's, where there are some.
            Self::Xdp => {
                format!("net_af_xdp{side},iface={interface},queue_count={queues},busy_budget=0")
            }
            Self::Tap => format!("net_tap{side},iface={interface}"),
        }
    }
}
