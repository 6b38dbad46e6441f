//! Calls: one INVITE and what becomes of it, until both sides are rid of it.

use slotmap::{SlotMap, new_key_type};

use super::changed::Changed;
use super::controlled::legs::LegKey;
use super::dialogs::{DialogKey, Party};
use super::exchange::ExchangeKey;
use super::io::CallNumber;
use super::keyed::{Key, Map, Purpose};
use super::record::CallRecord;
use crate::media::{SessionId, Side, StreamReport};

new_key_type! {
    /// A call; never means another one later.
    pub struct CallKey;
}

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// The INVITE is on its way.
    Calling,
    /// The callee's side has answered provisionally.
    Early,
    /// The callee has answered.
    Answered,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// How far it has come.
    pub state: CallState,
    /// The INVITE, until its final response.
    pub invite: Option<ExchangeKey>,
    /// What dialogs of the call begin with, caller and callee; the callee has no tag yet.
    pub parties: Option<[Party; 2]>,
    /// Whether the INVITE carried an offer.
    pub offered: bool,
    /// The session the offer was made in, until the first dialog has it.
    pub session: Option<SessionId>,
    /// All its sessions that have not reported yet.
    pub sessions: Vec<SessionId>,
    /// Its dialogs: several while it is early, then one.
    pub dialogs: Vec<DialogKey>,
    /// Whether its media does not go through us.
    pub direct: bool,
    /// The controlled gateway's leg that it is, where it has no signalling of SIP.
    pub leg: Option<LegKey>,
    /// What its record will say.
    pub record: CallRecord,
}

/// A call that is over but for what its media report.
#[derive(Debug)]
pub struct Closing {
    /// What its record will say.
    pub record: CallRecord,
    /// Its sessions that have not reported yet.
    pub sessions: Vec<SessionId>,
}

/// Where a call is that has changed.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Among those that stand, or gone.
    Call(CallKey),
    /// Among those that are over but for their media's reports, or gone.
    Closing(ClosingKey),
}

/// All calls.
#[derive(Debug)]
pub struct Calls {
    table: SlotMap<CallKey, Call>,
    last_number: u64,
    by_session: Map<SessionId, Owner>,
    closing: SlotMap<ClosingKey, Closing>,
    /// What has changed, for the journal.
    pub changed: Changed<Place>,
}

new_key_type! {
    /// A call that is over but for its media's reports.
    pub struct ClosingKey;
}

#[derive(Clone, Copy, Debug)]
enum Owner {
    Call(CallKey),
    Closing(ClosingKey),
}

impl Calls {
    /// No calls.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            table: SlotMap::with_key(),
            last_number: 0,
            by_session: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            closing: SlotMap::with_key(),
            changed: Changed::new(),
        }
    }

    /// A number for a new call.
    pub fn next_number(&mut self) -> CallNumber {
        self.last_number += 1;
        CallNumber(self.last_number)
    }

    /// Adds a call.
    pub fn insert(&mut self, call: Call) -> CallKey {
        let number = call.record.number;
        let key = self.table.insert(call);
        self.changed.note(number, Place::Call(key));
        key
    }

    /// Begins to count behind `last`: earlier numbers are taken.
    pub fn number_after(&mut self, last: u64) {
        self.last_number = self.last_number.max(last);
    }

    /// The number given last.
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Notes that a call has changed.
    pub fn touch(&mut self, key: CallKey) {
        if let Some(call) = self.table.get(key) {
            self.changed.note(call.record.number, Place::Call(key));
        }
    }

    /// A call that is over but for its media's reports.
    pub fn closing(&self, key: ClosingKey) -> Option<&Closing> {
        self.closing.get(key)
    }

    /// Adds a media session to a call.
    pub fn own_session(&mut self, session: SessionId, key: CallKey) {
        if let Some(call) = self.table.get_mut(key) {
            call.sessions.push(session);
            self.by_session.insert(session, Owner::Call(key));
        }
    }

    /// The call that a session belongs to.
    pub fn of_session(&self, session: SessionId) -> Option<CallKey> {
        match self.by_session.get(&session)? {
            Owner::Call(call) => Some(*call),
            Owner::Closing(_) => None,
        }
    }

    /// One call.
    pub fn get(&self, key: CallKey) -> Option<&Call> {
        self.table.get(key)
    }

    /// One call, to be changed.
    pub fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.touch(key);
        self.table.get_mut(key)
    }

    /// All calls in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (CallKey, &Call)> {
        self.table.iter()
    }

    /// The call of that number.
    pub fn numbered(&self, number: CallNumber) -> Option<CallKey> {
        self.iter()
            .find(|(_, call)| call.record.number == number.0)
            .map(|(key, _)| key)
    }

    /// How many stand, those included whose media have not reported yet.
    pub fn len(&self) -> usize {
        self.table.len() + self.closing.len()
    }

    /// Takes a call out. Its record waits for its sessions to report; without any it is given
    /// back.
    pub fn close(&mut self, key: CallKey) -> Option<CallRecord> {
        let Call {
            record, sessions, ..
        } = self.table.remove(key)?;
        let number = record.number;
        if sessions.is_empty() {
            self.changed.note(number, Place::Call(key));
            return Some(record);
        }
        let closing = self.closing.insert(Closing {
            record,
            sessions: sessions.clone(),
        });
        self.changed.note(number, Place::Closing(closing));
        for session in sessions {
            self.by_session.insert(session, Owner::Closing(closing));
        }
        None
    }

    /// A session has reported. The record where it was the last one of a call that is over.
    pub fn reported(
        &mut self,
        session: SessionId,
        report: Vec<StreamReport>,
    ) -> Option<CallRecord> {
        match self.by_session.remove(&session)? {
            Owner::Call(key) => {
                let call = self.get_mut(key)?;
                call.sessions.retain(|other| *other != session);
                call.record.add(report);
                None
            }
            Owner::Closing(key) => {
                let closing = self.closing.get_mut(key)?;
                closing.record.add(report);
                closing.sessions.retain(|other| *other != session);
                self.changed
                    .note(closing.record.number, Place::Closing(key));
                if !closing.sessions.is_empty() {
                    return None;
                }
                self.closing.remove(key).map(|closing| closing.record)
            }
        }
    }
}

impl Call {
    /// What dialogs of the call know of one party from the start.
    pub fn party(&self, side: Side) -> Option<&Party> {
        self.parties.as_ref().map(|parties| &parties[side as usize])
    }
}
