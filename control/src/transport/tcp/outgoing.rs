//! What waits to be sent on a connection.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::pool::Share;
use crate::transport::SendError;
use crate::transport::limits::{MAX_QUEUED_BYTES, MAX_WAITING_BYTES, WRITE_TIMEOUT};

/// A bounded queue of messages, the first of which may be sent in part.
#[derive(Debug)]
pub(super) struct Outgoing {
    queue: VecDeque<Vec<u8>>,
    sent_of_first: usize,
    waiting: Share,
    /// Since when the peer has taken nothing.
    stalled_since: Option<Instant>,
    overflowed: bool,
}

impl Outgoing {
    pub fn new(waiting: Share) -> Self {
        Self {
            queue: VecDeque::new(),
            sent_of_first: 0,
            waiting,
            stalled_since: None,
            overflowed: false,
        }
    }

    pub fn push(&mut self, message: Vec<u8>) -> Result<(), SendError> {
        // A message alone always fits: it is no longer than the parser lets it be.
        let bytes = self.waiting.bytes() + message.len();
        if !self.queue.is_empty() && bytes > MAX_QUEUED_BYTES {
            self.overflowed = true;
            return Err(SendError);
        }
        self.waiting.set(bytes);
        self.queue.push_back(message);
        Ok(())
    }

    /// Sends what the peer takes; whether it took anything.
    pub fn flush(&mut self, stream: &TcpStream) -> io::Result<bool> {
        let mut took = false;
        while let Some(first) = self.queue.front() {
            match stream.try_write(&first[self.sent_of_first..]) {
                Ok(len) => {
                    took = true;
                    self.sent_of_first += len;
                    if self.sent_of_first == first.len() {
                        self.waiting.set(self.waiting.bytes() - first.len());
                        self.sent_of_first = 0;
                        self.queue.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.stalled_since = match self.queue.is_empty() {
            true => None,
            false if took => Some(Instant::now()),
            false => self.stalled_since.or_else(|| Some(Instant::now())),
        };
        Ok(took)
    }

    /// Gives the connection up where it waits and all of them together hold too much.
    pub fn make_room(&mut self) -> Result<(), SendError> {
        if self.queue.is_empty() || self.waiting.of_all() <= MAX_WAITING_BYTES {
            return Ok(());
        }
        self.overflowed = true;
        Err(SendError)
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// When the peer will have taken nothing for too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.stalled_since.map(|since| since + WRITE_TIMEOUT)
    }
}
