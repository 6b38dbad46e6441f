//! A dataplane process under test, supervised as `strait run` would, and control's end of it.

use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use strait_shared::attach::{Attached, fetch};
use strait_shared::command::{Command, CommandId, Event};
use strait_shared::geometry::WorkerIndex;
use strait_shared::notify::{NOTIFY_SOCKET, NotifySocket, handover};
use strait_shared::region::ControlEnd;
use strait_shared::slot::{Counters, Forwarding, Generation, SlotIndex};
use strait_shared::statistics::Statistics;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Running {
    directory: TempDir,
    child: Child,
    notify: NotifySocket,
    stored: OwnedFd,
    attached: Attached,
    control: ControlEnd,
    events: Vec<Event>,
    next_id: u64,
}

impl Running {
    /// A dataplane with this `media` list and these NICs, once it says that it is ready.
    pub fn start(media: &str, nics: &str, workers: usize) -> Self {
        Self::start_with(media, nics, workers, &[])
    }

    pub fn start_with(
        media: &str,
        nics: &str,
        workers: usize,
        handed: &[(&str, BorrowedFd<'_>)],
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        configure(directory.path(), media, nics, workers);
        let notify = NotifySocket::bind(&directory.path().join("notify.sock")).unwrap();
        let mut child = program(directory.path(), handed).spawn().unwrap();
        let stored = until_ready(&notify, &mut child).expect("the region to keep");
        let attached = attach(directory.path());
        let control = attached.region.control().unwrap();
        Self {
            directory,
            child,
            notify,
            stored,
            attached,
            control,
            events: Vec::new(),
            next_id: 1,
        }
    }

    /// Kills the process as a crash would, and starts another that gets the region.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let region = ("region", self.stored.as_fd());
        self.child = program(self.directory.path(), &[region]).spawn().unwrap();
        until_ready(&self.notify, &mut self.child);
    }

    /// A second process with the same configuration: its exit code and what it said.
    pub fn second(&self) -> (Option<i32>, String) {
        outcome(program(self.directory.path(), &[]))
    }

    /// Tells the process to stop; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        terminate(&self.child);
        self.child.wait().unwrap().code()
    }

    pub fn slot(&self, local: SocketAddr) -> SlotIndex {
        self.attached.region.geometry().slot_at(local).unwrap()
    }

    pub fn open(&mut self, slot: SlotIndex, forwarding: Forwarding) {
        self.command(
            slot,
            &Command::Open {
                slot,
                generation: Generation(1),
                forwarding,
            },
        );
    }

    pub fn close(&mut self, slot: SlotIndex) -> Counters {
        self.command(
            slot,
            &Command::Close {
                slot,
                generation: Generation(1),
            },
        );
        let closed =
            |event: &Event| matches!(event, Event::Closed { slot: other, .. } if *other == slot);
        match self.event(closed) {
            Event::Closed { counters, .. } => counters,
            _ => unreachable!(),
        }
    }

    /// The first event of this kind, waiting for it.
    pub fn event(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let (control, events) = (&mut self.control, &mut self.events);
        wait(|| {
            for ring in &mut control.events {
                while let Some(record) = ring.pop().unwrap() {
                    events.push(Event::decode(&record).unwrap().1);
                }
            }
            let at = events.iter().position(&wanted)?;
            Some(events.remove(at))
        })
    }

    /// The workers' totals.
    pub fn statistics(&self) -> Statistics {
        self.control.statistics[0].read()
    }

    /// Waits for the statistics page to say so.
    pub fn until(&self, condition: impl Fn(&Statistics) -> bool) {
        wait(|| condition(&self.statistics()).then_some(()));
    }

    /// Sends a command to the slot's owner and waits until it has taken effect.
    fn command(&mut self, slot: SlotIndex, command: &Command) {
        let WorkerIndex(owner) = self.attached.region.geometry().owner(slot);
        let owner = usize::from(owner);
        let id = CommandId(self.next_id);
        self.next_id += 1;
        self.control.commands[owner]
            .push(&command.encode(id))
            .unwrap();
        let statistics = &self.control.statistics[owner];
        wait(|| (statistics.applied() >= id).then_some(()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A party's socket.
pub fn phone(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram a party hears, and from where.
pub fn heard(phone: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut space = [0; 2_048];
    let (length, from) = phone.recv_from(&mut space).unwrap();
    (space[..length].to_vec(), from)
}

/// Whether nothing waits to be heard.
pub fn silent(phone: &UdpSocket) -> bool {
    phone.set_nonblocking(true).unwrap();
    let nothing = phone.recv_from(&mut [0; 8]).is_err();
    phone.set_nonblocking(false).unwrap();
    nothing
}

/// A start that fails: exit code and what was said.
pub fn fails(media: &str, nics: &str, handed: &[(&str, BorrowedFd<'_>)]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), media, nics, 1);
    outcome(program(directory.path(), handed))
}

/// Looks again and again until there is something.
pub fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn configure(directory: &Path, media: &str, nics: &str, workers: usize) {
    let workers = vec!["{}"; workers].join(", ");
    let text = format!(
        "runtime_directory: {directory}\n\
         realms:\n\
         \x20 - name: access\n\
         \x20   signalling: [ {{ address: 127.0.0.1, port: 5060 }} ]\n\
         \x20   media: {media}\n\
         dataplane: {{ {nics}, workers: [ {workers} ], fork_slots: 0 }}\n\
         log: {{ level: error }}\n",
        directory = directory.display(),
    );
    std::fs::write(directory.join("strait.yaml"), text).unwrap();
}

fn program(directory: &Path, handed: &[(&str, BorrowedFd<'_>)]) -> Program {
    let mut program = Program::new(env!("CARGO_BIN_EXE_strait-dataplane"));
    program.arg("-c").arg(directory.join("strait.yaml"));
    program.env_remove(NOTIFY_SOCKET);
    let notify = directory.join("notify.sock");
    if notify.exists() {
        program.env(NOTIFY_SOCKET, notify);
    }
    handover(&mut program, handed).unwrap();
    program
}

fn outcome(mut program: Program) -> (Option<i32>, String) {
    program.env_remove(NOTIFY_SOCKET).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    (child.wait().unwrap().code(), text)
}

/// Waits for readiness; the descriptor that was to be kept, if there was one.
fn until_ready(notify: &NotifySocket, child: &mut Child) -> Option<OwnedFd> {
    let mut stored = None;
    wait(|| {
        assert_eq!(child.try_wait().unwrap(), None, "ended before it was ready");
        let mut received = notify.receive().unwrap()?;
        stored = received.fds.pop().or_else(|| stored.take());
        received.notification.ready.then_some(())
    });
    stored
}

fn attach(directory: &Path) -> Attached {
    fetch(&directory.join("region.sock"), None, PATIENCE).unwrap()
}

fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}
