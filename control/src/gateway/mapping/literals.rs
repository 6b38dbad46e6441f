//! Addresses written out where nobody has a grammar for them.

use std::net::IpAddr;

use super::Crossing;
use crate::sip::{HeaderName, Message, Span, Splices, scan};

/// Addresses the far side may not read in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hidden {
    /// Those the message itself tells of the near side, and those known of its realm.
    Known,
    /// All but the far side's own.
    All,
}

/// The addresses a message itself tells of the near side.
#[derive(Debug, Default)]
pub struct Told {
    addresses: Vec<IpAddr>,
    body: Span,
}

impl Told {
    /// Collects them: source, Via, Contact and Record-Route hosts; the body is looked into
    /// when it is asked for.
    pub fn by(message: &Message, source: IpAddr) -> Self {
        let mut addresses = Vec::with_capacity(8);
        addresses.push(source);
        for (_, via) in message.vias().flatten() {
            addresses.extend(via.sent_by.host.ip);
            addresses.extend(via.received());
        }
        for name in [HeaderName::Contact, HeaderName::RecordRoute] {
            let uris = message
                .addresses(name)
                .flatten()
                .map(|(_, address)| address.uri);
            addresses.extend(uris.filter_map(|uri| uri.host()?.ip));
        }
        let body = message
            .session_description()
            .map_or(Span::default(), |text| text.span());
        Self { addresses, body }
    }

    fn tells(&self, message: &Message, ip: IpAddr) -> bool {
        let in_body = || scan::addresses(message.bytes(), self.body).any(|found| found.ip == ip);
        self.addresses.contains(&ip) || in_body()
    }
}

impl Crossing<'_> {
    /// Replaces addresses under `span` by our far address. Edits made before stand.
    pub fn scrub(
        &self,
        message: &Message,
        span: Span,
        hidden: Hidden,
        told: &Told,
        edits: &mut Splices,
    ) {
        for found in scan::addresses(message.bytes(), span) {
            if self.is_hidden(message, found.ip, hidden, told) {
                self.write_own(message, found, edits);
            }
        }
    }

    fn is_hidden(&self, message: &Message, ip: IpAddr, hidden: Hidden, told: &Told) -> bool {
        let known = || self.settings.realm(self.near.realm).hidden.contains(&ip);
        let hidden = || hidden == Hidden::All || known() || told.tells(message, ip);
        !self.is_far(ip) && !ip.is_unspecified() && hidden()
    }

    /// Our far address where another stood. Brackets go and come with the family.
    fn write_own(&self, message: &Message, found: scan::Found, edits: &mut Splices) {
        let (start, end) = (found.span.start(), found.span.end());
        let bytes = message.bytes();
        let bracketed = start
            .checked_sub(1)
            .is_some_and(|before| bytes[before] == b'[')
            && bytes.get(end) == Some(&b']');
        match (found.ip, self.far_listener().address.ip()) {
            (IpAddr::V4(_), IpAddr::V6(own)) => {
                edits.replace_fmt(found.span, format_args!("[{own}]"));
            }
            (IpAddr::V6(_), IpAddr::V4(own)) if bracketed => {
                edits.replace_fmt(Span::new(start - 1, end + 1), format_args!("{own}"));
            }
            (_, own) => edits.replace_fmt(found.span, format_args!("{own}")),
        }
    }
}
