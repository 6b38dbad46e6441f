//! One type for all parties, so that a world can hold them together.

use strait_shared::time::Instant;

use crate::net::reflector::Reflector;
use crate::party::{Datagram, Party};
use crate::phone::Phone;
use crate::softswitch::Softswitch;

/// A party of one of the kinds there are.
pub enum Member {
    /// A telephone.
    Phone(Box<Phone>),
    /// A softswitch.
    Softswitch(Box<Softswitch>),
    /// A STUN server.
    Reflector(Reflector),
}

impl Member {
    /// The telephone this is; the caller knows that it is one.
    pub fn phone(&self) -> &Phone {
        match self {
            Self::Phone(phone) => phone,
            Self::Softswitch(_) | Self::Reflector(_) => panic!("this member is no phone"),
        }
    }

    /// The telephone this is; the caller knows that it is one.
    pub fn phone_mut(&mut self) -> &mut Phone {
        match self {
            Self::Phone(phone) => phone,
            Self::Softswitch(_) | Self::Reflector(_) => panic!("this member is no phone"),
        }
    }

    /// The softswitch this is; the caller knows that it is one.
    pub fn softswitch(&self) -> &Softswitch {
        match self {
            Self::Softswitch(softswitch) => softswitch,
            Self::Phone(_) | Self::Reflector(_) => panic!("this member is no softswitch"),
        }
    }
}

impl Party for Member {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        match self {
            Self::Phone(phone) => phone.receive(now, datagram),
            Self::Softswitch(softswitch) => softswitch.receive(now, datagram),
            Self::Reflector(reflector) => reflector.receive(now, datagram),
        }
    }

    fn timeout(&mut self, now: Instant) {
        match self {
            Self::Phone(phone) => phone.timeout(now),
            Self::Softswitch(softswitch) => softswitch.timeout(now),
            Self::Reflector(reflector) => reflector.timeout(now),
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Phone(phone) => phone.next_timeout(),
            Self::Softswitch(softswitch) => softswitch.next_timeout(),
            Self::Reflector(reflector) => reflector.next_timeout(),
        }
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        match self {
            Self::Phone(phone) => phone.poll_transmit(),
            Self::Softswitch(softswitch) => softswitch.poll_transmit(),
            Self::Reflector(reflector) => reflector.poll_transmit(),
        }
    }
}
