//! Messages cut from a byte stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use memchr::memchr;
use thiserror::Error;

use super::fault::Fault;
use super::limits::{MAX_STREAM_BODY_BYTES, MAX_STREAM_HEAD_BYTES};
use super::lines::Lines;
use super::message::content_length;
use super::scanner::is_token;

/// What a stream brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole message by its own account; [`Message::parse`](super::Message::parse) reads it.
    Message(&'a [u8]),
    /// CRLF CRLF between messages, to be answered with CRLF.
    Ping,
    /// CRLF between messages: the answer to a ping.
    Pong,
}

/// Why a stream cannot be read on and its connection must close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// What should be a start line is none.
    #[error("no SIP start line where one was due")]
    NotSip,
    /// The header section is longer than
    /// [`MAX_STREAM_HEAD_BYTES`].
    #[error("header section too long")]
    HeadTooLong,
    /// The announced body is longer than
    /// [`MAX_STREAM_BODY_BYTES`].
    #[error("body too long")]
    BodyTooLong,
    /// No telling where the message ends.
    #[error("unreadable Content-Length")]
    ContentLength,
}

/// Collects received bytes and hands out whole messages.
///
/// Holds at most one message and what was pushed after it: call [`next`](Framer::next) until it
/// has nothing more before pushing again.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes at the front that were handed out.
    taken: usize,
    /// Bytes after `taken` known not to end the header section.
    scanned: usize,
    /// Length of the message at `taken`, once its header section is complete.
    message_len: Option<usize>,
    /// A CRLF between messages was just taken, which a second one makes a ping.
    pong_taken: bool,
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

    /// The next whole message or keep-alive; `None` until more is received.
    #[allow(
        clippy::should_implement_trait,
        reason = "frames borrow from the framer"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FramingError> {
        if self.message_len.is_none() {
            if let Some(keep_alive) = self.keep_alive() {
                return Ok(Some(keep_alive));
            }
            self.message_len = self.measure()?;
        }
        let Some(len) = self.message_len.filter(|len| *len <= self.pending().len()) else {
            return Ok(None);
        };
        let start = self.taken;
        self.taken += len;
        self.scanned = 0;
        self.message_len = None;
        self.pong_taken = false;
        Ok(Some(Frame::Message(&self.buffer[start..self.taken])))
    }

    /// Bytes received and not handed out: after an error, what a refusal can be built from.
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

    fn keep_alive(&mut self) -> Option<Frame<'static>> {
        let (len, frame) = match self.pending() {
            [b'\r', b'\n', b'\r', b'\n', ..] => (4, Frame::Ping),
            [b'\r', b'\n', ..] if self.pong_taken => (2, Frame::Ping),
            [b'\r', b'\n', ..] => (2, Frame::Pong),
            _ => return None,
        };
        self.taken += len;
        self.scanned = 0;
        self.pong_taken = frame == Frame::Pong;
        Some(frame)
    }

    /// The length of the message at the front, once its header section is complete.
    fn measure(&mut self) -> Result<Option<usize>, FramingError> {
        let pending = &self.buffer[self.taken..];
        check_start(pending)?;
        let Some(head_len) = head_len(pending, &mut self.scanned) else {
            let too_long = pending.len() > MAX_STREAM_HEAD_BYTES;
            return if too_long {
                Err(FramingError::HeadTooLong)
            } else {
                Ok(None)
            };
        };
        if head_len > MAX_STREAM_HEAD_BYTES {
            return Err(FramingError::HeadTooLong);
        }
        let body_len = body_len(&pending[..head_len]).ok_or(FramingError::ContentLength)?;
        if body_len > MAX_STREAM_BODY_BYTES {
            return Err(FramingError::BodyTooLong);
        }
        Ok(Some(head_len + body_len))
    }
}

/// Garbage is told from its first bytes, before a whole header section of it is kept.
fn check_start(pending: &[u8]) -> Result<(), FramingError> {
    let Some(first) = pending.first() else {
        return Ok(());
    };
    if *first == b'\r' && pending.len() == 1 {
        return Ok(());
    }
    let line = memchr(b'\n', pending).map(|end| &pending[..end]);
    let is_sip = |line: &[u8]| {
        line.windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"SIP/"))
    };
    if !is_token(*first) || line.is_some_and(|line| !is_sip(line)) {
        return Err(FramingError::NotSip);
    }
    Ok(())
}

/// The length of the body that follows `head`, nothing where no header says so. A line that
/// cannot be read might have said so: then only a readable Content-Length counts, and a stray
/// carriage return, behind which others may read a header, leaves it open.
fn body_len(head: &[u8]) -> Option<usize> {
    let mut fault = None;
    let headers = Lines::after_start_line(head).filter_map(|line| match line {
        Ok(header) => Some(header),
        Err(found) => {
            fault = Some(found);
            None
        }
    });
    let len = content_length(head, headers).ok()?;
    match fault {
        None => Some(len.unwrap_or(0)),
        Some(Fault::HeaderLine) => len,
        Some(_) => None,
    }
}

/// The length of the header section with its blank line. `scanned` carries over how far earlier
/// calls have looked.
fn head_len(pending: &[u8], scanned: &mut usize) -> Option<usize> {
    while let Some(end) = memchr(b'\n', &pending[*scanned..]) {
        let next = *scanned + end + 1;
        match pending[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            [] | [b'\r'] => return None,
            _ => *scanned = next,
        }
    }
    *scanned = pending.len();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framer: &mut Framer) -> Result<Vec<String>, FramingError> {
        let mut frames = Vec::new();
        while let Some(frame) = framer.next()? {
            frames.push(match frame {
                Frame::Message(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Frame::Ping => "ping".to_owned(),
                Frame::Pong => "pong".to_owned(),
            });
        }
        Ok(frames)
    }

    fn read(stream: &str) -> Result<Vec<String>, FramingError> {
        let mut framer = Framer::new();
        framer.push(stream.as_bytes());
        all(&mut framer)
    }

    #[test]
    fn messages_end_where_content_length_says() {
        let one = "INFO sip:a SIP/2.0\r\nl : 3\r\nX: a\r\n b\r\n\r\n\r\n\n";
        let two = "SIP/2.0 200 OK\nContent-Length: 0\n\n";
        let three = "OPTIONS sip:a SIP/2.0\r\n\r\n";
        let frames = read(&[one, two, three, "\r\n", three, "\r\n\r\n", three, "BYE"].concat());
        let expected = [one, two, three, "pong", three, "ping", three];
        assert_eq!(frames.unwrap(), expected);
    }

    #[test]
    fn a_ping_may_come_in_pieces() {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for byte in b"\r\n\r\n\r\nOPTIONS sip:a SIP/2.0\r\n\r\n" {
            framer.push(&[*byte]);
            frames.extend(all(&mut framer).unwrap());
        }
        assert_eq!(
            frames,
            ["pong", "ping", "pong", "OPTIONS sip:a SIP/2.0\r\n\r\n"]
        );
        assert!(framer.pending().is_empty());
    }

    #[test]
    fn what_cannot_be_cut_closes_the_connection() {
        use FramingError::*;
        let long = "a".repeat(MAX_STREAM_HEAD_BYTES + 1);
        for (stream, error) in [
            ("GET / HTTP/1.1\r\n", NotSip),
            ("\0\0\0\0", NotSip),
            ("\rX", NotSip),
            ("OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n", ContentLength),
            (
                "OPTIONS sip:a SIP/2.0\r\nl: 99999999999\r\n\r\n",
                ContentLength,
            ),
            (
                "OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n",
                ContentLength,
            ),
            ("OPTIONS sip:a SIP/2.0\r\nX: a\rl: 1\r\n\r\n", ContentLength),
            (
                "OPTIONS sip:a SIP/2.0\r\nContent-Length 1\r\n\r\n",
                ContentLength,
            ),
            ("OPTIONS sip:a SIP/2.0\r\nl: 99999\r\n\r\n", BodyTooLong),
            (&long, HeadTooLong),
            (
                &format!("OPTIONS sip:a SIP/2.0\r\nX: {long}\r\n\r\n"),
                HeadTooLong,
            ),
        ] {
            assert_eq!(
                read(stream),
                Err(error),
                "{}",
                &stream[..stream.len().min(60)]
            );
        }
    }

    #[test]
    fn a_malformed_line_beside_a_length_is_for_the_parser_to_refuse() {
        let message = "OPTIONS sip:a SIP/2.0\r\nno colon\r\nl: 1\r\n\r\nx";
        assert_eq!(read(message).unwrap(), [message]);
    }
}
