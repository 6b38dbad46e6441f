//! A bit of the shared memory goes bad: a command that waits on its ring.

use strait_shared::command::{Command, CommandId};
use strait_shared::geometry::WorkerIndex;

use super::Strait;

/// Bytes of a record on a ring.
const RECORD_BYTES: usize = 128;

impl Strait {
    /// Damages the record of a command that waits for a worker; false when none does.
    pub fn damage_command(&mut self) -> bool {
        let region = self.dataplane.region();
        let file = region.fd().expect("the region is a file");
        let mut bytes = vec![0; region.bytes()];
        let read = rustix::io::pread(file, &mut bytes, 0);
        if read != Ok(bytes.len()) {
            return false;
        }
        let waits = |record: &[u8]| {
            let words = record
                .chunks_exact(8)
                .map(|word| word.try_into().map(u64::from_ne_bytes));
            let words: Result<Vec<u64>, _> = words.collect();
            let record = words.ok().and_then(|words| words.try_into().ok());
            record.is_some_and(|record| self.waits(&record))
        };
        let Some(at) = bytes.chunks_exact(RECORD_BYTES).position(waits) else {
            return false;
        };
        // Its kind and version.
        let place = (at * RECORD_BYTES + 8) as u64;
        let written = rustix::io::pwrite(file, &[0xa5; 8], place);
        let damaged = written == Ok(8);
        if damaged {
            let mut checks = self.checks.borrow_mut();
            checks.commands.expect_damage();
            checks.records.expect_loss();
        }
        damaged
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
