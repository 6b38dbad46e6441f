//! The shared memory goes bad: a command that waits on its ring, a report, words anywhere.

use strait_shared::command::{Command, CommandId, Event};
use strait_shared::geometry::WorkerIndex;

use super::Strait;

/// Bytes of a record on a ring.
const RECORD_BYTES: usize = 128;
/// Words that change at once.
const WORDS: usize = 24;

impl Strait {
    /// Damages the record of a command that waits for a worker; false when none does.
    pub fn damage_command(&mut self) -> bool {
        let Some(bytes) = self.image() else {
            return false;
        };
        let waits = |record: &[u8]| words(record).is_some_and(|record| self.waits(&record));
        let Some(at) = bytes.chunks_exact(RECORD_BYTES).position(waits) else {
            return false;
        };
        // Its kind and version.
        let damaged = self.overwrite(at * RECORD_BYTES + 8, 0xa5a5_a5a5_a5a5_a5a5);
        if damaged {
            let mut checks = self.checks.borrow_mut();
            checks.commands.expect_damage();
            checks.succession.damaged();
            checks.records.expect_loss();
        }
        damaged
    }

    /// The next report that a worker makes is damaged.
    pub fn damage_next_report(&mut self) {
        self.spoils_report = true;
    }

    /// What the region holds before a turn in whose course a report is to be damaged.
    pub(super) fn before_damage(&self) -> Option<Vec<u8>> {
        self.spoils_report.then(|| self.image()).flatten()
    }

    /// Damages a report that is on its ring now and was not `before`.
    pub(super) fn damage_report(&mut self, before: &[u8]) {
        let Some(after) = self.image() else { return };
        let records = before.chunks_exact(RECORD_BYTES);
        let pairs = records.zip(after.chunks_exact(RECORD_BYTES)).enumerate();
        let mut made = pairs.filter_map(|(at, (before, after))| {
            let record = words(after).filter(|_| before != after)?;
            let (_, event) = Event::decode(&record).ok()?;
            Some((at, event))
        });
        let Some((at, event)) = made.next() else {
            return;
        };
        if self.overwrite(at * RECORD_BYTES + 8, 0xa5a5_a5a5_a5a5_a5a5) {
            self.spoils_report = false;
            let mut checks = self.checks.borrow_mut();
            checks.commands.lose_report(&event);
            checks.records.expect_loss();
        }
    }

    /// Words anywhere in the region change by themselves. Nothing is promised of media then, until
    /// both processes have begun anew.
    pub fn corrupt(&mut self) {
        if self.control.is_none() || !self.dataplane.is_running() {
            return;
        }
        let words = self.region().bytes() / 8;
        for _ in 0..WORDS {
            let place = self.random.usize(..words) * 8;
            let value = match self.random.bool() {
                true => self.random.u64(..),
                false => self.random.u64(..16),
            };
            self.corrupt |= self.overwrite(place, value);
        }
        let mut checks = self.checks.borrow_mut();
        checks.commands.expect_damage();
        checks.records.expect_loss();
        checks.media.set_lawless(true);
    }

    /// Whether words of the region have changed.
    pub fn is_corrupt(&self) -> bool {
        self.corrupt
    }

    /// Both processes begin with a region of their own.
    pub(super) fn mended(&mut self) {
        self.corrupt = false;
        self.checks.borrow_mut().media.set_lawless(false);
    }

    fn image(&self) -> Option<Vec<u8>> {
        let region = self.dataplane.region();
        let mut bytes = vec![0; region.bytes()];
        let read = rustix::io::pread(region.fd()?, &mut bytes, 0);
        (read == Ok(bytes.len())).then_some(bytes)
    }

    fn overwrite(&self, place: usize, word: u64) -> bool {
        let Some(file) = self.dataplane.region().fd() else {
            return false;
        };
        rustix::io::pwrite(file, &word.to_ne_bytes(), place as u64) == Ok(8)
    }

    /// Whether this is a command that its worker has not carried out yet.
    fn waits(&self, record: &[u64; 16]) -> bool {
        let (CommandId(id), command) = Command::decode(record);
        let slot = command.ok().and_then(|command| command.slot());
        let region = self.dataplane.region();
        let worker = slot.map(|slot| region.geometry().owner(slot));
        let page = worker.and_then(|worker: WorkerIndex| region.statistics(worker));
        page.is_some_and(|page| page.applied().0 < id)
    }
}

fn words(record: &[u8]) -> Option<[u64; 16]> {
    let (octets, rest) = record.as_chunks::<8>();
    let words: &[[u8; 8]; 16] = octets.try_into().ok().filter(|_| rest.is_empty())?;
    Some(words.map(u64::from_ne_bytes))
}
