//! The gateway: Strait's signalling as a pure core. What came in and the time go in, what is to
//! be done comes out; no socket, no clock, no runtime, no randomness but the seed.
//!
//! After every call, drain [`Gateway::poll_output`]; then call [`Gateway::timeout`] no later than
//! [`Gateway::next_timeout`] says.
//!
//! * `transaction`, `timer`: RFC 3261 §17 in virtual time
//! * `settings`, `limits`: what is configured and what is bounded
//! * `mapping`, `token`, `call_id`: what one realm may read of another
//! * `inspect`, `route`, `send`, `outbound`, `inbound`, `exchange`: a request there and back
//! * `serve`: a realm that is a SIP server for domains of its own
//! * `register`, `registrar`, `registrations`, `keepalive`: who is where
//! * `invite`, `early`, `answer`, `ack`, `hangup`, `farewell`, `calls`, `describe`: calls and
//!   their media
//! * `dialogs`, `in_dialog`, `opening`: dialogs
//! * `softswitches`, `inquiry`, `own_requests`: who is alive
//! * `journal`: what a successor of this process needs, and how it goes on
//! * `record`, `snapshot`, `counters`, `log`: what people see

mod ack;
mod answer;
mod branch;
mod call_id;
mod calls;
mod changed;
mod controlled;
mod counters;
mod describe;
mod dialog_life;
mod dialogs;
mod dispatch;
mod due;
mod early;
mod exchange;
mod farewell;
mod fork;
mod h248;
mod hangup;
mod in_dialog;
mod in_dialog_response;
mod inbound;
mod inquiry;
mod inspect;
mod invite;
pub mod io;
pub mod journal;
mod keepalive;
mod keyed;
pub mod limits;
mod log;
mod mapping;
mod media_notices;
mod mgcp;
mod opening;
mod outbound;
mod own_requests;
mod received;
pub mod record;
mod register;
mod registrar;
mod registrations;
mod reply;
mod responses;
mod route;
mod send;
pub mod serve;
mod settings;
pub mod snapshot;
mod softswitches;
mod timer;
mod token;
pub mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use strait_config::{Config, SoftswitchIndex};
use strait_shared::geometry::GeometryError;
use strait_shared::time::Instant;

use self::call_id::CallIds;
pub use self::calls::CallState;
use self::calls::Calls;
use self::controlled::Controlled;
pub use self::counters::Counters;
use self::dialogs::{DialogKey, Dialogs};
use self::due::Due;
use self::exchange::{ExchangeKey, Exchanges};
use self::inquiry::Inquiries;
use self::io::{ConnectionId, Input, LogLevel, Output};
use self::journal::Journaling;
use self::keepalive::{FlowName, KeepAlive};
use self::keyed::{Key, Map, Purpose, Unique};
use self::log::Log;
use self::opening::{Open, OpeningName};
use self::record::Timestamp;
use self::registrations::Registrations;
use self::serve::Serving;
use self::settings::Settings;
use self::softswitches::Health;
use self::timer::Timers;
use self::token::Tokens;
use self::transaction::{ClientId, Transactions};
use crate::media::{MediaPlane, Side};

/// Calendar time, so that records can tell it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WallClock {
    /// Nanoseconds since 1970 at [`Instant::ZERO`].
    pub unix_ns_at_zero: i128,
}

impl WallClock {
    fn timestamp(self, at: Instant) -> Timestamp {
        let ms = (self.unix_ns_at_zero + i128::from(at.as_nanos())) / 1_000_000;
        Timestamp {
            unix_ms: u64::try_from(ms).unwrap_or(0),
        }
    }
}

/// What a client transaction of ours was for.
#[derive(Clone, Debug)]
enum Asked {
    /// Somebody's request, sent on.
    Exchange(ExchangeKey),
    /// An INVITE that was answered with a 2xx in this dialog.
    Success(DialogKey),
    /// An INVITE that somebody else has answered meanwhile, or nobody waits for: what it sets up
    /// is ended at once. With the tags of those already sent away.
    Unwanted(Vec<Box<[u8]>>),
    /// Whether a softswitch lives.
    Probe(SoftswitchIndex),
    /// Whether a party is there.
    KeepAlive(FlowName),
    /// Whether this party of a dialog is there.
    Inquiry(DialogKey, Side),
    /// That a dialog is over.
    Farewell,
}

/// Strait's signalling.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    clock: WallClock,
    transactions: Transactions,
    media: MediaPlane,
    tokens: Tokens,
    call_ids: CallIds,
    dialogs: Dialogs,
    calls: Calls,
    exchanges: Exchanges,
    registrations: Registrations,
    serving: Serving,
    controlled: Controlled,
    owed: farewell::Owed,
    inquiries: Inquiries,
    openings: Map<OpeningName, Open>,
    keepalives: Map<FlowName, KeepAlive>,
    /// Connections that are open.
    connections: Map<ConnectionId, ()>,
    asked: Map<ClientId, Asked>,
    health: Vec<Health>,
    timers: Timers<Due>,
    unique: Unique,
    passage_key: Key,
    opening_key: Key,
    counters: Counters,
    log: Log,
    outputs: VecDeque<Output>,
    journal: Option<Journaling>,
    /// What an earlier process left is being taken up.
    taking_up: bool,
    /// How far the calendar has been set back since that process was last alive.
    set_back: Duration,
    /// When the next new call is due at the configured rate (GCRA, ITU-T I.371).
    next_call: Instant,
    draining: bool,
    media_backlog: bool,
}

impl Gateway {
    /// A gateway for a valid configuration. The seed makes its identifiers unguessable; the same
    /// seed gives the same outputs for the same inputs.
    pub fn new(
        config: Arc<Config>,
        seed: [u8; 32],
        clock: WallClock,
    ) -> Result<Self, GeometryError> {
        let geometry = strait_config::geometry(&config)?;
        let map_key = Key::new(&seed, Purpose::Tables);
        let nat = config.realms.iter().map(|realm| realm.nat).collect();
        let mut transactions = transaction::Config {
            symmetric_realms: nat,
            ..transaction::Config::default()
        };
        if config.realms.iter().any(|realm| realm.serve.is_some()) {
            // Each REGISTER is remembered for 32 s (RFC 3261 §17.2.2), and all may come at once.
            let all = config.limits.registrations as usize;
            transactions.max_servers += all;
            transactions.max_retained_server_bytes += all * limits::REGISTERED_BYTES;
        }
        let health = config.softswitches.iter().map(|_| Health::new()).collect();
        let mut gateway = Self {
            serving: Serving::new(&config, &seed),
            controlled: Controlled::new(&config, &seed),
            media: MediaPlane::new(&config, &geometry, seed),
            settings: Settings::new(config),
            clock,
            transactions: Transactions::new(transactions),
            tokens: Tokens::new(&seed),
            call_ids: CallIds::new(&seed),
            dialogs: Dialogs::new(&seed),
            calls: Calls::new(&seed),
            exchanges: Exchanges::new(&seed),
            registrations: Registrations::new(&seed),
            owed: farewell::Owed::default(),
            inquiries: Inquiries::new(),
            openings: Map::with_hasher(map_key),
            keepalives: Map::with_hasher(map_key),
            connections: Map::with_hasher(map_key),
            asked: Map::with_hasher(map_key),
            health,
            timers: Timers::new(),
            unique: Unique::new(&seed),
            passage_key: Key::new(&seed, Purpose::Passages),
            opening_key: Key::new(&seed, Purpose::Dialogs),
            counters: Counters::default(),
            log: Log::default(),
            outputs: VecDeque::new(),
            journal: None,
            taking_up: false,
            set_back: Duration::ZERO,
            next_call: Instant::ZERO,
            draining: false,
            media_backlog: false,
        };
        gateway.watch_softswitches();
        Ok(gateway)
    }

    /// Takes in what happened.
    pub fn receive(&mut self, now: Instant, input: Input) {
        self.dispatch(now, input);
        self.settle(now);
    }

    /// Does what is due at `now`.
    pub fn timeout(&mut self, now: Instant) {
        self.transactions.timeout(now, &mut self.outputs);
        self.media.timeout(now);
        self.tokens.expire(now);
        self.serving.expire(now);
        while let Some(due) = self.timers.expire(now) {
            self.due(now, due);
        }
        self.settle(now);
    }

    /// When [`Gateway::timeout`] is to be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let due = [
            self.transactions.next_timeout(),
            self.timers.next(),
            self.media.next_timeout(),
            self.tokens.next_expiry(),
        ];
        due.into_iter().flatten().min()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// While commands for the dataplane wait for room, new calls are answered 503.
    pub fn set_media_backlog(&mut self, backlog: bool) {
        self.media_backlog = backlog;
    }

    /// Whether new calls and registrations are refused.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Carries on what one input has led to, until nothing is left.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(event) = self.transactions.poll_event() {
                self.transaction_event(now, event);
            } else if let Some(notice) = self.media.poll_notice() {
                self.media_notice(now, notice);
            } else {
                break;
            }
        }
        while let Some(command) = self.media.poll_command() {
            self.outputs.push_back(Output::Media(command));
        }
        if self.journal.is_none() {
            self.forget_changes();
        }
    }

    fn log(&mut self, now: Instant, level: LogLevel, text: impl FnOnce() -> String) {
        self.log.write(now, level, text, &mut self.outputs);
    }
}
