//! The journal's file: an embedded store (redb) that is whole after any crash.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, ReadableTable, TableDefinition};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;

use super::limits::CACHE_BYTES;
use crate::gateway::journal::{Before, Change, EntryKey, Kind, LAYOUT};

const ENTRIES: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("entries");
const FACTS: TableDefinition<&str, u64> = TableDefinition::new("facts");
const LAYOUT_FACT: &str = "layout";
const ALIVE_FACT: &str = "alive_unix_ms";

/// Why there is no journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another process has it.
    #[error(
        "the journal {} is in use: does another strait-control of this instance run? see `journal`",
        .0.display()
    )]
    InUse(PathBuf),
    /// It was written by another version.
    #[error(
        "the journal {} has layout {found}, this program reads {LAYOUT}: start the version that \
         wrote it, or move the file away and begin without its calls and registrations",
        path.display()
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        found: u64,
    },
    /// It cannot be read or written.
    #[error(
        "cannot use the journal {}: {cause}; see `journal`, or move the file away and begin \
         without its calls and registrations",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    /// Opens the file, which is made where it does not exist, and reads all it holds.
    pub fn open(path: &Path) -> Result<(Self, Before), JournalError> {
        let unusable = |cause: String| JournalError::Unusable {
            path: path.to_owned(),
            cause,
        };
        if !path.exists() {
            Self::make(path)?;
        }
        let file = private_file(path).map_err(|error| unusable(error.to_string()))?;
        let store = Self::of(file, path)?;
        let found = store
            .layout()
            .map_err(|error| unusable(error.to_string()))?;
        if found != u64::from(LAYOUT) {
            let path = path.to_owned();
            return Err(JournalError::Layout { path, found });
        }
        let before = store.read().map_err(|error| unusable(error.to_string()))?;
        Ok((store, before))
    }

    /// Makes the file elsewhere and puts it in its place once it is whole: who is killed meanwhile
    /// leaves no half of one.
    fn make(path: &Path) -> Result<(), JournalError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let beside = PathBuf::from(name);
        let unusable = |cause: String| JournalError::Unusable {
            path: beside.clone(),
            cause,
        };
        let file = private_file(&beside).map_err(|error| unusable(error.to_string()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(JournalError::InUse(path.to_owned())),
            Err(error) => return Err(unusable(error.to_string())),
        }
        if path.exists() {
            // Somebody else was quicker.
            return std::fs::remove_file(&beside).map_err(|error| unusable(error.to_string()));
        }
        // What an earlier process has begun.
        file.set_len(0)
            .map_err(|error| unusable(error.to_string()))?;
        let store = Self::of(file, &beside)?;
        store
            .layout()
            .map_err(|error| unusable(error.to_string()))?;
        // Locked until it has its name: nobody else begins one meanwhile.
        std::fs::rename(&beside, path).map_err(|error| unusable(error.to_string()))
    }

    fn of(file: File, path: &Path) -> Result<Self, JournalError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create_file(file).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => JournalError::InUse(path.to_owned()),
            other => JournalError::Unusable {
                path: path.to_owned(),
                cause: other.to_string(),
            },
        })?;
        Ok(Self { database })
    }

    /// Writes changes in one durable commit, with the time it was.
    pub fn commit(&self, changes: &[Change], unix_ms: u64) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            for Change { key, value } in changes {
                let at = (key.kind as u8, key.number);
                match value {
                    Some(value) => drop(entries.insert(at, value.as_slice())?),
                    None => drop(entries.remove(at)?),
                }
            }
            transaction.open_table(FACTS)?.insert(ALIVE_FACT, unix_ms)?;
        }
        Ok(transaction.commit()?)
    }

    /// The layout of what the file holds; a new file gets ours.
    fn layout(&self) -> Result<u64, redb::Error> {
        let transaction = self.database.begin_write()?;
        let found = {
            let mut facts = transaction.open_table(FACTS)?;
            let found = facts.get(LAYOUT_FACT)?.map(|found| found.value());
            if found.is_none() {
                facts.insert(LAYOUT_FACT, u64::from(LAYOUT))?;
            }
            transaction.open_table(ENTRIES)?;
            found.unwrap_or(u64::from(LAYOUT))
        };
        transaction.commit()?;
        Ok(found)
    }

    fn read(&self) -> Result<Before, redb::Error> {
        let transaction = self.database.begin_write()?;
        let facts = transaction.open_table(FACTS)?;
        let alive_unix_ms = facts.get(ALIVE_FACT)?.map(|alive| alive.value());
        drop(facts);
        let mut before = Before {
            alive_unix_ms,
            entries: Vec::new(),
        };
        for entry in transaction.open_table(ENTRIES)?.iter()? {
            let (key, value) = entry?;
            let (kind, number) = key.value();
            // A kind nobody knows is of a layout nobody reads.
            if let Some(kind) = Kind::numbered(kind) {
                let key = EntryKey::new(kind, number);
                before.entries.push((key, value.value().to_vec()));
            }
        }
        transaction.abort()?;
        Ok(before)
    }
}

/// Who calls whom, and what tokens are made of, is nobody else's business.
fn private_file(path: &Path) -> io::Result<File> {
    if let Some(directory) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn who_was_killed_while_it_made_the_file_leaves_no_half_of_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("strait.journal");
        let beside = directory.path().join("strait.journal.new");
        std::fs::write(&beside, vec![7; 5_000]).unwrap();
        let (store, before) = Store::open(&path).unwrap();
        assert!(before.entries.is_empty() && !beside.exists());
        store.commit(&[], 1).unwrap();
        assert!(matches!(Store::open(&path), Err(JournalError::InUse(_))));
        drop(store);
        let (_, before) = Store::open(&path).unwrap();
        assert_eq!(before.alive_unix_ms, Some(1));
    }

    #[test]
    fn two_that_make_it_at_once_do_not_spoil_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("strait.journal");
        let other = File::create(directory.path().join("strait.journal.new")).unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
        assert!(matches!(Store::open(&path), Err(JournalError::InUse(_))));
    }

    /// Makes a journal one of another version.
    pub fn set_layout(path: &Path, layout: u64) {
        let database = Database::open(path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut facts = transaction.open_table(FACTS).unwrap();
        facts.insert(LAYOUT_FACT, layout).unwrap();
        drop(facts);
        transaction.commit().unwrap();
    }
}
