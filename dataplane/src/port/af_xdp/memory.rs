//! Which frame memory the sockets of which NICs share.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::attachment::OpenError;
use super::interface::Interface;
use super::mapping::Pages;
use super::umem::{Memory, Share};
use crate::limits::RING_FRAMES;
use crate::worker::pin;

/// Chunks that each socket begins with: as many to receive into as there are to send from.
const CHUNKS: u32 = 2 * RING_FRAMES;

/// The frame memory of all workers: one for the sockets of each, over all NICs, so that a frame
/// need not be copied from one NIC's to the other's. Sockets with zero-copy and those without
/// cannot share.
pub struct Memories {
    /// Where each worker runs, if that is known.
    cores: Vec<Option<u16>>,
    sockets: u32,
    sets: Vec<Set>,
}

/// A memory for each worker.
struct Set {
    /// Whether its sockets are zero-copy, once it has some.
    zero_copy: Option<bool>,
    umems: Vec<Umem>,
}

/// One worker's memory, of which sockets take their shares.
pub(super) struct Umem {
    memory: Arc<Memory>,
    /// The first socket, with which the others are bound.
    owner: Option<OwnedFd>,
}

impl Memories {
    /// Memory for `workers` workers on these interfaces.
    pub fn new<'a>(workers: u16, interfaces: impl Iterator<Item = &'a str>) -> io::Result<Self> {
        let mut sockets = 0;
        for name in interfaces {
            // One that is not there is named when it is opened.
            if let Some(interface) = Interface::find(name)? {
                sockets += interface.queues.div_ceil(u32::from(workers));
            }
        }
        Ok(Self {
            cores: vec![None; usize::from(workers)],
            sockets,
            sets: Vec::new(),
        })
    }

    /// Has each worker's memory near the core it runs on.
    #[must_use]
    pub fn near(mut self, cores: impl Iterator<Item = Option<u16>>) -> Self {
        for (own, core) in self.cores.iter_mut().zip(cores) {
            *own = core;
        }
        self
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> u16 {
        self.cores.len() as u16
    }

    /// Has `bind` bind sockets, zero-copy or not, for an interface.
    pub(super) fn bind<T>(
        &mut self,
        zero_copy: bool,
        bind: impl FnOnce(&mut [Umem]) -> Result<T, OpenError>,
    ) -> Result<T, OpenError> {
        let fits = |set: &Set| set.zero_copy.is_none_or(|kind| kind == zero_copy);
        let at = match self.sets.iter().position(fits) {
            Some(at) => at,
            None => {
                let set = Set::new(&self.cores, self.sockets);
                self.sets.push(set.map_err(OpenError::Frames)?);
                self.sets.len() - 1
            }
        };
        let set = &mut self.sets[at];
        let bound = bind(&mut set.umems);
        if bound.is_ok() {
            set.zero_copy = Some(zero_copy);
        } else if set.zero_copy.is_none() {
            for umem in &mut set.umems {
                umem.owner = None;
            }
        }
        bound
    }
}

impl Set {
    fn new(cores: &[Option<u16>], sockets: u32) -> io::Result<Self> {
        let umems = cores.iter().map(|core| {
            let memory = on_core(*core, || Memory::new(sockets * CHUNKS))?;
            Ok(Umem {
                memory,
                owner: None,
            })
        });
        Ok(Self {
            zero_copy: None,
            umems: umems.collect::<io::Result<_>>()?,
        })
    }
}

impl Umem {
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the memory's pages are.
    pub(super) fn pages(&self) -> Pages {
        self.memory.pages()
    }

    /// The socket that the memory is registered with, if there is one yet.
    pub(super) fn owner(&self) -> Option<BorrowedFd<'_>> {
        self.owner.as_ref().map(AsFd::as_fd)
    }

    /// Notes that `socket` is bound; the first one owns the registration.
    pub(super) fn bound(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        if self.owner.is_none() {
            self.owner = Some(socket.try_clone_to_owned()?);
        }
        Ok(())
    }

    /// The next socket's share.
    pub(super) fn share(&self) -> io::Result<Share> {
        let share = self.memory.share(CHUNKS);
        share.ok_or_else(|| io::Error::other("the interface has got more queues meanwhile"))
    }
}

/// Linux takes a page from the node of the core that touches it first (first touch), which is
/// the one that asks for it here: `make` runs there. Where that cannot be, memory is far, not
/// missing.
fn on_core<T: Send>(core: Option<u16>, make: impl FnOnce() -> T + Send) -> T {
    let Some(core) = core else { return make() };
    std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            let _ = pin(core);
            make()
        });
        made.join().expect("mapping memory does not panic")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_made_on_the_core_it_is_for() {
        let ours = rustix::thread::sched_getaffinity(None).unwrap();
        for core in (0..1024_u16).filter(|core| ours.is_set(usize::from(*core))) {
            let here = on_core(Some(core), rustix::thread::sched_getcpu);
            assert_eq!(here, usize::from(core));
        }
        let nowhere = on_core(Some(u16::MAX), || 7);
        assert_eq!(nowhere, 7);
    }
}
