//! What is not media: from a NIC to the kernel and back, through a TAP device.
//!
//! Workers put frames into a queue and ring a bell; a thread of each NIC writes them to the TAP
//! device, and reads what the kernel sends into another queue, which the first worker empties into
//! the NIC. No worker waits for the kernel, and a flood from outside fills a queue and no more.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use strait_dataplane::limits::FRAME_BYTES_MAX;
use strait_dataplane::port::PortCounters;

use crate::device::Device;
use crate::limits::EXCHANGE_FRAMES;
use crate::mbuf::{Mbuf, Pool};
use crate::tap::Tap;

/// How often the device is asked what it lost; bounds how late a stop is noticed.
const LOOK: Duration = Duration::from_millis(200);

/// What the workers and the thread share.
pub(crate) struct Exchange {
    to_kernel: ArrayQueue<Mbuf>,
    to_nic: ArrayQueue<Mbuf>,
    bell: OwnedFd,
    /// Frames lost between the NIC and the kernel, either way.
    lost: AtomicU64,
    faults: Mutex<PortCounters>,
}

impl Exchange {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            to_kernel: ArrayQueue::new(EXCHANGE_FRAMES),
            to_nic: ArrayQueue::new(EXCHANGE_FRAMES),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            lost: AtomicU64::new(0),
            faults: Mutex::default(),
        })
    }

    /// A frame for the kernel; lost where too many wait.
    #[inline]
    pub(crate) fn to_kernel(&self, mbuf: Mbuf) {
        if self.to_kernel.push(mbuf).is_err() {
            self.lose();
        }
    }

    /// There is something for the kernel.
    pub(crate) fn ring(&self) {
        // A bell that has rung so often that it cannot once more is heard anyway.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// The next frame of the kernel's.
    #[inline]
    pub(crate) fn of_kernel(&self) -> Option<Mbuf> {
        self.to_nic.pop()
    }

    /// A frame did not get across.
    pub(crate) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// What the device lost, a moment ago, and what was lost here.
    pub(crate) fn faults(&self) -> PortCounters {
        // Nobody panics while they hold the lock, and the content is whole at any time.
        let faults = *self
            .faults
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        PortCounters {
            missed: faults.missed + self.lost.load(Ordering::Relaxed),
            ..faults
        }
    }
}

/// The running thread of one NIC.
pub(crate) struct Carrier {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    /// Starts carrying frames between `exchange` and `tap`.
    pub(crate) fn start(
        exchange: Arc<Exchange>,
        tap: Tap,
        device: Device,
        pool: Pool,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("exchange".into());
        let thread = thread.spawn(move || {
            let mut round = Round {
                exchange: &exchange,
                tap,
                device,
                pool,
                looked: Instant::now(),
            };
            while !stopped.load(Ordering::Relaxed) {
                round.go();
            }
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Carrier {
    /// Ends the thread.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked carries nothing any more.
            let _ = thread.join();
        }
    }
}

struct Round<'a> {
    exchange: &'a Exchange,
    tap: Tap,
    device: Device,
    pool: Pool,
    looked: Instant,
}

impl Round<'_> {
    /// Carries what there is, or waits until there is something.
    fn go(&mut self) {
        let mut carried = false;
        for _ in 0..EXCHANGE_FRAMES {
            let Some(mbuf) = self.exchange.to_kernel.pop() else {
                break;
            };
            carried = true;
            if !self.tap.send(mbuf.bytes()) {
                self.exchange.lose();
            }
        }
        let mut space = [0; FRAME_BYTES_MAX];
        for _ in 0..EXCHANGE_FRAMES {
            let Some(frame) = self.tap.receive(&mut space) else {
                break;
            };
            carried = true;
            let mbuf = self.pool.filled(frame);
            if mbuf.is_none_or(|mbuf| self.exchange.to_nic.push(mbuf).is_err()) {
                self.exchange.lose();
            }
        }
        if self.looked.elapsed() >= LOOK {
            self.look();
        }
        if !carried {
            self.wait();
        }
    }

    fn look(&mut self) {
        self.looked = Instant::now();
        let faults = self.device.faults();
        let mut shared = self.exchange.faults.lock();
        if let Ok(shared) = &mut shared {
            **shared = faults;
        }
    }

    fn wait(&self) {
        let longest = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(LOOK.subsec_nanos()),
        };
        let mut polled = [
            PollFd::from_borrowed_fd(self.tap.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.exchange.bell.as_fd(), PollFlags::IN),
        ];
        // Woken by a signal or not: there is a look at what there is.
        let _ = poll(&mut polled, Some(&longest));
        let mut rung = [0; 8];
        // What was put in before this is looked at after it.
        let _ = rustix::io::read(&self.exchange.bell, &mut rung);
    }
}
