//! Hosts of their own for the parties and for what stands between them: network namespaces, joined
//! by veth pairs.
//!
//! ```text
//!  near 192.0.2.9 ── 192.0.2.1 … .4   middle   198.51.100.1 … .4 ── far 198.51.100.9
//!  2001:db8:1::9  ── 2001:db8:1::1 …           2001:db8:2::1 …   ── 2001:db8:2::9
//! ```
//! A side has IPv4 or IPv6.

mod network;
mod tools;

use std::net::IpAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use self::tools::{feed, run};
use crate::Failure;
use crate::device::Device;
use crate::station::Station;
use crate::through::processor_time;

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

/// What is between the parties' hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Middle {
    /// Nothing: they are joined to each other.
    Nothing,
    /// A host whose kernel has the interfaces.
    Kernel,
    /// A host where DPDK has them by such devices, and the kernel TAP devices.
    Dpdk(Device),
}

/// What the hosts are like.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// What is between the parties'.
    pub middle: Middle,
    /// The sides that have IPv6.
    pub is_ipv6: [bool; 2],
    /// Queues of each interface.
    pub queues: u16,
    /// The cores they have.
    pub cores: Option<Cores>,
}

/// The hosts; gone when dropped.
pub struct Hosts {
    names: Vec<String>,
    number: u32,
    middle: Middle,
    is_ipv6: [bool; 2],
    queues: u16,
    cores: Option<Cores>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Hosts {
    /// Makes them.
    pub fn new(layout: Layout) -> Result<Self, Failure> {
        let drops = layout.middle == Middle::Dpdk(Device::Packet);
        let programs = PROGRAMS.into_iter().chain(drops.then_some("nft"));
        tools::possible(&programs.collect::<Vec<_>>())?;
        tools::remove_leftovers();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let has_middle = layout.middle != Middle::Nothing;
        let roles = SIDES.into_iter().chain(has_middle.then_some("middle"));
        let hosts = Self {
            names: roles
                .map(|role| format!("strait-{pid}-load{number}-{role}"))
                .collect(),
            number: pid % 100_000 * 100 + number % 100,
            middle: layout.middle,
            is_ipv6: layout.is_ipv6,
            queues: layout.queues,
            cores: layout.cores,
        };
        for name in &hosts.names {
            run(Command::new("ip").args(["netns", "add", name]))?;
        }
        network::join(&hosts)?;
        if hosts.cores.is_some() {
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
    pub fn party_address(&self, side: usize) -> IpAddr {
        network::address(side, PARTY, self.is_ipv6[side])
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
    pub fn middle_address(&self, side: usize, number: u8) -> IpAddr {
        network::address(side, 1 + number % MIDDLE_ADDRESSES, self.is_ipv6[side])
    }

    /// The interface in the middle on one side, as the kernel there has it.
    pub fn middle_interface(&self, side: usize) -> String {
        format!("{}{}", SIDES[side], self.number)
    }

    /// The same as frames come to it: another one where DPDK drives it.
    pub fn driven_interface(&self, side: usize) -> String {
        let interface = self.middle_interface(side);
        match self.middle {
            Middle::Nothing | Middle::Kernel => interface,
            Middle::Dpdk(_) => format!("{interface}-nic"),
        }
    }

    /// The hardware address in the middle on one side.
    pub fn middle_mac(side: usize) -> [u8; 6] {
        [2, 0, 0, 0, side as u8, 1]
    }

    /// Whether nothing is left for [`complete`](Self::complete) to do.
    pub fn is_complete(&self) -> bool {
        !matches!(self.middle, Middle::Dpdk(_))
    }

    /// Does what can be done only once DPDK has its devices.
    pub fn complete(&self) -> Result<(), Failure> {
        let Middle::Dpdk(device) = self.middle else {
            return Ok(());
        };
        for side in [0, 1] {
            if device == Device::Tap {
                network::adopt(self, side)?;
            }
            network::introduce(self, side)?;
        }
        Ok(())
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

    /// Works on every end of a wire.
    fn each_interface(
        &self,
        work: impl Fn(&Self, usize, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.middle == Middle::Dpdk(Device::Tap) {
            return Ok(());
        }
        for side in [0, 1] {
            work(self, side, &self.party_interface(side))?;
            if self.middle != Middle::Nothing {
                work(self, 2, &self.driven_interface(side))?;
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

/// A hardware address as people write it.
pub fn mac(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}
