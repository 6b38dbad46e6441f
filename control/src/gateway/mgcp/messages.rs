//! Each message of a datagram: carried out here at most once, and sent on to the other side.

use std::sync::Arc;

use strait_shared::time::Instant;

use super::Work;
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::passages::{
    Asking, Mark, PassageKey, PassageName, Work as AnyWork,
};
use crate::gateway::io::Flow;
use crate::mgcp::{
    self, Command, LineEnd, Malformed, Message, Own, ParameterName, RestartMethod, ReturnCode,
    Start, TransactionId, Verb,
};
use crate::sip::{Span, Splices};

/// A message on its way through: whose it is, and what is changed in it.
pub(super) struct Passing<'a> {
    pub association: AssociationKey,
    pub from: Role,
    pub flow: Flow,
    pub message: &'a Message<'a>,
    pub edits: Splices,
}

impl Passing<'_> {
    /// Descriptions that we cannot put our own addresses into are left out.
    pub fn leave_out(&mut self, descriptions: &[Span]) {
        for description in descriptions {
            self.edits.remove(*description);
        }
    }
}

/// What leaves because of one datagram: what goes to one place goes in one, in order.
#[derive(Default)]
pub(super) struct Leaving {
    datagrams: Vec<(Flow, Vec<u8>)>,
}

impl Leaving {
    pub fn to(&mut self, flow: Flow) -> &mut Vec<u8> {
        let known = self.datagrams.iter().position(|(to, _)| *to == flow);
        let place = known.unwrap_or_else(|| {
            self.datagrams.push((flow, Vec::with_capacity(512)));
            self.datagrams.len() - 1
        });
        &mut self.datagrams[place].1
    }
}

impl Gateway {
    /// A datagram on a port of MGCP.
    pub(in crate::gateway) fn mgcp_message(
        &mut self,
        now: Instant,
        flow: Flow,
        from: Role,
        bytes: &[u8],
    ) {
        // Whoever is no call agent is not told that there is a gateway.
        let commanded = self.controlled.associations.on_port(flow);
        let commanded = commanded.filter(|key| self.is_commanded_by(*key, flow));
        if from == Role::Controller && commanded.is_none() {
            self.counters.strangers += 1;
            return;
        }
        let mut leaving = Leaving::default();
        for read in mgcp::messages(bytes) {
            let message = match read {
                Ok(message) => message,
                Err(error) => {
                    self.mgcp_malformed(flow, &error, &mut leaving);
                    continue;
                }
            };
            let association = match (from, message.start()) {
                (Role::Controller, _) => commanded,
                (Role::Gateway, Start::Command(command)) => {
                    self.mgcp_gateway(now, flow, &message, &command, &mut leaving)
                }
                (Role::Gateway, Start::Response(response)) => {
                    self.mgcp_answers(now, flow, response.transaction)
                }
            };
            let Some(association) = association else {
                self.counters.strangers += 1;
                continue;
            };
            let passing = Passing {
                association,
                from,
                flow,
                message: &message,
                edits: Splices::new(),
            };
            match message.start() {
                Start::Command(command) => self.mgcp_command(now, passing, &command, &mut leaving),
                Start::Response(response) => {
                    self.counters.responses += 1;
                    self.mgcp_response(now, passing, response.code, &mut leaving);
                }
            }
        }
        for (flow, bytes) in leaving.datagrams {
            self.say(flow, bytes);
        }
    }

    fn mgcp_malformed(&mut self, flow: Flow, error: &Malformed, leaving: &mut Leaving) {
        match error.answer {
            Some((transaction, code)) => {
                self.counters.malformed_answered += 1;
                let own = Own::Response { code, transaction };
                own.write(LineEnd::default(), leaving.to(flow));
            }
            None => self.counters.malformed_dropped += 1,
        }
    }

    fn is_commanded_by(&self, key: AssociationKey, flow: Flow) -> bool {
        let association = self.controlled.associations.get(key);
        association.is_some_and(|association| self.is_controller_of(&association.name, flow))
    }

    /// The gateway that answers a command with this number from there. A response does not say
    /// whose it is.
    fn mgcp_answers(
        &mut self,
        now: Instant,
        flow: Flow,
        transaction: TransactionId,
    ) -> Option<AssociationKey> {
        let here = self.controlled.associations.heard_from(flow);
        let asked = |key: &&AssociationKey| {
            let name = name_of(**key, Role::Controller, transaction);
            self.controlled.passages.named(&name).is_some()
        };
        let key = here.iter().find(asked).or(here.first()).copied()?;
        self.controlled.associations.heard_at(now, key, flow);
        Some(key)
    }

    fn mgcp_command(
        &mut self,
        now: Instant,
        mut passing: Passing,
        command: &Command,
        leaving: &mut Leaving,
    ) {
        self.counters.requests += 1;
        let name = name_of(passing.association, passing.from, command.transaction);
        let restart = self.mgcp_restart(&passing, command);
        if let Some(key) = self.repeated(&name, restart) {
            self.request_again(key, passing.flow);
            return;
        }
        let anew = &*command.endpoint.local == b"*";
        if restart.is_some() && (anew || self.controlled.passages.named(&name).is_some()) {
            self.forget_asked(passing.association);
        }
        let work = match passing.from {
            _ if !self.controlled.passages.has_room() => Err(ReturnCode::OVERLOAD),
            Role::Gateway => self.mgcp_notice(now, &mut passing, command),
            Role::Controller => self.mgcp_work(now, &mut passing, command),
        };
        let way = self.mgcp_way(&passing);
        match (work, way) {
            (Ok(work), Some(to)) => {
                self.mgcp_translate(&mut passing);
                let leaving = leaving.to(to);
                let asking = self.mgcp_send_command(&passing, (name, to), work, leaving);
                self.begin_passage(now, Asking { restart, ..asking });
            }
            (Ok(work), None) => {
                self.mgcp_undo(now, passing.association, work);
                self.mgcp_refuse(&passing, ReturnCode::NOT_READY, leaving);
            }
            (Err(code), _) => {
                self.counters.overload += u64::from(code == ReturnCode::OVERLOAD);
                self.mgcp_refuse(&passing, code, leaving);
            }
        }
    }

    /// Has a command leave; what is to be watched over.
    fn mgcp_send_command(
        &self,
        passing: &Passing,
        (name, to): (PassageName, Flow),
        work: Work,
        leaving: &mut Vec<u8>,
    ) -> Asking {
        let mut alone = Vec::with_capacity(passing.message.span().len() + 64);
        passing.message.render(&passing.edits, &mut alone);
        passing.message.render(&passing.edits, leaving);
        let more = matches!(&work, Work::Notice(notice) if notice.has_more());
        Asking {
            name,
            from: Some(passing.flow),
            to,
            message: alone.into(),
            work: AnyWork::Mgcp(work),
            patience: self.patience_with(passing.association, more),
            restart: None,
        }
    }

    /// What stands for a gateway's word that endpoints of its begin anew: all of it but which
    /// responses have arrived, which changes as it is repeated.
    fn mgcp_restart(&self, passing: &Passing, command: &Command) -> Option<Mark> {
        let message = passing.message;
        let restarts = passing.from == Role::Gateway
            && command.verb == Verb::RestartInProgress
            && message.restart_method() == RestartMethod::Restart;
        if !restarts {
            return None;
        }
        let mut edits = Splices::new();
        let lines = message.parameters();
        for line in lines.filter(|line| line.name == ParameterName::ResponseAck) {
            edits.remove(line.line);
        }
        let mut said = Vec::with_capacity(message.span().len());
        message.render(&edits, &mut said);
        Some(self.controlled.passages.mark(&said))
    }

    fn mgcp_refuse(&mut self, passing: &Passing, code: ReturnCode, leaving: &mut Leaving) {
        let transaction = passing.message.transaction();
        let own = Own::Response { code, transaction };
        own.write(passing.message.line_end(), leaving.to(passing.flow));
    }

    fn mgcp_response(
        &mut self,
        now: Instant,
        mut passing: Passing,
        code: ReturnCode,
        leaving: &mut Leaving,
    ) {
        // Whoever asked was answered by us, and has told us that the answer has arrived.
        if code == ReturnCode::RESPONSE_ACK {
            return;
        }
        let transaction = passing.message.transaction();
        if passing.message.asks_acknowledgement() {
            let code = ReturnCode::RESPONSE_ACK;
            let own = Own::Response { code, transaction };
            own.write(passing.message.line_end(), leaving.to(passing.flow));
        }
        let asker = passing.from.other();
        let name = name_of(passing.association, asker, transaction);
        let answered = self.controlled.passages.answered_by(&name, passing.flow);
        let Some(key) = answered else {
            self.counters.stray_responses += 1;
            return;
        };
        let passage = self.controlled.passages.get_mut(key);
        let Some(passage) = passage.filter(|passage| passage.waits()) else {
            return;
        };
        let to = passage.from;
        if code.is_provisional() {
            self.passage_alive(now, key);
            if let Some(to) = to {
                passing.leave_out(passing.message.descriptions());
                self.mgcp_translate(&mut passing);
                passing.message.render(&passing.edits, leaving.to(to));
            }
            return;
        }
        let work = match &mut passage.work {
            AnyWork::Mgcp(work) => std::mem::replace(work, Work::Plain),
            AnyWork::Retraction(endpoint) => {
                let endpoint = std::mem::take(endpoint);
                self.mgcp_take_back(now, &passing, &endpoint, code);
                return self.retracted(now, key);
            }
            AnyWork::KeepAlive | AnyWork::Farewell | AnyWork::H248(_) => Work::Plain,
        };
        let outcome = self.mgcp_settle(now, &mut passing, work, code);
        let Some(to) = to else {
            self.forget_passage(key);
            return;
        };
        let mut alone = Vec::with_capacity(passing.message.span().len() + 64);
        match outcome {
            Ok(()) => {
                self.mgcp_translate(&mut passing);
                passing.message.render(&passing.edits, &mut alone);
                passing.message.render(&passing.edits, leaving.to(to));
            }
            Err(code) => {
                let (own, end) = (
                    Own::Response { code, transaction },
                    passing.message.line_end(),
                );
                own.write(end, &mut alone);
                own.write(end, leaving.to(to));
            }
        }
        self.passage_answered(now, key, Arc::from(alone));
    }

    /// Where a command goes on to.
    fn mgcp_way(&self, passing: &Passing) -> Option<Flow> {
        match passing.from {
            Role::Controller => self.control_way(passing.association, Role::Gateway),
            Role::Gateway => self.mgcp_agent(passing.association, passing.message),
        }
    }

    /// Nobody has answered a command.
    pub(in crate::gateway) fn mgcp_unanswered(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.controlled.passages.get_mut(key) else {
            return;
        };
        let (name, to) = (passage.name, passage.to);
        let AnyWork::Mgcp(work) = &mut passage.work else {
            return;
        };
        match std::mem::replace(work, Work::Plain) {
            Work::Notice(notice) => {
                if self.mgcp_next_agent(now, key, (name.association, to), notice) {
                    return;
                }
            }
            work => self.mgcp_undo(now, name.association, work),
        }
        // Silence is how either side learns that the other is gone (RFC 3435 §4.3).
        self.forget_passage(key);
    }
}

/// Whether a side sends commands of that kind (RFC 3435 §2.3).
pub(super) fn is_sent_by(verb: Verb, from: Role) -> bool {
    match verb {
        Verb::DeleteConnection | Verb::Other(_) => true,
        Verb::Notify | Verb::RestartInProgress => from == Role::Gateway,
        _ => from == Role::Controller,
    }
}

pub(super) fn name_of(
    association: AssociationKey,
    asker: Role,
    transaction: TransactionId,
) -> PassageName {
    PassageName {
        association,
        asker,
        number: transaction.number(),
    }
}
