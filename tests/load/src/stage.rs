//! Strait for calls by SIP: one of our own, or the one that runs; and the addresses around it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use strait_config::{Checked, Config, check_file};
use tempfile::TempDir;

use crate::Failure;
use crate::arguments::Calls;
use crate::scene::own_address;
use crate::through::{Process, program};

/// Strait, and the addresses around it.
pub struct Stage {
    process: Option<Process>,
    /// Where the dataplane hands its region out.
    pub region: PathBuf,
    /// Where Strait takes calls.
    pub strait: SocketAddr,
    /// Whose place we take.
    pub softswitch: SocketAddr,
    /// Where callers are.
    pub near: IpAddr,
    _directory: TempDir,
}

impl Stage {
    /// Starts Strait, or finds it in the configuration.
    pub fn set(arguments: &Calls) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(Failure::Scratch)?;
        let own = directory.path().join("strait.yaml");
        let path = arguments.config.as_deref().unwrap_or(&own);
        if arguments.config.is_none() {
            std::fs::write(&own, built_in(directory.path(), arguments))
                .map_err(Failure::Scratch)?;
        }
        let Checked { config, report } = check_file(path);
        if arguments.config.is_some() || config.is_none() {
            eprint!("{report}");
        }
        let config = config.ok_or(Failure::Configuration)?;
        let (strait, softswitch) = around(&config, arguments.near_realm.as_deref())?;
        let process = match arguments.config {
            Some(_) => None,
            None => {
                let mut command = Command::new(program("strait"));
                command.arg("run").arg("-c").arg(path);
                Some(Process::start(command)?)
            }
        };
        let near = arguments.near_address.unwrap_or(strait.ip());
        let region = config.runtime_directory().join("region.sock");
        Ok(Self {
            process,
            region,
            strait,
            softswitch,
            near,
            _directory: directory,
        })
    }

    /// The processor time of all of Strait, where it is ours.
    pub fn processor_time(&self) -> Option<Duration> {
        self.process.as_ref().map(Process::processor_time_of_all)
    }
}

/// Where to call, and where what is called stands.
fn around(config: &Config, realm: Option<&str>) -> Result<(SocketAddr, SocketAddr), Failure> {
    let udp = strait_config::Transport::Udp;
    let chosen = config.realms.iter().find(|candidate| match realm {
        Some(name) => candidate.name.to_string() == name,
        None => !candidate.forward_to.is_empty(),
    });
    let named = || realm.unwrap_or("that forwards to a softswitch").to_owned();
    let chosen = chosen.ok_or_else(|| Failure::NoRealm(named()))?;
    let softswitch = chosen.forward_to.first().and_then(|name| {
        config
            .softswitches
            .iter()
            .find(|softswitch| softswitch.name == *name)
    });
    let softswitch = softswitch.ok_or_else(|| Failure::NoRealm(named()))?;
    let strait = chosen.signalling.iter().find(|address| {
        address.transport == udp && address.address.is_ipv4() == softswitch.address.is_ipv4()
    });
    let strait = strait.ok_or_else(|| Failure::NoRealm(named()))?;
    Ok((
        SocketAddr::new(strait.address, strait.port),
        softswitch.address,
    ))
}

/// Strait between two loopback addresses, with room for these calls.
fn built_in(directory: &Path, arguments: &Calls) -> String {
    let lasting = arguments.hold + arguments.ring + Duration::from_secs(5);
    let calls = (arguments.rate * lasting.as_secs_f64()).ceil() as usize + 50;
    let last = 10_000 + (calls * 2 - 1).min(50_000);
    let [near, far, softswitch] = [1, 2, 3].map(own_address);
    let per_second = arguments.rate.ceil() as u32 * 2 + 100;
    format!(
        "runtime_directory: {directory}\n\
         realms:\n\
         \x20 - name: near\n\
         \x20   signalling: [ {{ address: {near} }} ]\n\
         \x20   media: [ {{ address: {near}, ports: 10000-{last} }} ]\n\
         \x20   port_quarantine: 1s\n\
         \x20   forward_to: [ softswitch ]\n\
         \x20 - name: far\n\
         \x20   signalling: [ {{ address: {far} }} ]\n\
         \x20   media: [ {{ address: {far}, ports: 10000-{last} }} ]\n\
         \x20   port_quarantine: 1s\n\
         softswitches: [ {{ name: softswitch, realm: far, address: \"{softswitch}:5060\" }} ]\n\
         limits: {{ calls: {calls}, calls_per_second: {per_second} }}\n\
         dataplane: {{ nics: [ {{ name: default, port: udp }} ], workers: [ {{}} ] }}\n\
         records: {{ file: {directory}/calls.jsonl }}\n\
         log: {{ level: warn }}\n",
        directory = directory.display(),
    )
}
