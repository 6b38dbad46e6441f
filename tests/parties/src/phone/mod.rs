//! A telephone: registers, places and takes calls, plays its voice and judges what it hears.
//!
//! The caller of [`Phone`] acts as the person holding it (`call`, `hang_up`, `hold`, …), reads
//! [`Event`]s, and asks a [`Call`] what was heard. One phone can be in many calls at once; each
//! takes a pair of media ports.

mod asking;
mod call;
mod callee;
mod caller;
mod config;
mod event;
mod in_dialog;
mod moving;
mod redirecting;
mod reflection;
mod register;
mod reliable;
mod requests;
mod session;
mod stream;
mod transfer;
mod update;
mod versions;
mod watching;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rsip::Method;
use strait_shared::time::Instant;

use self::call::OnAck;
pub use self::call::{Call, CallHandle, State};
pub use self::config::{Answer, Answering, Config, Dual, Hold, Offer, Registering};
pub use self::event::{EndReason, Event};
pub use self::stream::{RtcpSeen, Stream};
pub use crate::sip::version::Version;

use self::event::Due;
use self::reflection::Reflection;
use self::register::{Registration, Which};
use self::watching::{Watch, WatchId};
use crate::party::{Datagram, Party};
use crate::sip::message::Message;
use crate::sip::transaction::{Arrival, ClientId, Expired, ServerId, Transactions};

/// A telephone.
pub struct Phone {
    config: Config,
    random: fastrand::Rng,
    transactions: Transactions,
    pending: BTreeMap<ClientId, Pending>,
    registrations: [Registration; 2],
    reflection: Reflection,
    calls: BTreeMap<CallHandle, Call>,
    next_call: u32,
    watches: BTreeMap<WatchId, Watch>,
    next_watch: u32,
    schedule: BTreeMap<(Instant, u64), (CallHandle, Due)>,
    scheduled: u64,
    out: VecDeque<Datagram>,
    events: VecDeque<Event>,
}

/// A request on its way and what it is for.
struct Pending {
    purpose: Purpose,
    request: Message,
    hop: SocketAddr,
    /// How often a challenge to it was answered.
    answered: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Register(Which),
    Invite(CallHandle),
    Reinvite(CallHandle),
    Update(CallHandle),
    EarlyUpdate(CallHandle),
    Info(CallHandle),
    /// MESSAGE and OPTIONS.
    Asked,
    Subscribe(WatchId),
    Notify(WatchId),
    Bye(CallHandle),
    Refer(CallHandle),
    /// CANCEL, PRACK and NOTIFY: nothing hangs on the answer.
    Untended,
}

impl Phone {
    /// A phone that has just been switched on; it does nothing until told to.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            transactions: Transactions::over(config.tcp),
            pending: BTreeMap::new(),
            registrations: Default::default(),
            reflection: Reflection::default(),
            calls: BTreeMap::new(),
            next_call: 0,
            watches: BTreeMap::new(),
            next_watch: 0,
            schedule: BTreeMap::new(),
            scheduled: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// What happened, in order, until there is nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How the phone is set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes how the next incoming calls are treated.
    pub fn set_answering(&mut self, answering: Answering) {
        self.config.answering = answering;
    }

    /// A call, while it lasts and after, until [`Phone::forget`].
    pub fn call_at(&self, call: CallHandle) -> Option<&Call> {
        self.calls.get(&call)
    }

    /// Every call not forgotten, in the order they began.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values()
    }

    /// Lets go of a call that has ended, and of its ports.
    pub fn forget(&mut self, call: CallHandle) {
        if self
            .calls
            .get(&call)
            .is_some_and(|call| call.state == State::Ended)
        {
            self.calls.remove(&call);
        }
    }

    fn signalling(&mut self, now: Instant, datagram: &Datagram) {
        // CRLF keep-alives and their answers (RFC 5626 §3.5.1) are no messages.
        let Ok(message) = Message::parse(&datagram.payload) else {
            return;
        };
        if message.status().is_some() {
            self.response(now, &message);
            return;
        }
        let (source, local) = (datagram.source, datagram.destination);
        match self.transactions.receive(now, source, local, &message) {
            Arrival::New(id) => self.request(now, id, &message),
            Arrival::AckForSuccess => self.acknowledged(now, &message),
            Arrival::Absorbed | Arrival::Unmatched => {}
        }
    }

    fn request(&mut self, now: Instant, id: ServerId, request: &Message) {
        let known = self.call_of(request);
        match (request.method(), known) {
            (Some(Method::Invite), Some(call)) => self.reinvited(now, call, id, request),
            (Some(Method::Invite), None) if request.tag("To").is_none() => {
                self.invited(now, id, request);
            }
            (Some(Method::Cancel), _) => self.cancelled(now, &id, request),
            (Some(Method::Bye), Some(call)) => self.remote_bye(now, call, &id, request),
            (Some(Method::PRack), Some(call)) => {
                self.acknowledged_early(now, call, &id, request);
            }
            (Some(Method::Update), Some(call)) => self.updated(now, call, &id, request),
            (Some(Method::Refer), Some(call)) => self.referred(now, call, &id, request),
            (Some(Method::Notify), Some(call)) => self.notified(now, call, &id, request),
            (Some(Method::Notify), None) if self.notified_of(now, &id, request) => {}
            (Some(Method::Subscribe), None) => self.subscribed(now, &id, request),
            (Some(Method::Message), _) | (Some(Method::Info), Some(_)) => {
                self.told(now, &id, request);
            }
            (Some(Method::Options), None) if request.tag("To").is_some() => {
                self.answer(now, &id, request, 481);
            }
            (Some(Method::Options), _) => self.answer(now, &id, request, 200),
            (
                Some(
                    Method::Invite
                    | Method::Bye
                    | Method::Refer
                    | Method::PRack
                    | Method::Update
                    | Method::Info
                    | Method::Notify,
                ),
                _,
            ) => self.answer(now, &id, request, 481),
            (Some(Method::Subscribe), Some(_)) => self.answer(now, &id, request, 489),
            _ => self.answer(now, &id, request, 405),
        }
    }

    fn response(&mut self, now: Instant, response: &Message) {
        let Some(id) = self.transactions.response(now, response) else {
            return;
        };
        let status = response.status().unwrap_or_default();
        let Some(pending) = self.pending.get(&id) else {
            return;
        };
        if matches!(status, 401 | 407)
            && pending.answered < 2
            && let Some(purpose) = self.authenticate(now, &id, response)
        {
            self.resent(purpose);
            return;
        }
        let Some(pending) = self.pending.get(&id) else {
            return;
        };
        let (purpose, request) = (pending.purpose, pending.request.clone());
        // A 2xx to INVITE may be repeated, or come from another fork, while the branch lives.
        if status >= 200 && request.method() != Some(Method::Invite) || status >= 300 {
            self.pending.remove(&id);
        }
        match purpose {
            Purpose::Register(which) => self.register_response(now, which, response),
            Purpose::Invite(call) => self.invite_response(now, call, &request, response),
            Purpose::Reinvite(call) => self.reinvite_response(now, call, &request, response),
            Purpose::Update(call) => self.update_response(now, call, &request, response),
            Purpose::EarlyUpdate(call) => self.early_update_response(now, call, response),
            Purpose::Asked => self.asked_response(&request, response),
            Purpose::Info(call) => {
                self.asked_response(&request, response);
                // Who does not know the dialog any more ends it (§12.2.1.2).
                if matches!(status, 408 | 481) {
                    self.hang_up(now, call);
                }
            }
            Purpose::Subscribe(watch) => self.subscribe_response(now, watch, &request, response),
            Purpose::Notify(watch) if status >= 300 => self.watch_failed(watch),
            Purpose::Bye(call) if status >= 200 => self.end(now, call, EndReason::HungUp),
            Purpose::Refer(call) if status >= 300 => {
                self.events.push_back(Event::Transfer { call, status });
            }
            Purpose::Bye(_) | Purpose::Refer(_) | Purpose::Notify(_) | Purpose::Untended => {}
        }
    }

    /// Where a dialog's next request goes, and our Contact in it.
    fn way_of(&self, call: CallHandle) -> (SocketAddr, String) {
        let hop = self.hop_of(call);
        (hop, self.contact_at(hop))
    }

    /// Where a dialog's next request goes: its first hop if that is an address, else our proxy.
    fn hop_of(&self, call: CallHandle) -> SocketAddr {
        self.calls
            .get(&call)
            .and_then(|call| call.dialog.as_ref()?.next_hop()?.address())
            .unwrap_or(self.config.proxy)
    }

    fn call_of(&self, request: &Message) -> Option<CallHandle> {
        request.tag("To")?;
        let call = self.calls.values().find(|call| {
            call.state != State::Ended
                && call
                    .dialog
                    .as_ref()
                    .is_some_and(|dialog| dialog.matches(request))
        })?;
        Some(call.handle)
    }

    fn schedule(&mut self, at: Instant, call: CallHandle, due: Due) {
        self.scheduled += 1;
        self.schedule.insert((at, self.scheduled), (call, due));
    }

    fn due(&mut self, now: Instant, call: CallHandle, due: Due) {
        match due {
            Due::Ring => self.ring(now, call),
            Due::Answer => self.accept(now, call),
            Due::Reject(status) => self.reject(now, call, status),
            Due::Redirect(status) => self.redirect(now, call, status),
            Due::Reoffer => self.offer_again(now, call),
            Due::Session(number) => self.session_due(now, call, number),
            Due::Repeat(interval) => self.repeat_reliably(now, call, interval),
        }
    }

    fn expired(&mut self, now: Instant, expired: Expired) {
        match expired {
            Expired::NoResponse(id) => {
                let Some(pending) = self.pending.remove(&id) else {
                    return;
                };
                match pending.purpose {
                    Purpose::Register(which) => self.register_failed(now, which, None),
                    Purpose::Invite(call) => self.end(now, call, EndReason::NoResponse),
                    Purpose::Bye(call) => self.end(now, call, EndReason::HungUp),
                    Purpose::Reinvite(call) | Purpose::Update(call) | Purpose::Info(call) => {
                        self.hang_up(now, call);
                    }
                    Purpose::EarlyUpdate(call) => {
                        let call = self.calls.get_mut(&call);
                        call.into_iter().for_each(|call| call.updated = None);
                    }
                    Purpose::Subscribe(watch) | Purpose::Notify(watch) => self.watch_failed(watch),
                    Purpose::Refer(call) => {
                        self.events.push_back(Event::Transfer { call, status: 408 });
                    }
                    Purpose::Asked | Purpose::Untended => {}
                }
            }
            Expired::NoAck(id) => {
                let answered = |call: &&mut Call| call.server.as_ref().is_some_and(|s| s.0 == id);
                if let Some(call) = self.calls.values_mut().find(answered) {
                    let left = call.unacknowledged.take() == Some(OnAck::Bye);
                    let call = call.handle;
                    match left {
                        true => self.send_bye(now, call),
                        false => self.hang_up(now, call),
                    }
                }
            }
        }
    }

    /// Settles a call, once.
    fn end(&mut self, now: Instant, handle: CallHandle, reason: EndReason) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.state == State::Ended {
            return;
        }
        call.state = State::Ended;
        call.end_reason = Some(reason);
        call.stream.stop(now);
        self.events.push_back(Event::Ended {
            call: handle,
            reason,
        });
        self.report_transfer(now, handle);
    }
}

impl Party for Phone {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if self.signals_at(datagram.destination) {
            self.signalling(now, datagram);
        } else if !self.reflection.receive(datagram) {
            let at = datagram.destination;
            if let Some(call) = self.calls.values_mut().find(|call| call.stream.owns(at)) {
                call.stream.receive(now, datagram);
            }
        }
    }

    fn timeout(&mut self, now: Instant) {
        while let Some(entry) = self.schedule.first_entry().filter(|e| e.key().0 <= now) {
            let (call, due) = entry.remove();
            self.due(now, call, due);
        }
        self.register_timeout(now);
        self.watches_timeout(now);
        for expired in self.transactions.timeout(now) {
            self.expired(now, expired);
        }
        for call in self.calls.values_mut() {
            call.stream.timeout(now);
        }
        // Transactions that ended quietly leave nothing to wait for.
        let transactions = &self.transactions;
        self.pending.retain(|id, _| transactions.is_alive(id));
    }

    fn next_timeout(&self) -> Option<Instant> {
        let schedule = self.schedule.first_key_value().map(|((at, _), _)| *at);
        let streams = self
            .calls
            .values()
            .filter_map(|call| call.stream.next_timeout())
            .min();
        [
            schedule,
            streams,
            self.transactions.next_timeout(),
            self.next_registration(),
            self.next_watch(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.transactions
            .poll_transmit()
            .or_else(|| self.out.pop_front())
            .or_else(|| {
                self.calls
                    .values_mut()
                    .find_map(|call| call.stream.poll_transmit())
            })
    }
}
