//! How a phone is set up.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::rtp::g711::Law;
use crate::rtp::voice::Voices;

/// A phone's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user part of its address-of-record.
    pub user: String,
    /// The domain part.
    pub domain: String,
    /// The secret shared with the registrar.
    pub password: String,
    /// Its own signalling address.
    pub signalling: SocketAddr,
    /// Where requests outside a dialog go: the session border controller or the softswitch.
    pub proxy: SocketAddr,
    /// Its own media address.
    pub media: IpAddr,
    /// The first media port; even. Each call takes the next pair.
    pub first_media_port: u16,
    /// Pairs before port numbers are used again.
    pub media_port_pairs: u16,
    /// How everyone sounds, itself included: what it plays and what it expects to hear.
    pub voices: Voices,
    /// The laws it speaks, best first.
    pub laws: Vec<Law>,
    /// The expiry it asks of the registrar.
    pub expiry: Duration,
    /// What it does when called.
    pub answering: Answering,
    /// Whom it sends callers to where it redirects them: a user. Nobody: itself, under another
    /// Contact, where it then answers.
    pub deputy: Option<String>,
    /// Whether it signals over TCP. Its messages come and go as datagrams all the same: whoever
    /// has the phone carries them.
    pub tcp: bool,
    /// Whether it acknowledges provisional responses, and has its own acknowledged (RFC 3262).
    pub reliable: bool,
    /// Whether it changes an offer by UPDATE (RFC 3311) rather than by another INVITE.
    pub updates: bool,
    /// How long a session may go on without being refreshed, where the phone says so (RFC 4028).
    pub session: Option<Duration>,
    /// The shortest such time it puts up with.
    pub minimum_session: Duration,
    /// Mean time between RTCP reports.
    pub rtcp_interval: Duration,
    /// Whether it offers RTCP on RTP's port.
    pub rtcp_mux: bool,
    /// Whether it sends media to where it hears media from, whatever was signalled.
    pub symmetric: bool,
    /// Whom it asks for its public media addresses; it then signals those.
    pub reflector: Option<SocketAddr>,
    /// What it has of the other IP version, which makes it a dual terminal.
    pub dual: Option<Dual>,
    /// Whether it answers 380 to an offer in a version it does not speak, rather than to take it.
    pub judges: bool,
}

/// What a dual terminal has besides, all of the other IP version.
#[derive(Clone, Debug)]
pub struct Dual {
    /// Its own signalling address.
    pub signalling: SocketAddr,
    /// Where requests outside a dialog go in that version.
    pub proxy: SocketAddr,
    /// Its own media address.
    pub media: IpAddr,
    /// What it registers.
    pub registering: Registering,
    /// Whether its offers name an address of each version (RFC 6947).
    pub alternatives: bool,
}

/// Which addresses a dual terminal registers, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registering {
    /// The one it calls from.
    First,
    /// The other one.
    Second,
    /// Both, each by a REGISTER of its own version.
    Each,
    /// Both, by one REGISTER.
    Together,
}

/// What a phone does when called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answering {
    /// When 18x is sent.
    pub ring_after: Duration,
    /// Whether that is 183 with a description, and media flows before the answer.
    pub early_media: bool,
    /// How it goes on.
    pub answer: Answer,
}

/// How a ringing phone goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Answers, so long after the call came.
    After(Duration),
    /// Rejects with this status, so long after the call came.
    Reject(u16, Duration),
    /// Sends the caller elsewhere with this status, so long after the call came.
    Redirect(u16, Duration),
    /// Rings until the caller gives up or the person acts.
    Never,
}

/// Where the caller's description goes (RFC 3264, RFC 3261 §13.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// In the INVITE.
    Early,
    /// The callee offers in its 2xx; the caller answers in the ACK.
    Late,
}

/// How a call is put on hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// `a=sendonly`: the other side may be played music.
    SendOnly,
    /// `a=inactive`.
    Inactive,
    /// Connection address 0.0.0.0, as RFC 2543 did it.
    ZeroAddress,
}

impl Config {
    /// A phone with everything usual: PCMA before PCMU, early offers, answers after one second.
    pub fn new(
        user: &str,
        domain: &str,
        signalling: SocketAddr,
        proxy: SocketAddr,
        voices: Voices,
    ) -> Self {
        Self {
            user: user.to_owned(),
            domain: domain.to_owned(),
            password: format!("secret of {user}"),
            signalling,
            proxy,
            media: signalling.ip(),
            first_media_port: 40_000,
            media_port_pairs: 1000,
            voices,
            laws: vec![Law::A, Law::Mu],
            expiry: Duration::from_secs(300),
            answering: Answering {
                ring_after: Duration::from_millis(200),
                early_media: false,
                answer: Answer::After(Duration::from_secs(1)),
            },
            deputy: None,
            tcp: false,
            reliable: false,
            updates: false,
            session: None,
            minimum_session: Duration::from_secs(90),
            rtcp_interval: Duration::from_secs(5),
            rtcp_mux: false,
            symmetric: false,
            reflector: None,
            dual: None,
            judges: false,
        }
    }
}
