//! A call as the phone keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::EndReason;
use super::config::Hold;
use super::reliable::{Early, Told};
use super::session::Session;
use super::stream::Stream;
use crate::party::Datagram;
use crate::rtp::g711::Law;
use crate::sip::description::{Description, Direction, Line};
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;
use crate::sip::uri::NameAddr;
use crate::sip::version::Version;
use strait_shared::time::Instant;

/// A phone's number for a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallHandle(pub(super) u32);

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// We sent an INVITE and wait for its final answer.
    Calling,
    /// We were sent an INVITE and have not answered it.
    Incoming,
    /// Both sides agreed.
    Established,
    /// We sent BYE.
    Leaving,
    /// Over; what was heard can still be asked for.
    Ended,
}

/// What is to happen once our answer is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OnAck {
    /// The call goes on.
    Talk,
    /// It was hung up meanwhile: until then there is no BYE (RFC 3261 §15).
    Bye,
}

/// A call.
pub struct Call {
    pub(super) handle: CallHandle,
    pub(super) state: State,
    pub(super) remote_user: String,
    pub(super) call_id: String,
    pub(super) began: Instant,
    pub(super) end_reason: Option<EndReason>,
    pub(super) dialog: Option<Dialog>,
    pub(super) stream: Stream,
    /// Where our INVITE goes.
    pub(super) hop: SocketAddr,
    /// The IP versions of media that were tried, the present one last.
    pub(super) tried: Vec<Version>,
    /// How often it was sent on.
    pub(super) followed: u8,
    /// The INVITE we are to answer, or have answered.
    pub(super) server: Option<(ServerId, Message)>,
    /// The provisional response that we have, or had, acknowledged.
    pub(super) told: Option<Told>,
    /// What those who ring for our call have told us, by their tags.
    pub(super) early: BTreeMap<String, Early>,
    /// Whose answer to another offer of ours, made while it rings, is awaited.
    pub(super) updated: Option<String>,
    /// Whether our INVITE carried the offer.
    pub(super) offers: bool,
    /// The INVITE we last sent, with its Via, for CANCEL.
    pub(super) invite: Option<Message>,
    pub(super) proceeding: bool,
    pub(super) cancel_wanted: bool,
    /// Our answer to its INVITE is not acknowledged yet, and what is to happen when it is.
    pub(super) unacknowledged: Option<OnAck>,
    /// The ACK to the last 2xx and the number it acknowledges, to be repeated with it.
    pub(super) ack: Option<(u32, Datagram)>,
    /// The tags of phones that answered too late.
    pub(super) dismissed: BTreeSet<String>,
    pub(super) agreement: Agreement,
    /// The session timer, where both sides have agreed on one.
    pub(super) session: Option<Session>,
    /// The call whose REFER made us place this one, until its sender knows the outcome.
    pub(super) referrer: Option<CallHandle>,
}

/// Where offer and answer stand.
pub(super) struct Agreement {
    pub(super) session: u64,
    pub(super) version: u64,
    pub(super) laws: Vec<Law>,
    pub(super) hold: Option<Hold>,
    /// The description we last sent.
    pub(super) local: Option<Description>,
    /// Whether ours was the offer still to be answered.
    pub(super) awaiting_answer: bool,
    /// Whether a first offer and answer have completed.
    pub(super) complete: bool,
}

impl Call {
    /// The phone's number for it.
    pub fn handle(&self) -> CallHandle {
        self.handle
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        self.state
    }

    /// The user part of the other party.
    pub fn remote_user(&self) -> &str {
        &self.remote_user
    }

    /// The user part that the other party knows this phone by, once there is a dialog: whom it
    /// called, where it was sent on.
    pub fn own_user(&self) -> Option<String> {
        let local = &self.dialog.as_ref()?.local;
        NameAddr::parse(local).ok()?.uri.user
    }

    /// Our tag and the other party's, in a dialog.
    pub fn tags(&self) -> Option<[String; 2]> {
        self.dialog.as_ref()?.tags()
    }

    /// The Call-ID on this phone's side.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// When the phone placed it or was called.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Why it ended, once it has.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.end_reason
    }

    /// The IP version of its media.
    pub fn version(&self) -> Version {
        self.stream.version()
    }

    /// Whether an offer of ours waits for its answer.
    pub fn awaits_answer(&self) -> bool {
        self.agreement.awaiting_answer
    }

    /// Its media.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Our offer, or our offer again; kept as the description last sent.
    pub(super) fn offer(&mut self) -> String {
        self.stream.offer_place();
        let line = self.own_line(self.wish());
        self.agreement.awaiting_answer = true;
        self.describe(vec![line])
    }

    /// Takes the other side's offer and gives our answer. `None` if there is nothing in common.
    pub(super) fn take_offer(&mut self, now: Instant, body: &[u8]) -> Option<String> {
        let offer = Description::parse(body).ok()?;
        let chosen = offer.audio()?.in_version(self.stream.version());
        let audio = &chosen;
        let wish = self.wish();
        let direction = meet(wish, audio.direction);
        let law = self.common_law(audio)?;
        let mut own = self.own_line(direction);
        own.formats = vec![law.payload_type().to_string()];
        own.rtcp_mux = audio.rtcp_mux && own.rtcp_mux;
        own.alternatives = Vec::new();
        let lines = offer.answer_lines(&own);
        self.stream.agree(now, law, direction, audio, own.rtcp_mux);
        self.agreement.complete = true;
        Some(self.describe(lines))
    }

    /// Takes the answer to our offer. `false` if there is nothing in common.
    pub(super) fn take_answer(&mut self, now: Instant, body: &[u8]) -> bool {
        let Ok(answer) = Description::parse(body) else {
            return false;
        };
        let Some(audio) = answer.audio() else {
            return false;
        };
        let Some(law) = self.common_law(audio) else {
            return false;
        };
        let offered_mux = self.own_line(self.wish()).rtcp_mux;
        self.stream.take_place(now);
        let direction = meet(self.wish(), audio.direction);
        self.stream.turn_to(Version::of(audio.rtp.ip()));
        self.stream
            .agree(now, law, direction, audio, offered_mux && audio.rtcp_mux);
        self.agreement.awaiting_answer = false;
        self.agreement.complete = true;
        true
    }

    /// The description last sent, as text.
    pub(super) fn repeated(&self) -> Option<String> {
        self.agreement.local.as_ref().map(Description::render)
    }

    fn wish(&self) -> Direction {
        match self.agreement.hold {
            None | Some(Hold::ZeroAddress) => Direction::SendRecv,
            Some(Hold::SendOnly) => Direction::SendOnly,
            Some(Hold::Inactive) => Direction::Inactive,
        }
    }

    fn own_line(&self, direction: Direction) -> Line {
        let zero = self.agreement.hold == Some(Hold::ZeroAddress);
        let formats = self
            .agreement
            .laws
            .iter()
            .map(|law| law.payload_type().to_string());
        self.stream.line(direction, formats.collect(), zero)
    }

    fn common_law(&self, line: &Line) -> Option<Law> {
        let heard = line.formats.iter().filter_map(|format| format.parse().ok());
        heard
            .filter_map(Law::from_payload_type)
            .find(|law| self.agreement.laws.contains(law))
    }

    fn describe(&mut self, lines: Vec<Line>) -> String {
        let origin = self.stream.origin();
        let Agreement {
            session, version, ..
        } = self.agreement;
        let mut description = Description {
            session,
            version,
            origin,
            lines,
        };
        // The version counts changes, not messages (RFC 3264 §8).
        if self.agreement.local.as_ref() != Some(&description) {
            self.agreement.version += 1;
            description.version = self.agreement.version;
        }
        let text = description.render();
        self.agreement.local = Some(description);
        text
    }
}

/// What we may do, given what we want and what the other side said of itself.
fn meet(own: Direction, remote: Direction) -> Direction {
    match (
        own.sends() && remote.receives(),
        own.receives() && remote.sends(),
    ) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}
