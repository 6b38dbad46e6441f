//! Nobody sees an address of the far side.

use std::net::IpAddr;

use super::{Checker, Checks};

/// One of the two networks Strait stands between.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// Telephones and their NATs.
    Access,
    /// Softswitches.
    Core,
}

/// Headers that leave as they came, whatever they hold: a digest would break.
const CREDENTIALS: [&[u8]; 4] = [
    b"authorization:",
    b"proxy-authorization:",
    b"www-authenticate:",
    b"proxy-authenticate:",
];

impl Side {
    /// How addresses of this side begin, wherever they are written.
    pub fn prefixes(self) -> &'static [&'static [u8]] {
        match self {
            Self::Access => &[
                b"192.0.2.",
                b"203.0.113.",
                b"192.168.",
                b"100.64.",
                b"2001:db8:a:",
            ],
            Self::Core => &[b"198.51.100.", b"10.0.", b"2001:db8:c:"],
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Access => Self::Core,
            Self::Core => Self::Access,
        }
    }
}

impl Checks {
    /// Strait sends a message to a side.
    pub fn message_sent(&mut self, to: Side, bytes: &[u8]) {
        let verdict = match leak(to, bytes) {
            Some(line) => Err(format!(
                "{:?} is told of {:?}: {}\n{}",
                to,
                to.other(),
                String::from_utf8_lossy(line),
                String::from_utf8_lossy(bytes)
            )),
            None => Ok(()),
        };
        self.note(Checker::Addresses, verdict);
    }
}

/// A line that names the other side.
fn leak(to: Side, bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|byte| *byte == b'\n').find(|line| {
        let lower = unescaped(line).to_ascii_lowercase();
        let exempt = CREDENTIALS.iter().any(|name| lower.starts_with(name));
        let prefixes = to.other().prefixes();
        !exempt && prefixes.iter().any(|prefix| names(&lower, prefix))
    })
}

/// Whether damage has made addresses of a message by somebody of that side: one of the far side,
/// which it is told again in its own Via as it wrote it (RFC 3261 §8.2.6.2), or other text of one
/// that is none.
pub fn misleads(side: Side, message: &[u8], damaged: &[u8]) -> bool {
    let tells = |message| leak(side, message).is_some();
    (tells(damaged) && !tells(message)) || breaks(side, heard(damaged))
}

/// A message without what lies beyond its Content-Length: that may cut an address short.
fn heard(message: &[u8]) -> &[u8] {
    let mut places = message.windows(4);
    let Some(end) = places.position(|window| window == b"\r\n\r\n") else {
        return message;
    };
    let head = String::from_utf8_lossy(&message[..end]);
    let said = head.split_once("Content-Length: ");
    let length = said.and_then(|(_, rest)| rest.lines().next()?.trim().parse::<u16>().ok());
    let whole = length.and_then(|length| message.get(..end + 4 + usize::from(length)));
    whole.unwrap_or(message)
}

/// Whether an address of a side stands there that is none, cut short or with more digits: nobody
/// can tell it from other text.
fn breaks(side: Side, bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let broken = |prefix: &&[u8]| {
        let within: fn(&u8) -> bool = match prefix.ends_with(b".") {
            true => |byte| byte.is_ascii_digit() || *byte == b'.',
            false => in_literal,
        };
        standing(&lower, prefix).any(|(_, rest)| {
            let text = std::str::from_utf8(parted(rest, within).0);
            text.is_ok_and(|text| text.parse::<IpAddr>().is_err())
        })
    };
    side.prefixes().iter().any(broken)
}

/// Whether the prefix stands there, is not the tail of a longer number, and begins an address. One
/// in brackets that an escape breaks off is nobody's (RFC 3986 §3.2.2), but where it has a zone;
/// and one whose numbers a control octet parts, which no header may hold (RFC 3261 §25.1).
fn names(line: &[u8], prefix: &[u8]) -> bool {
    standing(line, prefix).any(|(before, rest)| {
        let before = before.last().copied();
        let continues = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
        let (address, behind) = parted(rest, in_literal);
        let broken_off =
            address.ends_with(b":") && behind.starts_with(b"%") && !behind.starts_with(b"%25");
        let next = rest.get(prefix.len()).filter(|byte| **byte != b'\r');
        let cut = prefix.ends_with(b".") && next.is_some_and(u8::is_ascii_control);
        let nobodys = cut || before == Some(b'[') && broken_off;
        !before.is_some_and(continues) && !nobodys
    })
}

/// Wherever the prefix stands: what is before it, and what begins with it.
fn standing<'a>(text: &'a [u8], prefix: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let places = text.windows(prefix.len()).enumerate();
    let places = places.filter(move |(_, window)| *window == prefix);
    places.map(|(at, _)| text.split_at(at))
}

/// What begins there of such octets, and the rest.
fn parted(text: &[u8], within: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !within(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// Whether an IPv6 address may be written with it.
fn in_literal(byte: &u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

/// Percent escapes undone, once, but in brackets, where there are none.
fn unescaped(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let (mut rest, mut bracketed) = (line, false);
    while let Some((&byte, tail)) = rest.split_first() {
        bracketed = match byte {
            b'[' => true,
            b']' => false,
            _ => bracketed,
        };
        let escape = tail.get(..2).filter(|_| byte == b'%' && !bracketed);
        let value = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(value.unwrap_or(byte));
        rest = if value.is_some() { &tail[2..] } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_however_they_are_spelled() {
        for line in [
            &b"Via: SIP/2.0/UDP 10.0.0.1:5060"[..],
            b"Contact: <sip:b@2001:DB8:C::1>",
            b"X: sip:a%4010%2e0.0.1",
            b"X: [2001:db8:c::1%25eth0]",
            b"X: [2001:db8:c::1%66]",
            b"X: [2001:db8:c:",
            b"X: sip:a@10.0.",
            b"X: sip:a@10.0.\r",
            b"X: sip:a@10.0.0\x1d",
        ] {
            assert!(leak(Side::Access, line).is_some(), "{line:?}");
            assert!(leak(Side::Core, line).is_none(), "{line:?}");
        }
        assert!(misleads(Side::Core, b"10.0.0.66:5060", b"10.0.0.665060"));
        assert!(misleads(
            Side::Core,
            b"c=IN IP4 10.0.0.6",
            b"c=IN IP4 10.0.0"
        ));
        assert!(misleads(
            Side::Core,
            b"[2001:db8:c::66]",
            b"[2001:db8:a::66]"
        ));
        assert!(!misleads(Side::Core, b"10.0.0.66:5060", b"10.0.0.6:5060"));
        for line in [
            &b"o=- 110.0.5 1 IN IP4 192.0.2.1"[..],
            b"Authorization: Digest uri=\"sip:10.0.0.1\"",
            b"X: [2001:db8:c::%66]",
            b"X: sip:a@10.0.\x1d0.1",
        ] {
            assert!(leak(Side::Access, line).is_none(), "{line:?}");
        }
    }
}
