//! SUBSCRIBE and REFER outside of dialogs, which begin dialogs of their own: with the response, or
//! with a NOTIFY that is faster or comes from a further notifier (RFC 6665 §4.1.2, §4.1.4).

use strait_shared::time::Instant;

use super::Gateway;
use super::dialogs::{DialogKey, Party};
use super::due::Due;
use super::exchange::PartOf;
use super::in_dialog::is_known;
use super::inspect::Inspected;
use super::io::{Flow, RealmIndex};
use super::limits::{DIALOGS_BESIDE_CALLS, MAX_FORKED_SUBSCRIPTIONS, NOTIFY_WAIT};
use super::outbound::joined;
use super::reply::Reply;
use super::send::Forward;
use super::timer::TimerId;
use super::transaction::ServerId;
use crate::media::Side;
use crate::sip::{HeaderName, Message, Status};

/// A request that may begin dialogs, while it is on its way.
#[derive(Debug, Default)]
pub struct Opening {
    /// How its dialogs are found; nothing before it was sent.
    pub name: Option<OpeningName>,
}

/// Names an opening by what a NOTIFY for it says: realm, Call-ID and the subscriber's tag.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OpeningName(u128);

/// An opening that dialogs may still come of.
#[derive(Debug)]
pub struct Open {
    /// Subscriber and notifier; the notifier has no tag yet.
    parties: [Party; 2],
    /// Whether bodies pass as they are.
    direct: bool,
    dialogs: usize,
    timer: TimerId,
}

impl Gateway {
    /// A SUBSCRIBE or REFER came in outside of dialogs.
    pub(super) fn open(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
        inspected: Inspected,
    ) {
        match self.plan_opening(now, near, request) {
            Ok((route, contact)) => {
                let token = self.tokens.hold(now, near, &contact);
                let part_of = PartOf::Opening(Opening::default());
                let contacts = vec![token];
                self.forward(
                    now,
                    request,
                    Forward {
                        server,
                        near,
                        inspected,
                        route,
                        part_of,
                        contacts,
                    },
                );
            }
            Err(reply) => self.reply(now, server, request, reply),
        }
    }

    fn plan_opening(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
    ) -> Result<(super::route::Route, Box<[u8]>), Reply> {
        let contact = request.addresses(HeaderName::Contact).flatten().next();
        let Some((_, contact)) = contact else {
            return Err(Reply::from(Status::BAD_REQUEST).because("Missing Contact Header"));
        };
        if self.dialogs.len() >= self.dialog_bound() {
            return Err(Reply::unavailable("Too Many Subscriptions"));
        }
        let route = self.route(now, near, request)?;
        Ok((route, contact.uri.text.as_bytes().into()))
    }

    /// The request has left: its NOTIFYs may come.
    pub(super) fn await_notifiers(
        &mut self,
        now: Instant,
        parties: [Party; 2],
        direct: bool,
    ) -> OpeningName {
        let far = &parties[Side::Callee as usize];
        let tag = parties[Side::Caller as usize].tag.clone();
        let name = self.opening_name(far.flow.realm, &far.call_id, &tag);
        let contact = parties[Side::Caller as usize].contact;
        if let Some(token) = contact {
            self.tokens.hold_again(token);
        }
        let timer = self.timers.arm(now, NOTIFY_WAIT, Due::Opening(name));
        if let Some(old) = self.openings.insert(
            name,
            Open {
                parties,
                direct,
                dialogs: 0,
                timer,
            },
        ) {
            self.let_go(now, old);
        }
        name
    }

    /// No dialog comes of it any more.
    pub(super) fn close_opening(&mut self, now: Instant, name: OpeningName) {
        if let Some(open) = self.openings.remove(&name) {
            self.let_go(now, open);
        }
    }

    /// The dialog that a 2xx begins, or the one a NOTIFY has begun before it.
    pub(super) fn opened(
        &mut self,
        now: Instant,
        name: OpeningName,
        response: &Message,
    ) -> Option<DialogKey> {
        let to = response.address(HeaderName::To).ok()?;
        let tag = to.tag()?;
        let parties = &self.openings.get(&name)?.parties;
        let far = &parties[Side::Callee as usize];
        let (realm, call_id) = (far.flow.realm, far.call_id.clone());
        let near_tag = parties[Side::Caller as usize].tag.clone();
        if let Some((key, _)) = self.dialogs.find(realm, &call_id, &tag, &near_tag) {
            return Some(key);
        }
        let routes = joined(response, HeaderName::RecordRoute, true);
        self.begin_subscription(now, name, &tag, response, routes)
    }

    /// The dialog that a NOTIFY begins, where somebody asked for it.
    pub(super) fn notified(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
    ) -> Option<DialogKey> {
        let tag = |name| request.address(name).ok()?.tag();
        let (from, to) = (tag(HeaderName::From)?, tag(HeaderName::To)?);
        let name = self.opening_name(near.realm, &request.call_id().ok()?, &to);
        let [subscriber, notifier] = &self.openings.get(&name)?.parties;
        if !is_known(near, request, notifier, subscriber) {
            self.counters.strangers += 1;
            return None;
        }
        let routes = joined(request, HeaderName::RecordRoute, false);
        self.begin_subscription(now, name, &from, request, routes)
    }

    fn begin_subscription(
        &mut self,
        now: Instant,
        name: OpeningName,
        tag: &[u8],
        message: &Message,
        route_set: Box<[u8]>,
    ) -> Option<DialogKey> {
        let room = self.dialogs.len() < self.dialog_bound();
        let open = self.openings.get_mut(&name)?;
        if !room || open.dialogs >= MAX_FORKED_SUBSCRIPTIONS {
            return None;
        }
        open.dialogs += 1;
        let direct = open.direct;
        let [caller, mut callee] = open.parties.clone();
        let contact = message.addresses(HeaderName::Contact).flatten().next();
        if let Some((_, contact)) = contact {
            callee.target = contact.uri.text.as_bytes().into();
        }
        (callee.tag, callee.route_set) = (tag.into(), route_set);
        let key = self.begin_dialog(now, [caller, callee], None);
        self.dialogs.get_mut(key)?.direct = direct;
        self.extend_subscription(now, key, NOTIFY_WAIT);
        Some(key)
    }

    fn let_go(&mut self, now: Instant, open: Open) {
        self.timers.cancel(open.timer);
        let contact = open.parties[Side::Caller as usize].contact;
        contact
            .into_iter()
            .for_each(|token| self.tokens.release(now, token));
    }

    fn opening_name(&self, realm: RealmIndex, call_id: &[u8], tag: &[u8]) -> OpeningName {
        OpeningName(
            self.opening_key
                .hash(&[&realm.0.to_le_bytes(), call_id, tag]),
        )
    }

    fn dialog_bound(&self) -> usize {
        self.settings.config.limits.calls as usize * super::limits::MAX_EARLY_DIALOGS
            + DIALOGS_BESIDE_CALLS
    }
}

/// How long a dialog's subscription lives by what a NOTIFY or a response says.
pub fn subscription_seconds(message: &Message) -> Option<u32> {
    let state = message
        .parametrised(HeaderName::SubscriptionState)
        .ok()
        .flatten();
    let stated = state.and_then(|state| state.params.value("expires")?.as_str()?.parse().ok());
    stated.or_else(|| message.seconds(HeaderName::Expires).ok().flatten())
}

/// Whether a NOTIFY ends its subscription.
pub fn is_terminated(request: &Message) -> bool {
    let state = request
        .parametrised(HeaderName::SubscriptionState)
        .ok()
        .flatten();
    state.is_some_and(|state| state.value.is("terminated"))
}
