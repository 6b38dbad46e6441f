//! Hosts of their own for the parties and for what stands between them: network namespaces, joined
//! by veth pairs.
//!
//! ```text
//!  near 192.0.2.9 ── 192.0.2.1 … .4   middle   198.51.100.1 … .4 ── far 198.51.100.9
//! ```
//! Every neighbour is known from the start, so that none need answer for itself.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::Failure;
use crate::station::Station;
use crate::through::processor_time;

/// Each side's network of 24 bits.
const NETWORKS: [[u8; 3]; 2] = [[192, 0, 2], [198, 51, 100]];
const PARTY: u8 = 9;
/// Addresses of the middle on each side: .1 and on.
pub const MIDDLE_ADDRESSES: u8 = 4;
/// Where ip-netns(8) keeps namespaces by name.
pub const NAMESPACES: &str = "/run/netns";
const SIDES: [&str; 2] = ["near", "far"];
const PROGRAMS: [&str; 4] = ["ip", "ethtool", "taskset", "chrt"];
/// How long what arrives may wait for more to arrive, as a NIC's moderation has it, and how often
/// an interface is looked at in vain before it says again when something arrives.
const MODERATION_NS: u32 = 50_000;
const MODERATION_TRIES: u32 = 2;
/// Real-time priority of the kernel's threads: they stand for interrupts.
const PRIORITY: &str = "1";

/// The cores of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cores {
    /// Of the parties, and of what the kernel does for their interfaces.
    pub parties: u16,
    /// Of what stands between them, and of what the kernel does for its interfaces.
    pub middle: u16,
}

/// The hosts; gone when dropped.
pub struct Hosts {
    names: Vec<String>,
    number: u32,
    cores: Option<Cores>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Hosts {
    /// Both parties' hosts, with one in the middle or joined to each other.
    pub fn new(has_middle: bool, cores: Option<Cores>) -> Result<Self, Failure> {
        possible()?;
        remove_leftovers();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let roles = SIDES.into_iter().chain(has_middle.then_some("middle"));
        let hosts = Self {
            names: roles
                .map(|role| format!("strait-{pid}-load{number}-{role}"))
                .collect(),
            number: pid % 100_000 * 100 + number % 100,
            cores,
        };
        for name in &hosts.names {
            run(Command::new("ip").args(["netns", "add", name]))?;
        }
        hosts.join()?;
        if cores.is_some() {
            hosts.each_interface(|hosts, host, interface| hosts.moderate(host, interface))?;
            hosts.part()?;
        }
        Ok(hosts)
    }

    /// Where a side's party is.
    pub fn party(&self, side: usize) -> Station {
        Station {
            namespace: Some(self.names[side].clone()),
            core: self.cores.map(|cores| cores.parties),
        }
    }

    /// The address of a side's party.
    pub fn party_address(side: usize) -> IpAddr {
        address(side, PARTY)
    }

    /// The interface of a side's party.
    pub fn party_interface(&self, side: usize) -> String {
        format!("{}{}", ["pn", "pf"][side], self.number)
    }

    /// The hardware address of a side's party.
    pub fn party_mac(side: usize) -> [u8; 6] {
        [2, 0, 0, 0, side as u8, PARTY]
    }

    /// Where what stands between the parties is.
    pub fn middle(&self) -> Station {
        Station {
            namespace: self.names.get(2).cloned(),
            core: self.cores.map(|cores| cores.middle),
        }
    }

    /// The addresses in the middle on one side.
    pub fn middle_address(side: usize, number: u8) -> IpAddr {
        address(side, 1 + number % MIDDLE_ADDRESSES)
    }

    /// The interface in the middle on one side.
    pub fn middle_interface(&self, side: usize) -> String {
        format!("{}{}", SIDES[side], self.number)
    }

    /// The hardware address in the middle on one side.
    pub fn middle_mac(side: usize) -> [u8; 6] {
        [2, 0, 0, 0, side as u8, 1]
    }

    /// Sets a parameter of the middle's kernel.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), Failure> {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let set = self.middle().within(|| std::fs::write(&path, value));
        set.map_err(|error| Failure::Hosts(format!("{path}: {error}")))
    }

    /// Runs a program at a station, with this on its input.
    pub fn feed_at(
        station: &Station,
        program: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::Hosts(error.to_string());
        let fed = station.within(|| Ok(feed(Command::new(program).args(arguments), input)));
        fed.map_err(failed)?
    }

    /// Keeps what the kernel does for each interface on the core of its host. Interfaces that have
    /// been opened anew have new threads.
    pub fn part(&self) -> Result<(), Failure> {
        let Some(cores) = self.cores else {
            return Ok(());
        };
        for (prefix, core) in [
            ("pn", cores.parties),
            ("pf", cores.parties),
            (SIDES[0], cores.middle),
            (SIDES[1], cores.middle),
        ] {
            for pid in self.threads(prefix) {
                let (pid, core) = (pid.to_string(), core.to_string());
                run(Command::new("taskset").args(["-pc", &core, &pid]))?;
                run(Command::new("chrt").args(["-f", "-p", PRIORITY, &pid]))?;
            }
        }
        Ok(())
    }

    /// The processor time of what the kernel did for frames that arrived in the middle: nothing
    /// where that is not kept apart.
    pub fn kernel_time(&self) -> Option<Duration> {
        self.cores?;
        let pids = SIDES.iter().flat_map(|side| self.threads(side));
        Some(pids.map(processor_time).sum())
    }

    /// The kernel's threads for the interfaces of this name on any host.
    fn threads(&self, prefix: &str) -> Vec<u32> {
        let wanted = format!("napi/{prefix}{}-", self.number);
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let ours = |pid: &u32| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            name.is_ok_and(|name| name.starts_with(&wanted))
        };
        pids.filter(ours).collect()
    }

    /// Wires, addresses, neighbours, routes.
    fn join(&self) -> Result<(), Failure> {
        let has_middle = self.names.len() > 2;
        let mut batches = vec![String::from("link set lo up\n"); self.names.len()];
        for side in [0, 1] {
            let own = self.party_interface(side);
            let (peer, peer_mac) = match has_middle {
                true => (self.middle_interface(side), Self::middle_mac(side)),
                false => (self.party_interface(1 - side), Self::party_mac(1 - side)),
            };
            if has_middle || side == 0 {
                let peer_host = &self.names[if has_middle { 2 } else { 1 }];
                let link = format!(
                    "link add {own} address {} type veth peer name {peer} address {} netns \
                     {peer_host}\n",
                    mac(Self::party_mac(side)),
                    mac(peer_mac),
                );
                feed(
                    Command::new("ip").args(["-n", &self.names[side], "-batch", "-"]),
                    &link,
                )?;
            }
            let address = Self::party_address(side);
            batches[side] += &format!("addr add {address}/24 dev {own}\nlink set {own} up\n");
            for (other, known) in neighbours(side, has_middle) {
                let known = mac(known);
                batches[side] += &format!("neigh add {other} lladdr {known} dev {own}\n");
            }
            let gateway = Self::middle_address(side, 0);
            batches[side] += &match has_middle {
                true => format!("route add default via {gateway} dev {own}\n"),
                false => format!("route add default dev {own}\n"),
            };
            if has_middle {
                batches[2] += &self.middle_batch(side);
            }
        }
        for (name, batch) in self.names.iter().zip(&batches) {
            feed(Command::new("ip").args(["-n", name, "-batch", "-"]), batch)?;
        }
        // A checksum left to hardware that is not there would stay undone.
        self.each_interface(|hosts, host, interface| {
            run(hosts
                .command(host, "ethtool")
                .args(["-K", interface, "tx", "off"]))
        })
    }

    fn middle_batch(&self, side: usize) -> String {
        let interface = self.middle_interface(side);
        let mut batch = String::new();
        for number in 0..MIDDLE_ADDRESSES {
            let address = Self::middle_address(side, number);
            batch += &format!("addr add {address}/24 dev {interface}\n");
        }
        let (party, known) = (Self::party_address(side), mac(Self::party_mac(side)));
        batch
            + &format!(
                "link set {interface} up\nneigh add {party} lladdr {known} dev {interface}\n"
            )
    }

    /// Has a thread of its own do what the kernel does for an interface, several frames at a time.
    fn moderate(&self, host: usize, interface: &str) -> Result<(), Failure> {
        run(self
            .command(host, "ethtool")
            .args(["-K", interface, "gro", "on"]))?;
        let script = format!(
            "cd /sys/class/net/{interface} && echo 1 >threaded && echo {MODERATION_NS} \
             >gro_flush_timeout && echo {MODERATION_TRIES} >napi_defer_hard_irqs"
        );
        run(self.command(host, "sh").args(["-c", &script]))
    }

    fn each_interface(
        &self,
        work: impl Fn(&Self, usize, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for side in [0, 1] {
            work(self, side, &self.party_interface(side))?;
            if self.names.len() > 2 {
                work(self, 2, &self.middle_interface(side))?;
            }
        }
        Ok(())
    }

    fn command(&self, host: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[host], program]);
        command
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            // Half of them may never have been made.
            let _ = run(Command::new("ip").args(["netns", "del", name]));
        }
    }
}

/// Whether there can be hosts here; the reason when not.
fn possible() -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Hosts("network namespaces need root".to_owned()));
    }
    let lacking = PROGRAMS.iter().find(|program| !installed(program));
    lacking.map_or(Ok(()), |program| {
        Err(Failure::Hosts(format!("{program} is not installed")))
    })
}

/// Removes the hosts of tests that were killed.
fn remove_leftovers() {
    for entry in std::fs::read_dir(NAMESPACES)
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name
            .strip_prefix("strait-")
            .and_then(|rest| rest.split_once("-load"));
        if let Some((pid, _)) = ours
            && !Path::new("/proc").join(pid).exists()
        {
            // Somebody else may be at it too.
            let _ = run(Command::new("ip").args(["netns", "del", &name]));
        }
    }
}

/// Whether a program is in PATH, or where Debian keeps those of administrators.
pub fn installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders
        .map(Path::new)
        .any(|folder| folder.join(program).exists())
}

/// Whom a party sends to, and their hardware addresses.
fn neighbours(side: usize, has_middle: bool) -> Vec<(IpAddr, [u8; 6])> {
    if !has_middle {
        return vec![(Hosts::party_address(1 - side), Hosts::party_mac(1 - side))];
    }
    let numbers = 0..MIDDLE_ADDRESSES;
    numbers
        .map(|number| (Hosts::middle_address(side, number), Hosts::middle_mac(side)))
        .collect()
}

fn address(side: usize, host: u8) -> IpAddr {
    let [a, b, c] = NETWORKS[side];
    Ipv4Addr::new(a, b, c, host).into()
}

/// A hardware address as people write it.
pub fn mac(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

fn run(command: &mut Command) -> Result<(), Failure> {
    feed(command, "")
}

/// Runs a program to its end, with this on its input.
fn feed(command: &mut Command, input: &str) -> Result<(), Failure> {
    let said = format!("{command:?}");
    let failed = |reason: String| Failure::Hosts(format!("{said}: {reason}"));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::null());
    let child = piped.stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| failed(error.to_string()))?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that reads nothing has ended, and says why.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}
