//! Requests on their way: carried out at most once however often they come, repeated until they
//! are answered, their answers kept for those who ask again (H.248.1 Annex D.1, RFC 3435 §3.5).
//!
//! | state    | request again      | answer            | timer                    |
//! |----------|--------------------|-------------------|--------------------------|
//! | waiting  | is being worked on | answered, sent on | sent again, or given up  |
//! | answered | the answer again   | dropped           | forgotten                |

use std::sync::Arc;
use std::time::Duration;

use slotmap::{SlotMap, new_key_type};
use strait_shared::time::Instant;

use super::Role;
use super::associations::AssociationKey;
use super::limits::{
    ANSWER_KEPT, FIRST_REPEAT, GIVE_UP, LONGEST_REPEAT, LONGEST_WORK, MAX_ANSWER_PARTS,
    MAX_PASSAGE_BYTES, MAX_PASSAGES,
};
use crate::gateway::Gateway;
use crate::gateway::due::Due;
use crate::gateway::h248::Work as H248Work;
use crate::gateway::io::{Flow, Output, Transport};
use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::mgcp::Work as MgcpWork;
use crate::gateway::timer::TimerId;

new_key_type! {
    /// A request on its way; never means another one later.
    pub struct PassageKey;
}

/// What names a request: whose it is, who asks, and its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PassageName {
    /// The gateway it is to or from.
    pub association: AssociationKey,
    /// Who asks.
    pub asker: Role,
    /// The transaction's number.
    pub number: u32,
}

/// A request on its way.
#[derive(Debug)]
pub struct Passage {
    /// What names it.
    pub name: PassageName,
    /// Where it came from, and its answer goes; nowhere where we ask ourselves.
    pub from: Option<Flow>,
    /// Where it is sent.
    pub to: Flow,
    /// What its answer will settle.
    pub work: Work,
    /// How far it is.
    pub state: State,
    /// Its answer comes in parts.
    pub in_parts: bool,
    /// The request as it was sent on.
    request: Arc<[u8]>,
    began: Instant,
    timer: TimerId,
}

/// How far a request is.
#[derive(Debug)]
pub enum State {
    /// It waits for its answer.
    Waiting {
        /// How often it was sent.
        sent: u8,
        /// When it was last heard that it is being worked on, or began.
        alive: Instant,
        /// How long it may stay unanswered from then on.
        patience: Duration,
        /// Whether whoever asked has been told that it is being worked on.
        told: bool,
    },
    /// It was answered.
    Answered {
        /// The answer as it was sent on, in the order of its parts.
        parts: Vec<Arc<[u8]>>,
    },
}

/// What an answer will settle.
#[derive(Debug)]
pub enum Work {
    /// We asked whether the gateway is there.
    KeepAlive,
    /// Commands of H.248.
    H248(H248Work),
    /// A command of MGCP.
    Mgcp(MgcpWork),
}

/// A request to be sent on.
#[derive(Debug)]
pub struct Asking {
    /// What names it.
    pub name: PassageName,
    /// Where it came from; nowhere where we ask ourselves.
    pub from: Option<Flow>,
    /// Where it goes.
    pub to: Flow,
    /// The whole message; shared where it holds several requests.
    pub message: Arc<[u8]>,
    /// What its answer will settle.
    pub work: Work,
    /// How long it may stay unanswered.
    pub patience: Duration,
}

/// All requests on their way, and those lately answered.
#[derive(Debug)]
pub struct Passages {
    table: SlotMap<PassageKey, Passage>,
    by_name: Map<PassageName, PassageKey>,
    bytes: usize,
}

impl Passages {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            table: SlotMap::with_key(),
            by_name: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            bytes: 0,
        }
    }

    /// Whether one more finds room.
    pub fn has_room(&self) -> bool {
        self.table.len() < MAX_PASSAGES && self.bytes < MAX_PASSAGE_BYTES
    }

    /// The request of that name.
    pub fn named(&self, name: &PassageName) -> Option<PassageKey> {
        self.by_name.get(name).copied()
    }

    /// The request of that name that an answer from `flow` is to: a controller that was given up
    /// answers too late.
    pub fn answered_by(&self, name: &PassageName, flow: Flow) -> Option<PassageKey> {
        let key = self.named(name)?;
        let asked = self.get(key)?.to.remote.ip();
        let late = name.asker == Role::Gateway && asked != flow.remote.ip();
        (!late).then_some(key)
    }

    /// One request.
    pub fn get(&self, key: PassageKey) -> Option<&Passage> {
        self.table.get(key)
    }

    /// One request, to be changed.
    pub fn get_mut(&mut self, key: PassageKey) -> Option<&mut Passage> {
        self.table.get_mut(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    fn remove(&mut self, key: PassageKey) -> Option<Passage> {
        let passage = self.table.remove(key)?;
        self.by_name.remove(&passage.name);
        self.bytes -= passage.bytes();
        Some(passage)
    }

    /// Those that wait for somebody there.
    fn towards(&self, flow: Flow) -> Vec<PassageKey> {
        let here = |to: Flow| (to.realm, to.listener, to.remote);
        let all = self.table.iter();
        let fit = all.filter(|(_, passage)| passage.waits() && here(passage.to) == here(flow));
        fit.map(|(key, _)| key).collect()
    }

    fn of(&self, association: AssociationKey) -> Vec<PassageKey> {
        let all = self.table.iter();
        let own = all.filter(|(_, passage)| passage.name.association == association);
        own.map(|(key, _)| key).collect()
    }
}

impl Passage {
    /// Whether it still waits.
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Whether whoever asked was told to wait.
    pub fn was_told(&self) -> bool {
        matches!(self.state, State::Waiting { told: true, .. })
    }

    fn bytes(&self) -> usize {
        let answer = match &self.state {
            State::Waiting { .. } => 0,
            State::Answered { parts } => parts.iter().map(|part| part.len()).sum(),
        };
        self.request.len() + answer
    }
}

impl Gateway {
    /// Remembers a request that leaves now, and watches over it.
    pub(in crate::gateway) fn begin_passage(&mut self, now: Instant, asking: Asking) {
        let (passages, timers) = (&mut self.controlled.passages, &mut self.timers);
        let name = asking.name;
        passages.bytes += asking.message.len();
        let key = passages.table.insert_with_key(|key| Passage {
            name,
            from: asking.from,
            to: asking.to,
            work: asking.work,
            state: State::Waiting {
                sent: 1,
                alive: now,
                patience: asking.patience,
                told: false,
            },
            in_parts: false,
            request: asking.message,
            began: now,
            timer: timers.arm(now, FIRST_REPEAT, Due::Passage(key)),
        });
        passages.by_name.insert(name, key);
    }

    /// A request's timer fired.
    pub(in crate::gateway) fn passage_due(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.controlled.passages.get_mut(key) else {
            return;
        };
        let State::Waiting {
            sent,
            alive,
            patience,
            ..
        } = &mut passage.state
        else {
            self.controlled.passages.remove(key);
            return;
        };
        let worked = now.since(passage.began) >= LONGEST_WORK;
        if now.since(*alive) >= *patience || worked {
            return self.passage_failed(now, key);
        }
        *sent = sent.saturating_add(1);
        let repeat = FIRST_REPEAT * 2u32.saturating_pow(u32::from(*sent) - 1);
        let left = *patience - now.since(*alive);
        let (flow, bytes) = (passage.to, passage.request.to_vec());
        if flow.transport == Transport::Udp {
            self.outputs.push_back(Output::Send { flow, bytes });
        }
        self.arm_passage(now, key, repeat.min(LONGEST_REPEAT).min(left));
    }

    /// A request that is on its way or was answered came again: its answer, or nothing where it
    /// waits. Whether it waits and its sender has not been told so.
    pub(in crate::gateway) fn request_again(&mut self, key: PassageKey, from: Flow) -> bool {
        let Some(passage) = self.controlled.passages.get_mut(key) else {
            return false;
        };
        match &mut passage.state {
            State::Waiting { told, .. } => {
                passage.from = Some(from);
                !std::mem::replace(told, true)
            }
            State::Answered { parts } => {
                let answers = parts.iter().map(|part| Output::Send {
                    flow: from,
                    bytes: part.to_vec(),
                });
                self.outputs.extend(answers);
                false
            }
        }
    }

    /// It was heard that a request is being worked on; whether its sender is to be told.
    pub(in crate::gateway) fn passage_alive(&mut self, now: Instant, key: PassageKey) -> bool {
        let passage = self.controlled.passages.get_mut(key);
        let Some(State::Waiting {
            alive,
            patience,
            told,
            ..
        }) = passage.map(|passage| &mut passage.state)
        else {
            return false;
        };
        *alive = now;
        *patience = GIVE_UP;
        let news = !std::mem::replace(told, true);
        self.arm_passage(now, key, LONGEST_REPEAT);
        news
    }

    /// A request was answered by `part`, in the form in which it is sent on.
    pub(in crate::gateway) fn passage_answered(
        &mut self,
        now: Instant,
        key: PassageKey,
        part: Arc<[u8]>,
    ) {
        let passages = &mut self.controlled.passages;
        let Some(passage) = passages.table.get_mut(key) else {
            return;
        };
        if passage.waits() {
            passage.state = State::Answered { parts: Vec::new() };
        }
        if let State::Answered { parts } = &mut passage.state
            && parts.len() < MAX_ANSWER_PARTS
        {
            passages.bytes += part.len();
            parts.push(part);
        }
        self.arm_passage(now, key, ANSWER_KEPT);
    }

    /// Whoever asked has the answer, or nobody waits for one.
    pub(in crate::gateway) fn forget_passage(&mut self, key: PassageKey) -> Option<Passage> {
        let passage = self.controlled.passages.remove(key)?;
        self.timers.cancel(passage.timer);
        Some(passage)
    }

    /// A gateway is gone, and what it was asked.
    pub(in crate::gateway) fn forget_passages(&mut self, association: AssociationKey) {
        for key in self.controlled.passages.of(association) {
            self.forget_passage(key);
        }
    }

    /// Sends a request that waits elsewhere, as new.
    pub(in crate::gateway) fn redirect_passage(
        &mut self,
        now: Instant,
        key: PassageKey,
        to: Flow,
        message: Arc<[u8]>,
        work: Work,
        patience: Duration,
    ) {
        let passages = &mut self.controlled.passages;
        let Some(passage) = passages.table.get_mut(key) else {
            return;
        };
        passages.bytes += message.len();
        passages.bytes -= passage.request.len();
        (passage.to, passage.work) = (to, work);
        passage.request = message.clone();
        passage.state = State::Waiting {
            sent: 1,
            alive: now,
            patience,
            told: true,
        };
        let (flow, bytes) = (to, message.to_vec());
        self.outputs.push_back(Output::Send { flow, bytes });
        self.arm_passage(now, key, FIRST_REPEAT);
    }

    /// What was sent there did not arrive. Only a gateway that looks for a controller does not wait
    /// for its timer: an ICMP message is easily forged, and networks recover.
    pub(in crate::gateway) fn control_send_failed(&mut self, now: Instant, flow: Flow) {
        let owner = self.controlled.associations.on_port(flow);
        let owner = owner.and_then(|key| self.controlled.associations.get(key));
        if owner.is_none_or(|owner| owner.registered) {
            return;
        }
        for key in self.controlled.passages.towards(flow) {
            let passage = self.controlled.passages.get(key);
            let work = passage.map(|passage| &passage.work);
            let looks_for_one = match work {
                Some(Work::H248(work)) => matches!(work, H248Work::Registration(_)),
                Some(Work::Mgcp(work)) => matches!(work, MgcpWork::Notice(_)),
                Some(Work::KeepAlive) | None => false,
            };
            if looks_for_one {
                self.passage_failed(now, key);
            }
        }
    }

    fn arm_passage(&mut self, now: Instant, key: PassageKey, after: Duration) {
        if let Some(passage) = self.controlled.passages.get_mut(key) {
            self.timers.cancel(passage.timer);
            passage.timer = self.timers.arm(now, after, Due::Passage(key));
        }
    }

    /// Nobody has answered.
    fn passage_failed(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.controlled.passages.get(key) else {
            return;
        };
        match passage.work {
            Work::KeepAlive => self.keepalive_unanswered(now, key),
            Work::H248(_) => self.h248_unanswered(now, key),
            Work::Mgcp(_) => self.mgcp_unanswered(now, key),
        }
    }
}
