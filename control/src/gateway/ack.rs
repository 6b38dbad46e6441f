//! ACKs for 2xx, and 2xx that come again or unasked for (RFC 3261 §13.2.2.4, RFC 6026 §8).

use strait_shared::time::Instant;

use super::describe::{Described, Role};
use super::dialogs::DialogKey;
use super::io::{Flow, Output};
use super::limits::MAX_EARLY_DIALOGS;
use super::mapping::{Crossing, Told, drop_description};
use super::outbound::{Outbound, joined};
use super::record::EndedBy;
use super::transaction::ClientId;
use super::{Asked, Gateway};
use crate::media::Side;
use crate::sip::{Builder, HeaderName, Message, Method, Splices, Status};

impl Gateway {
    /// An ACK for a 2xx.
    pub(super) fn ack(&mut self, now: Instant, near: Flow, request: &Message) {
        let Some((key, from)) = self.find_dialog(near, request) else {
            self.counters.stray_acks += 1;
            self.count_stranger(near, request);
            return;
        };
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        let dialog = self.dialogs.get_mut(key).expect("it was found");
        let handshake = dialog.handshake_mut(from);
        let Some(handshake) = handshake.filter(|handshake| handshake.cseq == cseq) else {
            self.counters.stray_acks += 1;
            return;
        };
        if let Some((flow, bytes)) = handshake.ack.clone() {
            self.outputs.push_back(Output::Send { flow, bytes });
            return;
        }
        handshake.success = Vec::new();
        self.timers.cancel(handshake.timer);
        self.party_heard(now, key, from, near);
        let mut edits = Splices::new();
        let agreed = self.describe_ack(now, key, from, request, &mut edits);
        self.pass_ack(now, key, from, near, request, &mut edits);
        let call = self.dialogs.get(key).and_then(|dialog| dialog.call);
        if let (false, Some(call)) = (agreed, call) {
            self.end_call(now, call, EndedBy::Strait, "media refused");
        }
    }

    /// A 2xx to an INVITE came again, or from a further callee.
    pub(super) fn success_again(
        &mut self,
        now: Instant,
        key: DialogKey,
        flow: Flow,
        client: ClientId,
        response: &Message,
    ) {
        if !response.status().is_some_and(Status::is_success) {
            return;
        }
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        let Some(handshake) = dialog.handshake_in(client) else {
            return;
        };
        let (from, ack) = (handshake.from, handshake.ack.clone());
        let (server, success) = (handshake.server, handshake.success.clone());
        let tag = &dialog.party(from.other()).tag;
        if **tag != *Self::to_tag(response).unwrap_or_default() {
            self.unwanted_response(now, flow, client, response);
            return;
        }
        match ack {
            Some((flow, bytes)) => self.outputs.push_back(Output::Send { flow, bytes }),
            None if success.is_empty() => {}
            None => server
                .into_iter()
                .for_each(|server| self.send_back(now, server, Status::OK, success.clone())),
        }
    }

    /// A response to an INVITE nobody waits for any more: a 2xx is acknowledged, and what it set
    /// up is ended.
    pub(super) fn unwanted_response(
        &mut self,
        now: Instant,
        flow: Flow,
        client: ClientId,
        response: &Message,
    ) {
        let is_invite = response
            .cseq()
            .is_ok_and(|cseq| cseq.method == Method::Invite);
        if !is_invite || !response.status().is_some_and(Status::is_success) {
            return;
        }
        let tag: Box<[u8]> = Self::to_tag(response).unwrap_or_default().into();
        let flow = self.beyond(response, flow);
        let (_, bytes) = self.derived(response, Method::Ack, 0, flow);
        self.outputs.push_back(Output::Send { flow, bytes });
        let dismissed = match self.asked.get_mut(&client) {
            Some(Asked::Unwanted(dismissed)) => dismissed,
            Some(Asked::Success(key)) => {
                let dialog = self.dialogs.get_mut(*key);
                let handshake = dialog.and_then(|dialog| dialog.handshake_in(client));
                let Some(handshake) = handshake else { return };
                &mut handshake.dismissed
            }
            _ => return,
        };
        if !dismissed.contains(&tag) && dismissed.len() < MAX_EARLY_DIALOGS {
            dismissed.push(tag);
            let (branch, bytes) = self.derived(response, Method::Bye, 1, flow);
            self.ask(now, flow, Method::Bye, &branch, bytes, Asked::Farewell);
        }
    }

    /// The transaction that could bring a 2xx again is over.
    pub(super) fn forget_handshake(&mut self, key: DialogKey, client: ClientId) {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        for handshake in &mut dialog.handshakes {
            if let Some(over) = handshake.take_if(|handshake| handshake.client == Some(client)) {
                self.timers.cancel(over.timer);
            }
        }
    }

    /// No ACK came for a 2xx (RFC 3261 §13.3.1.4).
    pub(super) fn ack_missing(&mut self, now: Instant, key: DialogKey) {
        let call = self.dialogs.get(key).and_then(|dialog| dialog.call);
        if let Some(call) = call {
            self.end_call(now, call, EndedBy::Strait, "no ACK");
        }
    }

    /// Whether the ACK's description could be carried out, if it has one. It has to have one where
    /// it answers a call's first offer (RFC 3261 §13.2.2.4): the call would stand without media.
    fn describe_ack(
        &mut self,
        now: Instant,
        key: DialogKey,
        by: Side,
        request: &Message,
        edits: &mut Splices,
    ) -> bool {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return true;
        };
        let handshake = dialog.handshake_mut(by);
        let offered = handshake.is_some_and(|handshake| handshake.offered);
        let session = dialog.session.filter(|_| offered);
        let (Some(session), Some(text)) = (session, request.session_description()) else {
            // An offer without answer, or an answer without offer.
            let stands = session.is_none() || dialog.agreed;
            session
                .into_iter()
                .for_each(|session| self.withdraw(now, session, by.other()));
            let text = request.session_description();
            text.into_iter()
                .for_each(|text| drop_description(request, text, edits));
            return stands;
        };
        dialog.agreed = true;
        let source = dialog.party(by).flow.remote.ip();
        let described = Described {
            session,
            by,
            role: Role::Answer,
            source,
        };
        let agreed = self.describe(now, request, text, described, edits).is_ok();
        if !agreed {
            drop_description(request, text, edits);
        }
        agreed
    }

    fn pass_ack(
        &mut self,
        now: Instant,
        key: DialogKey,
        from: Side,
        near: Flow,
        request: &Message,
        edits: &mut Splices,
    ) {
        let contact = self.refresh_target(now, key, from, request);
        let branch = self.own_branch();
        let Some(dialog) = self.dialogs.get(key) else {
            return;
        };
        let other = dialog.party(from.other());
        let (uri, routes, far) = self.addressing(other);
        let via = self.via(far, &branch);
        let mut crossing = Crossing {
            now,
            settings: &self.settings,
            tokens: &mut self.tokens,
            call_ids: &mut self.call_ids,
            dialogs: &self.dialogs,
            message: request,
            near,
            far,
            softswitch: self.settings.softswitch_at(far),
            told: Told::default(),
            keeps_body: dialog.direct,
            held: None,
        };
        let outbound = Outbound {
            uri: Some(&uri),
            routes: &routes,
            via: &via,
            call_id: &other.call_id,
            from: &other.peer_uri,
            to: &other.uri,
            contacts: contact.as_slice(),
        };
        outbound.edit(request, &mut crossing, edits);
        let mut bytes = Vec::with_capacity(request.bytes().len() + 128);
        request.render(edits, &mut bytes);
        self.flush_media();
        self.counters.sent += 1;
        self.outputs.push_back(Output::Send {
            flow: far,
            bytes: bytes.clone(),
        });
        let dialog = self.dialogs.get_mut(key);
        if let Some(handshake) = dialog.and_then(|dialog| dialog.handshake_mut(from)) {
            handshake.ack = Some((far, bytes));
        }
    }

    /// Where requests go within the dialog that a response to our request sets up.
    fn beyond(&self, response: &Message, heard: Flow) -> Flow {
        let mut routes = response.addresses(HeaderName::RecordRoute).flatten();
        let route = routes.by_ref().last();
        let contact = response.addresses(HeaderName::Contact).flatten().next();
        let hop = route.or(contact).map(|(_, address)| address.uri);
        hop.map_or(heard, |hop| self.next_hop(&hop, heard))
    }

    /// A request within the dialog that a response to our request sets up: its branch and bytes.
    fn derived(
        &mut self,
        response: &Message,
        method: Method,
        later: u32,
        flow: Flow,
    ) -> (String, Vec<u8>) {
        let branch = self.own_branch();
        let contact = response.addresses(HeaderName::Contact).flatten().next();
        let to = response.address(HeaderName::To).ok();
        let uri = contact
            .map(|(_, contact)| contact.uri)
            .or(to.map(|to| to.uri));
        let uri = uri.map_or(&b"sip:nobody.invalid"[..], |uri| uri.text.as_bytes());
        let routes = joined(response, HeaderName::RecordRoute, true);
        let value = |name| {
            response
                .value(name)
                .map_or(&b""[..], |value| value.as_bytes())
        };
        let cseq = response.cseq().map_or(1, |cseq| cseq.number);
        let mut bytes = Vec::with_capacity(512);
        let mut builder =
            Builder::request(&mut bytes, method, uri).header("Via", self.via(flow, &branch));
        if !routes.is_empty() {
            builder = builder.header("Route", &routes);
        }
        builder
            .header("Max-Forwards", "70")
            .header("From", value(HeaderName::From))
            .header("To", value(HeaderName::To))
            .header("Call-ID", value(HeaderName::CallId))
            .header_fmt("CSeq", format_args!("{} {method}", cseq + later))
            .finish();
        (branch, bytes)
    }
}
