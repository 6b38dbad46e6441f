//! The IP versions a terminal speaks, and what it does when a call needs the other one: an IPv4, an
//! IPv6 or a dual terminal.
//!
//! A terminal that judges answers 380 Alternative Service to an offer whose connection it cannot
//! use. One that is told so calls again: media in the version that is usable, and signalling where
//! the answer's Contact points. Where it points to the other version or is missing, who is
//! registered in one version alone stays in that one, and anybody else changes signalling too.
//! Each version is tried once, so that nobody goes round in a circle.

use std::net::{IpAddr, SocketAddr};

use strait_shared::time::Instant;

use super::config::Dual;
use super::{CallHandle, Event, Phone, Purpose, State};
use crate::sip::description::{Description, Direction, Line};
use crate::sip::message::{Message, Start};
use crate::sip::transaction::ServerId;
use crate::sip::uri::Uri;
use crate::sip::version::Version;

/// Status of a redirection to the other version (RFC 3261 §21.3.5).
const ALTERNATIVE_SERVICE: u16 = 380;
/// Warning code of incompatible network address formats (RFC 3261 §20.43).
const INCOMPATIBLE: &str = "301";
/// Where nothing is received.
const DISCARD: u16 = 9;

impl Phone {
    /// Our own signalling address towards `hop`.
    pub(super) fn own_towards(&self, hop: SocketAddr) -> SocketAddr {
        let own = self.config.signalling;
        match &self.config.dual {
            Some(dual) if own.is_ipv4() != hop.is_ipv4() => dual.signalling,
            _ => own,
        }
    }

    /// True for an address that we signal from.
    pub(super) fn signals_at(&self, address: SocketAddr) -> bool {
        let second = self.config.dual.as_ref().map(|dual| dual.signalling);
        address == self.config.signalling || Some(address) == second
    }

    /// Our own media address of a version, where we have one.
    pub(super) fn media_in(&self, version: Version) -> Option<IpAddr> {
        let second = self.config.dual.as_ref().map(|dual| dual.media);
        let all = [Some(self.config.media), second];
        let fits = |ip: &IpAddr| Version::of(*ip) == version;
        all.into_iter().flatten().find(fits)
    }

    /// The media address that is offered besides one of `version`.
    pub(super) fn media_besides(&self, version: Version) -> Option<IpAddr> {
        let offers = |dual: &Dual| dual.alternatives;
        let wanted = self.config.dual.as_ref().is_some_and(offers);
        self.media_in(version.other()).filter(|_| wanted)
    }

    /// The version a call is offered and answered in, where nothing says otherwise.
    pub(super) fn first_version(&self) -> Version {
        Version::of(self.config.media)
    }

    /// The version in which we can answer an INVITE, or the one we could have been offered.
    pub(super) fn judge(&self, request: &Message) -> Result<Version, Version> {
        let offer = Description::parse(&request.body).ok();
        let Some(audio) = offer.as_ref().and_then(Description::audio) else {
            return Ok(self.first_version());
        };
        let usable = audio
            .versions()
            .find(|version| self.media_in(*version).is_some());
        match usable {
            Some(version) => Ok(version),
            None if self.config.judges => Err(self.first_version()),
            None => Ok(self.first_version()),
        }
    }

    /// Answers an INVITE that its caller had better send again in the version `usable`. We stay
    /// where we are: no Contact leads anywhere else.
    pub(super) fn send_elsewhere(
        &mut self,
        now: Instant,
        id: &ServerId,
        request: &Message,
        usable: Version,
    ) {
        let tag = format!("{:08x}", self.random.u32(..));
        let host = self.config.signalling.ip();
        let mut response = Message::response(request, ALTERNATIVE_SERVICE, &tag);
        let warning = format!("{INCOMPATIBLE} {} \"Use {usable}\"", Uri::host_text(host));
        response.push("Warning", warning);
        if let Ok(offer) = Description::parse(&request.body) {
            let described = described(&offer, usable).render();
            response.set_body("application/sdp", described);
        }
        self.transactions.respond(now, id, &response);
        let from = request.name_addr("From").and_then(|from| from.uri.user);
        let from = from.unwrap_or_default();
        self.events.push_back(Event::SentElsewhere { from, usable });
    }

    /// Calls again in the version that `response` says is usable. Whether that makes sense.
    pub(super) fn call_again(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) -> bool {
        let Some(usable) = self.usable(handle, response) else {
            return false;
        };
        let contact = self.followed(response, usable);
        let hop = contact.as_ref().and_then(Uri::address);
        let hop = hop.unwrap_or_else(|| self.hop_again(handle, usable));
        if let Some(call) = self.calls.get_mut(&handle) {
            call.tried.push(usable);
        }
        self.events.push_back(Event::CalledAgain {
            call: handle,
            usable,
        });
        self.send_again(now, handle, request, (contact, hop));
        true
    }

    /// Sends a call's INVITE anew: elsewhere, with media of its own.
    pub(super) fn send_again(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        (target, hop): (Option<Uri>, SocketAddr),
    ) {
        let tried = self
            .calls
            .get(&handle)
            .map(|call| call.tried.last().copied());
        let version = tried.flatten().unwrap_or(self.first_version());
        let stream = self.new_stream(handle, version);
        let (own, cseq) = (self.contact_at(hop), request.cseq());
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.stream = stream;
        call.hop = hop;
        call.proceeding = false;
        call.early.clear();
        call.updated = None;
        call.agreement.complete = false;
        let mut again = request.clone();
        for name in ["Via", "Authorization", "Proxy-Authorization"] {
            again.remove(name);
        }
        if let (Some(target), Start::Request { uri, .. }) = (target, &mut again.start) {
            *uri = target.to_string();
        }
        let number = cseq.map_or(1, |cseq| cseq.number);
        again.set("CSeq", format!("{} INVITE", number + 1));
        again.set("Contact", own);
        if call.offers {
            let offer = call.offer();
            again.set_body("application/sdp", offer);
        }
        self.send(now, again, hop, Purpose::Invite(handle), 0);
    }

    /// The version a call is to be made in instead, if it can be and has not been tried.
    fn usable(&self, handle: CallHandle, response: &Message) -> Option<Version> {
        let call = self.calls.get(&handle)?;
        let open = call.state == State::Calling && !call.cancel_wanted;
        let warned = response.items("Warning").find_map(warned);
        let status = response.status()?;
        let redirects = status == ALTERNATIVE_SERVICE || (status >= 300 && warned.is_some());
        let described = Description::parse(&response.body).ok();
        let described = described.and_then(|all| Some(Version::of(all.audio()?.rtp.ip())));
        let contact = response.name_addr("Contact");
        let contact = contact.and_then(|contact| contact.uri.address());
        let contact = contact.map(|address| Version::of(address.ip()));
        let tried = call.tried.last().copied()?;
        let usable = described.or(warned).or(contact).unwrap_or(tried.other());
        let can = self.media_in(usable).is_some() && !call.tried.contains(&usable);
        (open && redirects && can).then_some(usable)
    }

    /// The Contact that is called instead. One of the other version than the usable one is for who
    /// is registered in one version alone: media changes, and signalling stays.
    fn followed(&self, response: &Message, usable: Version) -> Option<Uri> {
        let contact = response.name_addr("Contact")?.uri;
        let address = contact.address()?;
        let same = Version::of(address.ip()) == usable;
        let follows = same || !self.is_registered_in(usable);
        (follows && self.reaches(address)).then_some(contact)
    }

    /// Where a call goes again that no Contact leads elsewhere.
    fn hop_again(&self, handle: CallHandle, usable: Version) -> SocketAddr {
        let stays = self.is_registered_in(usable.other()) && !self.is_registered_in(usable);
        match self.calls.get(&handle) {
            Some(call) if stays => call.hop,
            _ => self.proxy_in(usable),
        }
    }

    /// Where requests outside of dialogs go in a version; the only proxy where there is one.
    pub(super) fn proxy_in(&self, version: Version) -> SocketAddr {
        let first = self.config.proxy;
        let second = self.config.dual.as_ref().map(|dual| dual.proxy);
        let fits = |proxy: &SocketAddr| Version::of(proxy.ip()) == version;
        second.filter(fits).unwrap_or(first)
    }

    fn reaches(&self, address: SocketAddr) -> bool {
        self.own_towards(address).is_ipv4() == address.is_ipv4()
    }
}

/// The version that a Warning names (`301 HOST "Use IPv4"`).
fn warned(warning: &str) -> Option<Version> {
    let text = warning.trim().strip_prefix(INCOMPATIBLE)?;
    let names = |version: &Version| text.contains(&version.to_string());
    [Version::V4, Version::V6].into_iter().find(names)
}

/// What an offer would have to look like: its streams in the version that is usable.
fn described(offer: &Description, usable: Version) -> Description {
    let line = |line: &Line| Line {
        rtp: SocketAddr::new(usable.unspecified(), DISCARD),
        direction: Direction::default(),
        rtcp: None,
        rtcp_mux: false,
        alternatives: Vec::new(),
        ..line.clone()
    };
    Description {
        session: 0,
        version: 0,
        origin: usable.unspecified(),
        lines: offer.lines.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_about_versions_names_one() {
        assert_eq!(warned("301 192.0.2.1:5060 \"Use IPv4\""), Some(Version::V4));
        assert_eq!(warned(" 301 [2001:db8::1] \"Use IPv6\""), Some(Version::V6));
        assert_eq!(warned("399 192.0.2.1 \"Use IPv6\""), None);
        assert_eq!(warned("301 192.0.2.1 \"Use something\""), None);
    }
}
