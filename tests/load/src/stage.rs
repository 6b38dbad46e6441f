//! Strait for calls by SIP: one of our own, or the one that runs; and the addresses around it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use strait_config::{Checked, Config, check_file};
use tempfile::TempDir;

use crate::Failure;
use crate::arguments::{Calls, Middle, Over, Wire};
use crate::built_in::{BuiltIn, own_address};
use crate::hosts::Hosts;
use crate::station::Station;
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
    /// Hosts of their own, where there are some.
    pub hosts: Option<Hosts>,
    _directory: TempDir,
}

impl Stage {
    /// Starts Strait, or finds it in the configuration.
    pub fn set(arguments: &Calls) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(Failure::Scratch)?;
        let own = directory.path().join("strait.yaml");
        let path = arguments.config.as_deref().unwrap_or(&own);
        if arguments.config.is_some() && arguments.ways.wire == Wire::AfXdp {
            return Err(Failure::Mismatch(
                "calls by SIP with -c: parties have sockets alone",
            ));
        }
        let apart = arguments.config.is_none() && arguments.ways.has_hosts(Middle::Strait);
        let hosts = apart.then(|| Hosts::new(true, arguments.ways.cores));
        let hosts = hosts.transpose()?;
        if arguments.config.is_none() {
            let text = built_in(directory.path(), arguments, hosts.as_ref())?;
            std::fs::write(&own, text).map_err(Failure::Scratch)?;
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
                let station = hosts.as_ref().map(Hosts::middle).unwrap_or_default();
                Some(Process::start(command, &station)?)
            }
        };
        let own = hosts.as_ref().map(|_| Hosts::party_address(0));
        let near = arguments.near_address.or(own).unwrap_or(strait.ip());
        let region = config.runtime_directory().join("region.sock");
        Ok(Self {
            process,
            region,
            strait,
            softswitch,
            near,
            hosts,
            _directory: directory,
        })
    }

    /// Where a side's party is.
    pub fn station(&self, side: usize) -> Station {
        let hosts = self.hosts.as_ref();
        hosts.map(|hosts| hosts.party(side)).unwrap_or_default()
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

/// Strait between two realms, with room for these calls.
fn built_in(directory: &Path, arguments: &Calls, hosts: Option<&Hosts>) -> Result<String, Failure> {
    if arguments.ways.over == Over::Memory {
        return Err(Failure::Mismatch(
            "calls by SIP need addresses: not --over memory",
        ));
    }
    let lasting = arguments.hold + arguments.ring + Duration::from_secs(5);
    let calls = (arguments.rate * lasting.as_secs_f64()).ceil() as usize + 50;
    let per_second = arguments.rate.ceil() as u32 * 2 + 100;
    let softswitch = hosts.map_or_else(|| own_address(3), |_| Hosts::party_address(1));
    let built_in = BuiltIn::new(directory, &arguments.ways, hosts);
    Ok(built_in.signalling(softswitch, calls, per_second))
}
