//! One core's queue of a NIC: bursts in, bursts out.
#![allow(unsafe_code)]

use capsule_ffi as ffi;
use strait_dataplane::limits::BURST;

use crate::mbuf::Mbuf;

/// A receive and a transmit queue of the same number.
pub(crate) struct Queue {
    port: u16,
    queue: u16,
}

/// Buffers on their way between a queue and the worker.
pub(crate) struct Burst {
    // An empty place is a null pointer to DPDK.
    mbufs: [Option<Mbuf>; BURST],
    count: usize,
}

const _: () = assert!(size_of::<Option<Mbuf>>() == size_of::<*mut ffi::rte_mbuf>());

impl Queue {
    /// # Safety
    /// The port is set up with a queue of this number, and no other value stands for it.
    pub(crate) unsafe fn new(port: u16, queue: u16) -> Self {
        Self { port, queue }
    }

    /// Takes in what has arrived, at most so many.
    #[inline]
    pub(crate) fn receive(&mut self, burst: &mut Burst, most: usize) {
        burst.clear();
        let most = most.min(BURST) as u16;
        let places = burst.mbufs.as_mut_ptr().cast();
        // SAFETY: the queue is this value's alone, and there is room for so many pointers.
        let count = unsafe { ffi::strait_eth_rx_burst(self.port, self.queue, places, most) };
        burst.count = usize::from(count);
    }

    /// Sends the burst from its front; returns how many went. The others are lost.
    #[inline]
    pub(crate) fn send(&mut self, burst: &mut Burst) -> usize {
        let places = burst.mbufs.as_mut_ptr().cast();
        let count = burst.count as u16;
        // SAFETY: the queue is this value's alone, and the burst has so many buffers of its own.
        let sent = unsafe { ffi::strait_eth_tx_burst(self.port, self.queue, places, count) };
        let sent = usize::from(sent);
        for gone in &mut burst.mbufs[..sent] {
            // The driver owns it now.
            std::mem::forget(gone.take());
        }
        burst.clear();
        sent
    }
}

impl Burst {
    pub(crate) fn new() -> Self {
        Self {
            mbufs: [const { None }; BURST],
            count: 0,
        }
    }

    /// Adds one at the end, or loses it where there is no room.
    #[inline]
    pub(crate) fn push(&mut self, mbuf: Mbuf) {
        if let Some(place) = self.mbufs.get_mut(self.count) {
            *place = Some(mbuf);
            self.count += 1;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Takes all out, in order.
    #[inline]
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Mbuf> + '_ {
        let count = std::mem::take(&mut self.count);
        self.mbufs[..count].iter_mut().filter_map(Option::take)
    }

    fn clear(&mut self) {
        self.drain().for_each(drop);
    }
}
