//! Requests watched over: repeated until they are answered, answered again where they come again,
//! given up where nobody answers.

use std::sync::Arc;
use std::time::Duration;

use strait_shared::time::Instant;

use super::Role;
use super::associations::AssociationKey;
use super::limits::{
    ANSWER_KEPT, FIRST_REPEAT, GIVE_UP, LONGEST_REPEAT, LONGEST_WORK, MAX_ANSWER_PARTS,
};
use super::passages::{Asking, Mark, Passage, PassageKey, PassageName, State, Work};
use crate::gateway::Gateway;
use crate::gateway::due::Due;
use crate::gateway::h248::Work as H248Work;
use crate::gateway::io::{Flow, Output, Transport};
use crate::gateway::mgcp::Work as MgcpWork;

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
                // We need not tell ourselves.
                told: asking.from.is_none(),
            },
            in_parts: false,
            restart: asking.restart,
            request: asking.message,
            began: now,
            timer: timers.arm(now, FIRST_REPEAT, Due::Passage(key)),
        });
        passages.by_name.insert(name, key);
        let own = passages.by_association.entry(name.association);
        own.or_default().insert(key);
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

    /// Sends a message behind what it says of media: its receiver may send media at once.
    pub(in crate::gateway) fn say(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.counters.sent += 1;
        self.flush_media();
        self.outputs.push_back(Output::Send { flow, bytes });
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

    /// The request of that name that one which came now repeats. A gateway that says that it has
    /// restarted, which `restart` stands for, may number its requests anew: in other words than
    /// before it repeats nothing.
    pub(in crate::gateway) fn repeated(
        &self,
        name: &PassageName,
        restart: Option<Mark>,
    ) -> Option<PassageKey> {
        let key = self.controlled.passages.named(name)?;
        let same = |passage: &Passage| restart.is_none() || passage.restart == restart;
        let passage = self.controlled.passages.get(key)?;
        same(passage).then_some(key)
    }

    /// A gateway has restarted: what it asked before is forgotten, and what was answered.
    pub(in crate::gateway) fn forget_asked(&mut self, association: AssociationKey) {
        for key in self.controlled.passages.of(association) {
            let passage = self.controlled.passages.get(key);
            if passage.is_some_and(|passage| {
                passage.name.asker == Role::Gateway && passage.from.is_some()
            }) {
                self.forget_passage(key);
            }
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
        self.say(to, message.to_vec());
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
                Some(Work::KeepAlive | Work::Farewell | Work::Retraction(_)) | None => false,
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
            Work::Farewell => self.farewell_unanswered(now, key),
            Work::Retraction(_) => self.retracted(now, key),
            Work::H248(_) => self.h248_unanswered(now, key),
            Work::Mgcp(_) => self.mgcp_unanswered(now, key),
        }
    }
}
