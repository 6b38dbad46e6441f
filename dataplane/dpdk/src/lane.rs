//! A worker as a pipeline of capsule's, on the core that capsule runs it on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use capsule::batch::Pipeline;
use rustix::thread::{CpuSet, sched_setaffinity};
use strait_dataplane::process::{Failure, Seat};
use strait_dataplane::worker::{Idle, Worker};

use crate::device::Registration;
use crate::error::OpenError;
use crate::limits::BREATHS_PER_TURN;

/// What the main thread hears of every lane, once each.
pub(crate) enum Report {
    /// The worker runs, or why it does not.
    Began(Result<(), Failure>),
    /// It runs no more, and has no buffers.
    Left,
}

/// A running worker.
pub(crate) struct Lane {
    /// Nothing where the core could not be set up; the main thread has been told.
    shift: Option<Shift>,
    report: Sender<Report>,
    leave: Arc<AtomicBool>,
}

struct Shift {
    worker: Worker,
    idle: Idle,
    /// Dropped after the worker, whose frames go home to this thread's share. DPDK knows its main
    /// thread from the start.
    _registration: Option<Registration>,
}

impl Lane {
    /// Takes a seat on this thread, which may be DPDK's main one, and tells how that went; leaves
    /// it when told to. A worker that asked for no core of its own may run on `anywhere`.
    pub(crate) fn new(
        seat: Seat,
        is_main: bool,
        anywhere: &CpuSet,
        (report, leave): (Sender<Report>, Arc<AtomicBool>),
    ) -> Self {
        let (shift, outcome) = match start(seat, is_main, anywhere) {
            Ok(shift) => (Some(shift), Ok(())),
            Err(error) => (None, Err(error.into())),
        };
        // The main thread waits for it.
        let _ = report.send(Report::Began(outcome));
        Self {
            shift,
            report,
            leave,
        }
    }
}

fn start(seat: Seat, is_main: bool, anywhere: &CpuSet) -> Result<Shift, OpenError> {
    let registration = match is_main {
        true => None,
        false => Some(Registration::new().ok_or_else(too_many)?),
    };
    if seat.core().is_none() {
        let freed = sched_setaffinity(None, anywhere);
        freed.map_err(|error| OpenError::Worker(error.to_string()))?;
    }
    let idle = Idle::new(seat.policy());
    Ok(Shift {
        worker: seat.take(),
        idle,
        _registration: registration,
    })
}

fn too_many() -> OpenError {
    OpenError::Worker("DPDK takes no more threads".to_owned())
}

impl Pipeline for Lane {
    fn name(&self) -> &str {
        "relay"
    }

    fn run_once(&mut self) {
        if let Some(shift) = &mut self.shift {
            for _ in 0..BREATHS_PER_TURN {
                shift.worker.attend(&mut shift.idle);
            }
        }
    }
}

impl Future for Lane {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let lane = self.get_mut();
        if lane.shift.is_none() || lane.leave.load(Ordering::Relaxed) {
            if let Some(mut shift) = lane.shift.take() {
                shift.worker.publish();
            }
            // The main thread waits for it.
            let _ = lane.report.send(Report::Left);
            return Poll::Ready(());
        }
        let abort = AbortOnPanic;
        lane.run_once();
        drop(abort);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A dataplane with a worker missing would be half deaf: better to end and be started again.
/// capsule would go on without it.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
