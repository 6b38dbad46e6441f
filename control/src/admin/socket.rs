//! The socket's place in the file system.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The socket's name in the runtime directory.
pub const SOCKET_NAME: &str = "control.sock";

/// Group and everyone else.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Another control serves there.
    #[error(
        "{} is served by another strait-control: stop it, or give this instance a \
         `runtime_directory` of its own", .0.display()
    )]
    InUse(PathBuf),
    /// Others may write to the directory, and so put a socket of theirs in our place.
    #[error(
        "{} must belong to this user and be writable for nobody else; see `runtime_directory`",
        .0.display()
    )]
    Unsafe(PathBuf),
    /// The file system will not have it.
    #[error("cannot listen on {}: {cause}; see `runtime_directory`", path.display())]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// A bound socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens in `directory`, which is made where it does not exist, replacing the socket that a
    /// dead process left there.
    pub fn bind(directory: &Path) -> Result<Self, SocketError> {
        let path = directory.join(SOCKET_NAME);
        let failed = |cause| SocketError::Unusable {
            path: path.clone(),
            cause,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
        let about = std::fs::metadata(directory).map_err(failed)?;
        let is_ours = about.uid() == rustix::process::geteuid().as_raw();
        if !is_ours || about.mode() & OTHERS_MAY_WRITE != 0 {
            return Err(SocketError::Unsafe(directory.to_owned()));
        }
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                if UnixStream::connect(&path).is_ok() {
                    return Err(SocketError::InUse(path));
                }
                std::fs::remove_file(&path).map_err(failed)?;
                UnixListener::bind(&path)
            }
            bound => bound,
        };
        let listener = listener.map_err(failed)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Someone may have tidied up already.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_process_leaves_no_obstacle_and_a_living_one_does() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SOCKET_NAME);
        drop(UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(directory.path()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = Socket::bind(directory.path());
        assert!(matches!(second, Err(SocketError::InUse(_))));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        let refused = Socket::bind(directory.path());
        assert!(matches!(refused, Err(SocketError::Unsafe(_))));
    }
}
