//! Network namespaces: hosts of a scenario on one machine.

use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::program::Program;

/// Where ip-netns(8) keeps namespaces by name.
const NAMESPACES: &str = "/run/netns";

static WORLDS: AtomicU32 = AtomicU32::new(0);

/// The names of one scenario's namespaces: unique on the machine while the test process lives.
#[derive(Clone)]
pub struct World {
    prefix: String,
}

impl World {
    /// A fresh set of names; removes namespaces that dead test processes left behind.
    pub fn new() -> World {
        remove_leftovers();
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        World {
            prefix: format!("strait-{}-{number}", std::process::id()),
        }
    }

    /// Adds a host.
    pub fn host(&self, role: &str) -> Namespace {
        Namespace::add(&format!("{}-{role}", self.prefix))
    }
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

/// One host: removed, with its interfaces, when dropped.
pub struct Namespace {
    name: String,
}

impl Namespace {
    fn add(name: &str) -> Namespace {
        run(&["netns", "add", name]);
        let namespace = Namespace {
            name: name.to_owned(),
        };
        namespace.ip("link set lo up");
        for key in ["all", "default"] {
            namespace.sysctl(&format!("net.ipv6.conf.{key}.accept_dad"), "0");
            namespace.sysctl(&format!("net.ipv6.conf.{key}.router_solicitations"), "0");
        }
        namespace
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip <arguments>` in it.
    pub fn ip(&self, arguments: &str) {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments.split_whitespace());
        run(&all);
    }

    /// Sets a kernel parameter in it.
    pub fn sysctl(&self, key: &str, value: &str) {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let script = format!("echo {value} > {path}");
        let status = self.command("sh").args(["-c", &script]).status();
        assert!(
            status.is_ok_and(|s| s.success()),
            "cannot set {key} in {}",
            self.name
        );
    }

    /// Loads an nftables ruleset.
    pub fn nft(&self, ruleset: &str) {
        let output = self
            .command("nft")
            .arg(ruleset)
            .output()
            .expect("nft is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "nft in {}: {errors}\n{ruleset}",
            self.name
        );
    }

    /// A command that runs in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Starts a program in it, with its output in `directory`.
    pub fn start(&self, name: &str, command: Command, directory: &Path) -> Program {
        Program::start(name, command, directory)
    }

    /// Turns a feature of one of its interfaces `on` or `off`, as `ethtool -K` names it.
    pub fn feature(&self, interface: &str, feature: &str, value: &str) {
        let mut ethtool = self.command("ethtool");
        let status = ethtool.args(["-K", interface, feature, value]).output();
        assert!(
            status.is_ok_and(|output| output.status.success()),
            "cannot turn {feature} of {interface} {value} in {}",
            self.name
        );
    }

    /// A UDP socket of this process in it; reading from it waits ten seconds at most.
    pub fn udp(&self, address: SocketAddr) -> UdpSocket {
        let name = self.name.clone();
        let bound = std::thread::spawn(move || {
            enter(&name);
            UdpSocket::bind(address).expect("the host has the address")
        });
        let socket = bound.join().expect("a socket can be had");
        let limit = Some(Duration::from_secs(10));
        socket.set_read_timeout(limit).expect("a socket may wait");
        socket
    }

    /// Has its programs ask this server of the DNS; those that [`Namespace::command`] starts.
    pub fn asks(&self, server: &str) {
        let directory = self.own_files();
        std::fs::create_dir_all(&directory).expect("root may write there");
        let text = format!("nameserver {server}\n");
        std::fs::write(directory.join("resolv.conf"), text).expect("root may write there");
    }

    /// What ip-netns(8) puts in the place of files in /etc for who runs in the namespace.
    fn own_files(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }

    /// Connects this host's `interface` with `peer_interface` of `peer`.
    pub fn connect(&self, interface: &str, peer: &Namespace, peer_interface: &str) {
        self.ip(&format!(
            "link add {interface} type veth peer name {peer_interface} netns {}",
            peer.name
        ));
        self.ip(&format!("link set {interface} up"));
        peer.ip(&format!("link set {peer_interface} up"));
    }

    /// Gives `interface` an address with its prefix length.
    pub fn address(&self, interface: &str, address: &str) {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        self.ip(&format!("addr add {address} dev {interface} {nodad}"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .output();
        let _ = std::fs::remove_dir_all(self.own_files());
    }
}

/// Brings the calling thread into the host of that name.
pub fn enter(name: &str) {
    let file = File::open(Path::new(NAMESPACES).join(name)).expect("the host is there");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("root may change its network");
}

fn run(arguments: &[&str]) {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .expect("iproute2 is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {}: {errors}",
        arguments.join(" ")
    );
}

fn remove_leftovers() {
    let Ok(output) = Command::new("ip").args(["netns", "list"]).output() else {
        return;
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let Some(rest) = name.strip_prefix("strait-") else {
            continue;
        };
        let pid = rest.split('-').next().unwrap_or_default();
        if pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}
