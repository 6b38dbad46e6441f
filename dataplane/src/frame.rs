//! The frames of a burst, with headroom for longer headers.

mod buffer;

use strait_shared::slot::EgressPort;
use strait_shared::time::Instant;

pub use self::buffer::{Buffer, Lender, Octets};
use crate::limits::{BUFFER_BYTES, FRAME_BYTES_MAX, HEADER_BYTES_MAX, HEADROOM_BYTES};

/// One Ethernet frame. Made at start, filled and emptied for ever after.
#[derive(Debug)]
pub struct Frame {
    buffer: Buffer,
    start: u16,
    end: u16,
    /// The port the frame arrived at, then the one it leaves by.
    pub port: EgressPort,
    /// When the frame reached this machine, as exactly as its port knows.
    pub received: Instant,
}

impl Frame {
    /// An empty frame, on the heap.
    pub fn new() -> Self {
        Self::of(Buffer::new())
    }

    /// An empty frame in this memory.
    pub fn of(buffer: Buffer) -> Self {
        let start = HEADROOM_BYTES as u16;
        Self {
            buffer,
            start,
            end: start,
            port: EgressPort(0),
            received: Instant::ZERO,
        }
    }

    /// Takes `bytes` in behind the headroom; refuses what is longer than [`FRAME_BYTES_MAX`].
    pub fn fill(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= FRAME_BYTES_MAX;
        if fits {
            self.space()[..bytes.len()].copy_from_slice(bytes);
            self.set_length(bytes.len());
        }
        fits
    }

    /// Where a port writes a received frame, before it calls [`set_length`](Self::set_length).
    #[inline]
    pub fn space(&mut self) -> &mut [u8; FRAME_BYTES_MAX] {
        self.buffer.octets_mut()[HEADROOM_BYTES..]
            .first_chunk_mut()
            .expect("the buffer's size")
    }

    /// Declares the first `length` octets of [`space`](Self::space) the frame.
    #[inline]
    pub fn set_length(&mut self, length: usize) {
        self.start = HEADROOM_BYTES as u16;
        self.end = self.start + length.min(FRAME_BYTES_MAX) as u16;
    }

    /// The frame's memory, for a port that exchanges it. What it sends, it leaves the length of.
    #[inline]
    pub fn buffer(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    /// Where the frame begins in its memory.
    #[inline]
    pub fn start(&self) -> usize {
        usize::from(self.start)
    }

    /// Declares `length` octets from `start` on the frame; refuses what does not leave the
    /// headroom or is longer than [`FRAME_BYTES_MAX`].
    #[inline]
    pub fn place(&mut self, start: usize, length: usize) -> bool {
        let fits =
            start >= HEADROOM_BYTES && length <= FRAME_BYTES_MAX && start + length <= BUFFER_BYTES;
        if fits {
            (self.start, self.end) = (start as u16, (start + length) as u16);
        }
        fits
    }

    /// Octets of the frame.
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.end - self.start)
    }

    /// The frame.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer.octets()[usize::from(self.start)..usize::from(self.end)]
    }

    /// Keeps `payload_bytes` octets from `payload_at` on, with `header_bytes` octets in front of
    /// them that the caller fills: they are the last ones of the room handed out, and the
    /// payload follows. Nothing when there is no such room or payload.
    #[inline]
    pub fn reheader(
        &mut self,
        payload_at: usize,
        payload_bytes: usize,
        header_bytes: usize,
    ) -> Option<(&mut [u8; HEADER_BYTES_MAX], &mut [u8])> {
        let payload_start = usize::from(self.start) + payload_at;
        let end = payload_start + payload_bytes;
        if header_bytes > HEADER_BYTES_MAX || end > usize::from(self.end) {
            return None;
        }
        let room_start = payload_start.checked_sub(HEADER_BYTES_MAX)?;
        let room = self.buffer.octets_mut().get_mut(room_start..end)?;
        (self.start, self.end) = ((payload_start - header_bytes) as u16, end as u16);
        room.split_first_chunk_mut()
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_header_grows_into_the_headroom() {
        let mut frame = Frame::new();
        assert!(frame.fill(b"headpayload tail"));
        let (room, payload) = frame.reheader(4, 7, 10).unwrap();
        assert_eq!(payload, b"payload");
        room[HEADER_BYTES_MAX - 10..].copy_from_slice(b"new header");
        assert_eq!(frame.bytes(), b"new headerpayload");
        frame.reheader(10, 7, 0).unwrap();
        assert_eq!(frame.bytes(), b"payload");
    }

    #[test]
    fn a_frame_lies_where_its_port_says() {
        let mut frame = Frame::new();
        assert!(frame.place(300, 4));
        frame.buffer().octets_mut()[300..304].copy_from_slice(b"here");
        assert_eq!(frame.bytes(), b"here");
        assert!(!frame.place(HEADROOM_BYTES - 1, 4));
        assert!(!frame.place(HEADROOM_BYTES, FRAME_BYTES_MAX + 1));
        assert!(!frame.place(BUFFER_BYTES - 3, 4));
        assert_eq!(frame.bytes(), b"here");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut frame = Frame::new();
        assert!(!frame.fill(&[0; FRAME_BYTES_MAX + 1]));
        assert!(frame.fill(&[0; FRAME_BYTES_MAX]));
        assert!(frame.reheader(42, 100, HEADER_BYTES_MAX + 1).is_none());
        assert!(frame.reheader(42, FRAME_BYTES_MAX, 0).is_none());
        assert_eq!(frame.bytes().len(), FRAME_BYTES_MAX);
    }
}
