//! A controller's commands on their way to a gateway: their media gets places here before the
//! gateway reads of it, so that what cannot be relayed is refused before anything is done.

use strait_shared::time::Instant;

use super::Work;
use super::plan::{Change, Plan, Step};
use super::transactions::Passing;
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::legs::{LegKey, LegStream, from_each};
use crate::gateway::controlled::retracted::MakingOf;
use crate::gateway::io::LogLevel;
use crate::gateway::record::EndedBy;
use crate::h248::{
    Action, Command, CommandKind, ContextId, ErrorCode, Mode, Replacement, Stream, TerminationId,
    TransactionId, Wildcard,
};
use crate::media::BySide;

impl Gateway {
    /// What a controller's request will settle, with its edits; the code it is refused with.
    pub(super) fn h248_commands(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        id: TransactionId,
        actions: &[Action],
    ) -> Result<Work, ErrorCode> {
        let mut plan = Plan::default();
        self.h248_handed_off(passing, actions);
        for action in actions {
            for command in &action.commands {
                let done =
                    self.h248_command(now, passing, (id, action.context), command, &mut plan);
                if let Err(code) = done {
                    self.h248_undo(now, passing.association, Work::Commands(plan));
                    return Err(code);
                }
            }
        }
        Ok(Work::Commands(plan))
    }

    fn h248_command(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        (id, context): (TransactionId, ContextId),
        command: &Command,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        for (place, termination) in command.terminations.iter().enumerate() {
            // Media that several terminations share can be told one place only.
            let streams = if place == 0 {
                &command.streams[..]
            } else {
                &[]
            };
            let legs = self.h248_legs(passing.association, context, termination);
            let leg = match legs.first() {
                Some(leg) => Some((*leg, false)),
                None if makes_media(command.kind, streams) => {
                    let exact = termination.wildcard == Wildcard::None;
                    let name = exact.then_some(&*termination.name);
                    let group = context_name(context);
                    let making = MakingOf {
                        number: id.0,
                        endpoint: Box::default(),
                    };
                    let begun = self.begin_leg(now, passing.association, making, name, &group);
                    let begun = begun.map_err(|_| ErrorCode::INSUFFICIENT_RESOURCES)?;
                    Some((begun, true))
                }
                None => None,
            };
            plan.steps.push(Step {
                kind: command.kind,
                termination: termination.clone(),
                leg: leg.map(|(leg, _)| leg).filter(|_| legs.len() < 2),
                fresh: leg.is_some_and(|(_, fresh)| fresh),
                changes: Vec::new(),
                answered: false,
            });
            let step = plan.steps.len() - 1;
            for stream in streams {
                match leg {
                    Some((leg, _)) => {
                        self.h248_stream(now, passing, leg, stream, &mut plan.steps[step])?;
                    }
                    // Media where there can be none, for which there is no place.
                    None if is_described(stream) => return Err(ErrorCode::SYNTAX_IN_COMMAND),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// One stream of a command: its gates, where its remote party is, and what it says of the
    /// gateway's own end.
    fn h248_stream(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        leg: LegKey,
        stream: &Stream,
        step: &mut Step,
    ) -> Result<(), ErrorCode> {
        let known = self.controlled.legs.get(leg);
        let before = known.and_then(|leg| leg.streams.get(&stream.id)).cloned();
        let LegStream { from, remote, .. } = before.unwrap_or_default();
        let after = stream.mode.map_or(from, in_mode);
        // What flows before or afterwards flows meanwhile: nobody knows when the gateway changes.
        let meanwhile = BySide {
            caller: from.caller || after.caller,
            callee: from.callee || after.callee,
        };
        self.gate_leg(now, leg, stream.id, meanwhile);
        let mut change = Change {
            stream: stream.id,
            from: (from, after),
            remote: None,
        };
        if let Some(said) = stream.remote.as_ref().filter(|said| !said.text.is_empty()) {
            let source = passing.flow.remote.ip();
            let placed = self.place_leg(now, leg, stream.id, Role::Controller, source, &said.text);
            let text = placed.map_err(|error| self.h248_unplaced(now, passing, &error))?;
            passing.edits.set(said.site, Replacement::Descriptor(text));
            change.remote = Some((remote, said.text.clone()));
        }
        if let Some(said) = stream.local.as_ref().filter(|said| !said.text.is_empty()) {
            let named = self.name_leg(leg, stream.id, Role::Gateway, &said.text);
            let text = named.map_err(|error| self.h248_unplaced(now, passing, &error))?;
            if text != said.text {
                passing.edits.set(said.site, Replacement::Descriptor(text));
            }
        }
        step.changes.push(change);
        Ok(())
    }

    /// The legs that a termination's name stands for in a context.
    pub(super) fn h248_legs(
        &self,
        association: AssociationKey,
        context: ContextId,
        termination: &TerminationId,
    ) -> Vec<LegKey> {
        match termination.wildcard {
            Wildcard::None => {
                let named = self.controlled.legs.named(association, &termination.name);
                named.into_iter().collect()
            }
            Wildcard::Choose(_) => Vec::new(),
            Wildcard::All(_) => {
                let group = context_name(context);
                let here = |other: &[u8]| context == ContextId::All || *other == *group;
                let all = self.controlled.legs.of(association);
                let fit = all.filter(|(_, leg)| {
                    let named = leg.name.as_ref();
                    here(&leg.group) && named.is_some_and(|name| termination.covers(name))
                });
                fit.map(|(key, _)| key).collect()
            }
        }
    }

    /// A request was not carried out: what it has begun ends, what it has changed is as before.
    pub(super) fn h248_undo(&mut self, now: Instant, association: AssociationKey, work: Work) {
        let Work::Commands(plan) = work else { return };
        for step in plan.steps.into_iter().filter(|step| !step.answered) {
            self.h248_undo_step(now, association, &step);
        }
    }

    pub(super) fn h248_undo_step(
        &mut self,
        now: Instant,
        association: AssociationKey,
        step: &Step,
    ) {
        let Some(leg) = step.leg else { return };
        if step.fresh {
            return self.end_leg(now, leg, EndedBy::Strait, "refused");
        }
        let found = self.controlled.associations.get(association);
        let source = found.map(|association| association.far.remote.ip());
        for change in &step.changes {
            if let (Some((before, _)), Some(source)) = (&change.remote, source)
                && !before.is_empty()
            {
                // It was taken before, so that it can be again; if not, nothing flows there.
                let _ = self.place_leg(now, leg, change.stream, Role::Controller, source, before);
            }
            self.gate_leg(now, leg, change.stream, change.from.0);
        }
    }

    /// The code for media that finds no place here.
    pub(super) fn h248_unplaced(
        &mut self,
        now: Instant,
        passing: &Passing,
        error: &dyn std::error::Error,
    ) -> ErrorCode {
        let (at, text) = (passing.flow.remote, error.to_string());
        self.log(now, LogLevel::Info, || {
            format!("media described by {at} in H.248 is refused: {text}")
        });
        ErrorCode::BAD_PROPERTY_VALUE
    }
}

/// Whether a command makes its termination one with media that is relayed.
fn makes_media(kind: CommandKind, streams: &[Stream]) -> bool {
    let changes = matches!(
        kind,
        CommandKind::Add | CommandKind::Modify | CommandKind::Move
    );
    changes && streams.iter().any(is_described)
}

fn is_described(stream: &Stream) -> bool {
    stream.local.is_some() || stream.remote.is_some()
}

/// What a context is called in records.
pub(super) fn context_name(context: ContextId) -> Box<[u8]> {
    match context {
        ContextId::Null => b"-".as_slice().into(),
        ContextId::Choose => b"$".as_slice().into(),
        ContextId::All => b"*".as_slice().into(),
        ContextId::Number(number) => number.to_string().into_bytes().into(),
    }
}

/// The context of that name, where it is one that a termination can be in.
pub(super) fn context_named(name: &[u8]) -> Option<ContextId> {
    match name {
        b"-" => Some(ContextId::Null),
        _ => {
            let number = std::str::from_utf8(name).ok()?.parse().ok()?;
            Some(ContextId::Number(number))
        }
    }
}

/// Whose media flows in a mode (H.248.1 §7.1.7).
fn in_mode(mode: Mode) -> BySide<bool> {
    let (gateway, remote) = match mode {
        Mode::SendOnly => (true, false),
        Mode::ReceiveOnly => (false, true),
        Mode::SendReceive | Mode::LoopBack => (true, true),
        Mode::Inactive => (false, false),
    };
    from_each(gateway, remote)
}
