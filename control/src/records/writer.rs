//! The thread that appends records to their file.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::limits::{RECORDS_PER_WRITE, RETRY_INTERVAL};
use super::{Counters, append_to};
use crate::gateway::record::CallRecord;

/// What the writer is told.
pub(super) enum Order {
    Write(Box<CallRecord>),
    Reopen,
}

/// The file and what went wrong with it.
pub(super) struct Writer {
    path: PathBuf,
    file: File,
    counters: Arc<Counters>,
    lines: Vec<u8>,
    /// The file ends within a line that could not be finished.
    torn: bool,
    failed_at: Option<Instant>,
}

impl Writer {
    pub fn new(path: PathBuf, file: File, counters: Arc<Counters>) -> Self {
        Self {
            path,
            file,
            counters,
            lines: Vec::new(),
            torn: false,
            failed_at: None,
        }
    }

    /// Works until nobody can order anything any more.
    pub fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let more = orders.try_iter().take(RECORDS_PER_WRITE - 1);
            for order in std::iter::once(first).chain(more) {
                match order {
                    Order::Write(record) => self.add(&record),
                    Order::Reopen => {
                        self.flush();
                        self.reopen();
                    }
                }
            }
            self.flush();
        }
    }

    fn add(&mut self, record: &CallRecord) {
        serde_json::to_writer(&mut self.lines, record)
            .expect("a record has text keys, and memory takes any line");
        self.lines.push(b'\n');
    }

    fn flush(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let resting = self
            .failed_at
            .is_some_and(|at| at.elapsed() < RETRY_INTERVAL);
        let written = if resting { 0 } else { self.append() };
        let count = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.counters
            .written
            .fetch_add(count(&self.lines[..written]), Relaxed);
        self.counters
            .lost
            .fetch_add(count(&self.lines[written..]), Relaxed);
        self.lines.clear();
    }

    /// Writes the lines, and says how many bytes of them got there.
    fn append(&mut self) -> usize {
        let started = if self.torn {
            self.finish_torn_line()
        } else {
            Ok(())
        };
        let mut written = 0;
        let outcome = started.and_then(|()| write_all(&mut self.file, &self.lines, &mut written));
        self.torn |= written > 0 && self.lines[written - 1] != b'\n';
        match outcome {
            Ok(()) if self.failed_at.take().is_some() => {
                tracing::info!(file = %self.path.display(), "call records are written again");
            }
            Ok(()) => {}
            Err(error) => self.complain(&error),
        }
        written
    }

    /// Half a record stays in the file; the next one begins on a line of its own.
    fn finish_torn_line(&mut self) -> io::Result<()> {
        self.file.write_all(b"\n")?;
        self.torn = false;
        Ok(())
    }

    fn reopen(&mut self) {
        match append_to(&self.path) {
            Ok(file) => {
                self.file = file;
                self.torn = false;
            }
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if self.failed_at.replace(Instant::now()).is_none() {
            let file = self.path.display();
            tracing::error!(%file, %error, "call records cannot be written and are lost");
        }
    }
}

fn write_all(file: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match file.write(&bytes[*written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(len) => *written += len,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
