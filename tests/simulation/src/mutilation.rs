//! Messages with octets changed, cut or doubled.

use crate::checks::{self, Side};

/// How somebody mutilates messages.
pub struct Mutilation {
    /// Where whoever does it is.
    pub side: Side,
    /// In fewer places than this.
    pub places: usize,
    /// Fewer octets than this are doubled at once.
    pub doubled: usize,
}

impl Mutilation {
    /// A mutilated message; the message itself where addresses would come of it that nobody means.
    pub fn of(&self, message: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
        let mutilated = self.damaged(message.to_vec(), random);
        match checks::misleads(self.side, message, &mutilated) {
            true => message.to_vec(),
            false => mutilated,
        }
    }

    fn damaged(&self, mut message: Vec<u8>, random: &mut fastrand::Rng) -> Vec<u8> {
        for _ in 0..random.usize(1..self.places) {
            if message.is_empty() {
                break;
            }
            let at = random.usize(..message.len());
            match random.u8(..4) {
                0 => message[at] = random.u8(..),
                1 => message.truncate(at),
                2 => message.insert(at, b"\r\n;,<>\":@%"[random.usize(..10)]),
                _ => {
                    let end = (at + random.usize(..self.doubled)).min(message.len());
                    let piece = message[at..end].to_vec();
                    message.splice(at..at, piece);
                }
            }
        }
        message
    }
}
