//! Requests on their way: carried out at most once however often they come, repeated until they
//! are answered, their answers kept for those who ask again (H.248.1 Annex D.1, RFC 3435 §3.5).
//!
//! | state    | request again      | answer            | timer                    |
//! |----------|--------------------|-------------------|--------------------------|
//! | waiting  | is being worked on | answered, sent on | sent again, or given up  |
//! | answered | the answer again   | dropped           | forgotten                |

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use slotmap::{SlotMap, new_key_type};
use strait_shared::time::Instant;

use super::Role;
use super::associations::AssociationKey;
use super::limits::{MAX_PASSAGE_BYTES, MAX_PASSAGES};
use crate::gateway::h248::Work as H248Work;
use crate::gateway::io::Flow;
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
    /// What was asked, where a gateway said that it had restarted.
    pub restart: Option<Mark>,
    /// The request as it was sent on.
    pub(super) request: Arc<[u8]>,
    pub(super) began: Instant,
    pub(super) timer: TimerId,
}

/// What stands for the octets of a request: other octets, another mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark(u128);

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
    /// We said that something is over, upon which nothing follows.
    Farewell,
    /// We take back what an earlier process sent on, to this endpoint where one is named.
    Retraction(Box<[u8]>),
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
    /// What was asked, where a gateway says that it has restarted.
    pub restart: Option<Mark>,
}

/// All requests on their way, and those lately answered.
#[derive(Debug)]
pub struct Passages {
    pub(super) table: SlotMap<PassageKey, Passage>,
    pub(super) by_name: Map<PassageName, PassageKey>,
    pub(super) by_association: Map<AssociationKey, BTreeSet<PassageKey>>,
    pub(super) bytes: usize,
    mark_key: Key,
}

impl Passages {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        let tables = Key::new(seed, Purpose::Tables);
        Self {
            table: SlotMap::with_key(),
            by_name: Map::with_hasher(tables),
            by_association: Map::with_hasher(tables),
            bytes: 0,
            mark_key: Key::new(seed, Purpose::Requests),
        }
    }

    /// What stands for the octets of a request.
    pub fn mark(&self, request: &[u8]) -> Mark {
        Mark(self.mark_key.hash(&[request]))
    }

    /// Whether one more finds room.
    pub fn has_room(&self) -> bool {
        self.table.len() < MAX_PASSAGES && self.bytes < MAX_PASSAGE_BYTES
    }

    /// Whether one of that name finds room, and there is none yet.
    pub fn has_room_for(&self, name: &PassageName) -> bool {
        self.named(name).is_none() && self.has_room()
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

    pub(super) fn remove(&mut self, key: PassageKey) -> Option<Passage> {
        let passage = self.table.remove(key)?;
        self.by_name.remove(&passage.name);
        let association = passage.name.association;
        if let Some(own) = self.by_association.get_mut(&association) {
            own.remove(&key);
            if own.is_empty() {
                self.by_association.remove(&association);
            }
        }
        self.bytes -= passage.bytes();
        Some(passage)
    }

    /// Those that wait for somebody there.
    pub(super) fn towards(&self, flow: Flow) -> Vec<PassageKey> {
        let here = |to: Flow| (to.realm, to.listener, to.remote);
        let all = self.table.iter();
        let fit = all.filter(|(_, passage)| passage.waits() && here(passage.to) == here(flow));
        fit.map(|(key, _)| key).collect()
    }

    pub(super) fn of(&self, association: AssociationKey) -> Vec<PassageKey> {
        let own = self.by_association.get(&association);
        own.into_iter().flatten().copied().collect()
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
