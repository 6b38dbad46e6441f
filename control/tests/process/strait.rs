//! A running strait-control with everything around it: region, worker, supervisor, phone,
//! softswitch.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;
use strait_config::Config;
use strait_shared::attach::RegionServer;
use strait_shared::notify::NotifySocket;
use strait_shared::region::Region;
use tempfile::TempDir;

use crate::worker::{Running, Worker};

/// How long anything may take before a test gives up; nothing waits this long by design.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a Strait under test lives: addresses of its own, a directory of its own.
pub struct Place {
    pub directory: TempDir,
    /// Our address towards the phone.
    pub access: SocketAddr,
    /// Our address towards the softswitch.
    pub core: SocketAddr,
    pub softswitch: SocketAddr,
    /// Added to the configuration's `limits`.
    pub limits: &'static str,
}

impl Place {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            access: SocketAddr::new(own_address().into(), 5060),
            core: SocketAddr::new(own_address().into(), 5060),
            softswitch: SocketAddr::new(own_address().into(), 5060),
            limits: "calls: 1000",
        }
    }

    /// Writes the configuration and says where it is.
    pub fn configure(&self) -> PathBuf {
        let (directory, limits) = (self.directory.path().display(), self.limits);
        let (access, core, softswitch) = (self.access.ip(), self.core.ip(), self.softswitch);
        let text = format!(
            "runtime_directory: {directory}\n\
             realms:\n\
             - name: access\n  nat: true\n  forward_to: [switch]\n  signalling:\n  \
               - {{ transport: udp, address: {access}, port: 5060 }}\n  \
               - {{ transport: tcp, address: {access}, port: 5060 }}\n  \
               media: [{{ address: {access}, ports: 20000-39999 }}]\n\
             - name: core\n  signalling: [{{ transport: udp, address: {core}, port: 5060 }}]\n  \
               media: [{{ address: {core}, ports: 20000-39999 }}]\n\
             softswitches:\n\
             - {{ name: switch, realm: core, address: \"{softswitch}\" }}\n\
             limits: {{ {limits} }}\n\
             records: {{ file: {directory}/calls.jsonl }}\n\
             drain_timeout: 0s\n"
        );
        let path = self.directory.path().join("strait.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn region(&self) -> Region {
        let config = Config::load(&self.configure()).unwrap_or_else(|report| panic!("{report}"));
        Region::create(strait_config::geometry(&config).unwrap()).unwrap()
    }

    pub fn serve(&self, region: &Region) -> RegionServer {
        RegionServer::start(&self.directory.path().join("region.sock"), region).unwrap()
    }

    /// Starts strait-control without waiting for anything.
    pub fn spawn(&self, notify: Option<&Path>) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strait-control"));
        command
            .arg("-c")
            .arg(self.configure())
            .stderr(Stdio::piped());
        match notify {
            Some(path) => command.env("NOTIFY_SOCKET", path),
            None => command.env_remove("NOTIFY_SOCKET"),
        };
        command.spawn().unwrap()
    }

    /// Starts strait-control and waits for it to end: how it ended and what it said.
    pub fn run_to_end(&self) -> (ExitStatus, String) {
        let output = self.spawn(None).wait_with_output().unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    }
}

/// A strait-control that is ready, killed when dropped.
pub struct Strait {
    pub place: Place,
    pub region: Region,
    pub server: Option<RegionServer>,
    pub supervisor: NotifySocket,
    pub worker: Option<Running>,
    pub switch: UdpSocket,
    process: Child,
}

impl Strait {
    pub fn start() -> Self {
        Self::start_at(Place::new())
    }

    pub fn start_at(place: Place) -> Self {
        let region = place.region();
        let server = Some(place.serve(&region));
        let worker = Some(Running::start(Worker::new(&region, 0)));
        let supervisor = NotifySocket::bind(&place.directory.path().join("notify")).unwrap();
        let switch = bound(place.softswitch);
        let process = place.spawn(Some(supervisor.path()));
        let mut strait = Self {
            place,
            region,
            server,
            supervisor,
            worker,
            switch,
            process,
        };
        strait.told("READY=1");
        strait
    }

    /// Waits until the supervisor is told this.
    pub fn told(&mut self, what: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < deadline {
            let exit = self.process.try_wait().unwrap();
            while let Some(received) = self.supervisor.receive().unwrap() {
                if says(&received.notification, what) {
                    return;
                }
            }
            if let Some(exit) = exit {
                let mut said = String::new();
                self.process
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("strait-control ended before {what}: {exit}\n{said}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the supervisor was not told {what}");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .arg(format!("-{name}"))
                .arg(pid)
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end: how it ended and what it said.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        let mut said = String::new();
        self.process
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (status, said)
    }

    /// Kills the process outright and starts another one in its place.
    pub fn replace(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = self.place.spawn(Some(self.supervisor.path()));
        self.told("READY=1");
    }

    /// A phone's UDP socket.
    pub fn phone(&self) -> UdpSocket {
        bound(SocketAddr::new(own_address().into(), 5060))
    }

    /// Asks the operator's socket: status and body.
    pub fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let socket = self.place.directory.path().join("control.sock");
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        (status, rest.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// What a counter of signalling stands at.
    pub fn counter(&self, name: &str) -> u64 {
        self.get("/status")["signalling"]["counters"][name]
            .as_u64()
            .unwrap()
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(std::time::Instant::now() < deadline, "never came: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Strait {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next message at a socket for which `wanted` holds, and whence it came.
pub fn receive(socket: &UdpSocket, wanted: impl Fn(&str) -> bool) -> (String, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("a message in time");
        let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if wanted(&text) {
            return (text, from);
        }
    }
}

/// The value of a header.
pub fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix(start.as_str()));
    line.unwrap_or_else(|| panic!("no {name} in\n{message}"))
}

/// A response with the headers every response repeats.
pub fn answer(request: &str, status: &str, extra: &str) -> String {
    let repeated = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().take_while(|line| !line.is_empty()) {
        if repeated.iter().any(|name| line.starts_with(name)) {
            let untagged = line.starts_with("To:") && !line.contains(";tag=");
            text.push_str(line);
            text.push_str(if untagged { ";tag=far\r\n" } else { "\r\n" });
        }
    }
    let head_len = extra.find("\r\n\r\n").map_or(extra.len(), |end| end + 2);
    let (head, body) = (
        &extra[..head_len],
        extra.get(head_len + 2..).unwrap_or_default(),
    );
    format!("{text}{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A loopback address no other test uses.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x80, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn bound(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn says(notification: &strait_shared::notify::Notification, what: &str) -> bool {
    match what {
        "READY=1" => notification.ready,
        "STOPPING=1" => notification.stopping,
        other => panic!("no test waits for {other}"),
    }
}
