//! How dialogs begin, move and end.

use std::time::Duration;

use strait_shared::time::Instant;

use super::Gateway;
use super::calls::CallKey;
use super::dialogs::{Dialog, DialogKey, Party};
use super::due::Due;
use super::io::Flow;
use super::limits::{MAX_KEPT_BYTES, REFER_SUBSCRIPTION};
use super::opening::subscription_seconds;
use super::token::Token;
use crate::media::Side;
use crate::sip::{HeaderName, Message, NameAddr, Uri};

impl Gateway {
    /// Adds a dialog: what stands for its parties' Contacts is held, their flows are kept open.
    pub(super) fn begin_dialog(
        &mut self,
        now: Instant,
        parties: [Party; 2],
        call: Option<CallKey>,
    ) -> DialogKey {
        let mut dialog = Dialog::new(parties, call);
        for side in Side::BOTH {
            let party = dialog.party_mut(side);
            party.contact = match party.contact {
                Some(token) => Some(self.tokens.hold_again(token)),
                None if party.target.is_empty() => None,
                None => Some(self.tokens.hold(now, party.flow, &party.target)),
            };
            let (flow, target) = (party.flow, party.target.clone());
            self.keep_flow(now, flow, &target);
        }
        let key = self.dialogs.insert(dialog);
        if call.is_some() {
            self.begin_inquiry(now, key);
        }
        key
    }

    /// Takes a dialog out.
    pub(super) fn end_dialog(&mut self, now: Instant, key: DialogKey) {
        let Some(dialog) = self.dialogs.remove(key) else {
            return;
        };
        self.end_inquiry(key);
        for party in &dialog.parties {
            party
                .contact
                .into_iter()
                .for_each(|token| self.tokens.release(now, token));
            self.drop_flow(party.flow);
        }
        dialog.subscription.map(|timer| self.timers.cancel(timer));
        dialog.session_timer.map(|timer| self.timers.cancel(timer));
        for handshake in dialog.handshakes.into_iter().flatten() {
            self.timers.cancel(handshake.timer);
        }
    }

    /// The dialog's call is over; the dialog too, unless a subscription shares it (RFC 5057 §4).
    pub(super) fn leave_call(&mut self, now: Instant, key: DialogKey) {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        (dialog.call, dialog.session) = (None, None);
        dialog
            .session_timer
            .take()
            .map(|timer| self.timers.cancel(timer));
        let over = dialog.is_over();
        self.end_inquiry(key);
        if over {
            self.end_dialog(now, key);
        }
    }

    /// A party was heard on a flow: from now on it is reached there.
    pub(super) fn party_heard(&mut self, now: Instant, key: DialogKey, side: Side, flow: Flow) {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        let party = dialog.party_mut(side);
        let (old, target) = (party.flow, party.target.clone());
        let contact = party.contact;
        party.flow = flow;
        if old != flow {
            contact
                .into_iter()
                .for_each(|token| self.tokens.heard(token, flow));
            self.keep_flow(now, flow, &target);
            self.drop_flow(old);
        }
        self.flow_heard(flow);
    }

    /// Takes over a party's Contact where a message names one (RFC 3261 §12.2); what stands for
    /// it on the other side.
    pub(super) fn refresh_target(
        &mut self,
        now: Instant,
        key: DialogKey,
        side: Side,
        message: &Message,
    ) -> Option<Token> {
        let contact = message.addresses(HeaderName::Contact).flatten().next();
        let dialog = self.dialogs.get_mut(key)?;
        let party = dialog.party_mut(side);
        let Some((_, contact)) = contact else {
            return party.contact;
        };
        let uri = contact.uri.text;
        if *party.target != *uri && uri.len() <= MAX_KEPT_BYTES {
            party.target = uri.as_bytes().into();
            let (flow, old) = (party.flow, party.contact.take());
            let token = self.tokens.hold(now, flow, &uri);
            old.into_iter()
                .for_each(|old| self.tokens.release(now, old));
            self.dialogs.get_mut(key)?.party_mut(side).contact = Some(token);
        }
        self.dialogs.get(key)?.party(side).contact
    }

    /// What stands for the callee's Contact in a response it gave.
    pub(super) fn contact_of(
        &mut self,
        now: Instant,
        key: DialogKey,
        response: &Message,
    ) -> Option<Token> {
        self.refresh_target(now, key, Side::Callee, response)
    }

    /// What a request to a party is addressed to, its Route values and its path
    /// (RFC 3261 §12.2.1.1).
    pub(super) fn addressing(&self, party: &Party) -> (Vec<u8>, Vec<u8>, Flow) {
        let target = if party.target.is_empty() {
            &party.uri
        } else {
            &party.target
        };
        let first = first_route(&party.route_set);
        let hop = first
            .as_ref()
            .map(|route| route.uri)
            .or_else(|| Uri::parse(target));
        let moved = party.contact.and_then(|token| self.tokens.moved_to(token));
        let own = moved.unwrap_or(party.flow);
        let flow = hop.map_or(own, |hop| self.next_hop(&hop, own));
        let flow = match self.is_cut_off(flow) {
            true => self.registered_flow(party, flow).unwrap_or(flow),
            false => flow,
        };
        match first.filter(|route| !route.uri.params.has("lr")) {
            None => (target.to_vec(), party.route_set.to_vec(), flow),
            Some(strict) => {
                let rest = &party.route_set[strict.text.span().end()..];
                let rest = rest.trim_ascii_start().strip_prefix(b",").unwrap_or(rest);
                let rest = rest.trim_ascii_start();
                let parted: &[u8] = if rest.is_empty() { b"" } else { b", " };
                let routes = [rest, parted, b"<", target, b">"].concat();
                (strict.uri.text.to_vec(), routes, flow)
            }
        }
    }

    /// A SUBSCRIBE or REFER was accepted: its dialog lives as long as the subscription.
    pub(super) fn accept_subscription(&mut self, now: Instant, key: DialogKey, response: &Message) {
        let seconds = subscription_seconds(response);
        let life = seconds.map_or(REFER_SUBSCRIPTION, |s| Duration::from_secs(s.into()));
        self.extend_subscription(now, key, life.max(super::limits::NOTIFY_WAIT));
    }

    /// Sets when the dialog's subscription ends by itself.
    pub(super) fn extend_subscription(&mut self, now: Instant, key: DialogKey, life: Duration) {
        let timer = self.timers.arm(now, life, Due::Subscription(key));
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        let old = dialog.subscription.replace(timer);
        old.map(|old| self.timers.cancel(old));
    }

    /// The dialog's subscription is over.
    pub(super) fn end_subscription(&mut self, now: Instant, key: DialogKey) {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        let timer = dialog.subscription.take();
        let over = dialog.is_over();
        timer.map(|timer| self.timers.cancel(timer));
        if over {
            self.end_dialog(now, key);
        }
    }

    /// Nothing was heard of a subscription for as long as it was to last.
    pub(super) fn subscription_expired(&mut self, now: Instant, key: DialogKey) {
        self.end_subscription(now, key);
    }
}

/// The first of a party's routes.
fn first_route(routes: &[u8]) -> Option<NameAddr<'_>> {
    if routes.is_empty() {
        return None;
    }
    let end = routes
        .iter()
        .position(|byte| *byte == b'>')
        .map_or(routes.len(), |end| end + 1);
    NameAddr::parse(routes, crate::sip::Span::new(0, end))
}
