//! A user file that is read again whenever it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::limits::LOOK_INTERVAL;
use super::{Users, UsersError};

/// Looks after a file.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// What changes when somebody writes a file or puts another in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    file: u64,
}

impl Watch {
    /// Reads a file and looks after it from then on.
    pub fn open(path: &Path) -> Result<(Arc<Users>, Self), UsersError> {
        // The stamp comes first: what is written meanwhile is read again.
        let seen = Stamp::of(path);
        let users = Users::load(path)?;
        let path = path.to_owned();
        Ok((Arc::new(users), Self { path, seen }))
    }

    /// Waits until the file has changed and can be read, and gives its users. A file that cannot be
    /// used is told of in the log, once for each change, and changes nothing.
    pub async fn changed(&mut self) -> Arc<Users> {
        loop {
            sleep(LOOK_INTERVAL).await;
            let (path, seen) = (self.path.clone(), self.seen);
            let looked = spawn_blocking(move || look(&path, seen)).await;
            let (stamp, loaded) = looked.expect("reading users does not panic");
            self.seen = stamp;
            match loaded {
                None => {}
                Some(Ok(users)) => {
                    tracing::info!("{}: {} users", self.path.display(), users.len());
                    return Arc::new(users);
                }
                Some(Err(error)) => tracing::error!("{error}; the users stay as they were"),
            }
        }
    }
}

fn look(path: &Path, seen: Option<Stamp>) -> (Option<Stamp>, Option<Result<Users, UsersError>>) {
    let stamp = Stamp::of(path);
    let changed = stamp != seen;
    (stamp, changed.then(|| Users::load(path)))
}

impl Stamp {
    /// `None` where there is no such file.
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            file: metadata.ino(),
        })
    }
}
