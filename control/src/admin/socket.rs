//! The socket's place in the file system.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The socket's name in the runtime directory.
pub const SOCKET_NAME: &str = "control.sock";

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Another control serves there.
    #[error(
        "{} is served by another strait-control: stop it, or give this instance a \
         `runtime_directory` of its own", .0.display()
    )]
    InUse(PathBuf),
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
