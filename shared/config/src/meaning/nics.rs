//! The NICs: which keys go with which port, and what no two may share.

use super::Judge;
use crate::{
    Config, Nic, PortKind,
    limits::{EAL_OPTION_BYTES_MAX, INTERFACE_BYTES_MAX},
    path::Path,
};

/// Options of DPDK's environment that Strait sets itself.
const OWN_OPTIONS: [&str; 17] = [
    "-l",
    "-c",
    "-a",
    "-b",
    "--lcores",
    "--main-lcore",
    "--master-lcore",
    "--allow",
    "--block",
    "--vdev",
    "--proc-type",
    "--file-prefix",
    "--in-memory",
    "--no-shconf",
    "--no-telemetry",
    "--telemetry",
    "--no-pci",
];

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    let dataplane = Path::root().key("dataplane");
    let nics = dataplane.key("nics");
    for (index, nic) in config.dataplane.nics.iter().enumerate() {
        let path = nics.index(index);
        keys(&path, nic, judge);
        captures(&path, nic, judge);
        interface(&path, nic, judge);
        device(&path, nic, judge);
    }
    interfaces(config, &nics, judge);
    devices(config, &nics, judge);
    options(config, &dataplane.key("dpdk"), judge);
}

/// Keys that only some ports have.
fn keys(path: &Path, nic: &Nic, judge: &mut Judge<'_>) {
    use PortKind::{AfXdp, Dpdk, Pcap};
    let keys: [(&str, bool, &[PortKind]); 5] = [
        ("read", nic.read.is_some(), &[Pcap]),
        ("write", nic.write.is_some(), &[Pcap]),
        ("interface", nic.interface.is_some(), &[AfXdp, Dpdk]),
        ("mode", nic.mode.is_some(), &[AfXdp]),
        ("device", nic.device.is_some(), &[Dpdk]),
    ];
    for (key, given, kinds) in keys {
        if given && !kinds.contains(&nic.port) {
            let named = |kind: &PortKind| format!("`{}`", kind.name());
            let kinds: Vec<String> = kinds.iter().map(named).collect();
            let message = format!("`{}` is no {} NIC", nic.name, kinds.join(" or "));
            let allowed = format!("this key with a `port` of {}", kinds.join(" or "));
            judge.error(&[&path.key(key), &path.key("port")], message, &allowed);
        }
    }
}

/// Files have names, and a `pcap` NIC without any does nothing.
fn captures(path: &Path, nic: &Nic, judge: &mut Judge<'_>) {
    let files = [
        ("read", &nic.read),
        ("write", &nic.write),
        ("capture", &nic.capture),
    ];
    for (key, file) in files {
        if file
            .as_ref()
            .is_some_and(|file| file.as_os_str().is_empty())
        {
            judge.error(
                &[&path.key(key)],
                "the file's name is empty".to_owned(),
                "a path",
            );
        }
    }
    if nic.port == PortKind::Pcap && nic.read.is_none() && nic.write.is_none() {
        let message = "a `pcap` NIC without captures".to_owned();
        judge.error(&[&path.key("port")], message, "`read` or `write`, or both");
    }
}

/// An interface has a name that can be one.
fn interface(path: &Path, nic: &Nic, judge: &mut Judge<'_>) {
    let name = nic.interface();
    let named = nic.port.is_with_kernel() || nic.interface.is_some();
    let odd = |octet: u8| octet == b'/' || !octet.is_ascii_graphic();
    let length = 1..=INTERFACE_BYTES_MAX;
    if named && (!length.contains(&name.len()) || name.bytes().any(odd)) {
        let key = if nic.interface.is_some() {
            "interface"
        } else {
            "name"
        };
        let message = format!("`{name}` is no interface's name");
        let allowed = format!("1 to {INTERFACE_BYTES_MAX} characters, none of them a space or `/`");
        judge.error(&[&path.key(key)], message, &allowed);
    }
}

/// A `dpdk` NIC has a device: a PCI address, or a virtual device with its arguments.
fn device(path: &Path, nic: &Nic, judge: &mut Judge<'_>) {
    const ALLOWED: &str = "a PCI address such as 0000:3b:00.0, or a virtual device such as \
                           net_af_packet0,iface=eth0";
    match &nic.device {
        None if nic.port == PortKind::Dpdk => {
            let message = "a `dpdk` NIC without a device".to_owned();
            judge.error(&[&path.key("port")], message, "a key `device`");
        }
        Some(device) if !is_pci_address(device) && !is_virtual(device) => {
            let message = format!("`{device}` is no device of DPDK's");
            judge.error(&[&path.key("device")], message, ALLOWED);
        }
        _ => {}
    }
}

/// Domain, bus, device and function, all of them there.
pub(crate) fn is_pci_address(text: &str) -> bool {
    let digits = |part: &str, count| {
        part.len() == count && part.bytes().all(|octet| octet.is_ascii_hexdigit())
    };
    let [domain, bus, rest] = *text.split(':').collect::<Vec<_>>() else {
        return false;
    };
    rest.split_once('.').is_some_and(|(device, function)| {
        digits(domain, 4) && digits(bus, 2) && digits(device, 2) && digits(function, 1)
    })
}

/// `net_`, a driver, a number, and perhaps arguments.
fn is_virtual(text: &str) -> bool {
    let name = device_name(text);
    let word = |octet: u8| octet == b'_' || octet.is_ascii_alphanumeric();
    name.starts_with("net_")
        && name.bytes().all(word)
        && text.len() <= EAL_OPTION_BYTES_MAX
        && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn device_name(text: &str) -> &str {
    text.split(',').next().unwrap_or_default()
}

/// An interface has one NIC.
fn interfaces(config: &Config, path: &Path, judge: &mut Judge<'_>) {
    let taken = |nic: &Nic| {
        nic.port
            .is_with_kernel()
            .then(|| nic.interface().to_owned())
    };
    let what = ("interface", "an interface of its own for each NIC");
    unshared(config, path, what, taken, judge);
}

/// A device has one NIC.
fn devices(config: &Config, path: &Path, judge: &mut Judge<'_>) {
    let taken = |nic: &Nic| {
        nic.device
            .as_deref()
            .map(|text| device_name(text).to_owned())
    };
    let what = ("device", "a device of its own for each NIC");
    unshared(config, path, what, taken, judge);
}

fn unshared(
    config: &Config,
    path: &Path,
    (key, allowed): (&str, &str),
    taken: impl Fn(&Nic) -> Option<String>,
    judge: &mut Judge<'_>,
) {
    let nics = &config.dataplane.nics;
    for (index, nic) in nics.iter().enumerate() {
        let Some(name) = taken(nic) else { continue };
        let same = |other: &Nic| taken(other).as_deref() == Some(&name);
        if let Some(first) = nics[..index].iter().position(same) {
            let message = format!("{key} `{name}` is taken by {}", path.index(first));
            let about = [&path.index(index).key(key), &path.index(first).key(key)];
            judge.error(&about, message, allowed);
        }
    }
}

/// Options are words, and leave to Strait what is Strait's.
fn options(config: &Config, path: &Path, judge: &mut Judge<'_>) {
    for (index, option) in config.dataplane.dpdk.options.iter().enumerate() {
        let here = path.key("options").index(index);
        let name = option.split('=').next().unwrap_or_default();
        if option.is_empty() || !option.bytes().all(|octet| octet.is_ascii_graphic()) {
            let message = format!("`{option}` is no single word");
            let allowed = "each word of an option as an item of its own";
            judge.error(&[&here], message, allowed);
        } else if option.len() > EAL_OPTION_BYTES_MAX {
            let allowed = format!("at most {EAL_OPTION_BYTES_MAX} characters");
            judge.error(&[&here], "too long".to_owned(), &allowed);
        } else if OWN_OPTIONS.contains(&name) {
            let message = format!("`{name}` is set from `nics` and `workers`");
            judge.error(
                &[&here],
                message,
                "options about memory, drivers and logging",
            );
        }
    }
}
