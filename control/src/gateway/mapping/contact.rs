//! URIs that requests are sent to: Contact, Refer-To, Path, Service-Route.

use super::{Crossing, Token};
use crate::sip::{NameAddr, Splices, Uri};

/// URI parameters that only matter on the way to the URI's own host.
const HOP_PARAMETERS: [&str; 7] = [
    "transport",
    "maddr",
    "ttl",
    "received",
    "comp",
    "alias",
    super::token::PARAMETER,
];

impl Crossing<'_> {
    /// Puts our far address with `token` in a near party's place: same scheme, user, and
    /// parameters that mean something beyond the hop.
    pub fn stand_in(&self, address: &NameAddr, token: Token, edits: &mut Splices) {
        let uri = &address.uri;
        let Some(host_port) = uri.host_port else {
            return;
        };
        edits.replace(host_port.whole, &self.far_listener().host_port);
        for param in uri.params.iter() {
            if HOP_PARAMETERS.iter().any(|name| param.name.is(name)) {
                edits.remove(param.whole);
            }
        }
        let transport = self.far_transport();
        let name = super::token::PARAMETER;
        let at = uri.params.span().end();
        if !address.bracketed {
            edits.insert(uri.text.span().start(), "<");
        }
        let close = if address.bracketed { "" } else { ">" };
        edits.replace_fmt(
            crate::sip::Span::at(at),
            format_args!("{transport};{name}={token}{close}"),
        );
    }

    /// A Contact outside of what dialogs and registrations keep: one of our own leads back to
    /// what it stands for, any other gets a token.
    pub fn contact(&mut self, address: &NameAddr, edits: &mut Splices) {
        if address.uri.host_port.is_none() || self.restore(address, edits) {
            return;
        }
        let token = match self.token(&address.uri) {
            Some(token) if self.tokens.origin(token).is_some() => token,
            _ => self.make_token(address.uri.text.as_bytes()),
        };
        self.stand_in(address, token, edits);
    }

    /// A URI a request may be sent to later, such as Refer-To: a near address gets a token, a
    /// domain name stays.
    pub fn target(&mut self, address: &NameAddr, edits: &mut Splices) {
        let Some(host_port) = address.uri.host_port else {
            return;
        };
        if self.restore(address, edits) {
            return;
        }
        match self
            .token(&address.uri)
            .filter(|token| self.tokens.origin(*token).is_some())
        {
            Some(token) => self.stand_in(address, token, edits),
            None if self.is_own_near(&host_port) => edits.replace(host_port.whole, self.far_name()),
            None => self.foreign_target(address, edits),
        }
    }

    fn foreign_target(&mut self, address: &NameAddr, edits: &mut Splices) {
        let host_port = address.uri.host_port;
        let Some(ip) = host_port.and_then(|host_port| host_port.host.ip) else {
            return;
        };
        if self.is_far(ip) {
            return;
        }
        if self.settings.is_softswitch(self.near.realm, ip) {
            // We are the softswitch over there.
            let whole = host_port.expect("it has an address").whole;
            edits.replace(whole, self.near_name());
            return;
        }
        let bare = without_headers(&address.uri);
        let token = self.make_token(bare);
        self.stand_in(address, token, edits);
    }

    /// Gives one of our own addresses its original back; false where it is none.
    fn restore(&self, address: &NameAddr, edits: &mut Splices) -> bool {
        let Some(origin) = self.far_origin(&address.uri) else {
            return false;
        };
        let uri = address.uri.text.span();
        let bare_len = without_headers(&address.uri).len();
        let replaced = crate::sip::Span::new(uri.start(), uri.start() + bare_len);
        if address.bracketed {
            edits.replace(replaced, &origin.uri);
        } else {
            edits.replace_with(replaced, |out| {
                out.push(b'<');
                out.extend_from_slice(&origin.uri);
                out.push(b'>');
            });
        }
        true
    }
}

/// A URI without what follows its question mark, which is the referrer's and not the target's.
fn without_headers<'a>(uri: &Uri<'a>) -> &'a [u8] {
    let text = uri.text.as_bytes();
    let headers = uri.headers.map_or(0, |headers| headers.len() + 1);
    &text[..text.len() - headers]
}
