//! What came of a request: terminations get their names and places, or are gone.

use strait_shared::time::Instant;

use super::Work;
use super::plan::{Plan, Step};
use super::requests::context_name;
use super::transactions::{Passing, descriptor};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::descriptors::without_addresses;
use crate::gateway::controlled::legs::LegKey;
use crate::gateway::controlled::passages::{PassageKey, Work as AnyWork};
use crate::gateway::record::EndedBy;
use crate::h248::{
    Action, Command, CommandKind, ContextId, ErrorCode, ErrorDescriptor, Replacement, Stream,
    TerminationId, Wildcard,
};

impl Gateway {
    /// Takes in a reply to `work`, with its edits; what whoever asked is told instead, where the
    /// reply cannot be sent on.
    pub(super) fn h248_settle(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        key: PassageKey,
        work: Work,
        result: Result<&[Action], &ErrorDescriptor>,
        more: bool,
    ) -> Result<(), ErrorDescriptor> {
        match (work, result) {
            (Work::Plain, Ok(actions)) => {
                self.h248_registered(passing, actions, false);
                // Parts of a reply after the last step was answered name media too.
                let mut plan = Plan::default();
                self.h248_answers(now, passing, &mut plan, actions)
            }
            (Work::Registration(_), Ok(actions)) => {
                self.h248_registered(passing, actions, true);
                Ok(())
            }
            (Work::Registration(_), Err(_)) => {
                let found = self.controlled.associations.get_mut(passing.association);
                found.into_iter().for_each(|found| found.registered = false);
                Ok(())
            }
            (Work::Plain, Err(_)) => Ok(()),
            (Work::Commands(mut plan), Ok(actions)) => {
                let done = self.h248_answers(now, passing, &mut plan, actions);
                if more && done.is_ok() {
                    if let Some(passage) = self.controlled.passages.get_mut(key) {
                        passage.work = AnyWork::H248(Work::Commands(plan));
                    }
                    return done;
                }
                self.h248_undo(now, passing.association, Work::Commands(plan));
                done
            }
            (work, Err(_)) => {
                self.h248_undo(now, passing.association, work);
                Ok(())
            }
        }
    }

    fn h248_answers(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        plan: &mut Plan,
        actions: &[Action],
    ) -> Result<(), ErrorDescriptor> {
        for action in actions {
            for command in &action.commands {
                let step = plan.step_for(command);
                if step.as_ref().is_some_and(|step| self.ended_meanwhile(step)) {
                    return Err(descriptor(
                        ErrorCode::INSUFFICIENT_RESOURCES,
                        "the call was ended",
                    ));
                }
                let leg = self.h248_answer(now, passing, action.context, command, step);
                for stream in &command.streams {
                    match leg {
                        Some(leg) => self.h248_answer_stream(now, passing, leg, stream)?,
                        None => h248_hide_stream(passing, stream)?,
                    }
                }
                if command.kind == CommandKind::Subtract && command.error.is_none() {
                    self.h248_subtracted(now, passing.association, action.context, command);
                }
            }
        }
        Ok(())
    }

    /// Whether the leg that a step has begun was ended here before the gateway answered.
    fn ended_meanwhile(&self, step: &Step) -> bool {
        let gone = |leg| self.controlled.legs.get(leg).is_none();
        step.fresh && step.leg.is_some_and(gone)
    }

    /// A controller is told that nothing was done: what the gateway has added leaves again.
    pub(super) fn h248_take_back(
        &mut self,
        now: Instant,
        association: AssociationKey,
        actions: &[Action],
    ) {
        for action in actions {
            let done = |reply: &&Command| reply.kind == CommandKind::Add && reply.error.is_none();
            for reply in action.commands.iter().filter(done) {
                let exact = |name: &&TerminationId| name.wildcard == Wildcard::None;
                for name in reply.terminations.iter().filter(exact) {
                    if let Some(leg) = self.controlled.legs.named(association, &name.name) {
                        self.end_leg(now, leg, EndedBy::Strait, "refused");
                    }
                    self.h248_subtract(now, association, action.context, &name.name);
                }
            }
        }
    }

    /// One command's reply; the leg that it is about.
    fn h248_answer(
        &mut self,
        now: Instant,
        passing: &Passing,
        context: ContextId,
        reply: &Command,
        step: Option<&mut Step>,
    ) -> Option<LegKey> {
        let association = passing.association;
        let termination = reply.terminations.first();
        if reply.error.is_some() {
            if let Some(step) = step {
                self.h248_undo_step(now, association, step);
                (step.leg, step.fresh) = (None, false);
            }
            return None;
        }
        let exact = termination.filter(|name| name.wildcard == Wildcard::None);
        let named = exact.and_then(|name| self.controlled.legs.named(association, &name.name));
        let Some(step) = step.filter(|_| reply.kind != CommandKind::Subtract) else {
            return named;
        };
        let leg = step.leg.or(named)?;
        if let Some(name) = exact {
            self.h248_in_context(leg, context, reply.kind);
            self.leg_stands(now, leg, &name.name, &name.name);
        }
        for change in &step.changes {
            self.gate_leg(now, leg, change.stream, change.from.1);
            if let (Some((_, remote)), Some(found)) =
                (&change.remote, self.controlled.legs.get_mut(leg))
            {
                let stream = found.streams.entry(change.stream).or_default();
                stream.remote.clone_from(remote);
            }
        }
        Some(leg)
    }

    /// Terminations have left their context.
    fn h248_subtracted(
        &mut self,
        now: Instant,
        association: AssociationKey,
        context: ContextId,
        reply: &Command,
    ) {
        let names = reply.terminations.iter();
        let gone: Vec<LegKey> = names
            .flat_map(|name| self.h248_legs(association, context, name))
            .collect();
        for leg in gone {
            self.end_leg(now, leg, EndedBy::Caller, "subtracted");
        }
    }

    /// The context that a leg is in now.
    fn h248_in_context(&mut self, leg: LegKey, context: ContextId, kind: CommandKind) {
        let enters = matches!(kind, CommandKind::Add | CommandKind::Move);
        if let (ContextId::Number(_), true, Some(leg)) =
            (context, enters, self.controlled.legs.get_mut(leg))
        {
            leg.group = context_name(context);
        }
    }

    /// Where the gateway itself receives a stream, and what it repeats of its remote party.
    fn h248_answer_stream(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        leg: LegKey,
        stream: &Stream,
    ) -> Result<(), ErrorDescriptor> {
        if let Some(said) = stream.local.as_ref().filter(|said| !said.text.is_empty()) {
            let source = passing.flow.remote.ip();
            let placed = self.place_leg(now, leg, stream.id, Role::Gateway, source, &said.text);
            let text = placed.map_err(|error| {
                self.h248_unplaced(now, passing, &error);
                descriptor(
                    ErrorCode::INSUFFICIENT_RESOURCES,
                    "no way for the gateway's media",
                )
            })?;
            passing.edits.set(said.site, Replacement::Descriptor(text));
        }
        if let Some(said) = stream.remote.as_ref().filter(|said| !said.text.is_empty()) {
            let named = self.name_leg(leg, stream.id, Role::Controller, &said.text);
            let text = named.map_err(|error| {
                self.h248_unplaced(now, passing, &error);
                descriptor(ErrorCode::INTERNAL, "the gateway's answer cannot be read")
            })?;
            passing.edits.set(said.site, Replacement::Descriptor(text));
        }
        Ok(())
    }
}

/// What a gateway says of media that we know nothing of leaves without addresses.
fn h248_hide_stream(passing: &mut Passing, stream: &Stream) -> Result<(), ErrorDescriptor> {
    for said in [&stream.local, &stream.remote].into_iter().flatten() {
        let text = without_addresses(&said.text)
            .map_err(|_| descriptor(ErrorCode::INTERNAL, "the gateway's answer cannot be read"))?;
        if text != said.text {
            passing.edits.set(said.site, Replacement::Descriptor(text));
        }
    }
    Ok(())
}
