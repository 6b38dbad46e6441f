//! The media plane: what the call layers ask, and what comes back.

use std::collections::VecDeque;
use std::net::IpAddr;

use slotmap::SlotMap;
use strait_config::{Config, RealmIndex};
use strait_shared::command::{Command, RejectReason};
use strait_shared::geometry::Geometry;
use strait_shared::time::Instant;

use super::address::Guard;
use super::error::MediaError;
use super::layout::PairId;
use super::ports::{PortUsage, Ports};
use super::realm::RealmMedia;
use super::report::{CounterReader, StreamReport};
use super::rewrite::Rewritten;
use super::session::{Bond, Session};
use super::side::{BySide, Component, SessionId, Side, SideSetup};
use crate::sdp::Description;
use crate::sip::Splices;

/// All sessions and all media ports of this machine. Owns no clock and no randomness: time comes
/// with each call, a seed at the start. Does the same for the same calls.
///
/// After each call, take what it led to with [`poll_command`](Self::poll_command) and
/// [`poll_notice`](Self::poll_notice).
#[derive(Debug)]
pub struct MediaPlane {
    pub(super) realms: Vec<RealmMedia>,
    pub(super) guard: Guard,
    pub(super) ports: Ports,
    pub(super) sessions: SlotMap<SessionId, Session>,
    pub(super) commands: VecDeque<Command>,
    pub(super) notices: VecDeque<Notice>,
    /// Pairs given up since they were last asked for.
    pub(super) given_up: Vec<PairId>,
    pub(super) max_lines: usize,
}

/// What the call layers are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A party's packets have arrived, and from where.
    Latched {
        /// The session.
        session: SessionId,
        /// Which `m=` line, from 0.
        line: u16,
        /// Whose packets.
        side: Side,
        /// RTP or RTCP.
        component: Component,
        /// Where they come from.
        source: std::net::SocketAddr,
    },
    /// Packets came from a source that may not send here.
    Refused {
        /// The session.
        session: SessionId,
        /// Which `m=` line, from 0.
        line: u16,
        /// Whose packets are expected here.
        side: Side,
        /// The last source refused.
        source: std::net::SocketAddr,
        /// How many packets so far.
        count: u64,
    },
    /// Every direction that should carry media has been silent for its realm's media timeout.
    Dead {
        /// The session.
        session: SessionId,
    },
    /// The dataplane did not open one of the session's slots: its media cannot flow.
    Failed {
        /// The session.
        session: SessionId,
        /// Why.
        reason: RejectReason,
    },
    /// A closed session's slots have all reported; its number is forgotten with this.
    Finished {
        /// The session.
        session: SessionId,
        /// What its streams carried, by line, side and component.
        report: Vec<StreamReport>,
    },
}

/// Which offer waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OfferState {
    /// None.
    Stable,
    /// This side's.
    Offered(Side),
}

impl MediaPlane {
    /// A plane with every port free. The seed decides which ports calls get.
    pub fn new(config: &Config, geometry: &Geometry, seed: [u8; 32]) -> Self {
        Self {
            realms: RealmMedia::all(config),
            guard: Guard::new(config),
            ports: Ports::new(config, geometry, seed),
            sessions: SlotMap::with_key(),
            commands: VecDeque::new(),
            notices: VecDeque::new(),
            given_up: Vec::new(),
            max_lines: usize::from(config.limits.media_lines),
        }
    }

    /// Begins a session for a dialog. It takes no ports before its first offer. Whoever begins
    /// one closes it.
    pub fn begin(&mut self, sides: BySide<SideSetup>) -> SessionId {
        self.sessions.insert(Session::new(sides))
    }

    /// Has the first offer name an end of each family to the callee (RFC 6947), where its realm
    /// has both. For the time before that offer.
    pub fn offer_both(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.offers_both = true;
        }
    }

    /// Takes in an offer by side `by`, whose signalling came from `source`, and records in
    /// `edits` what makes it name our ports on the other side.
    ///
    /// On an error nothing has changed, except that a first offer made again is withdrawn.
    pub fn offer(
        &mut self,
        now: Instant,
        session: SessionId,
        by: Side,
        description: &Description,
        source: IpAddr,
        edits: &mut Splices,
    ) -> Result<Rewritten, MediaError> {
        self.take_offer(now, session, by, description, source, edits)
    }

    /// Takes in an answer by side `by` and records in `edits` what makes it name our ports on
    /// the offering side. Opens the gates.
    ///
    /// The last answer may be repeated, with changes (SIP: a description in a provisional and in
    /// the final response). A description that answers nothing, from a side that already has an
    /// agreement, is edited and otherwise ignored.
    pub fn answer(
        &mut self,
        now: Instant,
        session: SessionId,
        by: Side,
        description: &Description,
        source: IpAddr,
        edits: &mut Splices,
    ) -> Result<Rewritten, MediaError> {
        self.take_answer(now, session, by, description, source, edits)
    }

    /// Withdraws the pending offer: it was refused. What was agreed on before goes on.
    pub fn rollback(&mut self, now: Instant, session: SessionId) {
        if let Some(found) = self.sessions.get_mut(session).filter(|found| !found.ended) {
            found.roll_back();
            self.flush(now, &self.group(session));
        }
    }

    /// Begins the session of a further early dialog that answers the same first offer. It hangs
    /// on the ports the offer named, with caller-side ports of its own. Where there is no such
    /// offer (the callee makes it, or a dialog is already confirmed), this is
    /// [`begin`](Self::begin) with the same sides.
    pub fn fork(&mut self, session: SessionId) -> Result<SessionId, MediaError> {
        self.add_fork(session)
    }

    /// The dialog stands (SIP: 2xx to INVITE): its session gets the offered ports for itself, and
    /// the other dialogs of the same offer are closed. From now on silence is noticed. Must be
    /// called for every session that comes to stand, forked or not.
    pub fn confirm(&mut self, now: Instant, session: SessionId) -> Result<(), MediaError> {
        self.choose(now, session)
    }

    /// Ends a session: its slots close. [`Notice::Finished`] follows when they have reported.
    pub fn close(&mut self, now: Instant, session: SessionId) {
        if self.sessions.get(session).is_some_and(|found| !found.ended) {
            self.end(now, session);
        }
    }

    /// The next command for the dataplane, in order.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The next thing the call layers should know.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// When [`timeout`](Self::timeout) is to be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.ports.next_timeout()
    }

    /// Which offer waits for its answer; nothing for a closed session.
    pub fn offer_state(&self, session: SessionId) -> Option<OfferState> {
        let found = self.live(session).ok()?;
        let pending = found.pending.as_ref();
        Some(pending.map_or(OfferState::Stable, |offer| OfferState::Offered(offer.by)))
    }

    /// What a session's streams have carried so far, running slots included.
    pub fn report(&self, session: SessionId, reader: &impl CounterReader) -> Vec<StreamReport> {
        let found = self.sessions.get(session);
        found.map_or_else(Vec::new, |found| found.running_report(reader))
    }

    /// How many of a realm's port pairs are in which state.
    pub fn port_usage(&self, now: Instant, realm: RealmIndex) -> PortUsage {
        self.ports.usage(now, realm)
    }

    /// How many spare pairs for forked dialogs are free.
    pub fn free_spares(&self, now: Instant) -> usize {
        self.ports.free_spares(now)
    }

    /// How many sessions there are, those included whose slots have not all reported yet.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn live(&self, id: SessionId) -> Result<&Session, MediaError> {
        self.sessions
            .get(id)
            .filter(|found| !found.ended)
            .ok_or(MediaError::Gone)
    }

    /// A session and those that share ports with it, the one that holds them first.
    pub(super) fn group(&self, id: SessionId) -> Vec<SessionId> {
        let trunk = self.sessions[id].trunk().unwrap_or(id);
        let mut group = vec![trunk];
        if let Bond::Trunk { forks } = &self.sessions[trunk].bond {
            group.extend_from_slice(forks);
        }
        group
    }
}
