//! From what sessions have come to, to commands: what each slot should do is computed afresh and
//! sent where it differs from what the slot was last told.
//!
//! A slot is told `Open`, then any number of `Update`s, then `Close`, all of one generation.

use std::net::SocketAddr;

use strait_config::RealmIndex;
use strait_shared::command::Command;
use strait_shared::slot::{Forwarding, LatchPolicy};
use strait_shared::time::Instant;

use super::layout::PairId;
use super::plane::MediaPlane;
use super::ports::Aim;
use super::session::{Agreed, End, Session, Stream};
use super::side::{Component, SessionId, Side};
use super::terms::Codec;

/// What the two slots of one end are to do.
pub(super) struct Plan {
    session: SessionId,
    pub line: usize,
    pub side: Side,
    pub forwarding: [Forwarding; 2],
}

impl MediaPlane {
    /// Brings the slots of these sessions to where the sessions are. Opens go first and closes
    /// last, so that no slot ever points at one that is not open.
    pub(super) fn flush(&mut self, now: Instant, sessions: &[SessionId]) {
        let plans: Vec<Plan> = sessions.iter().flat_map(|id| self.plan(*id)).collect();
        for plan in &plans {
            self.open(plan);
        }
        for plan in &plans {
            self.update(plan);
        }
        for id in sessions {
            self.close_retired(now, *id);
            self.finish_if_over(*id);
        }
    }

    /// Stops a session's slots and everything that hangs on them, oldest first.
    fn close_retired(&mut self, now: Instant, id: SessionId) {
        let retired = std::mem::take(&mut self.sessions[id].retired);
        for end in retired {
            self.ports.aims.turn(end.aim, Aim::default());
            if end.sent.is_none() {
                self.ports.give_back(end.pair);
                continue;
            }
            let generation = self.ports.generation(end.pair);
            let holder = self.ports.holder_of(end.pair).expect("held until closed");
            for component in Component::BOTH {
                if self.ports.is_open(end.pair, component) {
                    let session = &mut self.sessions[id];
                    session.enter(holder.line, holder.side, component, end.local);
                    let slot = end.pair.slot(component);
                    self.commands.push_back(Command::Close { slot, generation });
                }
            }
            self.ports.close(now, end.pair);
            if end.port_of.is_none() {
                self.given_up.push(end.pair);
            }
        }
    }

    fn open(&mut self, plan: &Plan) {
        let session = &mut self.sessions[plan.session];
        let end = end_of(session, plan);
        if end.sent.is_some() {
            return;
        }
        end.sent = Some(plan.forwarding);
        let pair = end.pair;
        session.open_slots += 2;
        self.ports.opened(pair);
        let generation = self.ports.generation(pair);
        for component in Component::BOTH {
            let slot = pair.slot(component);
            let forwarding = plan.forwarding[component.index()];
            self.commands.push_back(Command::Open {
                slot,
                generation,
                forwarding,
            });
        }
    }

    fn update(&mut self, plan: &Plan) {
        self.aim(plan);
        let session = &mut self.sessions[plan.session];
        let end = end_of(session, plan);
        let forced = std::mem::take(&mut end.rearm);
        let sent = end.sent.as_mut().expect("opened by the same flush");
        let before = std::mem::replace(sent, plan.forwarding);
        let pair = end.pair;
        let generation = self.ports.generation(pair);
        for component in Component::BOTH {
            let (old, new) = (
                before[component.index()],
                plan.forwarding[component.index()],
            );
            let changed = old != new || forced;
            if !changed || !self.ports.is_open(pair, component) {
                continue;
            }
            if old.silence_timeout_ms != new.silence_timeout_ms {
                let stream = &mut self.sessions[plan.session].streams[plan.line];
                stream.silent[plan.side][component.index()] = false;
            }
            self.commands.push_back(Command::Update {
                slot: pair.slot(component),
                generation,
                forwarding: new,
                rearm: forced || has_moved(&old, &new),
            });
        }
    }

    /// Notes which ports of ours an end sends to.
    pub(super) fn aim(&mut self, plan: &Plan) {
        let session = &mut self.sessions[plan.session];
        let realm = session.setup[plan.side].realm;
        let layout = &self.ports.layout;
        let ours = |to: &Forwarding| to.signalled.and_then(|at| layout.pair_at(realm, at));
        let aim = plan.forwarding.each_ref().map(ours);
        let before = std::mem::replace(&mut end_of(session, plan).aim, aim);
        self.ports.aims.turn(before, aim);
    }

    pub(super) fn plan(&self, id: SessionId) -> Vec<Plan> {
        let session = &self.sessions[id];
        let mut plans = Vec::with_capacity(session.streams.len() * 2);
        for (line, stream) in session.streams.iter().enumerate() {
            for side in Side::BOTH {
                if let Some(end) = &stream.ends[side] {
                    let next = self.next_sibling(id, line, side);
                    let forwarding = Component::BOTH.map(|component| {
                        self.forwarding(session, stream, end, side, component, next)
                    });
                    plans.push(Plan {
                        session: id,
                        line,
                        side,
                        forwarding,
                    });
                }
            }
        }
        plans
    }

    /// The pair that a source refused at this one is offered to: the next dialog's on its port.
    fn next_sibling(&self, id: SessionId, line: usize, side: Side) -> Option<PairId> {
        if side == Side::Caller {
            return None;
        }
        let trunk = self.sessions[id].trunk().unwrap_or(id);
        let port = self.sessions[trunk]
            .streams
            .get(line)?
            .ends
            .callee
            .as_ref()?
            .pair;
        let forks = self.sessions[trunk].forks();
        let own = forks.iter().position(|fork| *fork == id);
        let later = &forks[own.map_or(0, |own| own + 1)..];
        later.iter().find_map(|fork| {
            let end = self.sessions[*fork]
                .streams
                .get(line)?
                .ends
                .callee
                .as_ref()?;
            (end.port_of == Some(port)).then_some(end.pair)
        })
    }

    fn forwarding(
        &self,
        session: &Session,
        stream: &Stream,
        end: &End,
        side: Side,
        component: Component,
        next: Option<PairId>,
    ) -> Forwarding {
        let realm = &self.realms[usize::from(session.setup[side].realm.0)];
        let agreed = stream.agreed;
        let is_rtcp = component == Component::Rtcp;
        let flows = |agreed: Agreed| match component {
            Component::Rtp => agreed.media_flows[side],
            Component::Rtcp => agreed.rtcp_flows[side],
        };
        let accept = agreed.is_some_and(flows);
        let signalled = stream.party[side].signalled(component, &end.local);
        let source = session.source[side];
        let expected = |agreed: Agreed| agreed.timed && agreed.media_flows[side];
        let timed = session.confirmed && accept && agreed.is_some_and(expected);
        let policy = self.policy(session.setup[side].realm, signalled);
        let at_source = signalled.is_some_and(|signalled| Some(signalled.ip()) == source);
        let codec = stream.codec.as_ref().filter(|_| !is_rtcp);
        let slot = |pair: PairId| pair.slot(component);
        let port = end.port_of.unwrap_or(end.pair);
        let forwarding = Forwarding {
            peer: stream.ends[side.other()].as_ref().map(|end| slot(end.pair)),
            accept,
            policy,
            signalled,
            signalling_source: source,
            send_before_latch: signalled.is_some()
                && (!realm.nat || at_source || policy == LatchPolicy::Signalled),
            rtcp: is_rtcp,
            rtcp_mux: !is_rtcp && agreed.is_some_and(|agreed| agreed.mux),
            dscp: realm.dscp,
            vlan: self.ports.layout.vlan(port),
            policer: realm.policer,
            silence_timeout_ms: if timed { realm.silence_timeout_ms } else { 0 },
            next_sibling: next.map(slot),
            port_of: end.port_of.map(slot),
            adjacency: None,
            clock_hz: codec.map_or(0, Codec::measured_clock_hz),
        };
        let shared = next.is_some() || end.port_of.is_some();
        if shared {
            tell_apart(forwarding, realm.nat)
        } else {
            forwarding
        }
    }

    /// Whose media is let in. Where the call comes back through its softswitch the party is a port
    /// of ours: nothing but that port is meant, and a port beside it is another call's.
    fn policy(&self, realm: RealmIndex, signalled: Option<SocketAddr>) -> LatchPolicy {
        let ours = signalled.and_then(|at| self.ports.layout.pair_at(realm, at));
        match ours {
            Some(_) => LatchPolicy::Signalled,
            None => self.realms[usize::from(realm.0)].policy,
        }
    }
}

/// Several dialogs' parties send to one port: where their addresses can be believed, each is known
/// by its own. Elsewhere the first packet decides, until one dialog is confirmed.
fn tell_apart(forwarding: Forwarding, nat: bool) -> Forwarding {
    let policy = match forwarding.policy {
        LatchPolicy::Restricted if !nat => LatchPolicy::Signalled,
        policy => policy,
    };
    Forwarding {
        policy,
        ..forwarding
    }
}

/// Whether the party is elsewhere than it was known to be.
fn has_moved(old: &Forwarding, new: &Forwarding) -> bool {
    let moved = old.signalled.is_some() && old.signalled != new.signalled;
    let other_source =
        old.signalling_source.is_some() && old.signalling_source != new.signalling_source;
    moved || other_source
}

fn end_of<'a>(session: &'a mut Session, plan: &Plan) -> &'a mut End {
    session.streams[plan.line].ends[plan.side]
        .as_mut()
        .expect("planned because it is there")
}
