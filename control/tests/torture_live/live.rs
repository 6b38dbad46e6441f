//! A running strait-control between a phone on IPv4 or IPv6, UDP or TCP, and a softswitch.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strait_config::Config;
use strait_shared::attach::RegionServer;
use strait_shared::notify::NotifySocket;
use strait_shared::region::Region;
use tempfile::TempDir;

use crate::worker::{Running, Worker};

/// How long anything may take before a test gives up; nothing waits this long by design.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A strait-control that is ready, killed when dropped.
pub struct Live {
    /// Where phones on IPv4 send to.
    pub access: SocketAddr,
    /// Where phones on IPv6 send to.
    pub access6: SocketAddr,
    /// The softswitch's socket.
    pub switch: UdpSocket,
    /// How many marks were sent to find an end by.
    pub marks: u32,
    process: Child,
    _worker: Running,
    _server: RegionServer,
    _directory: TempDir,
}

impl Live {
    pub fn start(number: u8) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let own = |last: u8| {
            let [.., high, low] = std::process::id().to_be_bytes();
            let ip = Ipv4Addr::new(127, (high & 0x3f) | 0x40, low, 10 * number + last);
            SocketAddr::new(ip.into(), 5060)
        };
        let (access, core, softswitch) = (own(1), own(2), own(3));
        let access6 = UdpSocket::bind("[::1]:0").unwrap().local_addr().unwrap();
        let path = directory.path().join("strait.yaml");
        let text = configuration(directory.path(), [access, access6, core, softswitch]);
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path).unwrap_or_else(|report| panic!("{report}"));
        let region = Region::create(strait_config::geometry(&config).unwrap()).unwrap();
        let server = RegionServer::start(&directory.path().join("region.sock"), &region).unwrap();
        let supervisor = NotifySocket::bind(&directory.path().join("notify")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_strait-control"))
            .arg("-c")
            .arg(&path)
            .stderr(Stdio::null())
            .env("NOTIFY_SOCKET", supervisor.path())
            .spawn()
            .unwrap();
        let live = Self {
            access,
            access6,
            switch: UdpSocket::bind(softswitch).unwrap(),
            marks: 0,
            process,
            _worker: Running::start(Worker::new(&region, 0)),
            _server: server,
            _directory: directory,
        };
        let deadline = Instant::now() + PATIENCE;
        while !supervisor
            .receive()
            .unwrap()
            .is_some_and(|told| told.notification.ready)
        {
            assert!(Instant::now() < deadline, "strait-control never got ready");
            std::thread::sleep(Duration::from_millis(2));
        }
        live
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(directory: &std::path::Path, places: [SocketAddr; 4]) -> String {
    let directory = directory.display();
    let [access, access6, core, softswitch] = places;
    let listener = |transport: &str, own: SocketAddr| {
        let (ip, port) = (own.ip(), own.port());
        format!("  - {{ transport: {transport}, address: \"{ip}\", port: {port} }}\n")
    };
    let media = |own: SocketAddr| {
        let ip = own.ip();
        format!("  - {{ address: \"{ip}\", ports: 20000-20999 }}\n")
    };
    format!(
        "runtime_directory: {directory}\nrealms:\n- name: access\n  nat: true\n  \
         forward_to: [switch]\n  signalling:\n{}{}{}{}  media:\n{}{}\
         - name: core\n  signalling:\n{}  media:\n{}\
         softswitches:\n\
         - {{ name: switch, realm: core, address: \"{softswitch}\", probe: null }}\n\
         records: {{ file: {directory}/calls.jsonl }}\ndrain_timeout: 0s\n",
        listener("udp", access),
        listener("tcp", access),
        listener("udp", access6),
        listener("tcp", access6),
        media(access),
        media(access6),
        listener("udp", core),
        media(core),
    )
}
