//! What a worker does while no packet comes, and the core it does it on.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::limits::{BLIND_WAIT, IDLE_WAIT, PORTS_MAX, SPIN_BREATHS};
use crate::port::Port;

/// What a worker does while no packet comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdlePolicy {
    /// Looks again at once.
    Poll,
    /// Looks again for a while, then sleeps until something comes, never for long.
    Adaptive,
}

/// Keeps the calling thread on one core.
pub fn pin(core: u16) -> io::Result<()> {
    if usize::from(core) >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut cores = CpuSet::new();
    cores.set(usize::from(core));
    Ok(sched_setaffinity(None, &cores)?)
}

/// Counts empty breaths.
pub struct Idle {
    policy: IdlePolicy,
    empty_breaths: u32,
}

impl Idle {
    /// None yet.
    pub fn new(policy: IdlePolicy) -> Self {
        Self {
            policy,
            empty_breaths: 0,
        }
    }

    /// Something was there to do.
    pub(super) fn busy(&mut self) {
        self.empty_breaths = 0;
    }

    /// Notes an empty breath; says whether it is time to wait.
    pub(super) fn is_over(&mut self) -> bool {
        self.empty_breaths = self.empty_breaths.saturating_add(1);
        self.policy == IdlePolicy::Adaptive && self.empty_breaths > SPIN_BREATHS
    }

    /// Sleeps until a port is ready, at most as long as a command may wait.
    pub(super) fn wait(&self, ports: &[Box<dyn Port>]) {
        let mut descriptors: [Option<BorrowedFd<'_>>; PORTS_MAX] = [None; PORTS_MAX];
        let mut count = 0;
        for descriptor in ports.iter().filter_map(|port| port.readiness()) {
            descriptors[count] = Some(descriptor);
            count += 1;
        }
        let blind = count < ports.len();
        let longest = if blind { BLIND_WAIT } else { IDLE_WAIT };
        let longest = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(longest.subsec_nanos()),
        };
        let Some(first) = descriptors[0] else {
            std::thread::sleep(BLIND_WAIT);
            return;
        };
        let mut polled: [PollFd<'_>; PORTS_MAX] = std::array::from_fn(|number| {
            PollFd::from_borrowed_fd(descriptors[number].unwrap_or(first), PollFlags::IN)
        });
        // Woken by a signal or not: the next breath looks.
        let _ = poll(&mut polled[..count], Some(&longest));
    }
}
