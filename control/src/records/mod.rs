//! Call records on disk: one line of JSON a call, appended by a thread of its own, so that no disk
//! ever holds up signalling.
//!
//! A record that cannot be kept (disk full, writer behind) is counted and its loss logged once
//! until writing succeeds again. [`Records::reopen`] lets a log rotator move the file away.
//! [`Records::syncing`] is for the journal, which forgets a call once its record is on disk.

pub mod limits;
mod writer;

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use thiserror::Error;

use self::limits::{MAX_QUEUED_RECORDS, SYNC_LIMIT};
use self::writer::{Order, Writer};
use crate::gateway::record::CallRecord;

/// The file cannot be written to.
#[derive(Debug, Error)]
#[error("cannot append to the call records {}: {cause}; see `records.file`", path.display())]
pub struct RecordsError {
    path: PathBuf,
    cause: io::Error,
}

/// Where call records go.
#[derive(Debug)]
pub struct Records {
    orders: RefCell<Option<SyncSender<Order>>>,
    thread: RefCell<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    written: AtomicU64,
    lost: AtomicU64,
}

impl Records {
    /// Opens the file, which is made where it does not exist, and starts the writer.
    pub fn open(path: &Path) -> Result<Self, RecordsError> {
        let failed = |cause| RecordsError {
            path: path.to_owned(),
            cause,
        };
        let file = append_to(path).map_err(failed)?;
        let (orders, queue) = sync_channel(MAX_QUEUED_RECORDS);
        let counters = Arc::new(Counters::default());
        let writer = Writer::new(path.to_owned(), Box::new(file), counters.clone());
        let thread = std::thread::Builder::new()
            .name("records".into())
            .spawn(move || writer.run(&queue))
            .map_err(failed)?;
        Ok(Self {
            orders: RefCell::new(Some(orders)),
            thread: RefCell::new(Some(thread)),
            counters,
        })
    }

    /// Has a record written; never waits.
    pub fn write(&self, record: Box<CallRecord>) {
        if !self.order(Order::Write(record)) {
            self.counters.lost.fetch_add(1, Relaxed);
        }
    }

    /// Has the file opened anew, under the same name.
    pub fn reopen(&self) {
        // Where the writer is too far behind, the next signal will find it in time.
        self.order(Order::Reopen);
    }

    /// What brings to disk, on whichever thread it is called, all that was ordered before.
    pub fn syncing(&self) -> impl Fn() + Send + use<> {
        let orders = self.orders.borrow().clone();
        move || {
            let (done, synced) = sync_channel(1);
            let order = |orders: &SyncSender<Order>| orders.try_send(Order::Sync(done));
            // A writer that is too far behind loses records anyway, and says so.
            if orders.as_ref().map(order).is_some_and(|sent| sent.is_ok()) {
                let _ = synced.recv_timeout(SYNC_LIMIT);
            }
        }
    }

    /// Records that are in the file.
    pub fn written(&self) -> u64 {
        self.counters.written.load(Relaxed)
    }

    /// Records that could not be kept.
    pub fn lost(&self) -> u64 {
        self.counters.lost.load(Relaxed)
    }

    /// Waits until what was ordered is done, and for whoever has [`Records::syncing`] to let go of
    /// it; what comes later is lost.
    pub fn close(&self) {
        self.orders.take();
        if let Some(thread) = self.thread.take() {
            // It ends with its queue; a panic of its was printed when it happened.
            let _ = thread.join();
        }
    }

    fn order(&self, order: Order) -> bool {
        let orders = self.orders.borrow();
        orders
            .as_ref()
            .is_some_and(|orders| orders.try_send(order).is_ok())
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.close();
    }
}

/// Who was called by whom is nobody else's business.
fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}
