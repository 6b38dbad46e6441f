//! URIs that say who somebody is, and the URI a request is for.

use super::{Crossing, Hidden};
use crate::sip::{Span, Splices, Uri};

/// Whether addresses of parties are replaced, or our own alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hosts {
    /// All of the near side's.
    Hidden,
    /// Our own, which mean nothing on the far side.
    OwnOnly,
}

impl Crossing<'_> {
    /// Says who somebody is in the far realm's terms.
    pub fn identity(&self, uri: &Uri, hosts: Hosts, edits: &mut Splices) {
        let Some(host_port) = uri.host_port else {
            return;
        };
        if self.is_own_near(&host_port) {
            edits.replace(host_port.whole, self.far_name());
        } else if let Some(ip) = host_port.host.ip
            && hosts == Hosts::Hidden
            && !self.is_far(ip)
        {
            edits.replace(host_port.whole, self.near_name());
        }
    }

    /// Which hosts in From and To the far realm may not read.
    pub fn hosts_of_parties(&self) -> Hosts {
        let hide = self.settings.realm_config(self.far.realm).hide;
        match hide.from_to_hosts {
            true => Hosts::Hidden,
            false => Hosts::OwnOnly,
        }
    }

    /// The URI that [`Crossing::identity`] makes of `uri`, on its own.
    pub fn identity_of(&self, uri: &Uri, hosts: Hosts) -> Box<[u8]> {
        let mut edits = Splices::new();
        let bytes = uri.text.as_bytes();
        let alone = Uri::parse(bytes);
        alone
            .iter()
            .for_each(|uri| self.identity(uri, hosts, &mut edits));
        if hosts == Hosts::Hidden {
            self.scrub(bytes, Span::new(0, bytes.len()), Hidden::All, &mut edits);
        }
        let mut text = Vec::with_capacity(bytes.len());
        edits.apply(bytes, &mut text);
        text.into()
    }

    /// The Request-URI of a request to a softswitch: what a token leads to there, the softswitch
    /// itself where our address or another stood, else as it came.
    pub fn request_uri(&self, uri: &Uri, edits: &mut Splices) {
        match self.far_origin(uri) {
            Some(origin) => edits.replace(uri.text.span(), &origin.uri),
            None => {
                self.addressee(uri, edits);
                let span = uri.text.span();
                self.scrub(self.message.bytes(), span, Hidden::Known, edits);
            }
        }
    }

    fn addressee(&self, uri: &Uri, edits: &mut Splices) {
        let Some(host_port) = uri.host_port else {
            return;
        };
        let own = self.is_own_near(&host_port);
        let foreign = host_port.host.ip.is_some_and(|ip| !self.is_far(ip));
        if own || foreign {
            edits.replace(host_port.whole, self.far_name());
        }
        // The transport it named was for the way to us.
        let hop = |name: &crate::sip::Text| name.is("transport") || name.is("maddr");
        let local = uri.params.iter().filter(|param| own && hop(&param.name));
        local.for_each(|param| edits.remove(param.whole));
    }
}
