//! An INVITE that begins a call: whether it is taken, and its offer.

use std::time::Duration;

use strait_config::SoftswitchIndex;
use strait_shared::time::Instant;

use super::Gateway;
use super::calls::{Call, CallKey, CallState};
use super::describe::{Described, Role};
use super::exchange::{ExchangeKey, PartOf};
use super::inspect::Inspected;
use super::io::Flow;
use super::limits::MAX_KEPT_BYTES;
use super::record::{CallRecord, PartyRecord};
use super::reply::Reply;
use super::route::Route;
use super::send::Forward;
use super::serve::steer::Decision;
use super::transaction::ServerId;
use crate::media::{BySide, Family, Side, SideSetup};
use crate::sip::{HeaderName, Message, Splices, Status};

impl Gateway {
    /// An INVITE came in outside of dialogs.
    pub(super) fn invite(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
        inspected: Inspected,
    ) {
        let (route, contact) = match self.admit_call(now, near, request) {
            Ok(admitted) => admitted,
            Err(reply) => return self.reply(now, server, request, reply),
        };
        self.reply(now, server, request, Status::TRYING);
        self.counters.calls += 1;
        let record = self.begin_record(now, near, request);
        let call = self.calls.insert(Call {
            state: CallState::Calling,
            invite: None,
            parties: None,
            offered: request.session_description().is_some(),
            session: None,
            sessions: Vec::new(),
            dialogs: Vec::new(),
            direct: false,
            leg: None,
            record,
        });
        let contacts = vec![self.tokens.hold(now, near, &contact)];
        let part_of = PartOf::Call(call);
        let forward = Forward {
            server,
            near,
            inspected,
            route,
            part_of,
            contacts,
        };
        self.forward(now, request, forward);
    }

    /// Gives the call's offer to its media before it goes to `far`.
    pub(super) fn offer_onward(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        far: Flow,
        edits: &mut Splices,
    ) -> Result<(), Reply> {
        let Some(exchange) = self.exchanges.get(key) else {
            return Ok(());
        };
        let PartOf::Call(call) = exchange.part_of else {
            return Ok(());
        };
        if exchange.direct {
            return Ok(());
        }
        let near = exchange.near;
        let session = self.session_towards(now, call, near, far);
        let steering = self.calls.get(call).and_then(|call| call.record.steering);
        if steering.is_some_and(|steering| steering.decision == Decision::Altc) {
            self.media.offer_both(session);
        }
        let Some(text) = request.session_description() else {
            return Ok(());
        };
        let source = near.remote.ip();
        let described = Described {
            session,
            by: Side::Caller,
            role: Role::Offer,
            source,
        };
        self.describe(now, request, text, described, edits)
    }

    /// The session of a call whose callee is in the realm of `far`: the one it has, unless that
    /// was made for another realm or family.
    fn session_towards(
        &mut self,
        now: Instant,
        key: CallKey,
        near: Flow,
        far: Flow,
    ) -> crate::media::SessionId {
        let setup = |flow: Flow| SideSetup {
            realm: flow.realm,
            family: Family::from(flow.remote.ip()),
        };
        let call = self.calls.get_mut(key).expect("its INVITE is being sent");
        let before = call.party(Side::Callee).map(|party| setup(party.flow));
        if let Some(session) = call.session.take() {
            if before == Some(setup(far)) {
                call.session = Some(session);
                return session;
            }
            self.media.close(now, session);
        }
        let sides = BySide {
            caller: setup(near),
            callee: setup(far),
        };
        let session = self.media.begin(sides);
        self.calls.own_session(session, key);
        if let Some(call) = self.calls.get_mut(key) {
            call.session = Some(session);
        }
        session
    }

    /// Whether a new call is taken, where it goes and the Contact of its caller.
    fn admit_call(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
    ) -> Result<(Route, Box<[u8]>), Reply> {
        if self.draining {
            return Err(Reply::unavailable("Shutting Down"));
        }
        if self.media_backlog {
            self.counters.media_backlog += 1;
            return Err(Reply::unavailable("Media Relay Busy"));
        }
        let limits = self.settings.config.limits;
        if self.calls.len() >= limits.calls as usize {
            self.counters.calls_over_limit += 1;
            return Err(Reply::unavailable("Too Many Calls"));
        }
        let contact = request.addresses(HeaderName::Contact).flatten().next();
        let contact = contact.map(|(_, contact)| contact.uri.text.as_bytes());
        let bad = |reason: &str| Reply::from(Status::BAD_REQUEST).because(reason);
        let contact = contact.ok_or_else(|| bad("Missing Contact Header"))?;
        if contact.len() > MAX_KEPT_BYTES {
            return Err(bad("Contact Too Long"));
        }
        let route = self.route(now, near, request);
        let route = route.inspect_err(|reply| {
            let lost = reply.status == Status::SERVICE_UNAVAILABLE;
            self.counters.no_softswitch += u64::from(lost);
        })?;
        if !self.keeps_rate(now) {
            return Err(Reply::unavailable("Too Many Calls a Second"));
        }
        Ok((route, contact.into()))
    }

    /// New calls come at the configured rate on average, and a second's worth at once at most.
    pub(super) fn keeps_rate(&mut self, now: Instant) -> bool {
        let second = Duration::from_secs(1);
        let due = self.next_call.max(now);
        if due.since(now) >= second {
            self.counters.calls_over_rate += 1;
            return false;
        }
        let calls_per_second = self.settings.config.limits.calls_per_second;
        self.next_call = due + second / calls_per_second.max(1);
        true
    }

    fn begin_record(&mut self, now: Instant, near: Flow, request: &Message) -> CallRecord {
        let uri = |name| {
            let address = request.address(name);
            address.map_or(String::new(), |address| text(address.uri.text.as_bytes()))
        };
        CallRecord {
            number: self.calls.next_number().0,
            caller: PartyRecord {
                realm: self.settings.realm_config(near.realm).name.to_string(),
                call_id: request
                    .call_id()
                    .map_or(String::new(), |id| text(id.as_bytes())),
                from: uri(HeaderName::From),
                to: uri(HeaderName::To),
                address: Some(near.remote),
            },
            callee: PartyRecord::default(),
            softswitch: None,
            began: self.clock.timestamp(now),
            answered: None,
            ended: None,
            duration_ms: 0,
            ending: None,
            steering: None,
            gateway: None,
            streams: Vec::new(),
        }
    }

    /// Where the call went, once its INVITE has left.
    pub(super) fn record_callee(&mut self, key: CallKey, softswitch: Option<SoftswitchIndex>) {
        let name = |index| self.settings.config.softswitch(index).name.to_string();
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let Some(callee) = call.party(Side::Callee) else {
            return;
        };
        call.record.callee = PartyRecord {
            realm: self
                .settings
                .realm_config(callee.flow.realm)
                .name
                .to_string(),
            call_id: text(&callee.call_id),
            from: text(&callee.peer_uri),
            to: text(&callee.uri),
            address: Some(callee.flow.remote),
        };
        call.record.softswitch = softswitch.map(name);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
