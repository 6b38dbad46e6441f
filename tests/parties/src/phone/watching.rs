//! Subscriptions, both sides of them (RFC 6665): who watches whom, and what is told.

use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::{Phone, Purpose};
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;
use crate::sip::uri::NameAddr;

/// The event package; what it says is not looked into.
const PACKAGE: &str = "presence";
/// The expiry that is asked for.
const EXPIRY: Duration = Duration::from_secs(40);

/// A phone's number for a subscription.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WatchId(pub(super) u32);

/// A subscription, at either end.
pub(super) struct Watch {
    role: Role,
    /// Nothing as long as nobody has answered.
    dialog: Option<Dialog>,
    /// The first SUBSCRIBE.
    request: Message,
    until: Instant,
    /// When it is asked for again, or lapses.
    next: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Watcher,
    Notifier,
}

impl Phone {
    /// Asks to be told how a user is, until [`Phone::unwatch`].
    pub fn watch(&mut self, now: Instant, user: &str) {
        let mut request = self.outside(Method::Subscribe, user);
        subscribe(&mut request, EXPIRY);
        let id = self.add_watch(Role::Watcher, None, &request, now + EXPIRY);
        let purpose = Purpose::Subscribe(id);
        self.send(now, request, self.config.proxy, purpose, 0);
    }

    /// No longer wants to be told anything.
    pub fn unwatch(&mut self, now: Instant) {
        let mine = |(id, watch): (&WatchId, &Watch)| (watch.role == Role::Watcher).then_some(*id);
        let ids: Vec<WatchId> = self.watches.iter().filter_map(mine).collect();
        for id in ids {
            self.resubscribe(now, id, Duration::ZERO);
        }
    }

    /// At how many subscriptions the phone is one end.
    pub fn watches(&self) -> usize {
        self.watches.len()
    }

    /// Tells everybody who watches.
    pub fn publish(&mut self, now: Instant, text: &str) {
        let theirs =
            |(id, watch): (&WatchId, &Watch)| (watch.role == Role::Notifier).then_some(*id);
        let ids: Vec<WatchId> = self.watches.iter().filter_map(theirs).collect();
        for id in ids {
            self.tell(now, id, text);
        }
    }

    /// Somebody wants to watch, goes on watching, or stops.
    pub(super) fn subscribed(&mut self, now: Instant, id: &ServerId, request: &Message) {
        let package = request.header("Event").unwrap_or_default();
        let asked = request.header("Expires").and_then(|text| text.parse().ok());
        let expiry = asked.map_or(EXPIRY, Duration::from_secs).min(EXPIRY);
        let known = self.watch_of(request, Role::Notifier);
        let watch = match (request.tag("To"), known) {
            (None, _) if package.trim() == PACKAGE => {
                let tag = format!("{:08x}", self.random.u32(..));
                let dialog = Dialog::from_request(request, &tag);
                self.add_watch(Role::Notifier, dialog, request, now + expiry)
            }
            (None, _) => return self.answer(now, id, request, 489),
            (Some(_), Some(watch)) => watch,
            (Some(_), None) => return self.answer(now, id, request, 481),
        };
        let Some(kept) = self.watches.get_mut(&watch) else {
            return;
        };
        kept.until = now + expiry;
        kept.next = Some(now + expiry);
        let local = kept.dialog.as_ref().map(|dialog| dialog.local.clone());
        let tag = local.and_then(|local| NameAddr::parse(&local).ok()?.tag().map(str::to_owned));
        let Some(tag) = tag else {
            self.watches.remove(&watch);
            return self.answer(now, id, request, 400);
        };
        let mut response = Message::response(request, 200, &tag);
        response.push("Contact", self.contact_for(id));
        response.push("Expires", expiry.as_secs().to_string());
        self.transactions.respond(now, id, &response);
        self.tell(now, watch, "");
    }

    /// What a watched phone says; whether it is one we watch.
    pub(super) fn notified_of(&mut self, now: Instant, id: &ServerId, request: &Message) -> bool {
        // The first notification may overtake the answer, and is a dialog then (§4.4.1).
        let Some(watch) = self.watch_of(request, Role::Watcher) else {
            return false;
        };
        self.told(now, id, request);
        let state = request.header("Subscription-State").unwrap_or_default();
        if state.trim_start().starts_with("terminated") {
            self.watches.remove(&watch);
        }
        true
    }

    pub(super) fn subscribe_response(
        &mut self,
        now: Instant,
        id: WatchId,
        request: &Message,
        response: &Message,
    ) {
        let status = response.status().unwrap_or_default();
        if status >= 200 {
            self.asked_response(request, response);
        }
        let Some(watch) = self.watches.get_mut(&id) else {
            return;
        };
        match status {
            200..=299 => {
                let granted = response
                    .header("Expires")
                    .and_then(|text| text.parse().ok());
                let expiry = Duration::from_secs(granted.unwrap_or_default());
                if watch.dialog.is_none() {
                    watch.dialog = Dialog::from_response(request, response);
                }
                watch.until = now + expiry;
                watch.next = Some(now + expiry / 2);
                if expiry.is_zero() || watch.dialog.is_none() {
                    // The last notification is still to come; nobody waits for it.
                    self.watches.remove(&id);
                }
            }
            300.. => {
                self.watches.remove(&id);
            }
            _ => {}
        }
    }

    /// The other side does not know the subscription, or is not there.
    pub(super) fn watch_failed(&mut self, id: WatchId) {
        self.watches.remove(&id);
    }

    /// Asks again for what is wanted on, and lets lapse what nobody asked for again.
    pub(super) fn watches_timeout(&mut self, now: Instant) {
        let due = |watch: &Watch| watch.next.is_some_and(|at| at <= now);
        let all = self.watches.iter_mut().filter(|(_, watch)| due(watch));
        let due = all.map(|(id, watch)| {
            watch.next = None;
            (*id, watch.role)
        });
        for (id, role) in due.collect::<Vec<_>>() {
            match role {
                Role::Watcher => self.resubscribe(now, id, EXPIRY),
                Role::Notifier => self.tell(now, id, ""),
            }
        }
    }

    /// When [`Phone::watches_timeout`] is wanted next.
    pub(super) fn next_watch(&self) -> Option<Instant> {
        self.watches.values().filter_map(|watch| watch.next).min()
    }

    fn resubscribe(&mut self, now: Instant, id: WatchId, expiry: Duration) {
        let (hop, contact) = self.way_of_watch(id);
        let watch = self.watches.get_mut(&id);
        let Some(dialog) = watch.and_then(|watch| watch.dialog.as_mut()) else {
            self.watches.remove(&id);
            return;
        };
        let mut request = dialog.request(Method::Subscribe, None);
        request.push("Contact", contact);
        subscribe(&mut request, expiry);
        let purpose = Purpose::Subscribe(id);
        self.send(now, request, hop, purpose, 0);
    }

    fn tell(&mut self, now: Instant, id: WatchId, text: &str) {
        let (hop, contact) = self.way_of_watch(id);
        let Some(watch) = self.watches.get_mut(&id) else {
            return;
        };
        let left = watch.until.since(now).as_secs();
        let Some(dialog) = watch.dialog.as_mut() else {
            return;
        };
        let mut request = dialog.request(Method::Notify, None);
        request.push("Contact", contact);
        request.push("Event", PACKAGE);
        let state = match left {
            0 => "terminated;reason=timeout".to_owned(),
            _ => format!("active;expires={left}"),
        };
        request.push("Subscription-State", state);
        if !text.is_empty() {
            request.set_body("text/plain", text);
        }
        let purpose = Purpose::Notify(id);
        self.send(now, request, hop, purpose, 0);
        if left == 0 {
            self.watches.remove(&id);
        }
    }

    /// Where a subscription's next request goes, and our Contact in it.
    fn way_of_watch(&self, id: WatchId) -> (SocketAddr, String) {
        let watch = self.watches.get(&id);
        let dialog = watch.and_then(|watch| watch.dialog.as_ref());
        let hop = dialog.and_then(|dialog| dialog.next_hop()?.address());
        let hop = hop.unwrap_or(self.config.proxy);
        (hop, self.contact_at(hop))
    }

    fn add_watch(
        &mut self,
        role: Role,
        dialog: Option<Dialog>,
        request: &Message,
        until: Instant,
    ) -> WatchId {
        let id = WatchId(self.next_watch);
        self.next_watch += 1;
        let watch = Watch {
            role,
            dialog,
            request: request.clone(),
            until,
            next: None,
        };
        self.watches.insert(id, watch);
        id
    }

    fn watch_of(&self, request: &Message, role: Role) -> Option<WatchId> {
        let found = self.watches.iter().find(|(_, watch)| {
            let matches = match &watch.dialog {
                Some(dialog) => dialog.matches(request),
                None => {
                    watch.request.call_id() == request.call_id()
                        && watch.request.tag("From") == request.tag("To")
                }
            };
            watch.role == role && matches
        });
        found.map(|(id, _)| *id)
    }
}

fn subscribe(request: &mut Message, expiry: Duration) {
    request.push("Event", PACKAGE);
    request.push("Accept", "text/plain");
    request.push("Expires", expiry.as_secs().to_string());
}
