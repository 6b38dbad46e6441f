//! A gateway that goes on where an earlier one was stopped. Distrusts what it reads: an entry that
//! cannot be read, or makes no sense, is left out and counted.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use strait_config::Config;
use strait_shared::geometry::GeometryError;
use strait_shared::slot::{Generation, SlotIndex};
use strait_shared::time::Instant;

use super::entry::{Change, EntryKey, Identity, KeptBinding, KeptLocation, KeptRest, Kind};
use super::places::Places;
use super::{Journaling, entry};
use crate::gateway::due::Due;
use crate::gateway::io::LogLevel;
use crate::gateway::keyed::Unique;
use crate::gateway::record::Timestamp;
use crate::gateway::registrations::{Aor, Binding};
use crate::gateway::serve::locations::Contact;
use crate::gateway::token::Token;
use crate::gateway::{Gateway, WallClock};
use crate::media::{MediaPlane, Slots};

/// What an earlier process left.
#[derive(Debug, Default)]
pub struct Before {
    /// The journal's entries, in any order.
    pub entries: Vec<(EntryKey, Vec<u8>)>,
    /// When the process last lived, in milliseconds since 1970; nothing where nobody knows.
    pub alive_unix_ms: Option<u64>,
}

/// What became of what an earlier process left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restored {
    /// Calls that go on.
    pub calls: usize,
    /// Calls that were being set up, and have failed.
    pub failed: usize,
    /// Calls that ended, or whose media did.
    pub ended: usize,
    /// Registrations that go on.
    pub registrations: usize,
    /// Controlled gateways that go on.
    pub gateways: usize,
    /// Entries that cannot be read or make no sense.
    pub skipped: usize,
}

/// What restoring works with.
pub(super) struct Restoring<'a> {
    pub places: Places,
    pub slots: &'a dyn Slots,
    pub alive: Timestamp,
    pub restored: Restored,
    /// What the journal is to hold otherwise than before.
    pub changed: Vec<Change>,
}

impl Gateway {
    /// A gateway that carries on what `before` tells of, and keeps a journal. The seed is to be a
    /// new one each time. `slots` reads the dataplane's table, where no command is under way.
    pub fn restore(
        config: Arc<Config>,
        seed: [u8; 32],
        clock: WallClock,
        now: Instant,
        before: Before,
        slots: &dyn Slots,
    ) -> Result<(Self, Restored), GeometryError> {
        let Before {
            mut entries,
            alive_unix_ms,
        } = before;
        entries.sort_unstable_by_key(|(key, _)| *key);
        let identity = entries
            .first()
            .filter(|(key, _)| *key == EntryKey::IDENTITY);
        let identity: Option<Identity> = identity.and_then(|(_, bytes)| read(bytes));
        let known = identity.as_ref().map_or(seed, |identity| identity.seed);
        let mut gateway = Gateway::new(config.clone(), known, clock)?;
        // Nothing that is to be new may repeat what the earlier process made of its seed.
        gateway.unique = Unique::new(&seed);
        gateway.media = MediaPlane::new(&config, &strait_config::geometry(&config)?, seed);
        let mut journal = Journaling {
            seed: known,
            numbers: 0,
            last_rest: 0,
            resting: Default::default(),
            pending: Vec::new(),
        };
        let numbers = identity.as_ref().map_or(0, |identity| identity.numbers);
        gateway.calls.number_after(numbers);
        let alive = alive_unix_ms.map(|unix_ms| Timestamp { unix_ms });
        let mut restoring = Restoring {
            places: identity.map_or_else(Places::default, |it| Places::new(&it, &gateway.settings)),
            slots,
            alive: alive
                .unwrap_or(clock.timestamp(now))
                .min(clock.timestamp(now)),
            restored: Restored::default(),
            changed: Vec::new(),
        };
        gateway.set_back = set_back(alive, clock.timestamp(now));
        gateway.taking_up = true;
        // Legs belong to gateways.
        entries.sort_by_key(|(key, _)| key.kind != Kind::Gateway);
        for (key, value) in &entries {
            let stays = gateway.restore_entry(now, *key, value, &mut journal, &mut restoring);
            if !stays {
                let (key, value) = (*key, None);
                restoring.changed.push(Change { key, value });
            }
        }
        journal.pending = restoring.changed;
        gateway.taking_up = false;
        // Those that stay are in the journal as they are.
        gateway.serving.locations.changed.forget();
        gateway.controlled.associations.changed.forget();
        gateway.journal = Some(journal);
        let restored = restoring.restored;
        gateway.tell_restored(now, &restored, entries.len());
        gateway.settle(now);
        Ok((gateway, restored))
    }

    /// Whether a slot that the dataplane has open belongs to a call; all others are to be closed.
    pub fn has_open(&self, slot: SlotIndex, generation: Generation) -> bool {
        self.media.has_open(slot, generation)
    }

    /// Takes the table over as it is now: slots that nobody knew were closed, their ports rest
    /// before they are used again. For before the first message.
    pub fn inherit(&mut self, now: Instant, closed: &[SlotIndex], slots: &dyn Slots) {
        for slot in closed {
            self.media.rest(now, slot.0 / 2);
        }
        self.media.go_on_from(slots);
    }

    /// Takes up an entry; whether it stays in the journal.
    fn restore_entry(
        &mut self,
        now: Instant,
        key: EntryKey,
        value: &[u8],
        journal: &mut Journaling,
        restoring: &mut Restoring,
    ) -> bool {
        let stays =
            match key.kind {
                Kind::Identity => Some(true),
                Kind::Call => read(value)
                    .filter(|call: &entry::KeptCall| call.record.number() == key.number)
                    .and_then(|call| self.restore_call(now, call, restoring)),
                Kind::Binding => read(value)
                    .and_then(|binding| self.restore_binding(now, key.number, binding, restoring)),
                Kind::Gateway => read(value)
                    .and_then(|kept| self.restore_gateway(now, key.number, kept, restoring)),
                Kind::Location => read(value)
                    .and_then(|kept| self.restore_location(now, key.number, kept, restoring)),
                Kind::Rest => {
                    journal.last_rest = journal.last_rest.max(key.number);
                    read(value).map(|rest| self.restore_rest(now, key.number, rest, journal))
                }
            };
        restoring.restored.skipped += usize::from(stays.is_none());
        stays.unwrap_or(false)
    }

    fn restore_binding(
        &mut self,
        now: Instant,
        number: u64,
        kept: KeptBinding,
        restoring: &mut Restoring,
    ) -> Option<bool> {
        let places = &restoring.places;
        let flow = places.flow(kept.flow)?;
        let realm = places.realm(kept.realm)?;
        let left = self.left(now, kept.far_until_unix_ms);
        let full = self.registrations.len() >= self.settings.config.limits.registrations as usize;
        if left.is_zero() || full {
            return Some(false);
        }
        let token = Token::numbered(kept.token);
        self.tokens.know(now, token, flow, &kept.uri);
        self.tokens.hold_again(token);
        let mut hops = Vec::new();
        for hop in &kept.hops {
            if let Some(flow) = places.flow(hop.flow) {
                let token = Token::numbered(hop.token);
                self.tokens.know(now, token, flow, &hop.uri);
                hops.push(self.tokens.hold_again(token));
            }
        }
        self.keep_flow(now, flow, &kept.uri);
        let granted = Duration::from_secs(kept.granted_seconds.into());
        let key = self.registrations.insert(Binding {
            number,
            aor: Aor {
                realm,
                user: kept.user.into_vec().into(),
                host: kept.host.into_vec().into(),
            },
            uri: kept.uri.into_vec().into(),
            token,
            hops,
            flow,
            call_id: kept.call_id.into_vec().into(),
            cseq: kept.cseq,
            softswitch: kept.softswitch.and_then(|index| places.softswitch(index)),
            registered: now,
            // Refreshes answered here are not in the journal: its owner may have come since.
            near_until: now + granted.min(left),
            far_until: now + left,
            granted_seconds: kept.granted_seconds,
            answer: kept.answer.into_vec().into(),
            expiry: None,
        });
        let timer = self.timers.arm(now, left, Due::Binding(key));
        if let Some(binding) = self.registrations.get_mut(key) {
            binding.expiry = Some(timer);
        }
        restoring.restored.registrations += 1;
        Some(true)
    }

    fn restore_location(
        &mut self,
        now: Instant,
        number: u64,
        kept: KeptLocation,
        restoring: &mut Restoring,
    ) -> Option<bool> {
        let flow = restoring.places.flow(kept.flow)?;
        // The calendar may have been set back since, or the entry may be damaged.
        let most = self
            .settings
            .realm_config(flow.realm)
            .registration
            .maximum_expiry;
        let left = self.left(now, kept.until_unix_ms).min(most);
        let all = self.registrations.len() + self.serving.locations.len();
        let full = all >= self.settings.config.limits.registrations as usize;
        if left.is_zero() || full {
            return Some(false);
        }
        let known = self.clock.timestamp(now).unix_ms;
        let age = Duration::from_millis(known.saturating_sub(kept.registered_unix_ms));
        self.keep_flow(now, flow, &kept.uri);
        let key = self.serving.locations.insert(Contact {
            number,
            user: kept.user.into_vec().into(),
            uri: kept.uri.into_vec().into(),
            path: kept.path.into_vec().into(),
            flow,
            call_id: kept.call_id,
            cseq: kept.cseq,
            preference: kept.preference,
            registered: Instant::from_nanos(now.as_nanos().saturating_sub(age.as_nanos() as u64)),
            until: now + left,
            expiry: None,
        });
        self.watch_location(now, key, left);
        restoring.restored.registrations += 1;
        Some(true)
    }

    fn restore_rest(
        &mut self,
        now: Instant,
        number: u64,
        kept: KeptRest,
        journal: &mut Journaling,
    ) -> bool {
        // Whatever the calendar says meanwhile: what was sent there may still be under way.
        let left = self.left(now, kept.until_unix_ms);
        kept.pairs
            .iter()
            .for_each(|pair| self.media.rest(now, *pair));
        journal.resting.push_back((now + left, number));
        true
    }

    /// How long it is until a point in the earlier process's calendar time; zero where it has
    /// passed. No time has passed since where the calendar has been set back.
    pub(super) fn left(&self, now: Instant, until_unix_ms: u64) -> Duration {
        let now_unix_ms = self.clock.timestamp(now).unix_ms;
        let until = Duration::from_millis(until_unix_ms.saturating_sub(now_unix_ms));
        until.saturating_sub(self.set_back)
    }

    fn tell_restored(&mut self, now: Instant, restored: &Restored, entries: usize) {
        if entries == 0 {
            return;
        }
        let Restored {
            calls,
            failed,
            ended,
            registrations,
            gateways,
            skipped,
        } = *restored;
        self.log(now, LogLevel::Info, || {
            format!(
                "taken up from the journal: {calls} calls, {registrations} registrations, \
                 {gateways} gateways; {failed} calls were being set up and have failed, \
                 {ended} had ended"
            )
        });
        if skipped > 0 {
            self.log(now, LogLevel::Warn, || {
                format!("{skipped} entries of the journal make no sense and are left out")
            });
        }
    }
}

/// How far the calendar has been set back since the earlier process was last `alive`.
fn set_back(alive: Option<Timestamp>, now: Timestamp) -> Duration {
    let ahead = alive.map_or(0, |alive| alive.unix_ms.saturating_sub(now.unix_ms));
    Duration::from_millis(ahead)
}

/// Reads an entry; nothing where it is none, or something follows it.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
