//! What a controller's commands will have settled once the gateway has carried them out.

use crate::gateway::controlled::legs::LegKey;
use crate::h248::{Command, CommandKind, TerminationId, Wildcard};
use crate::media::BySide;

/// The commands of one request, in order.
#[derive(Default, Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
}

/// One command.
#[derive(Debug)]
pub(in crate::gateway) struct Step {
    pub kind: CommandKind,
    /// What it is about.
    pub termination: TerminationId,
    /// The leg that it changes, where it has media.
    pub leg: Option<LegKey>,
    /// The leg was begun for it.
    pub fresh: bool,
    /// The streams that it changes.
    pub changes: Vec<Change>,
    /// The gateway has answered it.
    pub answered: bool,
}

/// What a command changes of a stream.
#[derive(Debug)]
pub(in crate::gateway) struct Change {
    pub stream: u16,
    /// Whose media flows before, and afterwards.
    pub from: (BySide<bool>, BySide<bool>),
    /// Where the remote party was before and is afterwards, as the controller says it, if that
    /// changes.
    pub remote: Option<(Vec<u8>, Vec<u8>)>,
}

impl Plan {
    /// The step that a reply is to: the first unanswered one of its kind that names what it names,
    /// or else that leaves open what it names.
    pub fn step_for(&mut self, reply: &Command) -> Option<&mut Step> {
        let name = reply.terminations.first();
        let fits = |step: &Step, exact: bool| {
            let of_kind = !step.answered && step.kind == reply.kind;
            of_kind
                && name.is_none_or(|name| match exact {
                    true => step.termination == *name,
                    false => step.termination.wildcard != Wildcard::None,
                })
        };
        let exact = self.steps.iter().position(|step| fits(step, true));
        let open = self.steps.iter().position(|step| fits(step, false));
        let step = &mut self.steps[exact.or(open)?];
        // A command on all that fit is answered once for each of them.
        step.answered = !matches!(step.termination.wildcard, Wildcard::All(_));
        Some(step)
    }
}
