//! A session: two sides, their streams, and which offer waits for its answer (RFC 3264).
//!
//! | state             | offer by X       | answer by X               | rollback |
//! |-------------------|------------------|---------------------------|----------|
//! | stable            | offered by X     | the last answer, repeated | –        |
//! | offered by X      | refused: pending | refused: no offer         | stable   |
//! | offered by the other | refused: glare | stable                   | stable   |
//!
//! One exception: the first offer may be made again by its side as long as nobody has answered
//! (the call is tried with credentials, or elsewhere); its ports are kept.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strait_shared::slot::Forwarding;

use super::layout::PairId;
use super::ports::Aim;
use super::report::StreamReport;
use super::side::{BySide, Component, Family, SessionId, Side, SideSetup};
use super::terms::{Codec, Terms, Transport};

/// One dialog's media.
#[derive(Debug)]
pub(super) struct Session {
    pub setup: BySide<SideSetup>,
    /// Where each party's signalling was last seen to come from.
    pub source: BySide<Option<IpAddr>>,
    /// The offer that waits for its answer.
    pub pending: Option<Offer>,
    /// The last offer that was answered; its answer may be repeated.
    pub answered: Option<Offer>,
    /// The offer that forked dialogs have in common, until one of them is confirmed.
    pub first_offer: Option<Offer>,
    /// By `m=` line.
    pub streams: Vec<Stream>,
    pub bond: Bond,
    /// Whether the first offer names an end of each family to the callee.
    pub offers_both: bool,
    /// The dialog stands: media is now expected, and refused streams give up their ports.
    pub confirmed: bool,
    /// Somebody else than its parties speaks for them, and nobody says when it stands: it does from
    /// the first packet on.
    pub controlled: bool,
    pub ended: bool,
    /// Whether its parties' silence was already reported.
    pub dead: bool,
    /// Slots opened and not yet reported closed.
    pub open_slots: u16,
    /// Ends whose slots are to be closed with the next commands.
    pub retired: Vec<End>,
    pub report: Vec<StreamReport>,
}

/// How a session stands to others that answer the same offer.
#[derive(Debug)]
pub(super) enum Bond {
    /// The first dialog: it holds the ports that the offer named. With it, the dialogs that hang
    /// on them.
    Trunk { forks: Vec<SessionId> },
    /// A further dialog.
    Fork { trunk: SessionId },
}

/// An offer and who made it.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub by: Side,
    pub source: IpAddr,
    pub terms: Arc<[Terms]>,
}

/// What belongs to one `m=` line.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Our own address on each side.
    pub ends: BySide<Option<End>>,
    /// Ends taken for the pending offer alone.
    pub fresh: BySide<bool>,
    /// The end that takes its side's place when the pending offer is answered: the party moves to
    /// another address family.
    pub replacement: Option<(Side, End)>,
    /// The callee's end in the other family, which the first offer named beside its end
    /// (RFC 6947) and an answer may choose, until the dialog stands.
    pub alternative: Option<End>,
    /// Where each party receives.
    pub party: BySide<Party>,
    /// What both sides agree on now.
    pub agreed: Option<Agreed>,
    /// `audio`, `video` …, as last agreed on.
    pub media: String,
    /// The codec last agreed on.
    pub codec: Option<Codec>,
    /// Per side and component: nothing arrives though it should.
    pub silent: BySide<[bool; 2]>,
}

/// Our address on one side of a stream: a pair of slots and what the dataplane knows of them.
#[derive(Debug)]
pub(super) struct End {
    pub pair: PairId,
    /// Address and RTP port, as the party on this side is told.
    pub local: SocketAddr,
    /// The pair whose port a spare one shares.
    pub port_of: Option<PairId>,
    /// What the slots were last told to do; nothing before they are open.
    pub sent: Option<[Forwarding; 2]>,
    /// The pairs of ours that they send to.
    pub aim: Aim,
    /// The end now serves another party: whatever latched is to be forgotten.
    pub rearm: bool,
}

/// Where a party receives a stream. Kept through hold, so that it goes on where it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Party {
    pub rtp: Option<SocketAddr>,
    pub rtcp: Option<SocketAddr>,
}

impl Party {
    /// Where it said that it is, for a port of ours: it moves to another family with the answer,
    /// and to a replacement of its end.
    pub fn signalled(&self, component: Component, local: &SocketAddr) -> Option<SocketAddr> {
        let signalled = match component {
            Component::Rtp => self.rtp,
            Component::Rtcp => self.rtcp,
        };
        signalled.filter(|at| at.is_ipv4() == local.is_ipv4())
    }
}

/// What an offer and its answer come to for one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Agreed {
    /// Whether each party's media is let through.
    pub media_flows: BySide<bool>,
    /// Whether each party's RTCP is let through on a port of its own.
    pub rtcp_flows: BySide<bool>,
    /// Whether RTCP shares the RTP ports.
    pub mux: bool,
    /// Whether silence means that the party is gone.
    pub timed: bool,
}

impl Session {
    pub fn new(setup: BySide<SideSetup>) -> Self {
        Self {
            setup,
            source: BySide::default(),
            pending: None,
            answered: None,
            first_offer: None,
            streams: Vec::new(),
            bond: Bond::Trunk { forks: Vec::new() },
            offers_both: false,
            confirmed: false,
            controlled: false,
            ended: false,
            dead: false,
            open_slots: 0,
            retired: Vec::new(),
            report: Vec::new(),
        }
    }

    /// The dialog that holds the offered ports; none for that dialog itself.
    pub fn trunk(&self) -> Option<SessionId> {
        match self.bond {
            Bond::Trunk { .. } => None,
            Bond::Fork { trunk } => Some(trunk),
        }
    }

    /// The dialogs that hang on this one's ports.
    pub fn forks(&self) -> &[SessionId] {
        match &self.bond {
            Bond::Trunk { forks } => forks,
            Bond::Fork { .. } => &[],
        }
    }

    /// Makes room for this many `m=` lines.
    pub fn reserve_streams(&mut self, lines: usize) {
        if self.streams.len() < lines {
            self.streams.resize_with(lines, Stream::default);
        }
    }

    /// Whether the pending offer may be made again: it is the first, and nobody has answered.
    pub fn may_offer_again(&self) -> bool {
        self.answered.is_none() && self.forks().is_empty() && self.trunk().is_none()
    }

    /// Whether other dialogs hang on this one's callee-side ports, or might, or it on another's.
    pub fn shares_ports(&self) -> bool {
        self.first_offer.is_some() || self.trunk().is_some()
    }

    /// Makes room for an offer; one made again moves to other families anew.
    pub fn prepare(&mut self, lines: usize) {
        self.reserve_streams(lines);
        let stale = self
            .streams
            .iter_mut()
            .filter_map(|stream| stream.replacement.take());
        self.retired.extend(stale.map(|(_, end)| end));
    }

    /// Makes an offer the pending one.
    pub fn introduce(&mut self, offer: Offer) {
        if self.answered.is_none() {
            self.source[offer.by] = Some(offer.source);
            for (stream, terms) in self.streams.iter_mut().zip(offer.terms.iter()) {
                stream.party[offer.by].learn(terms);
            }
            if offer.by == Side::Caller && !self.confirmed {
                self.first_offer = Some(offer.clone());
            }
        }
        self.pending = Some(offer);
        // A first offer made again may want fewer streams than before.
        let pending = self.pending.as_ref().expect("just set");
        for (line, stream) in self.streams.iter_mut().enumerate() {
            let wanted = pending.terms.get(line).is_some_and(|terms| terms.wanted);
            if !wanted {
                self.retired.extend(stream.alternative.take());
            }
            for side in Side::BOTH {
                if !wanted && std::mem::take(&mut stream.fresh[side]) {
                    self.retired.extend(stream.ends[side].take());
                }
            }
        }
    }

    /// Gives up what a failed answer took. In a dialog that does not hang on another the fresh
    /// ends belong to the offer, which still waits.
    pub fn drop_taken_for_answer(&mut self) {
        if self.trunk().is_some() {
            self.drop_fresh();
        }
    }

    /// Puts what an answered offer comes to in force. A stream that neither wants gives up its
    /// ends once the dialog is confirmed; before, the answer may still be another one.
    pub fn settle(&mut self, offer: Offer, answer: &[Terms], source: IpAddr) {
        self.source = BySide::new(offer.by, Some(offer.source), Some(source));
        self.reserve_streams(offer.terms.len());
        for (line, stream) in self.streams.iter_mut().enumerate() {
            stream.fresh = BySide::default();
            let replacement = stream.replacement.take();
            let both = offer.terms.get(line).zip(answer.get(line));
            let both = both.filter(|(offered, answered)| offered.wanted && answered.wanted);
            let agreed =
                both.filter(|_| stream.ends.caller.is_some() && stream.ends.callee.is_some());
            let Some((offered, answered)) = agreed else {
                stream.agreed = None;
                self.retired.extend(replacement.map(|(_, end)| end));
                continue;
            };
            if let Some((side, end)) = replacement {
                self.retired.extend(stream.ends[side].replace(end));
            }
            stream.party[offer.by].learn(offered);
            stream.party[offer.by.other()].learn(answered);
            stream.agreed = Some(agree(offer.by, offered, answered));
            stream.media.clone_from(&answered.media);
            stream.codec.clone_from(&answered.codec);
        }
        self.answered = Some(offer);
        self.pending = None;
        if self.confirmed {
            self.drop_alternatives();
            self.release_refused();
        }
    }

    /// Forgets the pending offer and what was taken for it. The first offer stays as long as
    /// other dialogs answer it too.
    pub fn roll_back(&mut self) {
        if self.answered.is_none() && !self.forks().is_empty() {
            return;
        }
        self.pending = None;
        self.drop_fresh();
        if self.answered.is_none() {
            self.first_offer = None;
        }
    }

    /// Gives up the ends that nothing agreed on uses yet.
    pub fn drop_fresh(&mut self) {
        self.drop_alternatives();
        for stream in &mut self.streams {
            self.retired
                .extend(stream.replacement.take().map(|(_, end)| end));
            for side in Side::BOTH {
                if std::mem::take(&mut stream.fresh[side]) {
                    self.retired.extend(stream.ends[side].take());
                }
            }
        }
    }

    /// Gives up the ends that the answer might have chosen.
    pub fn drop_alternatives(&mut self) {
        let streams = self.streams.iter_mut();
        let alternatives = streams.filter_map(|stream| stream.alternative.take());
        self.retired.extend(alternatives);
    }

    /// Whether an answer in `family` chooses a stream's alternative. Dialogs that share the
    /// stream's port share its family too.
    pub fn chooses_alternative(&self, line: usize, family: Family) -> bool {
        let alone = self.forks().is_empty() && self.trunk().is_none();
        let alternative = self.streams[line].alternative.as_ref().filter(|_| alone);
        alternative.is_some_and(|end| Family::from(end.local.ip()) == family)
    }

    /// Puts a stream's alternative in the place of its callee's end.
    pub fn choose_alternative(&mut self, line: usize) {
        let stream = &mut self.streams[line];
        if let Some(end) = stream.alternative.take() {
            self.retired.extend(stream.ends.callee.replace(end));
        }
    }

    /// Gives up the ends of streams that are not agreed on and that no pending offer wants.
    pub fn release_refused(&mut self) {
        let pending = self.pending.as_ref();
        for (line, stream) in self.streams.iter_mut().enumerate() {
            let offered = pending.and_then(|offer| offer.terms.get(line));
            if stream.agreed.is_none() && !offered.is_some_and(|terms| terms.wanted) {
                self.retired
                    .extend(Side::BOTH.into_iter().filter_map(|s| stream.ends[s].take()));
            }
        }
    }

    /// Gives up every end.
    pub fn release_all(&mut self) {
        self.drop_alternatives();
        for stream in &mut self.streams {
            stream.agreed = None;
            self.retired
                .extend(stream.replacement.take().map(|(_, end)| end));
            self.retired
                .extend(Side::BOTH.into_iter().filter_map(|s| stream.ends[s].take()));
        }
    }

    /// Our first address on a side, for `o=` and the session's `c=`.
    pub fn anchor(&self, side: Side) -> Option<IpAddr> {
        let mut ends = self
            .streams
            .iter()
            .filter_map(|stream| stream.ends[side].as_ref());
        ends.next().map(|end| end.local.ip())
    }
}

impl Party {
    /// Takes over what the party says now; on hold it says nothing about where it is.
    pub fn learn(&mut self, terms: &Terms) {
        if !terms.held {
            *self = Self {
                rtp: terms.rtp,
                rtcp: terms.rtcp,
            };
        }
    }
}

/// What an offered and an answered line come to (RFC 3264 §6.1, §8.4; RFC 5761 §5.1.1).
pub(super) fn agree(by: Side, offered: &Terms, answered: &Terms) -> Agreed {
    let takes = |terms: &Terms| terms.direction.receives() && !terms.held;
    let media_flows = BySide::new(
        by,
        offered.direction.sends() && takes(answered),
        answered.direction.sends() && takes(offered),
    );
    let mux = offered.mux && answered.mux;
    // RTCP goes on whatever the direction (RFC 3264 §5.1), but not to an unspecified address.
    let separate = offered.transport == Transport::Rtp && !mux;
    let rtcp_flows = BySide::new(by, separate && !answered.held, separate && !offered.held);
    Agreed {
        media_flows,
        rtcp_flows,
        mux,
        timed: offered.is_timed(),
    }
}
