//! The journal's file: an embedded store (redb) that is whole after any crash.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, ReadableTable, TableDefinition};
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
        let file = private_file(path).map_err(|error| unusable(error.to_string()))?;
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create_file(file).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => JournalError::InUse(path.to_owned()),
            other => unusable(other.to_string()),
        })?;
        let store = Self { database };
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
fn private_file(path: &Path) -> io::Result<std::fs::File> {
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
