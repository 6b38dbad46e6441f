//! Each transaction of a message: carried out here at most once, and sent on to the other side.

use std::sync::Arc;

use strait_shared::time::Instant;

use super::{Registration, Work, service_change};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::passages::{
    Asking, Mark, Passage, PassageKey, PassageName, Work as AnyWork,
};
use crate::gateway::io::{Flow, Transport};
use crate::h248::{
    Action, Body, Edits, ErrorCode, ErrorDescriptor, Message, Own, Replacement, Site, Transaction,
    TransactionId, TransactionKind,
};

/// A message on its way through: whose it is, and what of it goes where.
pub(super) struct Passing<'a> {
    pub association: AssociationKey,
    pub from: Role,
    pub flow: Flow,
    pub message: &'a Message<'a>,
    pub edits: Edits,
    /// The transactions that are sent on, and where.
    sent: Vec<(Site, Flow, Sent)>,
}

impl Passing<'_> {
    /// Where a request of that number stands that this message has held before.
    fn sent_as(&self, id: TransactionId) -> Option<Site> {
        let requests =
            |sent: &Sent| matches!(sent, Sent::Request { id: other, .. } if *other == id);
        let found = self.sent.iter().find(|(_, _, sent)| requests(sent));
        found.map(|(site, ..)| *site)
    }
}

/// What is remembered of a transaction once its message is written.
enum Sent {
    Request {
        id: TransactionId,
        work: Work,
        restart: Option<Mark>,
    },
    Reply(PassageKey),
    Passed,
}

impl Gateway {
    /// Takes in what a gateway or its controller has sent.
    pub(super) fn h248_transactions(
        &mut self,
        now: Instant,
        association: AssociationKey,
        from: Role,
        flow: Flow,
        message: &Message,
    ) {
        let mut passing = Passing {
            association,
            from,
            flow,
            message,
            edits: Edits::new(),
            sent: Vec::new(),
        };
        match &message.content.body {
            // It says that a message of ours, or one we sent on, was none: its repetition goes on
            // until it is given up, as it would for whoever wrote it.
            Body::Error(error) => {
                self.counters.malformed_dropped += 1;
                let (code, text) = (error.code.0, error.text.clone());
                self.log(now, crate::gateway::io::LogLevel::Warn, || {
                    format!("{} answers H.248 with error {code}: {text}", flow.remote)
                });
            }
            Body::Transactions(transactions) => {
                for transaction in transactions {
                    self.h248_transaction(now, &mut passing, transaction);
                }
            }
        }
        self.h248_send_on(now, passing);
    }

    fn h248_transaction(&mut self, now: Instant, passing: &mut Passing, this: &Transaction) {
        match &this.kind {
            TransactionKind::Request { id, actions } => {
                self.counters.requests += 1;
                self.h248_request(now, passing, this.site, *id, actions);
            }
            TransactionKind::Reply {
                id,
                acknowledge,
                segment,
                result,
            } => {
                self.counters.responses += 1;
                if *acknowledge {
                    self.h248_say(passing.association, passing.from, Own::Acknowledgement(*id));
                }
                let more = segment.is_some_and(|segment| !segment.last);
                self.h248_reply(now, passing, (this.site, *id, more), result.as_ref());
            }
            TransactionKind::Pending { id } => {
                if let Some(key) = self.asked_by_other(passing, *id)
                    && self.passage_alive(now, key)
                {
                    self.h248_say(passing.association, passing.from.other(), Own::Pending(*id));
                }
            }
            TransactionKind::Acknowledgement { ranges } => {
                for (first, last) in ranges {
                    self.h248_acknowledged(passing, first.0, last.0);
                }
            }
            TransactionKind::SegmentReply { .. } => {
                let to = self.control_way(passing.association, passing.from.other());
                if let Some(to) = to {
                    passing.sent.push((this.site, to, Sent::Passed));
                }
            }
        }
    }

    fn h248_request(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        site: Site,
        id: TransactionId,
        actions: &[Action],
    ) {
        if let Some(first) = passing.sent_as(id) {
            let message = passing.message;
            // The same once more is one request; another one of the same number is none.
            if message.transaction(first) != message.transaction(site) {
                self.counters.malformed_answered += 1;
                self.h248_refuse(passing, id, ErrorCode::PROTOCOL);
            }
            return;
        }
        let name = name_of(passing, passing.from, id);
        let restarts = passing.from == Role::Gateway && service_change::restarts(actions);
        let restart = restarts.then(|| {
            let octets = passing.message.transaction(site);
            self.controlled.passages.mark(octets)
        });
        if let Some(key) = self.repeated(&name, restart) {
            if self.request_again(key, passing.flow) {
                self.h248_say_to(
                    passing.association,
                    passing.from,
                    passing.flow,
                    Own::Pending(id),
                );
            }
            return;
        }
        if restarts {
            self.forget_asked(passing.association);
        }
        let work = match passing.from {
            _ if !self.controlled.passages.has_room() => Err(ErrorCode::INSUFFICIENT_RESOURCES),
            Role::Gateway => self.h248_from_gateway_request(now, passing, actions),
            Role::Controller => self.h248_commands(now, passing, id, actions),
        };
        let way = self.control_way(passing.association, passing.from.other());
        match (work, way) {
            (Ok(work), Some(to)) => {
                let request = Sent::Request { id, work, restart };
                passing.sent.push((site, to, request));
            }
            (Ok(work), None) => {
                self.h248_undo(now, passing.association, work);
                self.h248_refuse(passing, id, ErrorCode::SERVICE_UNAVAILABLE);
            }
            (Err(code), _) => {
                self.counters.overload += 1;
                self.h248_refuse(passing, id, code);
            }
        }
    }

    fn h248_reply(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        (site, id, more): (Site, TransactionId, bool),
        result: Result<&Vec<Action>, &ErrorDescriptor>,
    ) {
        let Some(key) = self.asked_by_other(passing, id) else {
            self.counters.stray_responses += 1;
            return;
        };
        let Some(passage) = self.controlled.passages.get_mut(key) else {
            return;
        };
        // An answer that comes again has already been sent on, unless it has parts.
        if !passage.waits() && !more && !passage.in_parts {
            return;
        }
        passage.in_parts |= more;
        let to = passage.from;
        let result = result.map(Vec::as_slice);
        let outcome = match &mut passage.work {
            AnyWork::KeepAlive | AnyWork::Farewell => {
                self.forget_passage(key);
                return;
            }
            AnyWork::Retraction(_) => {
                self.h248_take_back(now, passing.association, result.unwrap_or_default());
                if !more {
                    self.retracted(now, key);
                }
                return;
            }
            AnyWork::Mgcp(_) => return,
            AnyWork::H248(work) => {
                let work = std::mem::replace(work, Work::Plain);
                self.h248_settle(now, passing, key, work, result, more)
            }
        };
        let Some(to) = to else { return };
        match outcome {
            Ok(()) => {
                // Who was told to wait no longer repeats its request: it is asked to say that the
                // answer has arrived (H.248.1 Annex D.1.2.2).
                let waits = self
                    .controlled
                    .passages
                    .get(key)
                    .is_some_and(Passage::was_told);
                if waits && !more && to.transport == Transport::Udp {
                    passing.edits.set(site, Replacement::Acknowledge);
                }
                passing.sent.push((site, to, Sent::Reply(key)));
            }
            Err(error) => {
                let said = Own::Refusal {
                    transaction: id,
                    error,
                };
                let asker = passing.from.other();
                self.h248_take_back(now, passing.association, result.unwrap_or_default());
                if let Some(bytes) = self.h248_say_to(passing.association, asker, to, said) {
                    self.passage_answered(now, key, bytes);
                }
            }
        }
    }

    /// Who asked has the answers to these numbers.
    fn h248_acknowledged(&mut self, passing: &Passing, first: u32, last: u32) {
        // A range may name far more numbers than there are requests.
        const MOST: u32 = 256;
        for number in first..=last.min(first.saturating_add(MOST)) {
            let name = name_of(passing, passing.from, TransactionId(number));
            let key = self.controlled.passages.named(&name);
            let answered = |key: &PassageKey| {
                let passage = self.controlled.passages.get(*key);
                passage.is_some_and(|passage| !passage.waits())
            };
            if let Some(key) = key.filter(answered) {
                self.forget_passage(key);
            }
        }
    }

    /// The request of the other side that a reply with this number is to.
    fn asked_by_other(&self, passing: &Passing, id: TransactionId) -> Option<PassageKey> {
        let name = name_of(passing, passing.from.other(), id);
        self.controlled.passages.answered_by(&name, passing.flow)
    }

    /// Writes and sends what goes on of a message, once for each place that something goes to.
    fn h248_send_on(&mut self, now: Instant, mut passing: Passing) {
        let sender = passing.message.content.sender.site;
        if let Some(shown) = self.h248_shown(passing.association, passing.from) {
            passing.edits.set(sender, Replacement::MessageId(shown));
        }
        while let Some((_, to, _)) = passing.sent.first() {
            let to = *to;
            let all = std::mem::take(&mut passing.sent);
            let (here, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|sent| sent.1 == to);
            passing.sent = later;
            let stays: Vec<Site> = here.iter().map(|sent| sent.0).collect();
            let message = Arc::<[u8]>::from(written(&passing, &stays));
            self.say(to, message.to_vec());
            for (_, _, sent) in here {
                self.h248_remember(now, &passing, to, message.clone(), sent);
            }
        }
    }

    fn h248_remember(
        &mut self,
        now: Instant,
        passing: &Passing,
        to: Flow,
        message: Arc<[u8]>,
        sent: Sent,
    ) {
        match sent {
            Sent::Request { id, work, restart } => {
                let more = matches!(&work, Work::Registration(it) if it.has_more());
                let asking = Asking {
                    name: name_of(passing, passing.from, id),
                    from: Some(passing.flow),
                    to,
                    message,
                    work: AnyWork::H248(work),
                    patience: self.patience_with(passing.association, more),
                    restart,
                };
                self.begin_passage(now, asking);
            }
            Sent::Reply(key) => self.passage_answered(now, key, message),
            Sent::Passed => {}
        }
    }

    /// Nobody has answered a request.
    pub(in crate::gateway) fn h248_unanswered(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.controlled.passages.get_mut(key) else {
            return;
        };
        let (name, to) = (passage.name, passage.from);
        let AnyWork::H248(work) = &mut passage.work else {
            return;
        };
        let work = std::mem::replace(work, Work::Plain);
        let registration = match work {
            Work::Registration(registration) => Some(registration),
            other => {
                self.h248_undo(now, name.association, other);
                None
            }
        };
        if name.asker == Role::Gateway {
            let association = self.controlled.associations.get(name.association);
            if let Some(controller) = association.map(|association| association.controller) {
                self.avoid_controller(now, controller);
            }
            if let Some(registration) = registration
                && self.h248_next_controller(now, key, registration)
            {
                return;
            }
            // Silence is how a gateway is told that its controller has failed (H.248.1 §11.5).
            self.forget_passage(key);
            return;
        }
        let said = Own::Refusal {
            transaction: TransactionId(name.number),
            error: descriptor(
                ErrorCode::SERVICE_UNAVAILABLE,
                "the gateway does not answer",
            ),
        };
        if let Some(to) = to
            && let Some(bytes) = self.h248_say_to(name.association, name.asker, to, said)
        {
            self.passage_answered(now, key, bytes);
        }
    }
}

impl Registration {
    /// Whether another controller can be tried.
    pub(super) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }
}

/// An error with its text.
pub(super) fn descriptor(code: ErrorCode, text: &str) -> ErrorDescriptor {
    ErrorDescriptor {
        code,
        text: text.into(),
    }
}

fn name_of(passing: &Passing, asker: Role, id: TransactionId) -> PassageName {
    PassageName {
        association: passing.association,
        asker,
        number: id.0,
    }
}

/// The message with the transactions at `stays` alone.
fn written(passing: &Passing, stays: &[Site]) -> Vec<u8> {
    let mut edits = passing.edits.clone();
    if let Body::Transactions(all) = &passing.message.content.body {
        for transaction in all.iter().filter(|this| !stays.contains(&this.site)) {
            edits.set(transaction.site, Replacement::Nothing);
        }
    }
    let mut out = Vec::with_capacity(passing.message.bytes().len() + 64);
    passing.message.render(&edits, &mut out);
    out
}
