//! Who and what is meant: message identifiers, contexts, terminations and numbers, read and
//! written.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::limits::{MAX_DOMAIN_BYTES, MAX_PATH_BYTES};
use super::super::model::{
    ContextId, MessageId, Pattern, ServiceChangeAddress, TerminationId, Wildcard,
};
use super::scanner::is_safe;
use super::token;

/// An unsigned number in decimal digits.
pub(super) fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let text = digits.then(|| std::str::from_utf8(text).ok())??;
    text.parse().ok()
}

/// A context, by its number or one of the signs.
pub(super) fn context(text: &[u8]) -> Option<ContextId> {
    Some(match text {
        b"-" => ContextId::Null,
        b"$" => ContextId::Choose,
        b"*" => ContextId::All,
        // Annex A's values for the signs, which Annex B reserves.
        _ => match number(text)? {
            0 => ContextId::Null,
            0xFFFF_FFFE => ContextId::Choose,
            0xFFFF_FFFF => ContextId::All,
            number => ContextId::Number(number),
        },
    })
}

/// A termination's name.
pub(super) fn termination(text: &[u8]) -> Option<TerminationId> {
    let sound = (1..=MAX_PATH_BYTES).contains(&text.len()) && text.iter().all(|b| is_safe(*b));
    sound.then(|| TerminationId {
        name: text.to_ascii_lowercase().into(),
        wildcard: match () {
            () if text.contains(&b'$') => Wildcard::Choose(Pattern::Path),
            () if text.contains(&b'*') => Wildcard::All(Pattern::Path),
            () => Wildcard::None,
        },
    })
}

/// An address for ServiceChange: an `mId`, or a port alone.
pub(super) fn address(text: &[u8]) -> Option<ServiceChangeAddress> {
    if text.iter().all(u8::is_ascii_digit) {
        return number(text).map(ServiceChangeAddress::Port);
    }
    message_id(text).map(ServiceChangeAddress::Elsewhere)
}

/// An `mId`, as the scanner found it: blanks may stand around its parts.
pub(super) fn message_id(text: &[u8]) -> Option<MessageId> {
    match text.first()? {
        b'[' => {
            let (inner, port) = bracketed(text, b']')?;
            let ip = ip_address(inner)?;
            Some(MessageId::Address { ip, port })
        }
        b'<' => {
            let (inner, port) = bracketed(text, b'>')?;
            let sound = (1..=MAX_DOMAIN_BYTES).contains(&inner.len())
                && inner
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            let name = inner.into();
            sound.then_some(MessageId::Domain { name, port })
        }
        _ => match text.split_last() {
            Some((b'}', text)) => mtp(text),
            _ => {
                let device = text.len() <= MAX_PATH_BYTES && text.iter().all(|b| is_safe(*b));
                let name = device.then(|| std::str::from_utf8(text).ok())??;
                Some(MessageId::Device(name.into()))
            }
        },
    }
}

/// Appends an `mId`.
pub(super) fn write_message_id(id: &MessageId, out: &mut Vec<u8>) {
    let port = match id {
        MessageId::Address { ip, port } => {
            write!(out, "[{ip}]").expect("writing to memory does not fail");
            *port
        }
        MessageId::Domain { name, port } => {
            write!(out, "<{name}>").expect("writing to memory does not fail");
            *port
        }
        MessageId::Device(name) => return out.extend_from_slice(name.as_bytes()),
        MessageId::Mtp(octets) => {
            out.extend_from_slice(b"MTP{");
            for octet in octets {
                write!(out, "{octet:02X}").expect("writing to memory does not fail");
            }
            return out.push(b'}');
        }
    };
    if let Some(port) = port {
        write!(out, ":{port}").expect("writing to memory does not fail");
    }
}

/// What stands between brackets, and the port behind them.
fn bracketed(text: &[u8], close: u8) -> Option<(&str, Option<u16>)> {
    let end = text.iter().position(|byte| *byte == close)?;
    let inner = std::str::from_utf8(&text[1..end]).ok()?.trim();
    let port = match text[end + 1..].trim_ascii() {
        b"" => None,
        port => Some(number(port.strip_prefix(b":")?.trim_ascii())?),
    };
    Some((inner, port))
}

/// An address; the parts of an old one may have zeros in front (Annex B, `V4hex`).
fn ip_address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let sound = (1..=3).contains(&part.len());
        *octet = sound.then(|| number(part.as_bytes()))??;
    }
    let ip = Ipv4Addr::from(octets);
    parts.next().is_none().then_some(IpAddr::V4(ip))
}

/// `MTP{…`: two digits for each octet, 2 to 4 octets.
fn mtp(text: &[u8]) -> Option<MessageId> {
    let brace = text.iter().position(|byte| *byte == b'{')?;
    if !token::MTP.is(text[..brace].trim_ascii()) {
        return None;
    }
    let digits = text[brace + 1..].trim_ascii();
    let sound = matches!(digits.len(), 4 | 6 | 8) && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = sound.then(|| std::str::from_utf8(digits).ok())??;
    let octets = (0..digits.len()).step_by(2);
    let octets = octets.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok());
    octets.collect::<Option<_>>().map(MessageId::Mtp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_read_and_written() {
        let same = [
            "[10.0.0.1]:2944",
            "[10.0.0.1]",
            "[2001:db8::1]:55555",
            "<mg-1.example.net>:2944",
            "<mg_1>",
            "mg1/access@example.net",
            "MTP{0A2F}",
            "MTP{00012AFF}",
        ];
        for text in same {
            let mut written = Vec::new();
            write_message_id(&message_id(text.as_bytes()).unwrap(), &mut written);
            assert_eq!(written, text.as_bytes());
        }
        let long = "d".repeat(MAX_PATH_BYTES + 1);
        let none = [
            "",
            "[",
            "[]",
            "[10.0.0]",
            "[10.0.0.256]",
            "[10.0.0.1.2]",
            "[::g]",
            "<>",
            "<a b>",
            "[10.0.0.1]:65536",
            "[10.0.0.1]:",
            "[10.0.0.1]x",
            "MTP{012}",
            "MTP{0G}",
            "MTX{0001}",
            &long,
        ];
        for text in none {
            assert_eq!(message_id(text.as_bytes()), None, "{text}");
        }
        let ip = "10.0.0.1".parse().unwrap();
        let written_loosely = [
            (&b"[ 010.000.00.1 ] : 2944"[..], Some(2944)),
            (b"[10.0.0.1]", None),
        ];
        for (text, port) in written_loosely {
            assert_eq!(message_id(text), Some(MessageId::Address { ip, port }));
        }
        assert_eq!(
            message_id(b"mtp { 0102 }"),
            Some(MessageId::Mtp([1, 2].into()))
        );
    }

    #[test]
    fn an_address_may_be_a_port() {
        assert_eq!(address(b"2944"), Some(ServiceChangeAddress::Port(2944)));
        assert_eq!(address(b"65536"), None);
        let device = ServiceChangeAddress::Elsewhere(MessageId::Device("mg1".into()));
        assert_eq!(address(b"mg1"), Some(device));
    }

    #[test]
    fn contexts_and_terminations() {
        assert_eq!(context(b"-"), Some(ContextId::Null));
        assert_eq!(context(b"4294967294"), Some(ContextId::Choose));
        assert_eq!(context(b"7"), Some(ContextId::Number(7)));
        assert_eq!(context(b"4294967296"), None);
        assert_eq!(context(b"+7"), None);
        let choose = termination(b"RTP/$").unwrap();
        assert_eq!(&*choose.name, b"rtp/$");
        assert_eq!(choose.wildcard, Wildcard::Choose(Pattern::Path));
        assert_eq!(
            termination(b"*").unwrap().wildcard,
            Wildcard::All(Pattern::Path)
        );
        assert_eq!(termination(b"ROOT").unwrap().wildcard, Wildcard::None);
        assert_eq!(termination(b""), None);
        assert_eq!(termination(&[b'a'; MAX_PATH_BYTES + 1]), None);
    }
}
