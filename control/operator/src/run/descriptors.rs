//! Descriptors kept for a process while it is dead: the store of sd_pid_notify_with_fds(3).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::fstat;

/// The most that are kept for one process, like FileDescriptorStoreMax= of systemd.service(5).
pub const STORED_MAX: usize = 8;

/// What one process wants back when it is started again.
#[derive(Default)]
pub struct Store {
    kept: Vec<(String, OwnedFd)>,
}

impl Store {
    /// Keeps a descriptor; one that is kept under this name already is not kept twice. Answers
    /// whether there was room.
    pub fn keep(&mut self, name: &str, descriptor: OwnedFd) -> bool {
        let same =
            |kept: &OwnedFd| file_of(kept).is_some_and(|file| Some(file) == file_of(&descriptor));
        if self
            .kept
            .iter()
            .any(|(other, kept)| other == name && same(kept))
        {
            return true;
        }
        if self.kept.len() >= STORED_MAX {
            return false;
        }
        self.kept.push((name.to_owned(), descriptor));
        true
    }

    /// Lets go of everything of this name.
    pub fn remove(&mut self, name: &str) {
        self.kept.retain(|(kept, _)| kept != name);
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.kept.clear();
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What is kept, to hand over.
    pub fn kept(&self) -> Vec<(&str, BorrowedFd<'_>)> {
        self.kept
            .iter()
            .map(|(name, kept)| (name.as_str(), kept.as_fd()))
            .collect()
    }
}

/// The file behind a descriptor: device and inode.
fn file_of(descriptor: &impl AsFd) -> Option<(u64, u64)> {
    fstat(descriptor)
        .ok()
        .map(|status| (status.st_dev, status.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> OwnedFd {
        tempfile::tempfile().expect("a file").into()
    }

    #[test]
    fn keeps_each_file_once_and_not_too_many() {
        let mut store = Store::default();
        let first = file();
        assert!(store.keep("region", first.try_clone().expect("a copy")));
        assert!(store.keep("region", first));
        assert_eq!(store.kept().len(), 1);
        for _ in 1..STORED_MAX {
            assert!(store.keep("other", file()));
        }
        assert!(!store.keep("region", file()));
        assert_eq!(store.kept().len(), STORED_MAX);
        store.remove("other");
        assert!(matches!(store.kept()[..], [("region", _)]));
    }
}
