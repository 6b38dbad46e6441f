//! Processes that outlived the `strait run` that started them, which was killed outright: found by
//! the socket they were told to notify, watched and signalled through a descriptor (pidfd_open(2))
//! that no later process of the same number can take over.

use std::{
    ffi::OsStr,
    fs,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use strait_shared::notify::NOTIFY_SOCKET;
use tokio::sync::watch;

/// A living process that is not our child.
pub struct Orphan {
    pid: u32,
    handle: Arc<OwnedFd>,
    /// Closed at its end.
    life: watch::Receiver<()>,
}

impl Orphan {
    /// The process that was told to notify at `socket`, if one lives.
    pub fn find(socket: &Path) -> Option<Orphan> {
        let numbers = fs::read_dir("/proc").ok()?.flatten();
        let mut numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.find_map(|pid: i32| {
            let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
            // Looked at once its number cannot become another's.
            let told = notified(pid)?;
            (file(&told)? == file(socket)?).then_some(())?;
            let handle = Arc::new(handle);
            Some(Orphan {
                pid: pid.unsigned_abs(),
                life: watch(handle.clone()),
                handle,
            })
        })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.pid
    }

    /// Waits for its end; how it ended only its parent is told.
    pub async fn ended(&mut self) {
        while self.life.changed().await.is_ok() {}
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        // A process that just ended needs none.
        let _ = pidfd_send_signal(&self.handle, signal);
    }
}

/// Waits for a process's end on a thread of its own, which goes with this process.
fn watch(handle: Arc<OwnedFd>) -> watch::Receiver<()> {
    let (tell, life) = watch::channel(());
    std::thread::spawn(move || {
        let wait = || poll(&mut [PollFd::new(&handle, PollFlags::IN)], None);
        // Refused only by a kernel without pidfd, where the process was not found either.
        let _ = retry_on_intr(wait);
        drop(tell);
    });
    life
}

/// Where a process was told to notify; nothing for other people's processes.
fn notified(pid: i32) -> Option<PathBuf> {
    let variables = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let name = format!("{NOTIFY_SOCKET}=");
    let mut variables = variables.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(name.as_bytes()))?;
    Some(Path::new(&format!("/proc/{pid}/cwd")).join(OsStr::from_bytes(value)))
}

/// A file however it is spelled: device and inode.
fn file(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::net::UnixDatagram,
        process::{Child, Command},
    };

    use super::*;

    fn sleeper(told: &str, at: &Path) -> Child {
        let mut command = Command::new("sleep");
        command.arg("1000").env(NOTIFY_SOCKET, told).current_dir(at);
        command.spawn().expect("sleep runs")
    }

    #[tokio::test]
    async fn a_process_is_found_by_its_socket_and_its_end_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify.sock");
        let _socket = UnixDatagram::bind(&path).expect("a socket");
        assert!(Orphan::find(&path).is_none());
        for told in ["notify.sock", path.to_str().expect("text")] {
            let elsewhere = tempfile::tempdir().expect("a directory");
            let mut other = sleeper("notify.sock", elsewhere.path());
            let mut child = sleeper(told, directory.path());
            let mut found = loop {
                // The environment is there once the program runs.
                match Orphan::find(&path) {
                    Some(found) => break found,
                    None => tokio::task::yield_now().await,
                }
            };
            assert_eq!(found.id(), child.id());
            found.signal(Signal::KILL);
            found.ended().await;
            child.wait().expect("it has ended");
            assert!(Orphan::find(&path).is_none());
            other.kill().expect("it lives");
            other.wait().expect("it ends");
        }
    }
}
