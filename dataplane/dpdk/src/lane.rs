//! A worker as a pipeline of capsule's, on the core that capsule runs it on.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use capsule::batch::Pipeline;
use rustix::thread::{CpuSet, sched_setaffinity};
use strait_dataplane::process::{Failure, Seat};
use strait_dataplane::worker::{Idle, Worker};

use crate::device::Registration;
use crate::error::OpenError;
use crate::limits::BREATHS_PER_TURN;

/// A running worker.
pub(crate) struct Lane {
    /// Nothing where the core could not be set up; the main thread has been told.
    shift: Option<Shift>,
}

struct Shift {
    worker: Worker,
    idle: Idle,
    /// Dropped after the worker, whose frames go home to this thread's share.
    _registration: Registration,
}

impl Lane {
    /// Takes a seat on this thread, and tells `report` how that went. A worker that asked for no
    /// core of its own may run on `anywhere`.
    pub(crate) fn new(seat: Seat, anywhere: &CpuSet, report: &Sender<Result<(), Failure>>) -> Self {
        let shift = start(seat, anywhere);
        let (shift, outcome) = match shift {
            Ok(shift) => (Some(shift), Ok(())),
            Err(error) => (None, Err(error.into())),
        };
        // The main thread waits for one report a worker.
        let _ = report.send(outcome);
        Self { shift }
    }
}

fn start(seat: Seat, anywhere: &CpuSet) -> Result<Shift, OpenError> {
    let registration = Registration::new();
    let registration =
        registration.ok_or_else(|| OpenError::Worker("DPDK takes no more threads".to_owned()))?;
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
        if lane.shift.is_none() {
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

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(shift) = &mut self.shift {
            shift.worker.publish();
        }
    }
}
