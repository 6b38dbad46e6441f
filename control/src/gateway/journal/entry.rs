//! What is kept of calls and registrations, and how it is written: postcard, one entry a key.
//!
//! Entries hold numbers of realms, listeners and softswitches as the configuration had them when
//! they were written; [`Identity`] tells what those numbers stood for. Times are calendar times in
//! milliseconds since 1970, since the monotonic clock begins anew with the machine.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::gateways::{KeptLeg, KeptMaking};
use crate::gateway::record::{
    CallRecord, EndedBy, Ending, GatewayRecord, PartyRecord, StreamRecord, Timestamp,
};
use crate::gateway::serve::steer::Steered;
use crate::media::KeptSession;

/// What the journal is told apart by: entries of another layout are refused.
pub const LAYOUT: u32 = 5;

/// What an entry is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Who wrote the journal; one entry.
    Identity = 0,
    /// A call, by its number.
    Call = 1,
    /// A registered Contact, by a number of its own.
    Binding = 2,
    /// Ports that rest, by a number of their own.
    Rest = 3,
    /// A Contact registered here, by a number of its own.
    Location = 4,
    /// A gateway that a controller commands, by a number of its own.
    Gateway = 5,
}

impl Kind {
    /// The kind of that number.
    pub const fn numbered(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Identity),
            1 => Some(Self::Call),
            2 => Some(Self::Binding),
            3 => Some(Self::Rest),
            4 => Some(Self::Location),
            5 => Some(Self::Gateway),
            _ => None,
        }
    }
}

/// Names an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryKey {
    /// What it is about.
    pub kind: Kind,
    /// Which one.
    pub number: u64,
}

impl EntryKey {
    /// The one [`Identity`].
    pub const IDENTITY: Self = Self::new(Kind::Identity, 0);

    /// The key of an entry.
    pub const fn new(kind: Kind, number: u64) -> Self {
        Self { kind, number }
    }
}

/// An entry that is new, has changed, or is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Which one.
    pub key: EntryKey,
    /// What it holds now; nothing where it is gone.
    pub value: Option<Vec<u8>>,
}

/// Who wrote the journal: what tokens and names were derived from, and what the numbers stood for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Identity {
    pub seed: [u8; 32],
    /// Call numbers up to this one may have been given out.
    pub numbers: u64,
    pub realms: Vec<RealmNames>,
    pub softswitches: Vec<String>,
    pub controllers: Vec<String>,
}

/// A realm's name and its listeners: whether TCP, and where.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RealmNames {
    pub name: String,
    pub listeners: Vec<(bool, SocketAddr)>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct KeptFlow {
    pub realm: u16,
    pub listener: u16,
    pub remote: SocketAddr,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptToken {
    pub token: u64,
    pub uri: ByteBuf,
    pub flow: KeptFlow,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptBinding {
    pub realm: u16,
    pub user: ByteBuf,
    pub host: ByteBuf,
    pub uri: ByteBuf,
    pub token: u64,
    pub hops: Vec<KeptToken>,
    pub flow: KeptFlow,
    pub call_id: ByteBuf,
    pub cseq: u32,
    pub softswitch: Option<u16>,
    pub far_until_unix_ms: u64,
    pub granted_seconds: u32,
    pub answer: ByteBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptLocation {
    pub user: ByteBuf,
    pub uri: ByteBuf,
    pub path: ByteBuf,
    pub flow: KeptFlow,
    pub call_id: u64,
    pub cseq: u32,
    pub preference: u16,
    pub registered_unix_ms: u64,
    pub until_unix_ms: u64,
}

/// How far a kept call has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Progress {
    /// Its INVITE waits for its final response.
    Calling(Option<KeptRequest>),
    /// Its callee has answered.
    Answered(Box<KeptDialog>),
    /// It is a leg that a controlled gateway was commanded to make.
    Making(KeptMaking),
    /// It is a controlled gateway's leg that stands.
    Leg(Box<KeptLeg>),
    /// It is over but for its media's reports.
    Over,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptCall {
    pub record: KeptRecord,
    pub offered: bool,
    pub progress: Progress,
    /// The dialog's first, where there is one.
    pub sessions: Vec<KeptSession>,
}

/// A request that was taken in and sent on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptRequest {
    pub near: KeptFlow,
    pub received: ByteBuf,
    pub far: KeptFlow,
    pub sent: Option<ByteBuf>,
    /// Where else it is, and as what.
    pub beside: Vec<(KeptFlow, ByteBuf)>,
    pub offer: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptDialog {
    pub parties: [KeptParty; 2],
    pub has_session: bool,
    pub direct: bool,
    pub agreed: bool,
    pub subscribed_until_unix_ms: Option<u64>,
    pub session_until_unix_ms: Option<u64>,
    pub handshakes: [Option<KeptHandshake>; 2],
    /// Whose INVITE within the dialog is under way.
    pub inviting: Option<(crate::media::Side, KeptRequest)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptParty {
    pub flow: KeptFlow,
    pub call_id: ByteBuf,
    pub uri: ByteBuf,
    pub peer_uri: ByteBuf,
    pub tag: ByteBuf,
    pub target: ByteBuf,
    pub route_set: ByteBuf,
    pub contact: Option<u64>,
    pub cseq: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptHandshake {
    pub cseq: u32,
    pub offered: bool,
    pub success: ByteBuf,
    pub ack: Option<(KeptFlow, ByteBuf)>,
    pub wait_until_unix_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptRecord {
    number: u64,
    caller: PartyRecord,
    callee: PartyRecord,
    softswitch: Option<String>,
    began: u64,
    answered: Option<u64>,
    ended: Option<u64>,
    duration_ms: u64,
    ending: Option<(u8, String, Option<u16>)>,
    steering: Option<Steered>,
    gateway: Option<GatewayRecord>,
    streams: Vec<KeptStream>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptStream {
    line: u16,
    media: String,
    codec: Option<String>,
    callee: bool,
    rtcp: bool,
    local: SocketAddr,
    signalled: Option<SocketAddr>,
    latched: Option<SocketAddr>,
    counted: [u64; 6],
    jitter_ms: f64,
}

/// Ports that rest until late packets have died out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptRest {
    pub until_unix_ms: u64,
    pub pairs: Vec<u32>,
}

/// The reasons a record may name; what is kept is one of them.
const REASONS: [&str; 19] = [
    "bye",
    "cancelled",
    "setup timeout",
    "rejected",
    "media timeout",
    "media failed",
    "media refused",
    "party gone",
    "no ACK",
    "session expired",
    "ended by operator",
    "subtracted",
    "deleted",
    "gateway restarted",
    "gateway gone",
    "refused",
    super::MEDIA_LOST,
    super::CONTROL_RESTARTED,
    super::UNKNOWN,
];

impl KeptRecord {
    /// The call's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The same of a call that a party has hung up, where its record does not say so yet.
    pub fn hung_up(self, at: Option<Timestamp>) -> Self {
        let ended = self.ended.or(at.map(|at| at.unix_ms));
        Self { ended, ..self }
    }

    pub fn of(record: &CallRecord) -> Self {
        let ending = record.ending.as_ref();
        let ended_by = |by: EndedBy| match by {
            EndedBy::Caller => 0,
            EndedBy::Callee => 1,
            EndedBy::Strait => 2,
            EndedBy::Operator => 3,
        };
        Self {
            number: record.number,
            caller: record.caller.clone(),
            callee: record.callee.clone(),
            softswitch: record.softswitch.clone(),
            began: record.began.unix_ms,
            answered: record.answered.map(|at| at.unix_ms),
            ended: record.ended.map(|at| at.unix_ms),
            duration_ms: record.duration_ms,
            ending: ending.map(|e| (ended_by(e.ended_by), e.reason.to_owned(), e.status)),
            steering: record.steering,
            gateway: record.gateway.clone(),
            streams: record.streams.iter().map(KeptStream::of).collect(),
        }
    }

    pub fn record(&self) -> CallRecord {
        let at = |unix_ms| Timestamp { unix_ms };
        let ending = |(by, reason, status): &(u8, String, Option<u16>)| Ending {
            ended_by: match by {
                0 => EndedBy::Caller,
                1 => EndedBy::Callee,
                3 => EndedBy::Operator,
                _ => EndedBy::Strait,
            },
            reason: REASONS
                .into_iter()
                .find(|known| known == reason)
                .unwrap_or(super::UNKNOWN),
            status: *status,
        };
        CallRecord {
            number: self.number,
            caller: self.caller.clone(),
            callee: self.callee.clone(),
            softswitch: self.softswitch.clone(),
            began: at(self.began),
            answered: self.answered.map(at),
            ended: self.ended.map(at),
            duration_ms: self.duration_ms,
            ending: self.ending.as_ref().map(ending),
            steering: self.steering,
            gateway: self.gateway.clone(),
            streams: self.streams.iter().map(KeptStream::record).collect(),
        }
    }
}

impl KeptStream {
    fn of(stream: &StreamRecord) -> Self {
        Self {
            line: stream.line,
            media: stream.media.clone(),
            codec: stream.codec.clone(),
            callee: stream.side == "callee",
            rtcp: stream.component == "rtcp",
            local: stream.local,
            signalled: stream.signalled,
            latched: stream.latched,
            counted: [
                stream.packets,
                stream.bytes,
                u64::from(stream.lost),
                u64::from(stream.disordered),
                stream.refused,
                stream.policed,
            ],
            jitter_ms: stream.jitter_ms,
        }
    }

    fn record(&self) -> StreamRecord {
        let [packets, bytes, lost, disordered, refused, policed] = self.counted;
        StreamRecord {
            line: self.line,
            media: self.media.clone(),
            codec: self.codec.clone(),
            side: if self.callee { "callee" } else { "caller" },
            component: if self.rtcp { "rtcp" } else { "rtp" },
            local: self.local,
            signalled: self.signalled,
            latched: self.latched,
            packets,
            bytes,
            lost: u32::try_from(lost).unwrap_or(u32::MAX),
            disordered: u32::try_from(disordered).unwrap_or(u32::MAX),
            jitter_ms: self.jitter_ms,
            refused,
            policed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_operators_explains_every_reason() {
        let page = include_str!("../../../../docs/OPERATING.md");
        for reason in REASONS {
            let row = format!("\n| `{reason}` | ");
            assert_eq!(page.matches(&row).count(), 1, "{reason}");
        }
    }
}
