//! How a NIC is got at: which kind of port it is, and how good a one.

/// How frames get in and out by a NIC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Access {
    /// Ordinary sockets.
    Udp = 1,
    /// Rings in memory.
    Memory = 2,
    /// Capture files.
    Pcap = 3,
    /// AF_XDP; the driver copies nothing.
    ZeroCopy = 4,
    /// AF_XDP in the driver, with copies.
    Native = 5,
    /// AF_XDP on packets that the kernel has made.
    Generic = 6,
    /// DPDK.
    Dpdk = 7,
}

impl Access {
    const ALL: [Self; 7] = [
        Self::Udp,
        Self::Memory,
        Self::Pcap,
        Self::ZeroCopy,
        Self::Native,
        Self::Generic,
        Self::Dpdk,
    ];

    /// The access behind a word of the page; nothing where no worker has said.
    pub(super) fn decode(word: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|access| *access as u64 == word)
    }

    /// As operators read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Memory => "memory",
            Self::Pcap => "pcap",
            Self::ZeroCopy => "af_xdp zero-copy",
            Self::Native => "af_xdp native",
            Self::Generic => "af_xdp generic",
            Self::Dpdk => "dpdk",
        }
    }
}
