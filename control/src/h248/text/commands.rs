//! Actions and commands, and their replies.

use super::super::model::{Action, Command, CommandKind, SyntaxError, TerminationId};
use super::identity;
use super::reader::Reader;
use super::scanner::Item;
use super::token::{self, Token};

/// Whether commands are asked for or answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Reply,
}

const COMMANDS: [(Token, CommandKind); 8] = [
    (token::ADD, CommandKind::Add),
    (token::MODIFY, CommandKind::Modify),
    (token::SUBTRACT, CommandKind::Subtract),
    (token::NOTIFY, CommandKind::Notify),
    (token::AUDIT_VALUE, CommandKind::AuditValue),
    (token::SERVICE_CHANGE, CommandKind::ServiceChange),
    (token::MOVE, CommandKind::Move),
    (token::AUDIT_CAPABILITY, CommandKind::AuditCapability),
];

impl<'a> Reader<'a> {
    /// What stands in one context; a reply may name the context alone.
    pub(super) fn action(
        &mut self,
        item: Item<'a>,
        direction: Direction,
    ) -> Result<Action, SyntaxError> {
        self.count()?;
        let Some(context) = identity::context(item.value) else {
            return Err(self.scanner.error("expected a context's number"));
        };
        let mut commands = Vec::new();
        let mut error = None;
        if self.scanner.enter()? {
            while let Some(item) = self.scanner.next()? {
                if let Some(command) = Head::of(item.name) {
                    commands.push(self.command(item, command, direction)?);
                } else if token::ERROR.is(item.name) {
                    error = Some(self.error_descriptor(item)?);
                } else {
                    // A property of the context, or an audit of those.
                    self.scanner.skip_braces()?;
                }
            }
        }
        Ok(Action {
            context,
            commands,
            error,
        })
    }

    fn command(
        &mut self,
        item: Item<'a>,
        head: Head,
        direction: Direction,
    ) -> Result<Command, SyntaxError> {
        self.count()?;
        let audit = matches!(
            head.kind,
            CommandKind::AuditValue | CommandKind::AuditCapability
        );
        let mut command = Command {
            kind: head.kind,
            optional: head.optional,
            wildcard_reply: head.wildcard_reply,
            terminations: Vec::new(),
            streams: Vec::new(),
            service_change: None,
            error: None,
        };
        if direction == Direction::Reply && audit && token::CONTEXT.is(item.value) {
            self.context_audit(&mut command)?;
            return Ok(command);
        }
        command.terminations = self.terminations(item.value)?;
        if self.scanner.enter()? {
            while let Some(item) = self.scanner.next()? {
                if token::MEDIA.is(item.name) {
                    self.media(&mut command.streams)?;
                } else if token::SERVICES.is(item.name) {
                    self.service_change(&mut command.service_change)?;
                } else if token::ERROR.is(item.name) && direction == Direction::Reply {
                    command.error = Some(self.error_descriptor(item)?);
                } else {
                    self.scanner.skip_braces()?;
                }
            }
        }
        Ok(command)
    }

    /// Which terminations are in a context, or why that is not told.
    fn context_audit(&mut self, command: &mut Command) -> Result<(), SyntaxError> {
        if !self.scanner.enter()? {
            return Err(self.scanner.error("expected an opening brace"));
        }
        while let Some(item) = self.scanner.next()? {
            if token::ERROR.is(item.name) && !item.value.is_empty() {
                command.error = Some(self.error_descriptor(item)?);
            } else {
                let termination = self.termination(item.name)?;
                command.terminations.push(termination);
            }
        }
        Ok(())
    }

    /// One termination, or a list in brackets (version 3).
    fn terminations(&mut self, value: &[u8]) -> Result<Vec<TerminationId>, SyntaxError> {
        let list = value
            .strip_prefix(b"[")
            .and_then(|rest| rest.strip_suffix(b"]"));
        let Some(list) = list else {
            return Ok(vec![self.termination(value)?]);
        };
        let names = list.split(|byte| *byte == b',');
        names
            .map(|name| self.termination(name.trim_ascii()))
            .collect()
    }

    fn termination(&mut self, name: &[u8]) -> Result<TerminationId, SyntaxError> {
        self.count()?;
        let id = identity::termination(name);
        id.ok_or_else(|| self.scanner.error("expected a termination"))
    }
}

/// A command's name, with what stands before it.
#[derive(Clone, Copy)]
struct Head {
    kind: CommandKind,
    optional: bool,
    wildcard_reply: bool,
}

impl Head {
    fn of(name: &[u8]) -> Option<Self> {
        let (optional, name) = without(name, b"O-");
        let (wildcard_reply, name) = without(name, b"W-");
        let (_, kind) = COMMANDS.iter().find(|(token, _)| token.is(name))?;
        Some(Self {
            kind: *kind,
            optional,
            wildcard_reply,
        })
    }
}

/// Whether `name` begins with `mark`, and what is left without it.
fn without<'n>(name: &'n [u8], mark: &[u8; 2]) -> (bool, &'n [u8]) {
    match name.split_at_checked(mark.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(mark) => (true, rest),
        _ => (false, name),
    }
}
