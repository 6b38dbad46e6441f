//! Addresses written out where nobody has a grammar for them.

use std::net::IpAddr;

use super::Crossing;
use crate::sip::{HeaderName, Span, Splices, scan};

/// Addresses the far side may not read in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hidden {
    /// Those the message itself tells of the near side, and those known of its realm.
    Known,
    /// All but the far side's own.
    All,
}

impl Crossing<'_> {
    /// Replaces addresses under `span` of `bytes` by our far address. Edits made before stand.
    pub fn scrub(&self, bytes: &[u8], span: Span, hidden: Hidden, edits: &mut Splices) {
        for found in scan::addresses(bytes, span) {
            if self.is_hidden(found.ip, hidden) {
                self.write_own(bytes, found, edits);
            }
        }
    }

    fn is_hidden(&self, ip: IpAddr, hidden: Hidden) -> bool {
        let known = || self.settings.realm(self.near.realm).hidden.contains(&ip);
        let hidden = || hidden == Hidden::All || known() || self.tells(ip);
        !self.is_far(ip) && !ip.is_unspecified() && hidden()
    }

    /// Whether the message itself tells that an address is the near side's: by its source, its
    /// Via, Contact and Record-Route hosts, or its description.
    fn tells(&self, ip: IpAddr) -> bool {
        let message = self.message;
        let mut vias = message.vias().flatten();
        let mut uris = [HeaderName::Contact, HeaderName::RecordRoute]
            .into_iter()
            .flat_map(|name| message.addresses(name).flatten())
            .map(|(_, address)| address.uri);
        let description = message.session_description();
        let mut described = description
            .into_iter()
            .flat_map(|text| scan::addresses(message.bytes(), text.span()));
        ip == self.near.remote.ip()
            || vias.any(|(_, via)| via.sent_by.host.ip == Some(ip) || via.received() == Some(ip))
            || uris.any(|uri| uri.host().is_some_and(|host| host.ip == Some(ip)))
            || described.any(|found| found.ip == ip)
    }

    /// Our far address where another stood. Brackets go and come with the family.
    fn write_own(&self, bytes: &[u8], found: scan::Found, edits: &mut Splices) {
        let (start, end) = (found.span.start(), found.span.end());
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
