//! How messages are told apart on a connection: by Content-Length (RFC 3261 §18.3), or by TPKT
//! headers where H.248 is spoken (H.248.1 Annex D.2).

use strait_config::Realm;

use crate::h248::tpkt;
use crate::sip;

/// What a connection carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// SIP.
    ContentLength,
    /// H.248.
    Tpkt,
}

/// What a stream brought.
pub(super) enum Frame<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// A keep-alive that is to be answered with a pong.
    Ping,
    /// A keep-alive.
    Pong,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// What is left of it may still be owed a refusal.
    Refusable,
    /// It is of another protocol.
    Foreign,
}

/// Received bytes, from which whole messages are cut.
pub(super) enum Framer {
    Sip(sip::Framer),
    Tpkt(tpkt::Framer),
}

impl Framing {
    /// What each of a realm's listeners carries.
    pub fn all(realm: &Realm) -> impl Iterator<Item = Self> {
        let sip = realm.signalling.iter().map(|_| Self::ContentLength);
        sip.chain(realm.control_ports().map(|_| Self::Tpkt))
    }

    pub fn framer(self) -> Framer {
        match self {
            Self::ContentLength => Framer::Sip(sip::Framer::new()),
            Self::Tpkt => Framer::Tpkt(tpkt::Framer::new()),
        }
    }

    /// A message as it is sent; `None` where it is too long to be.
    pub fn framed(self, message: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::ContentLength => Some(message),
            Self::Tpkt => {
                let mut packet = Vec::with_capacity(message.len() + tpkt::HEADER_BYTES);
                tpkt::write(&message, &mut packet).then_some(packet)
            }
        }
    }
}

impl Framer {
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sip(framer) => framer.push(bytes),
            Self::Tpkt(framer) => framer.push(bytes),
        }
    }

    /// The next whole message; `None` until more is received.
    pub fn cut(&mut self) -> Result<Option<Frame<'_>>, Broken> {
        match self {
            Self::Sip(framer) => match framer.next() {
                Ok(Some(sip::Frame::Message(bytes))) => Ok(Some(Frame::Message(bytes))),
                Ok(Some(sip::Frame::Ping)) => Ok(Some(Frame::Ping)),
                Ok(Some(_)) => Ok(Some(Frame::Pong)),
                Ok(None) => Ok(None),
                Err(sip::FramingError::NotSip) => Err(Broken::Foreign),
                Err(_) => Err(Broken::Refusable),
            },
            Self::Tpkt(framer) => match framer.next() {
                Ok(Some(tpkt::Frame::Message(bytes))) => Ok(Some(Frame::Message(bytes))),
                Ok(Some(tpkt::Frame::Empty)) => Ok(Some(Frame::Pong)),
                Ok(None) => Ok(None),
                Err(_) => Err(Broken::Foreign),
            },
        }
    }

    pub fn pending(&self) -> &[u8] {
        match self {
            Self::Sip(framer) => framer.pending(),
            Self::Tpkt(framer) => framer.pending(),
        }
    }

    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Sip(framer) => framer.held_bytes(),
            Self::Tpkt(framer) => framer.held_bytes(),
        }
    }

    pub fn release(&mut self) {
        match self {
            Self::Sip(framer) => framer.release(),
            Self::Tpkt(framer) => framer.release(),
        }
    }
}
