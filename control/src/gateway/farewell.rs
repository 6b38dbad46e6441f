//! BYEs of our own. Nobody behind a NAT is reached whose connection is lost, or whose NAT has
//! another address since: what is owed to such a party is said once it has registered again, though
//! its call is long over.

use std::collections::VecDeque;

use strait_shared::time::Instant;

use super::dialogs::{DialogKey, Party};
use super::due::Due;
use super::io::Flow;
use super::limits::{MAX_OWED, OWED_FOR};
use super::own_requests::Spoken;
use super::token::Token;
use super::{Asked, Gateway};
use crate::media::Side;
use crate::sip::Method;

/// The end of a dialog, for one of its parties.
#[derive(Debug)]
struct Farewell {
    /// Whom it is for.
    party: Party,
    /// The tag of the other party, in whose name it is said.
    from_tag: Box<[u8]>,
    cseq: u32,
    reason: &'static str,
}

/// Farewells to parties that cannot be reached, the oldest first.
#[derive(Debug, Default)]
pub struct Owed(VecDeque<(Instant, Farewell)>);

impl Owed {
    /// Takes out those for whoever has this address in a realm, or whom this token stands for.
    fn to(&mut self, flow: Flow, token: Option<Token>) -> VecDeque<(Instant, Farewell)> {
        let fits = |(_, farewell): &(Instant, Farewell)| farewell.is_for(flow, token);
        if !self.0.iter().any(fits) {
            return VecDeque::new();
        }
        let all = std::mem::take(&mut self.0).into_iter();
        let (there, others) = all.partition(fits);
        self.0 = others;
        there
    }
}

impl Farewell {
    fn is_for(&self, flow: Flow, token: Option<Token>) -> bool {
        let place = |flow: Flow| (flow.realm, flow.remote.ip());
        let known = token.is_some() && self.party.contact == token;
        known || place(self.party.flow) == place(flow)
    }
}

impl Gateway {
    /// Ends a dialog towards one party in the other one's name.
    pub(super) fn say_bye(&mut self, now: Instant, key: DialogKey, to: Side, reason: &'static str) {
        if let Some(farewell) = self.farewell_of(key, to, reason) {
            self.say_or_owe(now, now + OWED_FOR, farewell);
        }
    }

    /// A party has not heard the other one's BYE: it is said to it where it has gone since, or once
    /// it is there.
    pub(super) fn bye_unheard(&mut self, now: Instant, key: DialogKey, to: Side) {
        let Some(farewell) = self.farewell_of(key, to, "bye") else {
            return;
        };
        let moved = |token| self.tokens.moved_to(token);
        match farewell.party.contact.and_then(moved) {
            Some(flow) if flow != farewell.party.flow => {
                self.say_or_owe(now, now + OWED_FOR, farewell);
            }
            _ => self.owe(now, now + OWED_FOR, farewell),
        }
    }

    /// A terminal has registered, by a Contact that a token may stand for: it is told what is over
    /// since it could not be reached.
    pub(super) fn say_what_is_owed(&mut self, now: Instant, flow: Flow, token: Option<Token>) {
        for (until, farewell) in self.owed.to(flow, token) {
            self.say_or_owe(now, until, farewell);
        }
    }

    /// Nobody has come back for what is owed since so long.
    pub(super) fn forget_owed(&mut self, now: Instant) {
        self.owed.0.retain(|(until, _)| *until > now);
    }

    fn say_or_owe(&mut self, now: Instant, until: Instant, farewell: Farewell) {
        let (uri, routes, flow) = self.addressing(&farewell.party);
        match self.is_cut_off(flow) {
            true => self.owe(now, until, farewell),
            false => self.say_farewell(now, flow, (&uri, &routes), &farewell),
        }
    }

    fn farewell_of(&self, key: DialogKey, to: Side, reason: &'static str) -> Option<Farewell> {
        let dialog = self.dialogs.get(key)?;
        let other = dialog.party(to.other());
        Some(Farewell {
            party: dialog.party(to).clone(),
            from_tag: other.tag.clone(),
            cseq: other.cseq + 1,
            reason,
        })
    }

    fn owe(&mut self, now: Instant, until: Instant, farewell: Farewell) {
        if self.owed.0.len() < MAX_OWED {
            self.owed.0.push_back((until, farewell));
            self.timers.arm(now, until.since(now), Due::Owed);
        }
    }

    fn say_farewell(&mut self, now: Instant, flow: Flow, way: (&[u8], &[u8]), farewell: &Farewell) {
        let spoken = Spoken {
            method: Method::Bye,
            party: &farewell.party,
            from_tag: &farewell.from_tag,
            number: farewell.cseq,
            reason: Some(farewell.reason),
        };
        self.speak(now, flow, way, &spoken, Asked::Farewell);
    }
}
