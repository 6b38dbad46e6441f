//! How one side's packets get to Strait and back: through sockets, or as frames, by AF_XDP or over
//! a memory link.

mod af_xdp;
mod frame;
mod memory;
mod next_hop;
mod sockets;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use self::af_xdp::{BypassError, Bypassing, open};
pub use self::frame::write;
pub use self::memory::Frames;
pub use self::sockets::Sockets;
use crate::Failure;

/// Which of a side's own addresses a packet leaves from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint(pub usize);

/// One side's way to Strait.
pub trait Wire: Send {
    /// A side's own addresses, by [`Endpoint`].
    fn addresses(&self) -> &[SocketAddr];

    /// Finds the way to an address before the first packet goes there.
    fn reach(&mut self, _: IpAddr) -> Result<(), Failure> {
        Ok(())
    }

    /// Queues a packet.
    fn send(&mut self, from: Endpoint, to: SocketAddr, packet: &[u8]);

    /// Sends what is queued; how many packets were refused.
    fn flush(&mut self) -> u64;

    /// Hands over what has arrived, up to a burst for each address: who sent it, and the packet.
    fn receive(&mut self, each: &mut dyn FnMut(SocketAddr, &[u8]));

    /// Waits until something arrives, or so long.
    fn wait(&mut self, at_most: Duration);

    /// Packets lost in this side's own receive queues so far.
    fn overflowed(&self) -> u64;

    /// Packets received so far that are malformed: headers or checksums that are wrong.
    fn malformed(&self) -> u64;
}
