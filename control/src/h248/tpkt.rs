//! Messages cut from a byte stream by TPKT headers (RFC 1006 §6; H.248.1 Annex D.2), in either
//! encoding, and the header written.

use thiserror::Error;

use super::limits::{MAX_MESSAGE_BYTES, MAX_TPKT_BYTES};

/// Octets of a header: version, one reserved, the length with the header itself.
pub const HEADER_BYTES: usize = 4;

const VERSION: u8 = 3;

/// What a stream brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// What a packet carries: a whole message by its own account, never empty.
    Message(&'a [u8]),
    /// A packet that carries nothing; some send it to see whether the connection stands.
    Empty,
}

/// Why a stream cannot be read on and its connection must close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// What should be a header is none.
    #[error("no TPKT header where one was due")]
    NotTpkt,
    /// The length does not even cover the header.
    #[error("TPKT packet shorter than its header")]
    TooShort,
}

/// Collects received bytes and hands out whole messages.
///
/// Holds at most one packet and what was pushed after it: call [`next`](Framer::next) until it has
/// nothing more before pushing again.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes at the front that were handed out.
    taken: usize,
}

impl Framer {
    /// Nothing received yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet; `None` until more is received.
    #[allow(
        clippy::should_implement_trait,
        reason = "frames borrow from the framer"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FramingError> {
        let len = match *self.pending() {
            [] | [VERSION] | [VERSION, _] | [VERSION, _, _] => return Ok(None),
            [VERSION, _, high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(FramingError::NotTpkt),
        };
        if len < HEADER_BYTES {
            return Err(FramingError::TooShort);
        }
        if self.pending().len() < len {
            return Ok(None);
        }
        let start = self.taken + HEADER_BYTES;
        self.taken += len;
        Ok(Some(match &self.buffer[start..self.taken] {
            [] => Frame::Empty,
            message => Frame::Message(message),
        }))
    }

    /// Bytes received and not handed out.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Lets go of the memory that a large message took, once nothing is pending.
    pub fn release(&mut self) {
        if self.pending().is_empty() {
            (self.buffer, self.taken) = (Vec::new(), 0);
        }
    }
}

/// Appends a packet that carries `message` to `out`; whether it fits into one.
#[must_use]
pub fn write(message: &[u8], out: &mut Vec<u8>) -> bool {
    let len = message.len() + HEADER_BYTES;
    let Ok(len) = u16::try_from(len) else {
        return false;
    };
    let [high, low] = len.to_be_bytes();
    out.extend_from_slice(&[VERSION, 0, high, low]);
    out.extend_from_slice(message);
    true
}

const _: () = assert!(MAX_TPKT_BYTES - HEADER_BYTES < MAX_MESSAGE_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framer: &mut Framer) -> Result<Vec<Vec<u8>>, FramingError> {
        let mut frames = Vec::new();
        while let Some(frame) = framer.next()? {
            frames.push(match frame {
                Frame::Message(bytes) => bytes.to_vec(),
                Frame::Empty => Vec::new(),
            });
        }
        Ok(frames)
    }

    #[test]
    fn messages_end_where_the_length_says() {
        let longest = vec![b'x'; MAX_TPKT_BYTES - HEADER_BYTES];
        let messages = [&b"MEGACO/1 ..."[..], b"", b"\x30\x00", &longest];
        let mut stream = Vec::new();
        for message in messages {
            assert!(write(message, &mut stream));
        }
        for cut in [1, 3, 5, stream.len()] {
            let mut framer = Framer::new();
            let mut frames = Vec::new();
            for piece in stream.chunks(cut) {
                framer.push(piece);
                frames.extend(all(&mut framer).unwrap());
            }
            assert_eq!(frames, messages);
            assert!(framer.pending().is_empty() && framer.held_bytes() > 0);
            framer.release();
            assert_eq!(framer.held_bytes(), 0);
        }
    }

    #[test]
    fn what_cannot_be_cut_closes_the_connection() {
        for (stream, error) in [
            (&b"GET / HTTP/1.1"[..], FramingError::NotTpkt),
            (b"\x30", FramingError::NotTpkt),
            (b"\x03\x00\x00\x03", FramingError::TooShort),
            (b"\x03\x00\x00\x05M\x02", FramingError::NotTpkt),
        ] {
            let mut framer = Framer::new();
            framer.push(stream);
            assert_eq!(all(&mut framer), Err(error));
            assert_eq!(framer.next(), Err(error), "an error is final");
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let mut out = Vec::new();
        assert!(!write(
            &vec![0; MAX_TPKT_BYTES - HEADER_BYTES + 1],
            &mut out
        ));
        assert!(out.is_empty());
    }
}
