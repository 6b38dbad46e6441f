//! The processes: NICs, workers, files.

use std::collections::BTreeMap;

use super::Judge;
use crate::{
    Config, Idle, Nic, PortKind,
    limits::{INTERFACE_BYTES_MAX, SOCKET_PATH_BYTES_MAX},
    path::Path,
};

/// The longest name of a socket in the runtime directory.
const SOCKET_NAME: &str = "control.sock";

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    let dataplane = Path::root().key("dataplane");
    for (index, nic) in config.dataplane.nics.iter().enumerate() {
        let path = dataplane.key("nics").index(index);
        captures(&path, nic, judge);
        interface(&path, nic, judge);
    }
    interfaces(config, &dataplane.key("nics"), judge);
    workers(config, &dataplane.key("workers"), judge);
    files(config, judge);
}

/// Only a `pcap` NIC has files, and one without any does nothing.
fn captures(path: &Path, nic: &Nic, judge: &mut Judge<'_>) {
    let pcap = nic.port == PortKind::Pcap;
    let files = [
        ("read", &nic.read),
        ("write", &nic.write),
        ("capture", &nic.capture),
    ];
    for (key, file) in files {
        if file.is_some() && !pcap && key != "capture" {
            let message = format!("`{}` is no `pcap` NIC", nic.name);
            judge.error(
                &[&path.key(key), &path.key("port")],
                message,
                "this key with `port: pcap`",
            );
        }
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
    if pcap && nic.read.is_none() && nic.write.is_none() {
        let message = "a `pcap` NIC without captures".to_owned();
        judge.error(&[&path.key("port")], message, "`read` or `write`, or both");
    }
}

/// Only an `af_xdp` NIC has an interface, and one that can be.
fn interface(path: &Path, nic: &Nic, judge: &mut Judge<'_>) {
    let keys = [
        ("interface", nic.interface.is_some()),
        ("mode", nic.mode.is_some()),
    ];
    for (key, given) in keys {
        if given && nic.port != PortKind::AfXdp {
            let message = format!("`{}` is no `af_xdp` NIC", nic.name);
            judge.error(
                &[&path.key(key), &path.key("port")],
                message,
                "this key with `port: af_xdp`",
            );
        }
    }
    let name = nic.interface();
    let named = nic.port == PortKind::AfXdp || nic.interface.is_some();
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

/// An interface has one NIC.
fn interfaces(config: &Config, path: &Path, judge: &mut Judge<'_>) {
    let nics = &config.dataplane.nics;
    for (index, nic) in nics.iter().enumerate() {
        let same =
            |other: &Nic| other.port == PortKind::AfXdp && other.interface() == nic.interface();
        let first = nics[..index].iter().position(same);
        if let Some(first) = first.filter(|_| nic.port == PortKind::AfXdp) {
            let message = format!(
                "interface `{}` is taken by {}",
                nic.interface(),
                path.index(first)
            );
            let about = [
                &path.index(index).key("interface"),
                &path.index(first).key("interface"),
            ];
            judge.error(&about, message, "an interface of its own for each NIC");
        }
    }
}

/// A core has one worker, and only a core of its own is polled on.
fn workers(config: &Config, path: &Path, judge: &mut Judge<'_>) {
    let mut first_on: BTreeMap<u16, usize> = BTreeMap::new();
    for (index, worker) in config.dataplane.workers.iter().enumerate() {
        let here = path.index(index).key("core");
        match worker.core {
            Some(core) => {
                if let Some(first) = first_on.get(&core) {
                    let message = format!("core {core} is taken by {}", path.index(*first));
                    let about = [&here, &path.index(*first).key("core")];
                    judge.error(&about, message, "a core of its own for each worker");
                }
                first_on.entry(core).or_insert(index);
            }
            None if config.dataplane.idle == Idle::Poll => {
                let message = "polls, but on no core of its own".to_owned();
                judge.warning(&here, message, "a core number, or `idle: adaptive`");
            }
            None => {}
        }
    }
}

fn files(config: &Config, judge: &mut Judge<'_>) {
    let path = Path::root().key("records").key("file");
    if config.records.file.as_os_str().is_empty() {
        judge.error(&[&path], "the file's name is empty".to_owned(), "a path");
    }
    let path = Path::root().key("journal").key("file");
    if config
        .journal
        .file
        .as_ref()
        .is_some_and(|file| file.as_os_str().is_empty())
    {
        judge.error(&[&path], "the file's name is empty".to_owned(), "a path");
    }
    let Some(directory) = &config.runtime_directory else {
        return;
    };
    let path = Path::root().key("runtime_directory");
    let bytes = directory.join(SOCKET_NAME).as_os_str().len() + 1;
    if !directory.is_absolute() {
        let message = format!("`{}` depends on the working directory", directory.display());
        judge.error(&[&path], message, "a path that starts with `/`");
    } else if bytes > SOCKET_PATH_BYTES_MAX {
        let most = SOCKET_PATH_BYTES_MAX - SOCKET_NAME.len() - 2;
        let message = format!(
            "{} bytes are too long for a socket's path",
            directory.as_os_str().len()
        );
        judge.error(&[&path], message, &format!("at most {most} bytes"));
    }
}
