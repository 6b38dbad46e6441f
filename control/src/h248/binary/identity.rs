//! Who and what is meant: message identifiers, addresses and terminations, read and written.

use std::net::IpAddr;

use super::tree::{Node, refuse};
use super::write::{Kind, integer, string, tlv};
use crate::h248::limits::{MAX_DOMAIN_BYTES, MAX_PATH_BYTES};
use crate::h248::model::{
    ContextId, ErrorCode, MessageId, Pattern, ServiceChangeAddress, SyntaxError, TerminationId,
    Wildcard,
};

type Result<T, E = SyntaxError> = std::result::Result<T, E>;

/// The number of `portNumber` among the alternatives of a ServiceChangeAddress; those of an `MId`
/// follow.
const PORT: u32 = 0;

/// Reads what wraps an `MId`.
pub(super) fn message_id(wrapper: Node) -> Result<MessageId> {
    let (alternative, node) = wrapper.chosen()?;
    one_of_message_id(alternative, node)
}

/// Reads what wraps a ServiceChangeAddress.
pub(super) fn address(wrapper: Node) -> Result<ServiceChangeAddress> {
    match wrapper.chosen()? {
        (PORT, node) => node.short().map(ServiceChangeAddress::Port),
        (alternative, node) => {
            one_of_message_id(alternative - 1, node).map(ServiceChangeAddress::Elsewhere)
        }
    }
}

/// Appends an `MId`.
pub(super) fn write_message_id(id: &MessageId, out: &mut Vec<u8>) {
    write_one_of_message_id(id, 0, out);
}

/// Appends a ServiceChangeAddress.
pub(super) fn write_address(address: &ServiceChangeAddress, out: &mut Vec<u8>) {
    match address {
        ServiceChangeAddress::Port(port) => integer(PORT, u32::from(*port), out),
        ServiceChangeAddress::Elsewhere(id) => write_one_of_message_id(id, PORT + 1, out),
    }
}

/// The context that a number means (Annex A, `ContextID`).
pub(super) fn context(number: u32) -> ContextId {
    match number {
        0 => ContextId::Null,
        0xFFFF_FFFE => ContextId::Choose,
        0xFFFF_FFFF => ContextId::All,
        number => ContextId::Number(number),
    }
}

/// Appends a ContextID that is the first component.
pub(super) fn write_context(context: ContextId, out: &mut Vec<u8>) {
    let number = match context {
        ContextId::Null => 0,
        ContextId::Choose => 0xFFFF_FFFE,
        ContextId::All => 0xFFFF_FFFF,
        ContextId::Number(number) => number,
    };
    integer(0, number, out);
}

/// Reads a TerminationID (Annex A.1): of several wildcards, that of the highest level tells how
/// much of the name is given, and one that chooses makes it a choice.
pub(super) fn termination(node: Node) -> Result<TerminationId> {
    let fields = node.fields()?;
    let name = fields.need(1, "a termination's name was expected")?;
    let octets = name.octets()?;
    if !(1..=8).contains(&octets.len()) {
        return incorrect("termination's name of 1 to 8 octets expected", name.at());
    }
    let mut choose = false;
    let mut given: Option<u8> = None;
    for field in fields.need(0, "wildcards were expected")?.strings()? {
        let [field] = *field.octets()? else {
            return incorrect("wildcard of one octet expected", field.at());
        };
        choose |= field & 0x80 == 0;
        let above = (8 * octets.len() as u8 - 1).saturating_sub(field & 0x3f);
        given = Some(given.map_or(above, |given| given.min(above)));
    }
    let wildcard = match given {
        None => Wildcard::None,
        Some(bits) if choose => Wildcard::Choose(Pattern::Prefix { bits }),
        Some(bits) => Wildcard::All(Pattern::Prefix { bits }),
    };
    Ok(TerminationId {
        name: octets.into_owned().into(),
        wildcard,
    })
}

fn one_of_message_id(alternative: u32, node: Node) -> Result<MessageId> {
    Ok(match alternative {
        0 => {
            let (octets, port) = host(node)?;
            let octets = <[u8; 4]>::try_from(&*octets);
            let ip = octets.or_else(|_| incorrect("address of 4 octets expected", node.at()))?;
            let ip = IpAddr::from(ip);
            MessageId::Address { ip, port }
        }
        1 => {
            let (octets, port) = host(node)?;
            let octets = <[u8; 16]>::try_from(&*octets);
            let ip = octets.or_else(|_| incorrect("address of 16 octets expected", node.at()))?;
            let ip = IpAddr::from(ip);
            MessageId::Address { ip, port }
        }
        2 => {
            let (name, port) = host(node)?;
            let name = printable(&name, MAX_DOMAIN_BYTES, node.at())?;
            MessageId::Domain { name, port }
        }
        3 => MessageId::Device(printable(&node.octets()?, MAX_PATH_BYTES, node.at())?),
        4 => {
            let octets = node.octets()?;
            if !(2..=4).contains(&octets.len()) {
                return incorrect("address of 2 to 4 octets expected", node.at());
            }
            MessageId::Mtp(octets.into_owned().into())
        }
        _ => return incorrect("unknown kind of message identifier", node.at()),
    })
}

/// Address or name, and the port.
fn host(node: Node<'_>) -> Result<(std::borrow::Cow<'_, [u8]>, Option<u16>)> {
    let fields = node.fields()?;
    let host = fields.need(0, "an address was expected")?.octets()?;
    let port = fields.get(1).map(Node::short).transpose()?;
    Ok((host, port))
}

fn printable(octets: &[u8], max: usize, at: usize) -> Result<Box<str>> {
    let sound = (1..=max).contains(&octets.len()) && octets.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(octets).ok().filter(|_| sound) {
        Some(text) => Ok(text.into()),
        None => incorrect("a name was expected", at),
    }
}

fn incorrect<T>(reason: &'static str, at: usize) -> Result<T> {
    refuse(ErrorCode::INCORRECT_IDENTIFIER, reason, at)
}

/// Appends an `MId` whose first alternative has the number `first`.
fn write_one_of_message_id(id: &MessageId, first: u32, out: &mut Vec<u8>) {
    match id {
        MessageId::Address { ip, port } => match ip {
            IpAddr::V4(ip) => write_host(first, &ip.octets(), *port, out),
            IpAddr::V6(ip) => write_host(first + 1, &ip.octets(), *port, out),
        },
        MessageId::Domain { name, port } => write_host(first + 2, name.as_bytes(), *port, out),
        MessageId::Device(name) => string(first + 3, name.as_bytes(), out),
        MessageId::Mtp(octets) => string(first + 4, octets, out),
    }
}

fn write_host(alternative: u32, host: &[u8], port: Option<u16>, out: &mut Vec<u8>) {
    tlv(Kind::Constructed(alternative), out, |out| {
        string(0, host, out);
        if let Some(port) = port {
            integer(1, u32::from(port), out);
        }
    });
}
