//! The words everything here is told apart by: side, component, family, session.

use std::fmt;
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};
use strait_config::RealmIndex;

/// One of the two parties of a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Side {
    /// Who began the session.
    Caller,
    /// Who was called.
    Callee,
}

impl Side {
    /// Both sides, the caller first.
    pub const BOTH: [Self; 2] = [Self::Caller, Self::Callee];

    /// The other party.
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// One value for each side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct BySide<T> {
    /// The caller's.
    pub caller: T,
    /// The callee's.
    pub callee: T,
}

impl<T> BySide<T> {
    /// The value of `side` first, then the other one's.
    pub fn new(side: Side, own: T, other: T) -> Self {
        match side {
            Side::Caller => Self {
                caller: own,
                callee: other,
            },
            Side::Callee => Self {
                caller: other,
                callee: own,
            },
        }
    }
}

impl<T> Index<Side> for BySide<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Caller => &self.caller,
            Side::Callee => &self.callee,
        }
    }
}

impl<T> IndexMut<Side> for BySide<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }
}

/// Which of a stream's two flows (RFC 3550 §11: RTP on the even port, RTCP on the next).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Component {
    /// The media itself, whatever its protocol.
    Rtp,
    /// Its control protocol.
    Rtcp,
}

impl Component {
    /// Both, RTP first.
    pub const BOTH: [Self; 2] = [Self::Rtp, Self::Rtcp];

    /// Its place in an array of two.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// The version of IP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Family {
    /// IPv4, `IP4` in SDP.
    V4,
    /// IPv6, `IP6` in SDP.
    V6,
}

impl Family {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

impl From<IpAddr> for Family {
    fn from(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Where a side's media ports come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SideSetup {
    /// The realm the party is in.
    pub realm: RealmIndex,
    /// The family its signalling uses: its media's too, as long as its SDP does not say otherwise
    /// and the realm has media addresses of that family.
    pub family: Family,
}

slotmap::new_key_type! {
    /// A session's number: one for each dialog, never given twice.
    pub struct SessionId;
}
