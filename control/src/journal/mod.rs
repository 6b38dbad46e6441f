//! The journal on disk: what calls and registrations have come to, written by a thread of its own
//! in batches, so that no disk ever holds up signalling.
//!
//! One batch is one durable commit. What a crash keeps from being written is at most the last
//! batch: a successor closes media ports that no entry knows, and ends calls whose ports are gone.

pub mod limits;
mod pending;
mod store;

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use self::limits::{HEARTBEAT, RETRY_INTERVAL};
use self::pending::Pending;
pub use self::store::JournalError;
use self::store::Store;
use crate::gateway::journal::{Before, Change, Kind};

/// Where changes go.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: RefCell<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
    commits: AtomicU64,
    failures: AtomicU64,
    opened: Opened,
}

/// The calendar as it was when the journal was opened: its entries are dated by that calendar, so
/// that setting it meanwhile changes nothing.
#[derive(Debug)]
struct Opened {
    unix_ms: u64,
    at: Instant,
}

impl Journal {
    /// Opens the file, which is made where it does not exist, and starts the writer; and what the
    /// file tells of the process before. `before_forgetting` is called each time before calls that
    /// are over go from the file: until it returns, they are still there should anything die.
    pub fn open(
        path: &Path,
        before_forgetting: impl Fn() + Send + 'static,
    ) -> Result<(Self, Before), JournalError> {
        let (store, before) = Store::open(path)?;
        let keys = before.entries.iter().map(|(key, _)| *key);
        let shared = Arc::new(Shared {
            pending: Mutex::new(Pending::new(keys)),
            changed: Condvar::new(),
            commits: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            opened: Opened {
                unix_ms: unix_ms(),
                at: Instant::now(),
            },
        });
        let writer = shared.clone();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.write(&store, &before_forgetting))
            .map_err(|error| JournalError::Unusable {
                path: path.to_owned(),
                cause: error.to_string(),
            })?;
        let thread = RefCell::new(Some(thread));
        Ok((Self { shared, thread }, before))
    }

    /// Has changes written; never waits for a disk.
    pub fn write(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut pending = self.shared.pending();
        changes.into_iter().for_each(|change| pending.add(change));
        // A wake-up is a system call even where nobody sleeps.
        if pending.asleep && !pending.is_empty() {
            pending.asleep = false;
            drop(pending);
            self.shared.changed.notify_one();
        }
    }

    /// Waits until all that waits is written; what comes later is not.
    pub fn close(&self) {
        self.shared.pending().stopping = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of its was printed when it happened.
            let _ = thread.join();
        }
    }

    /// Changes that are not on disk.
    pub fn waiting(&self) -> usize {
        self.shared.pending().unwritten()
    }

    /// Batches that are on disk.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Relaxed)
    }

    /// Batches that could not be written, and wait to be tried again.
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Relaxed)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics between two steps of a change.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, store: &Store, before_forgetting: &dyn Fn()) {
        let mut complained = false;
        let forgets = |change: &Change| change.key.kind == Kind::Call && change.value.is_none();
        loop {
            let (changes, stopping) = self.next_batch();
            if changes.iter().any(forgets) {
                before_forgetting();
            }
            match store.commit(&changes, self.opened.unix_ms_now()) {
                Ok(()) => {
                    self.pending().written();
                    self.commits.fetch_add(1, Relaxed);
                    if std::mem::take(&mut complained) {
                        tracing::info!("the journal is written again");
                    }
                }
                Err(error) => {
                    self.failures.fetch_add(1, Relaxed);
                    if !std::mem::replace(&mut complained, true) {
                        tracing::error!(
                            "the journal cannot be written: {error}; calls and registrations \
                             would not survive a crash"
                        );
                    }
                    self.pending().give_back(changes);
                    if stopping {
                        return;
                    }
                    std::thread::sleep(RETRY_INTERVAL);
                }
            }
            if stopping && self.pending().is_empty() {
                return;
            }
        }
    }

    /// Waits for changes; none where the file is to say that its process lives.
    fn next_batch(&self) -> (Vec<Change>, bool) {
        let mut pending = self.pending();
        while pending.is_empty() && !pending.stopping {
            pending.asleep = true;
            let waited = self.changed.wait_timeout(pending, HEARTBEAT);
            let timed_out;
            (pending, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            if timed_out.timed_out() && pending.has_calls() {
                break;
            }
        }
        (pending.take(), pending.stopping)
    }
}

impl Opened {
    fn unix_ms_now(&self) -> u64 {
        let since = u64::try_from(self.at.elapsed().as_millis());
        self.unix_ms.saturating_add(since.unwrap_or(u64::MAX))
    }
}

fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::journal::EntryKey;

    fn change(number: u64, value: Option<&[u8]>) -> Change {
        Change {
            key: EntryKey::new(Kind::Binding, number),
            value: value.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn what_is_written_is_read_by_the_successor() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sub/strait.journal");
        let (journal, before) = Journal::open(&path, || {}).unwrap();
        assert!(before.entries.is_empty());
        journal.write(vec![change(1, Some(b"one")), change(2, Some(b"two"))]);
        journal.write(vec![change(1, None), change(3, Some(b"three"))]);
        drop(journal);
        let (_journal, before) = Journal::open(&path, || {}).unwrap();
        let numbers: Vec<u64> = before.entries.iter().map(|(key, _)| key.number).collect();
        assert_eq!(numbers, [2, 3]);
        assert_eq!(before.entries[0].1, b"two");
        assert!(before.alive_unix_ms.is_some());
        assert!(matches!(
            Journal::open(&path, || {}),
            Err(JournalError::InUse(_))
        ));
    }

    #[test]
    fn a_call_is_forgotten_only_after_what_has_to_come_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("strait.journal");
        let call = |value: Option<&[u8]>| Change {
            key: EntryKey::new(Kind::Call, 7),
            value: value.map(<[u8]>::to_vec),
        };
        let (journal, _) = Journal::open(&path, || {}).unwrap();
        journal.write(vec![call(Some(b"stands"))]);
        drop(journal);
        let (ask, asked) = std::sync::mpsc::sync_channel(0);
        let (journal, _) = Journal::open(&path, move || ask.send(()).unwrap()).unwrap();
        journal.write(vec![change(1, Some(b"other")), call(None)]);
        assert_eq!(journal.commits(), 0, "it waits");
        asked.recv().unwrap();
        drop(journal);
        let (_journal, before) = Journal::open(&path, || {}).unwrap();
        assert_eq!(before.entries.len(), 1, "only the other is left");
    }

    #[test]
    fn another_layout_is_refused_with_a_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("strait.journal");
        drop(Journal::open(&path, || {}).unwrap());
        store::tests::set_layout(&path, 99);
        let error = Journal::open(&path, || {}).unwrap_err().to_string();
        assert!(
            error.contains("layout 99") && error.contains("move the file away"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_journal_is_refused_with_a_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("strait.journal");
        std::fs::write(&path, b"call records, perhaps").unwrap();
        let error = Journal::open(&path, || {}).unwrap_err().to_string();
        assert!(error.contains("move the file away"), "{error}");
    }
}
