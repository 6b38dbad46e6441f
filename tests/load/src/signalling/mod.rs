//! Calls by SIP: callers on the near side, and on the far side whoever answers in the
//! softswitch's place.

mod agent;
mod callee;
mod caller;
mod figures;

use std::net::SocketAddr;

use strait_parties::sip::description::{Description, Direction, Line};

pub use self::callee::Callee;
pub use self::caller::{Caller, Happening};
pub use self::figures::Figures;

/// What a call is to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// It is answered, held, and ended by either side in turn.
    Answer,
    /// The same with a re-INVITE half way.
    Reinvite,
    /// The callee is busy.
    Busy,
    /// The caller gives up while it rings.
    Cancel,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Answer, Kind::Reinvite, Kind::Busy, Kind::Cancel];

    /// As it stands in the mix and in the callee's user name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Answer => "answer",
            Kind::Reinvite => "reinvite",
            Kind::Busy => "busy",
            Kind::Cancel => "cancel",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who is called: the kind and the number of the call.
fn user(kind: Kind, number: u64) -> String {
    format!("{}-{number}", kind.name())
}

fn kind_and_number(user: &str) -> Option<(Kind, u64)> {
    let (kind, number) = user.split_once('-')?;
    Some((Kind::named(kind)?, number.parse().ok()?))
}

/// A description of one G.711 stream at these RTP and RTCP addresses.
fn description([rtp, rtcp]: [SocketAddr; 2], version: u64) -> String {
    let line = Line {
        alternatives: Vec::new(),
        media: "audio".to_owned(),
        rtp,
        protocol: "RTP/AVP".to_owned(),
        formats: vec!["8".to_owned()],
        direction: Direction::SendRecv,
        rtcp: Some(rtcp),
        rtcp_mux: false,
    };
    Description {
        session: 1,
        version,
        origin: rtp.ip(),
        lines: vec![line],
    }
    .render()
}

/// Where the other side's description has RTP and RTCP.
fn addresses(body: &[u8]) -> Option<[SocketAddr; 2]> {
    let description = Description::parse(body).ok()?;
    let audio = description.audio()?;
    Some([audio.rtp, audio.rtcp_address()])
}
