//! Forks: one offer, several early dialogs, each with an answer of its own (RFC 3261 §13.2.2.4).
//!
//! The offer named one port on the callee's side, so every callee sends there. The first dialog
//! (the trunk) holds that port; the others hang spare slots on it. When one dialog is confirmed,
//! the port becomes its own.

use strait_shared::slot::LatchPolicy;
use strait_shared::time::Instant;

use super::error::MediaError;
use super::limits::FORKS_MAX;
use super::plane::{MediaPlane, Notice};
use super::ports::Holder;
use super::session::{Bond, Session};
use super::side::{SessionId, Side};

impl MediaPlane {
    pub(super) fn add_fork(&mut self, id: SessionId) -> Result<SessionId, MediaError> {
        let trunk = self.live(id)?.trunk().unwrap_or(id);
        let shared = &self.sessions[trunk];
        let mut session = Session::new(shared.setup);
        let Some(offer) = shared.first_offer.clone() else {
            return Ok(self.sessions.insert(session));
        };
        if shared.forks().len() >= FORKS_MAX {
            return Err(MediaError::TooManyForks);
        }
        session.bond = Bond::Fork { trunk };
        session.source[offer.by] = Some(offer.source);
        session.pending = Some(offer);
        let fork = self.sessions.insert(session);
        if let Bond::Trunk { forks } = &mut self.sessions[trunk].bond {
            forks.push(fork);
        }
        Ok(fork)
    }

    pub(super) fn choose(&mut self, now: Instant, winner: SessionId) -> Result<(), MediaError> {
        if self.live(winner)?.confirmed {
            return Ok(());
        }
        let group = self.group(winner);
        match self.sessions[winner].trunk() {
            Some(trunk) => self.hand_over(trunk, winner),
            None if group.len() > 1 => self.forget_losers(winner),
            None => {}
        }
        for loser in group.iter().filter(|id| **id != winner) {
            self.sessions[*loser].dissolve();
        }
        let session = &mut self.sessions[winner];
        session.bond = Bond::Trunk { forks: Vec::new() };
        session.confirmed = true;
        session.first_offer = None;
        session.drop_alternatives();
        session.release_refused();
        self.flush(now, &group);
        Ok(())
    }

    pub(super) fn end(&mut self, now: Instant, id: SessionId) {
        let group = self.group(id);
        match self.sessions[id].trunk() {
            Some(trunk) => {
                self.sessions[id].dissolve();
                let mut over = false;
                if let Bond::Trunk { forks } = &mut self.sessions[trunk].bond {
                    forks.retain(|fork| *fork != id);
                    over = forks.is_empty();
                }
                if over && self.sessions[trunk].ended {
                    self.sessions[trunk].dissolve();
                }
            }
            None if group.len() > 1 => self.sessions[id].vacate(),
            None => self.sessions[id].dissolve(),
        }
        self.flush(now, &group);
    }

    /// Forgets an ended session once all its slots have reported.
    pub(super) fn finish_if_over(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let over = session.ended && session.open_slots == 0 && session.forks().is_empty();
        if let Some(mut session) = over.then(|| self.sessions.remove(id)).flatten() {
            let report = session.final_report();
            self.notices.push_back(Notice::Finished {
                session: id,
                report,
            });
        }
    }

    /// The port was the winner's from the beginning. Where dialogs are not told apart by their
    /// addresses, the first packet may have been a loser's.
    fn forget_losers(&mut self, winner: SessionId) {
        let session = &mut self.sessions[winner];
        let realm = &self.realms[usize::from(session.setup[Side::Callee].realm.0)];
        if !realm.nat && realm.policy != LatchPolicy::Symmetric {
            return;
        }
        let streams = session.streams.iter_mut();
        for end in streams.filter_map(|stream| stream.ends.callee.as_mut()) {
            end.rearm = end.sent.is_some();
        }
    }

    /// Makes the ports that the offer named the winner's, in place of its spare slots.
    fn hand_over(&mut self, trunk: SessionId, winner: SessionId) {
        for line in 0..self.sessions[winner].streams.len() {
            let callee = self.sessions[winner].streams[line].ends.callee.as_ref();
            let Some(port) = callee.and_then(|end| end.port_of) else {
                continue;
            };
            let end = self.sessions[trunk].streams[line].ends.callee.take();
            let mut end = end
                .filter(|end| end.pair == port)
                .expect("its port outlives a fork");
            end.rearm = true;
            let holder = Holder {
                session: winner,
                line: line as u16,
                side: Side::Callee,
            };
            self.ports.hold(end.pair, holder);
            let open = self.ports.open_slots(end.pair);
            self.sessions[trunk].open_slots -= open;
            let session = &mut self.sessions[winner];
            session.open_slots += open;
            let spare = session.streams[line].ends.callee.replace(end);
            session.retired.extend(spare);
        }
    }
}

impl Session {
    /// Ends the session and gives up all it holds.
    fn dissolve(&mut self) {
        self.ended = true;
        self.pending = None;
        self.bond = Bond::Trunk { forks: Vec::new() };
        self.release_all();
    }

    /// Ends the session, but keeps the ports that other dialogs hang on.
    fn vacate(&mut self) {
        self.ended = true;
        self.pending = None;
        self.drop_alternatives();
        for stream in &mut self.streams {
            stream.agreed = None;
            self.retired
                .extend(stream.replacement.take().map(|(_, end)| end));
            self.retired.extend(stream.ends.caller.take());
        }
    }
}
