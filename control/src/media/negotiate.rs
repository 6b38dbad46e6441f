//! Offers and answers (RFC 3264): what is checked, which ports are taken, what is told to whom.

use std::net::IpAddr;

use strait_config::RealmIndex;
use strait_shared::time::Instant;

use super::error::MediaError;
use super::layout::PairId;
use super::plane::MediaPlane;
use super::ports::{Aim, Holder, Want};
use super::rewrite::{Place, Rewritten, rewrite};
use super::session::{End, Offer, Session};
use super::side::{Family, SessionId, Side};
use super::terms::{self, Terms, Transport};
use crate::sdp::Description;
use crate::sip::Splices;

/// What an answer is to its session.
enum Answer {
    /// The answer to this offer: the pending one, or the last once more.
    To(Offer),
    /// A description where none is due (RFC 3261 §13.2.1: to be ignored).
    Idle,
}

/// What a pair is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Use {
    /// A stream's end.
    End,
    /// The end in the other family that is offered beside it.
    Alternative,
}

impl MediaPlane {
    pub(super) fn take_offer(
        &mut self,
        now: Instant,
        id: SessionId,
        by: Side,
        description: &Description,
        source: IpAddr,
        edits: &mut Splices,
    ) -> Result<Rewritten, MediaError> {
        let session = self.live(id)?;
        match &session.pending {
            Some(pending) if pending.by != by => return Err(MediaError::Glare),
            Some(_) if !session.may_offer_again() => return Err(MediaError::OfferPending),
            _ => {}
        }
        let terms = terms::read(description, self.max_lines)?;
        self.check(id, by, &terms)?;
        self.sessions[id].prepare(terms.len());
        for (line, offered) in terms.iter().enumerate() {
            let provided = self.provide(now, id, line, by, offered);
            if let Err(error) = provided {
                self.rollback(now, id);
                return Err(error);
            }
        }
        let session = &mut self.sessions[id];
        session.introduce(Offer {
            by,
            source,
            terms: terms.into(),
        });
        self.flush(now, &self.group(id));
        let session = &self.sessions[id];
        let offer = session.pending.as_ref().expect("just introduced");
        let places = places(session, by.other(), &offer.terms, |_| true);
        let anchor = self.anchor(id, by.other());
        Ok(rewrite(description, &places, anchor, edits))
    }

    pub(super) fn take_answer(
        &mut self,
        now: Instant,
        id: SessionId,
        by: Side,
        description: &Description,
        source: IpAddr,
        edits: &mut Splices,
    ) -> Result<Rewritten, MediaError> {
        let answer = answer_to(self.live(id)?, by)?;
        let terms = terms::read(description, self.max_lines)?;
        if let Answer::To(offer) = answer {
            if terms.len() > offer.terms.len() {
                return Err(MediaError::MoreLinesThanOffered);
            }
            self.check(id, by, &terms)?;
            if let Err(error) = self.provide_answer(now, id, by, &offer, &terms) {
                self.sessions[id].drop_taken_for_answer();
                self.flush(now, &self.group(id));
                return Err(error);
            }
            self.sessions[id].settle(offer, &terms, source);
            self.flush(now, &self.group(id));
        }
        let session = &self.sessions[id];
        let agreed = |line: usize| {
            session
                .streams
                .get(line)
                .is_some_and(|s| s.agreed.is_some())
        };
        let places = places(session, by.other(), &terms, agreed);
        let anchor = self.anchor(id, by.other());
        Ok(rewrite(description, &places, anchor, edits))
    }

    /// Refuses addresses that media must not be sent to.
    pub(super) fn check(&self, id: SessionId, by: Side, terms: &[Terms]) -> Result<(), MediaError> {
        let (realm, group) = (self.sessions[id].setup[by].realm, self.group(id));
        for (line, terms) in terms.iter().enumerate() {
            let rtcp = terms
                .rtcp
                .filter(|_| terms.transport == Transport::Rtp && !terms.mux);
            for address in terms.rtp.into_iter().chain(rtcp) {
                let line = line as u16;
                self.guard
                    .check(&self.ports, realm, &group, address)
                    .map_err(|fault| MediaError::Address {
                        line,
                        address,
                        fault,
                    })?;
            }
        }
        Ok(())
    }

    /// Takes what the answer needs beyond what the offer took. Only a forked dialog needs any:
    /// ends of its own beside those the shared offer named.
    fn provide_answer(
        &mut self,
        now: Instant,
        id: SessionId,
        by: Side,
        offer: &Offer,
        answer: &[Terms],
    ) -> Result<(), MediaError> {
        let forked = self.sessions[id].trunk().is_some();
        let mut chosen = Vec::new();
        self.sessions[id].reserve_streams(offer.terms.len());
        for (line, (offered, answered)) in offer.terms.iter().zip(answer).enumerate() {
            if !offered.wanted || !answered.wanted {
                continue;
            }
            if forked {
                self.provide(now, id, line, offer.by, offered)?;
            }
            let end = self.sessions[id].streams[line].ends[by].as_ref();
            let family = answered.rtp.map(|rtp| Family::from(rtp.ip()));
            let told = end.map(|end| Family::from(end.local.ip()));
            match (family, told) {
                (Some(family), Some(told)) if family != told => {
                    if !self.sessions[id].chooses_alternative(line, family) {
                        return Err(MediaError::FamilyMismatch { line: line as u16 });
                    }
                    chosen.push(line);
                }
                _ => {}
            }
        }
        let session = &mut self.sessions[id];
        chosen
            .into_iter()
            .for_each(|line| session.choose_alternative(line));
        Ok(())
    }

    /// Takes the ends that a line needs and does not have, all of one worker, and a replacement
    /// for an end whose party moves to another address family.
    pub(super) fn provide(
        &mut self,
        now: Instant,
        id: SessionId,
        line: usize,
        by: Side,
        terms: &Terms,
    ) -> Result<(), MediaError> {
        if !terms.wanted {
            return Ok(());
        }
        let session = &self.sessions[id];
        let stream = &session.streams[line];
        let realm = session.setup[by].realm;
        let own = stream.ends[by]
            .as_ref()
            .map(|end| Family::from(end.local.ip()));
        let family = match terms.rtp {
            Some(rtp) => self.strict_family(realm, Family::from(rtp.ip()))?,
            None => match own {
                Some(family) => family,
                None => self.family(realm, terms.family.unwrap_or(session.setup[by].family))?,
            },
        };
        let mut wants = Vec::with_capacity(3);
        if own != Some(family) {
            if own.is_some() && by == Side::Callee && session.shares_ports() {
                return Err(MediaError::FamilyMismatch { line: line as u16 });
            }
            wants.push((by, Use::End, self.want(id, line, by, family)));
        }
        let other = by.other();
        if stream.ends[other].is_none() {
            let setup = session.setup[other];
            let family = self.family(setup.realm, setup.family)?;
            wants.push((other, Use::End, self.want(id, line, other, family)));
            let second = family.other();
            let both = session.offers_both && session.may_offer_again() && by == Side::Caller;
            if both && self.strict_family(setup.realm, second).is_ok() {
                let want = self.want(id, line, other, second);
                wants.push((other, Use::Alternative, want));
            }
        }
        if wants.is_empty() {
            return Ok(());
        }
        let worker = self
            .pair_near(id, line)
            .map(|pair| self.ports.layout.worker(pair));
        let asked: Vec<Want> = wants.iter().map(|(_, _, want)| *want).collect();
        let taken = self.ports.allocate(now, worker, &asked).map_err(shortage)?;
        for ((side, usage, _), pair) in wants.into_iter().zip(taken) {
            self.install(id, line, side, usage, pair);
        }
        Ok(())
    }

    fn install(&mut self, id: SessionId, line: usize, side: Side, usage: Use, pair: PairId) {
        self.ports.hold(
            pair,
            Holder {
                session: id,
                line: line as u16,
                side,
            },
        );
        let local = self.ports.layout.local(pair);
        let shared = if local.is_none() {
            self.trunk_end(id, line)
        } else {
            None
        };
        let port_of = shared.map(|end| end.pair);
        let local = local
            .or(shared.map(|end| end.local))
            .expect("a spare pair shares a port");
        let end = End {
            pair,
            local,
            port_of,
            sent: None,
            aim: Aim::default(),
            rearm: false,
        };
        let session = &mut self.sessions[id];
        let stream = &mut session.streams[line];
        if usage == Use::Alternative {
            stream.alternative = Some(end);
        } else if stream.ends[side].is_some() {
            let stale = stream.replacement.replace((side, end));
            session.retired.extend(stale.map(|(_, end)| end));
        } else {
            stream.ends[side] = Some(end);
            stream.fresh[side] = true;
            stream.silent[side] = [false; 2];
        }
    }

    fn want(&self, id: SessionId, line: usize, side: Side, family: Family) -> Want {
        if side == Side::Callee && self.trunk_end(id, line).is_some() {
            return Want::Spare;
        }
        let session = &self.sessions[id];
        let prefer = session
            .anchor(side)
            .filter(|ip| Family::from(*ip) == family);
        Want::Port {
            realm: session.setup[side].realm,
            family,
            prefer,
        }
    }

    /// The end that the shared offer named for this line, for a forked dialog to hang on.
    fn trunk_end(&self, id: SessionId, line: usize) -> Option<&End> {
        let trunk = &self.sessions[self.sessions[id].trunk()?];
        let offered = trunk.first_offer.as_ref()?.terms.get(line)?;
        trunk
            .streams
            .get(line)?
            .ends
            .callee
            .as_ref()
            .filter(|_| offered.wanted)
    }

    /// A pair whose worker the line's other pairs must share.
    fn pair_near(&self, id: SessionId, line: usize) -> Option<PairId> {
        let ends = &self.sessions[id].streams[line].ends;
        let own = ends.caller.as_ref().or(ends.callee.as_ref());
        own.or(self.trunk_end(id, line)).map(|end| end.pair)
    }

    /// The address that stands for the party on `side`'s far end: where the session's streams
    /// are, or would be.
    pub(super) fn anchor(&self, id: SessionId, side: Side) -> IpAddr {
        let session = &self.sessions[id];
        let setup = session.setup[side];
        let any = || {
            let family = self.family(setup.realm, setup.family).ok()?;
            self.ports.layout.first_address(setup.realm, family)
        };
        session
            .anchor(side)
            .or_else(any)
            .expect("a realm has a media address")
    }

    /// `preferred`, or else the family the realm has.
    fn family(&self, realm: RealmIndex, preferred: Family) -> Result<Family, MediaError> {
        self.strict_family(realm, preferred)
            .or_else(|_| self.strict_family(realm, preferred.other()))
    }

    fn strict_family(&self, realm: RealmIndex, family: Family) -> Result<Family, MediaError> {
        let found = self.ports.layout.first_address(realm, family);
        found
            .map(|_| family)
            .ok_or(MediaError::NoAddress { realm, family })
    }
}

fn answer_to(session: &Session, by: Side) -> Result<Answer, MediaError> {
    match (&session.pending, &session.answered) {
        (Some(pending), _) if pending.by != by => Ok(Answer::To(pending.clone())),
        (None, Some(answered)) if answered.by != by => Ok(Answer::To(answered.clone())),
        (_, Some(_)) => Ok(Answer::Idle),
        (_, None) => Err(MediaError::NoOffer),
    }
}

/// Where each line of a description goes on `side`, to whose party it is sent.
fn places(
    session: &Session,
    side: Side,
    terms: &[Terms],
    relayed: impl Fn(usize) -> bool,
) -> Vec<Place> {
    let lines = terms.iter().enumerate();
    let place = |(line, terms): (usize, &Terms)| {
        let stream = session.streams.get(line);
        let end = stream.and_then(|stream| stream.ends[side].as_ref());
        let alternative = stream.and_then(|stream| stream.alternative.as_ref());
        let alternative = alternative.filter(|_| side == Side::Callee);
        match end.filter(|_| terms.wanted && relayed(line)) {
            Some(end) => match alternative {
                Some(other) => Place::AtEither(other.local, end.local),
                None => Place::At(end.local),
            },
            None => Place::Nowhere(terms.transport),
        }
    };
    lines.map(place).collect()
}

fn shortage(want: Want) -> MediaError {
    match want {
        Want::Port { realm, family, .. } => MediaError::Exhausted { realm, family },
        Want::Spare => MediaError::TooManyForks,
    }
}
