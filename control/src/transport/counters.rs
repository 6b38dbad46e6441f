//! What the transport counts.

use std::cell::Cell;

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Something the transport counts.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Counter {
            $($(#[$doc])* $variant,)*
        }

        const NAMES: &[&str] = &[$($name,)*];
    };
}

counters! {
    /// Messages that came by UDP.
    UdpReceived = "udp_received",
    /// Messages that left by UDP.
    UdpSent = "udp_sent",
    /// Messages dropped because the kernel's send buffer was full.
    UdpSendBufferFull = "udp_send_buffer_full",
    /// Messages the kernel refused to send, or reported as undeliverable.
    UdpUndeliverable = "udp_undeliverable",
    /// Messages that came by TCP.
    TcpReceived = "tcp_received",
    /// Messages that left by TCP.
    TcpSent = "tcp_sent",
    /// Keep-alives that came.
    KeepAlives = "keepalives_received",
    /// Connections accepted.
    TcpAccepted = "tcp_accepted",
    /// Connections opened by us.
    TcpOpened = "tcp_opened",
    /// Connections that could not be opened.
    TcpNotOpened = "tcp_not_opened",
    /// Connections refused because their source has too many.
    TcpRefusedForSource = "tcp_refused_for_source",
    /// Connections closed to make room for new ones.
    TcpEvicted = "tcp_evicted",
    /// Connections closed because nothing whole came in time, or nothing at all.
    TcpTimedOut = "tcp_timed_out",
    /// Connections closed because their stream was no SIP, or too large.
    TcpUnreadable = "tcp_unreadable",
    /// Connections closed because all of them together brought too much that was not whole.
    TcpCrowded = "tcp_crowded",
    /// Connections closed because their reader was too slow.
    TcpOverflowed = "tcp_overflowed",
    /// Connections that could not be accepted for want of descriptors or memory.
    TcpAcceptFailed = "tcp_accept_failed",
}

/// All counters since the start.
#[derive(Debug)]
pub struct Counters([Cell<u64>; NAMES.len()]);

impl Counters {
    /// All zero.
    pub fn new() -> Self {
        Self([const { Cell::new(0) }; NAMES.len()])
    }

    /// Counts one.
    pub fn count(&self, counter: Counter) {
        let cell = &self.0[counter as usize];
        cell.set(cell.get() + 1);
    }

    /// How often it happened.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].get()
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().copied().zip(self.0.iter().map(Cell::get))
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}
