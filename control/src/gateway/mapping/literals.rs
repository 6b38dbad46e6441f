//! Addresses written out where nobody has a grammar for them.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr};

use super::Crossing;
use crate::sip::{HeaderName, Span, Splices, scan};

/// Addresses the far side may not read in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hidden {
    /// Those the message itself tells of the near side, and those known of its realm.
    Known,
    /// Those, and private ones, which are somebody's network.
    Private,
    /// All but the far side's own.
    All,
}

/// The addresses that one message tells of the near side, sorted; gathered when somebody asks.
#[derive(Debug, Default)]
pub struct Told(OnceCell<Vec<IpAddr>>);

impl Crossing<'_> {
    /// Replaces addresses under `span` of `bytes` by our far address. Edits made before stand.
    pub fn scrub(&self, bytes: &[u8], span: Span, hidden: Hidden, edits: &mut Splices) {
        for found in scan::addresses(bytes, span) {
            if self.is_hidden(found.ip, hidden) {
                self.write_own(bytes, found, edits);
            }
        }
        if !bytes[span.start()..span.end()].contains(&b'%') {
            return;
        }
        for found in scan::escaped_addresses(bytes, span) {
            if self.is_hidden(found.ip, hidden) && !edits.touches(found.span) {
                self.write_own(bytes, found, edits);
            }
        }
    }

    /// Whether an address of the near side stands under `span` of `bytes`.
    pub fn shows(&self, bytes: &[u8], span: Span) -> bool {
        let mut plain = scan::addresses(bytes, span);
        let escaped = || scan::escaped_addresses(bytes, span).into_iter();
        let hidden = |found: scan::Found| self.is_hidden(found.ip, Hidden::Private);
        plain.any(hidden) || escaped().any(hidden)
    }

    fn is_hidden(&self, ip: IpAddr, hidden: Hidden) -> bool {
        if let Some(inner) = embedded(ip)
            && self.is_hidden(IpAddr::V4(inner), hidden)
        {
            return true;
        }
        let known = || self.settings.realm(self.near.realm).hidden.contains(&ip);
        let hidden = || match hidden {
            Hidden::All => true,
            Hidden::Private => is_private(ip) || known() || self.tells(ip),
            Hidden::Known => known() || self.tells(ip),
        };
        !self.is_far(ip) && !ip.is_unspecified() && hidden()
    }

    /// Whether the message itself tells that an address is the near side's. Gathered once for a
    /// message, which may be full of literals.
    fn tells(&self, ip: IpAddr) -> bool {
        let told = self.told.0.get_or_init(|| self.gather());
        told.binary_search(&ip).is_ok()
    }

    /// The near side's addresses: the message's source, its Via, Contact and Record-Route hosts,
    /// and those in its description. Sorted.
    fn gather(&self) -> Vec<IpAddr> {
        let message = self.message;
        let mut told = vec![self.near.remote.ip()];
        for (_, via) in message.vias().flatten() {
            told.extend(via.sent_by.host.ip);
            told.extend(via.received());
        }
        for name in [HeaderName::Contact, HeaderName::RecordRoute] {
            let uris = message.addresses(name).flatten();
            let hosts = uris.filter_map(|(_, address)| address.uri.host());
            told.extend(hosts.filter_map(|host| host.ip));
        }
        if let Some(text) = message.session_description() {
            let found = scan::addresses(message.bytes(), text.span());
            told.extend(found.map(|found| found.ip));
        }
        told.sort_unstable();
        told.dedup();
        told
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

/// The IPv4 address written out in an IPv6 one (RFC 4291 §2.5.5, RFC 6052 §2.1).
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else {
        return None;
    };
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => ip
            .to_ipv4()
            .filter(|_| !ip.is_loopback() && !ip.is_unspecified()),
    }
}

/// Addresses that are no use outside of a network (RFC 1918, RFC 6598, RFC 3927, RFC 4193).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
