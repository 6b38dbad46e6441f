//! Ethernet frames over the far end of a dataplane's `memory` port.

use std::net::SocketAddr;
use std::time::Duration;

use strait_dataplane::limits::FRAME_BYTES_MAX;
use strait_dataplane::port::memory::FarEnd;

use super::frame::{datagram, write};
use super::{Endpoint, Wire};

/// Frames taken in one turn.
const BURST: usize = 64;
/// The dataplane's end of a link, and ours.
const DATAPLANE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OWN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// One side's end of the link.
pub struct Frames {
    end: FarEnd,
    addresses: Vec<SocketAddr>,
    frame: Vec<u8>,
    refused: u64,
    malformed: u64,
    space: Box<[u8; FRAME_BYTES_MAX]>,
}

impl Frames {
    /// A side with these addresses; nobody else has them, for nobody else is on the link.
    pub fn new(end: FarEnd, addresses: Vec<SocketAddr>) -> Self {
        Self {
            end,
            addresses,
            frame: Vec::with_capacity(FRAME_BYTES_MAX),
            refused: 0,
            malformed: 0,
            space: Box::new([0; FRAME_BYTES_MAX]),
        }
    }
}

impl Wire for Frames {
    fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn send(&mut self, from: Endpoint, to: SocketAddr, packet: &[u8]) {
        let from = self.addresses[from.0];
        self.frame.clear();
        let built = write(
            &mut self.frame,
            [OWN_MAC, DATAPLANE_MAC],
            [from, to],
            packet,
        );
        if !built || !self.end.send(&self.frame) {
            self.refused += 1;
        }
    }

    fn flush(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn receive(&mut self, each: &mut dyn FnMut(SocketAddr, &[u8])) {
        for _ in 0..BURST {
            let Some(length) = self.end.receive(&mut self.space) else {
                return;
            };
            match datagram(&self.space[..length]) {
                Some((source, payload)) => each(source, payload),
                None => self.malformed += 1,
            }
        }
    }

    fn wait(&mut self, at_most: Duration) {
        // A link in memory wakes nobody.
        std::thread::sleep(at_most.min(Duration::from_micros(50)));
    }

    fn overflowed(&self) -> u64 {
        // What finds the ring full is the dataplane's to count.
        0
    }

    fn malformed(&self) -> u64 {
        self.malformed
    }
}
