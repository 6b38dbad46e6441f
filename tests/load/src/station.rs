//! Where a part of a test runs: in which network namespace, on which core.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use strait_dataplane::worker::pin;

use crate::hosts::NAMESPACES;

/// Where a part of a test runs; by default where we do, on any core.
#[derive(Clone, Default, Debug)]
pub struct Station {
    /// The network namespace (ip-netns(8)).
    pub namespace: Option<String>,
    /// The core, as Linux numbers it.
    pub core: Option<u16>,
}

impl Station {
    /// Does `work` there, on a thread of its own. Sockets made there stay there, and so do
    /// processes.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        if self.namespace.is_none() && self.core.is_none() {
            return work();
        }
        std::thread::scope(|scope| {
            let there = scope.spawn(|| {
                self.enter()?;
                work()
            });
            there
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Keeps the calling thread there from now on.
    pub fn enter(&self) -> io::Result<()> {
        if let Some(name) = &self.namespace {
            let file = File::open(Path::new(NAMESPACES).join(name))?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        }
        self.core.map_or(Ok(()), pin)
    }
}
