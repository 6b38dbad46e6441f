//! The thread that appends records to their file.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use super::limits::{RECORDS_PER_WRITE, RETRY_INTERVAL, WRITE_INTERVAL};
use super::{Counters, append_to};
use crate::gateway::record::CallRecord;

/// What the writer is told.
pub(super) enum Order {
    Write(Box<CallRecord>),
    Reopen,
    /// Bring to disk what was ordered before, and say so.
    Sync(SyncSender<()>),
}

/// Where lines go.
pub(super) trait Destination: Write + Send {
    /// Brings to disk what was written.
    fn sync(&mut self) -> io::Result<()>;
}

impl Destination for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The file and what went wrong with it.
pub(super) struct Writer {
    path: PathBuf,
    file: Box<dyn Destination>,
    counters: Arc<Counters>,
    lines: Vec<u8>,
    /// The file ends within a line that could not be finished.
    torn: bool,
    failed_at: Option<Instant>,
}

impl Writer {
    pub fn new(path: PathBuf, file: Box<dyn Destination>, counters: Arc<Counters>) -> Self {
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
            // Waking up and writing once for each call costs more than its record.
            if matches!(first, Order::Write(_)) {
                std::thread::sleep(WRITE_INTERVAL);
            }
            let more = orders.try_iter().take(RECORDS_PER_WRITE - 1);
            for order in std::iter::once(first).chain(more) {
                match order {
                    Order::Write(record) => self.add(&record),
                    Order::Reopen => {
                        self.flush();
                        self.reopen();
                    }
                    Order::Sync(done) => {
                        self.flush();
                        if let Err(error) = self.file.sync() {
                            self.complain(&error);
                        }
                        // Whoever asked may have lost patience.
                        let _ = done.send(());
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
        let outcome = started.and_then(|()| write_all(&mut *self.file, &self.lines, &mut written));
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
                self.file = Box::new(file);
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

fn write_all(file: &mut dyn Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::gateway::record::{PartyRecord, Timestamp};

    /// A disk with so much room.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (content, room) = &mut *self.0.lock().unwrap();
            let len = bytes.len().min(*room);
            if len == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            content.extend_from_slice(&bytes[..len]);
            *room -= len;
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Destination for Disk {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn record(number: u64) -> Box<CallRecord> {
        Box::new(CallRecord {
            number,
            caller: PartyRecord::default(),
            callee: PartyRecord::default(),
            softswitch: None,
            began: Timestamp { unix_ms: 0 },
            answered: None,
            ended: None,
            duration_ms: 0,
            ending: None,
            steering: None,
            gateway: None,
            streams: Vec::new(),
        })
    }

    fn line(number: u64) -> String {
        serde_json::to_string(&record(number)).unwrap()
    }

    /// Writes these records, one at a time, with so much room on the disk before each.
    fn written(room: &[usize]) -> (Vec<String>, u64, u64) {
        let disk = Disk(Arc::new(Mutex::new((Vec::new(), 0))));
        let counters = Arc::new(Counters::default());
        let mut writer = Writer::new("calls".into(), Box::new(disk.clone()), counters.clone());
        for (number, room) in (0..).zip(room) {
            disk.0.lock().unwrap().1 = *room;
            writer.failed_at = None;
            writer.add(&record(number));
            writer.flush();
        }
        let content = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
        let lines = content.lines().map(str::to_owned).collect();
        (
            lines,
            counters.written.load(Relaxed),
            counters.lost.load(Relaxed),
        )
    }

    #[test]
    fn a_full_disk_costs_the_records_that_do_not_fit_and_no_others() {
        let half = line(1)[..20].to_owned();
        assert_eq!(
            written(&[1_000, 20, 0, 1_000]),
            (vec![line(0), half, line(3)], 2, 2)
        );
    }

    #[test]
    fn a_failing_disk_is_left_alone_for_a_while() {
        let disk = Disk(Arc::new(Mutex::new((Vec::new(), 0))));
        let counters = Arc::new(Counters::default());
        let mut writer = Writer::new("calls".into(), Box::new(disk.clone()), counters.clone());
        writer.add(&record(0));
        writer.flush();
        disk.0.lock().unwrap().1 = 1_000;
        writer.add(&record(1));
        writer.flush();
        assert_eq!(disk.0.lock().unwrap().0, b"");
        assert_eq!(counters.lost.load(Relaxed), 2);
    }

    #[test]
    fn what_was_ordered_is_written_before_the_end() {
        let disk = Disk(Arc::new(Mutex::new((Vec::new(), usize::MAX))));
        let counters = Arc::new(Counters::default());
        let writer = Writer::new("calls".into(), Box::new(disk.clone()), counters.clone());
        let (orders, queue) = channel();
        for number in 0..1_000 {
            orders.send(Order::Write(record(number))).unwrap();
        }
        drop(orders);
        writer.run(&queue);
        let content = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
        let expected: Vec<String> = (0..1_000).map(line).collect();
        assert_eq!(content.lines().collect::<Vec<_>>(), expected);
        assert_eq!(counters.written.load(Relaxed), 1_000);
    }
}
