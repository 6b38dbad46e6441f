//! What `dpdk` NICs need of this machine: TAP devices, bound NICs, memory, cores.

use std::{fs, path::Path};

use rustix::thread::sched_getaffinity;

use crate::{Config, Idle, Nic, PortKind, meaning::nics::is_pci_address};

const NETWORK: &str = "/sys/class/net";
const PCI: &str = "/sys/bus/pci/devices";
/// The driver that lets a process drive a NIC.
const BOUND_TO: &str = "vfio-pci";
/// The option with which DPDK does without huge pages.
const NO_HUGE: &str = "--no-huge";

/// What this machine lacks for the `dpdk` NICs of a configuration.
pub(super) fn lacking(config: &Config) -> Vec<String> {
    let driven = |nic: &&Nic| nic.port == PortKind::Dpdk;
    let nics: Vec<&Nic> = config.dataplane.nics.iter().filter(driven).collect();
    if nics.is_empty() {
        return Vec::new();
    }
    let mut lacks = Vec::new();
    lacks.extend(nics.iter().filter_map(|nic| tap(nic)));
    lacks.extend(nics.iter().filter_map(|nic| bound(nic)));
    lacks.extend(memory(config));
    lacks.extend(core(config));
    lacks
}

/// The TAP device is there.
fn tap(nic: &Nic) -> Option<String> {
    let name = nic.interface();
    let tap = Path::new(NETWORK).join(name).join("tun_flags").exists();
    (!tap).then(|| {
        format!(
            "NIC {}: there is no TAP device `{name}` here; `scripts/nic.sh bind` makes one, or \
             `ip tuntap add {name} mode tap`",
            nic.name
        )
    })
}

/// A PCI device is there and is not the kernel's.
fn bound(nic: &Nic) -> Option<String> {
    let device = nic.device.as_deref().filter(|text| is_pci_address(text))?;
    let directory = Path::new(PCI).join(device);
    if !directory.exists() {
        return Some(format!(
            "NIC {}: there is no PCI device {device} here; `lspci -D` lists them",
            nic.name
        ));
    }
    let driver = fs::read_link(directory.join("driver"));
    let driver = driver.ok().and_then(|path| {
        let name = path.file_name()?;
        Some(name.to_string_lossy().into_owned())
    });
    (driver.as_deref() != Some(BOUND_TO)).then(|| {
        format!(
            "NIC {}: {device} is not bound to {BOUND_TO} but to {}; `scripts/nic.sh bind` does it",
            nic.name,
            driver.as_deref().unwrap_or("no driver"),
        )
    })
}

/// Huge pages are reserved, unless they are not to be used.
fn memory(config: &Config) -> Option<String> {
    let mut options = config.dataplane.dpdk.options.iter();
    if options.any(|option| option == NO_HUGE) {
        return None;
    }
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let mut lines = text.lines();
    let reserved = lines.find_map(|line| line.strip_prefix("HugePages_Total:"))?;
    (reserved.trim() == "0").then(|| {
        format!(
            "`port: dpdk` needs huge pages, and none are reserved; `scripts/hugepages.sh reserve` \
             does it, or `dataplane: {{ dpdk: {{ options: [ {NO_HUGE} ] }} }}` does without"
        )
    })
}

/// Each worker has a core, and DPDK's main thread one that nobody polls on.
fn core(config: &Config) -> Option<String> {
    let workers = config.dataplane.workers.len();
    let cores = sched_getaffinity(None).ok()?.count() as usize;
    let needed = match config.dataplane.idle {
        Idle::Poll => workers + 1,
        Idle::Adaptive => workers,
    };
    (cores < needed).then(|| {
        format!(
            "`port: dpdk` needs a core for each worker, and with `idle: poll` one more: {workers} \
             workers have {cores} cores; configure fewer workers"
        )
    })
}
