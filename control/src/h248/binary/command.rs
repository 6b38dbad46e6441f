//! Commands and their replies (Annex A), as far as a proxy must know them.

use super::reader::{Reader, Result, VERSION_SEGMENTS, error_descriptor};
use super::tree::{Node, refuse};
use super::{Place, identity, properties, tree};
use crate::h248::limits::MAX_STREAMS;
use crate::h248::model::{
    Command, CommandKind, Descriptor, ErrorCode, Mode, Placed, ServiceChange, ServiceChangeMethod,
    Stream, TerminationId,
};

/// The alternatives of Command and CommandReply, by their numbers.
const COMMANDS: [CommandKind; 8] = [
    CommandKind::Add,
    CommandKind::Move,
    CommandKind::Modify,
    CommandKind::Subtract,
    CommandKind::AuditCapability,
    CommandKind::AuditValue,
    CommandKind::Notify,
    CommandKind::ServiceChange,
];

/// What stream a media descriptor is about that names none.
const ONLY_STREAM: u16 = 1;

/// The numbers by which ServiceChangeParm and ServiceChangeResParm know what they have in common.
struct ServiceChangeFields {
    address: u32,
    version: u32,
    controller: u32,
}

const REQUESTED: ServiceChangeFields = ServiceChangeFields {
    address: 1,
    version: 2,
    controller: 6,
};

const REPLIED: ServiceChangeFields = ServiceChangeFields {
    address: 1,
    version: 2,
    controller: 0,
};

impl Reader {
    /// Reads a CommandRequest.
    pub(super) fn command_request(&mut self, node: Node) -> Result<Command> {
        self.count(node)?;
        let fields = node.fields()?;
        let (number, body) = fields.need(0, "a command was expected")?.chosen()?;
        let mut command = empty(number, body)?;
        command.optional = fields.get(1).is_some();
        command.wildcard_reply = fields.get(2).is_some();
        let parts = body.fields()?;
        let of = parts.need(0, "a termination was expected")?;
        match command.kind {
            CommandKind::Add | CommandKind::Move | CommandKind::Modify => {
                command.terminations = self.terminations(of)?;
                for item in parts.need(1, "descriptors were expected")?.items()? {
                    if item.number() == Some(0) {
                        self.media(item, &mut command.streams)?;
                    }
                }
            }
            CommandKind::AuditCapability | CommandKind::AuditValue => {
                let list = parts.get(2).filter(|_| self.version >= VERSION_SEGMENTS);
                command.terminations = match list {
                    Some(list) => self.terminations(list)?,
                    None => vec![self.termination(of)?],
                };
            }
            CommandKind::Subtract => command.terminations = self.terminations(of)?,
            CommandKind::Notify => {
                command.terminations = self.terminations(of)?;
                command.error = parts.get(2).map(error_descriptor).transpose()?;
            }
            CommandKind::ServiceChange => {
                command.terminations = self.terminations(of)?;
                let parameters = parts.need(1, "parameters were expected")?;
                command.service_change = Some(self.service_change(parameters)?);
            }
        }
        Ok(command)
    }

    /// Reads a CommandReply.
    pub(super) fn command_reply(&mut self, node: Node) -> Result<Command> {
        self.count(node)?;
        let mut command = empty(node.number().unwrap_or(u32::MAX), node)?;
        if let CommandKind::AuditCapability | CommandKind::AuditValue = command.kind {
            self.audit_reply(node, &mut command)?;
            return Ok(command);
        }
        let parts = node.fields()?;
        let of = parts.need(0, "a termination was expected")?;
        command.terminations = self.terminations(of)?;
        match command.kind {
            CommandKind::Notify => {
                command.error = parts.get(1).map(error_descriptor).transpose()?;
            }
            CommandKind::ServiceChange => {
                let result = parts.need(1, "a result was expected")?;
                match result.chosen()? {
                    (0, error) => command.error = Some(error_descriptor(error)?),
                    (1, parameters) => {
                        command.service_change = Some(self.service_changed(parameters)?);
                    }
                    (_, other) => return malformed("unknown kind of result", other),
                }
            }
            _ => {
                if let Some(audit) = parts.get(1) {
                    self.audited(audit, &mut command)?;
                }
            }
        }
        Ok(command)
    }

    /// Reads an AuditReply. Version 1 as first published had a SEQUENCE of termination and result
    /// where there is a CHOICE since: two components where there is one alternative.
    fn audit_reply(&mut self, node: Node, command: &mut Command) -> Result<()> {
        if node.items()?.count() == 2 {
            let fields = node.fields()?;
            let of = fields.need(0, "a termination was expected")?;
            command.terminations = vec![self.termination(of)?];
            let result = fields.need(1, "a result was expected")?;
            return match result.chosen()? {
                (0, list) => {
                    command.terminations = self.terminations(list)?;
                    Ok(())
                }
                (1, audit) => self.audited(audit, command),
                (_, other) => malformed("unknown kind of result", other),
            };
        }
        match node.chosen()? {
            (0, list) => command.terminations = self.terminations(list)?,
            (1, error) => command.error = Some(error_descriptor(error)?),
            (2, result) => {
                let fields = result.fields()?;
                let of = fields.need(0, "a termination was expected")?;
                command.terminations = vec![self.termination(of)?];
                self.audited(fields.need(1, "a result was expected")?, command)?;
            }
            (3, result) if self.version >= VERSION_SEGMENTS => {
                let fields = result.fields()?;
                let of = fields.need(0, "terminations were expected")?;
                command.terminations = self.terminations(of)?;
                self.audited(fields.need(1, "a result was expected")?, command)?;
            }
            (_, other) => return malformed("unknown kind of result", other),
        }
        Ok(())
    }

    /// Reads a TerminationAudit.
    fn audited(&mut self, node: Node, command: &mut Command) -> Result<()> {
        for item in node.items()? {
            match item.number() {
                Some(0) if command.error.is_none() => command.error = Some(error_descriptor(item)?),
                Some(1) => self.media(item, &mut command.streams)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn terminations(&mut self, node: Node) -> Result<Vec<TerminationId>> {
        let items = node.sequences()?;
        items.map(|item| self.termination(item)).collect()
    }

    fn termination(&mut self, node: Node) -> Result<TerminationId> {
        self.count(node)?;
        identity::termination(node)
    }

    /// Reads a MediaDescriptor.
    fn media(&mut self, node: Node, streams: &mut Vec<Stream>) -> Result<()> {
        let Some(wrapper) = node.fields()?.get(1) else {
            return Ok(());
        };
        match wrapper.chosen()? {
            (0, parameters) => self.stream(ONLY_STREAM, parameters, streams),
            (1, list) => {
                for item in list.sequences()? {
                    let fields = item.fields()?;
                    let id = fields.need(0, "a stream's number was expected")?.short()?;
                    let parameters = fields.need(1, "a stream's parameters were expected")?;
                    self.stream(id, parameters, streams)?;
                }
                Ok(())
            }
            (_, other) => malformed("unknown kind of streams", other),
        }
    }

    /// Reads StreamParms.
    fn stream(&mut self, id: u16, node: Node, streams: &mut Vec<Stream>) -> Result<()> {
        self.count(node)?;
        if streams.len() == MAX_STREAMS {
            let code = ErrorCode::INSUFFICIENT_RESOURCES;
            return refuse(code, "too many streams", node.at());
        }
        let fields = node.fields()?;
        let control = fields.get(0).map(Node::fields).transpose()?;
        let mode = control.and_then(|control| control.get(0));
        streams.push(Stream {
            id,
            mode: mode.map(mode_of).transpose()?.flatten(),
            local: fields
                .get(1)
                .map(|node| self.descriptor(node))
                .transpose()?,
            remote: fields
                .get(2)
                .map(|node| self.descriptor(node))
                .transpose()?,
        });
        Ok(())
    }

    fn descriptor(&mut self, node: Node) -> Result<Descriptor> {
        let text = properties::text(node)?;
        let site = self.place(Place::Descriptor(node.index()));
        Ok(Descriptor { site, text })
    }

    /// Reads a ServiceChangeParm.
    fn service_change(&mut self, node: Node) -> Result<ServiceChange> {
        let fields = node.fields()?;
        let method = fields.need(0, "a method was expected")?.integer()?;
        let reason = fields.get(4).map(reason).transpose()?.flatten();
        let method = Some(match method {
            0 => ServiceChangeMethod::Failover,
            1 => ServiceChangeMethod::Forced,
            2 => ServiceChangeMethod::Graceful,
            3 => ServiceChangeMethod::Restart,
            4 => ServiceChangeMethod::Disconnected,
            5 => ServiceChangeMethod::Handoff,
            _ => ServiceChangeMethod::Other,
        });
        let common = self.service_change_fields(node, &REQUESTED)?;
        Ok(ServiceChange {
            method,
            reason,
            ..common
        })
    }

    /// Reads a ServiceChangeResParm.
    fn service_changed(&mut self, node: Node) -> Result<ServiceChange> {
        self.service_change_fields(node, &REPLIED)
    }

    fn service_change_fields(
        &mut self,
        node: Node,
        numbers: &ServiceChangeFields,
    ) -> Result<ServiceChange> {
        let fields = node.fields()?;
        let address = fields.get(numbers.address).map(|wrapper| {
            Ok(Placed {
                value: identity::address(wrapper)?,
                site: self.place(Place::Address(wrapper.index())),
            })
        });
        let address = address.transpose()?;
        let controller = fields.get(numbers.controller).map(|wrapper| {
            Ok(Placed {
                value: identity::message_id(wrapper)?,
                site: self.place(Place::MessageId(wrapper.index())),
            })
        });
        Ok(ServiceChange {
            method: None,
            reason: None,
            address,
            controller: controller.transpose()?,
            version: fields.get(numbers.version).map(Node::short).transpose()?,
        })
    }
}

fn empty(number: u32, node: Node) -> Result<Command> {
    let Some(kind) = COMMANDS.get(number as usize) else {
        return malformed("unknown command", node);
    };
    Ok(Command {
        kind: *kind,
        optional: false,
        wildcard_reply: false,
        terminations: Vec::new(),
        streams: Vec::new(),
        service_change: None,
        error: None,
    })
}

/// A StreamMode; nothing for those of extensions.
fn mode_of(node: Node) -> Result<Option<Mode>> {
    Ok(match node.integer()? {
        0 => Some(Mode::SendOnly),
        1 => Some(Mode::ReceiveOnly),
        2 => Some(Mode::SendReceive),
        3 => Some(Mode::Inactive),
        4 => Some(Mode::LoopBack),
        _ => None,
    })
}

/// The number that a reason begins with: `901 Cold Boot`, as an IA5String within the octets, or as
/// the octets themselves.
fn reason(node: Node) -> Result<Option<u16>> {
    let Some(first) = node.strings()?.next() else {
        return Ok(None);
    };
    let octets = first.octets()?;
    let text = tree::universal(&octets).map_or(&*octets, |(_, text)| text);
    let digits = text.iter().take_while(|octet| octet.is_ascii_digit());
    let digits = &text[..digits.count()];
    let digits = std::str::from_utf8(digits).ok();
    Ok(digits.and_then(|digits| digits.parse().ok()))
}

fn malformed<T>(reason: &'static str, node: Node) -> Result<T> {
    refuse(ErrorCode::SYNTAX_IN_COMMAND, reason, node.at())
}
