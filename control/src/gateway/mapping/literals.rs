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
            let uris = message.addresses(name).flatten().map(|(_, address)| address.uri);
            addresses.extend(uris.filter_map(|uri| uri.host()?.ip));
        }
        let body = message.session_description().map_or(Span::default(), |text| text.span());
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
                self.write_own(found.ip, found.span, edits);
            }
        }
    }

    fn is_hidden(&self, message: &Message, ip: IpAddr, hidden: Hidden, told: &Told) -> bool {
        let known = || self.settings.realm(self.near.realm).hidden.contains(&ip);
        let hidden = || hidden == Hidden::All || known() || told.tells(message, ip);
        !self.is_far(ip) && !ip.is_unspecified() && hidden()
    }

    /// Our far address where `ip` stood; an IPv6 one brings its own brackets where an IPv4
    /// address had none.
    fn write_own(&self, ip: IpAddr, span: Span, edits: &mut Splices) {
        let own = self.far_listener().address.ip();
        match (ip, own) {
            (IpAddr::V4(_), IpAddr::V6(own)) => edits.replace_fmt(span, format_args!("[{own}]")),
            (_, own) => edits.replace_fmt(span, format_args!("{own}")),
        }
    }
}
