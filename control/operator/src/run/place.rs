//! The runtime directory, held by one supervisor at a time, and the programs it starts.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use strait_config::Config;

use crate::{
    access::SOCKET_NAME,
    exit::{Exit, Failure},
};

/// A runtime directory that is ours until this is dropped.
pub struct Place {
    directory: PathBuf,
    /// Locked; the kernel lets go of it however this process ends.
    _lock: File,
}

impl Place {
    /// Makes the directory where it is missing, and sees that no other supervisor has it.
    pub fn take(config: &Config) -> Result<Place, Failure> {
        let directory = config.runtime_directory();
        make(&directory)?;
        let lock = lock(&directory)?;
        Ok(Place {
            directory,
            _lock: lock,
        })
    }

    /// Sees that no control runs here that no `strait run` has started.
    pub fn refuse_others(&self) -> Result<(), Failure> {
        if UnixStream::connect(self.directory.join(SOCKET_NAME)).is_err() {
            return Ok(());
        }
        let path = self.directory.display();
        let message = format!(
            "a strait-control that `strait run` did not start runs in {path}; stop it first \
             (`strait status -d {path}` shows it)"
        );
        Err(Failure::new(Exit::AlreadyRunning, message))
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The media relay.
pub const DATAPLANE: &str = "strait-dataplane";
/// The media relay with the `dpdk` port.
pub const DATAPLANE_DPDK: &str = "strait-dataplane-dpdk";

/// The program `name`, beside this one or in PATH.
pub fn program(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = beside.into_iter().chain(std::env::split_paths(&path));
    folders
        .find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
        .ok_or_else(|| {
            let built = match name {
                DATAPLANE_DPDK => {
                    "`port: dpdk` needs it, and it is built by itself: `cargo build --release \
                     --manifest-path dataplane/dpdk/Cargo.toml --target-dir target`"
                }
                _ => "`cargo build --release --workspace --bins` builds both side by side",
            };
            let message = format!("{name} is neither beside this command nor in PATH; {built}");
            Failure::new(Exit::Failed, message)
        })
}

/// Only for its user: whoever reaches the sockets commands the calls.
fn make(directory: &Path) -> Result<(), Failure> {
    let path = directory.display();
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| {
        let message = format!(
            "cannot make the runtime directory {path}: {error}; \
             set runtime_directory to one that you may write to"
        );
        Failure::new(Exit::Privilege, message)
    })?;
    let found = std::fs::symlink_metadata(directory).map_err(|error| failed(directory, &error))?;
    let own = found.uid() == rustix::process::geteuid().as_raw();
    if !found.is_dir() || !own || found.mode() & 0o022 != 0 {
        let message = format!(
            "the runtime directory {path} is not a directory of yours that only you may write to; \
             remove it, or set runtime_directory to another"
        );
        return Err(Failure::new(Exit::Privilege, message));
    }
    Ok(())
}

fn lock(directory: &Path) -> Result<File, Failure> {
    let path = directory.join("run.lock");
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let mut file = options.open(&path).map_err(|error| failed(&path, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            let write = |file: &mut File| -> std::io::Result<()> {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                write!(file, "{}", std::process::id())
            };
            write(&mut file).map_err(|error| failed(&path, &error))?;
            Ok(file)
        }
        Err(Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            let _ = file.take(20).read_to_string(&mut pid);
            let message = format!(
                "already running in {} as process {pid}; stop it first, or give this one an \
                 instance name or runtime_directory of its own",
                directory.display()
            );
            Err(Failure::new(Exit::AlreadyRunning, message))
        }
        Err(error) => Err(failed(&path, &error.into())),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{}: {error}", path.display()))
}
