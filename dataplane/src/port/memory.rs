//! The `memory` port: frames over shared rings, within a process or between two.
//!
//! A [`Link`] is a cable with a dataplane at one end and a test, a bench or another program at
//! the other. It lives in a sealed memfd, so [`Link::attach`] works from another process too.

mod copy;
mod mapping;
mod ring;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use strait_shared::statistics::Access;
use strait_shared::time::Instant;

use self::mapping::Mapping;
use self::ring::{Receiver, Sender};
use super::{Capabilities, FrameIndex, Port};
use crate::frame::Frame;
use crate::limits::FRAME_BYTES_MAX;
use crate::wire::MacAddress;

/// "STRAIT" and the layout's version.
const MAGIC: u64 = u64::from_be_bytes(*b"STRAIT\x00\x01");
const QUEUES_MAX: usize = strait_shared::limits::WORKERS_MAX as usize;
const FRAMES_MAX: usize = 1 << 16;
/// Words of the header: magic, queues, frames a ring; then padding to the first ring.
const HEADER_WORDS: usize = 16;

/// A link has one other end.
const FAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The memory could not be had.
    #[error("no memory for frames: {0}")]
    System(#[from] std::io::Error),
    /// The descriptor is not a link, or one of another version.
    #[error("not a link of this version")]
    Foreign,
    /// Queues or ring sizes out of range.
    #[error("a link has 1 to {QUEUES_MAX} queues of a power of two up to {FRAMES_MAX} frames")]
    Sizes,
}

/// A cable of several queues, one for each worker, each with a ring in either direction.
#[derive(Clone)]
pub struct Link {
    mapping: Arc<Mapping>,
    queues: usize,
    frames: usize,
}

impl Link {
    /// A new link; `frames` is how many frames each ring holds, a power of two.
    pub fn create(queues: usize, frames: usize) -> Result<Self, LinkError> {
        check_sizes(queues, frames)?;
        let mapping = Arc::new(Mapping::create(total_words(queues, frames))?);
        mapping.store(1, queues as u64);
        mapping.store(2, frames as u64);
        mapping.store(0, MAGIC);
        Ok(Self {
            mapping,
            queues,
            frames,
        })
    }

    /// A link within this process.
    #[cfg(test)]
    fn heap(queues: usize, frames: usize) -> Self {
        let mapping = Arc::new(Mapping::heap(total_words(queues, frames)));
        Self {
            mapping,
            queues,
            frames,
        }
    }

    /// The link behind a descriptor that another process created.
    pub fn attach(fd: OwnedFd) -> Result<Self, LinkError> {
        let mapping = Arc::new(Mapping::attach(fd)?);
        if mapping.words() < HEADER_WORDS || mapping.load(0) != MAGIC {
            return Err(LinkError::Foreign);
        }
        let size = |word| usize::try_from(mapping.load(word)).map_err(|_| LinkError::Sizes);
        let (queues, frames) = (size(1)?, size(2)?);
        check_sizes(queues, frames)?;
        if mapping.words() < total_words(queues, frames) {
            return Err(LinkError::Foreign);
        }
        Ok(Self {
            mapping,
            queues,
            frames,
        })
    }

    /// How many queues there are.
    pub fn queues(&self) -> usize {
        self.queues
    }

    /// The descriptor to hand to another process.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.mapping.as_fd()
    }

    /// The dataplane's end of a queue. Make it once.
    ///
    /// # Panics
    /// When there is no such queue.
    pub fn port(&self, queue: usize, name: &str, mac: MacAddress) -> MemoryPort {
        let (inward, outward) = self.rings(queue);
        MemoryPort {
            name: name.to_owned(),
            mac,
            receiver: Receiver::new(self.mapping.clone(), inward, self.frames),
            sender: Sender::new(self.mapping.clone(), outward, self.frames),
        }
    }

    /// The other end of a queue. Make it once.
    ///
    /// # Panics
    /// When there is no such queue.
    pub fn far_end(&self, queue: usize) -> FarEnd {
        let (inward, outward) = self.rings(queue);
        FarEnd {
            sender: Sender::new(self.mapping.clone(), inward, self.frames),
            receiver: Receiver::new(self.mapping.clone(), outward, self.frames),
        }
    }

    fn rings(&self, queue: usize) -> (usize, usize) {
        assert!(queue < self.queues, "queue {queue} of {}", self.queues);
        let ring = ring::words(self.frames);
        let first = HEADER_WORDS + queue * 2 * ring;
        (first, first + ring)
    }
}

fn check_sizes(queues: usize, frames: usize) -> Result<(), LinkError> {
    let queues_fit = (1..=QUEUES_MAX).contains(&queues);
    if queues_fit && frames.is_power_of_two() && frames <= FRAMES_MAX {
        Ok(())
    } else {
        Err(LinkError::Sizes)
    }
}

fn total_words(queues: usize, frames: usize) -> usize {
    HEADER_WORDS + queues * 2 * ring::words(frames)
}

/// The dataplane's end of one queue.
pub struct MemoryPort {
    name: String,
    mac: MacAddress,
    receiver: Receiver,
    sender: Sender,
}

impl Port for MemoryPort {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> MacAddress {
        self.mac
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            frame_bytes_max: FRAME_BYTES_MAX as u16,
            next_hop: Some(FAR),
            access: Access::Memory,
        }
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        let available = self.receiver.available().min(frames.len());
        let mut filled = 0;
        for _ in 0..available {
            let frame = &mut frames[filled];
            if let Some(length) = self.receiver.take(frame.space()) {
                frame.set_length(length);
                frame.received = now;
                filled += 1;
            }
        }
        self.receiver.release();
        filled
    }

    fn tx_burst(&mut self, _: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        let room = self.sender.room().min(chosen.len());
        for &index in &chosen[..room] {
            self.sender.put(frames[usize::from(index)].bytes());
        }
        self.sender.publish();
        room
    }
}

/// The other end of one queue: where a test or a bench plugs in.
pub struct FarEnd {
    sender: Sender,
    receiver: Receiver,
}

impl FarEnd {
    /// Sends a frame towards the dataplane; `false` when the ring is full or the frame too long.
    pub fn send(&mut self, frame: &[u8]) -> bool {
        let sent = frame.len() <= FRAME_BYTES_MAX && self.sender.room() > 0;
        if sent {
            self.sender.put(frame);
            self.sender.publish();
        }
        sent
    }

    /// The next frame the dataplane sent, copied into `space`; its length.
    pub fn receive(&mut self, space: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        if self.receiver.available() == 0 {
            return None;
        }
        let taken = self.receiver.take(space);
        self.receiver.release();
        taken
    }
}

#[cfg(test)]
mod tests;
