//! Strait for calls by SIP: one of our own, or the one that runs; and the addresses around it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use strait_config::{Checked, Config, Realm, check_file};
use strait_shared::attach::fetch;
use tempfile::TempDir;

use crate::Failure;
use crate::arguments::{Calls, Middle, Over};
use crate::built_in::{BuiltIn, own_address};
use crate::hosts::Hosts;
use crate::station::Station;
use crate::through::{Process, program, region_socket};

const PROGRAM: &str = "strait";
const START_WITHIN: Duration = Duration::from_secs(30);
const FETCH_WITHIN: Duration = Duration::from_millis(100);
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
    /// Strait's media addresses on each side.
    pub media: [Vec<IpAddr>; 2],
    parties: [(Station, String); 2],
    hosts: Option<Hosts>,
    _directory: TempDir,
}

impl Stage {
    /// Starts Strait, or finds it in the configuration.
    pub fn set(arguments: &Calls) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(Failure::Scratch)?;
        let own = directory.path().join("strait.yaml");
        let path = arguments.config.as_deref().unwrap_or(&own);
        let layout = arguments.ways.layout(Middle::Strait, 1);
        let layout = layout.filter(|_| arguments.config.is_none());
        let hosts = layout.map(Hosts::new).transpose()?;
        if arguments.config.is_none() {
            let text = built_in(directory.path(), arguments, hosts.as_ref())?;
            std::fs::write(&own, text).map_err(Failure::Scratch)?;
        }
        let Checked { config, report } = check_file(path);
        if arguments.config.is_some() || config.is_none() {
            eprint!("{report}");
        }
        let config = config.ok_or(Failure::Configuration)?;
        let own = hosts.as_ref().map(|hosts| hosts.party_address(0));
        let near = arguments.near_address.or(own);
        let around = Around::find(&config, arguments.near_realm.as_deref(), near)?;
        let process = match arguments.config {
            Some(_) => None,
            None => {
                let mut command = Command::new(program(PROGRAM));
                command.arg("run").arg("-c").arg(path);
                let station = hosts.as_ref().map(Hosts::middle).unwrap_or_default();
                Some(Process::start(command, &station)?)
            }
        };
        let region = region_socket(&config);
        let party = |side| party(arguments, hosts.as_ref(), side);
        let parties = [party(0)?, party(1)?];
        let mut stage = Self {
            process,
            region,
            near: near.unwrap_or(around.strait.ip()),
            strait: around.strait,
            softswitch: around.softswitch,
            media: around.media,
            parties,
            hosts,
            _directory: directory,
        };
        stage.complete()?;
        Ok(stage)
    }

    /// Where a side's party is, and its interface.
    pub fn party(&self, side: usize) -> &(Station, String) {
        &self.parties[side]
    }

    /// What can be done about our hosts once Strait has its devices.
    fn complete(&mut self) -> Result<(), Failure> {
        let (Some(hosts), Some(process)) = (&self.hosts, &mut self.process) else {
            return Ok(());
        };
        if hosts.is_complete() {
            return Ok(());
        }
        let deadline = Instant::now() + START_WITHIN;
        while let Err(error) = fetch(&self.region, None, FETCH_WITHIN) {
            process.check_alive(PROGRAM)?;
            if Instant::now() >= deadline {
                return Err(error.into());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        hosts.complete()
    }

    /// The processor time of all of Strait, where it is ours.
    pub fn processor_time(&self) -> Option<Duration> {
        self.process.as_ref().map(Process::processor_time_of_all)
    }
}

/// Where a side's party is, and its interface.
fn party(
    arguments: &Calls,
    hosts: Option<&Hosts>,
    side: usize,
) -> Result<(Station, String), Failure> {
    match hosts {
        Some(hosts) => Ok((hosts.party(side), hosts.party_interface(side))),
        None => arguments.away.party(side, arguments.ways.wire),
    }
}

/// What a configuration says of the addresses around Strait.
struct Around {
    strait: SocketAddr,
    softswitch: SocketAddr,
    media: [Vec<IpAddr>; 2],
}

impl Around {
    /// Where to call from `near`, and where what is called stands.
    fn find(config: &Config, realm: Option<&str>, near: Option<IpAddr>) -> Result<Self, Failure> {
        let udp = strait_config::Transport::Udp;
        let chosen = config.realms.iter().find(|candidate| match realm {
            Some(name) => candidate.name.to_string() == name,
            None => !candidate.forward_to.is_empty(),
        });
        let named = || realm.unwrap_or("that forwards to a softswitch").to_owned();
        let chosen = chosen.ok_or_else(|| Failure::NoRealm(named()))?;
        let called = chosen.forward_to.first();
        let mut softswitches = config.softswitches.iter();
        let softswitch = softswitches.find(|softswitch| Some(&softswitch.name) == called);
        let softswitch = softswitch.ok_or_else(|| Failure::NoRealm(named()))?;
        let is_ipv4 = near.unwrap_or(softswitch.address.ip()).is_ipv4();
        let strait = chosen
            .signalling
            .iter()
            .find(|address| address.transport == udp && address.address.is_ipv4() == is_ipv4);
        let strait = strait.ok_or_else(|| Failure::NoRealm(named()))?;
        let mut realms = config.realms.iter();
        let far = realms.find(|realm| realm.name == softswitch.realm);
        let media = |realm: &Realm, is_ipv4| {
            let addresses = realm.media.iter().map(|media| media.address);
            addresses.filter(|ip| ip.is_ipv4() == is_ipv4).collect()
        };
        Ok(Self {
            strait: SocketAddr::new(strait.address, strait.port),
            softswitch: softswitch.address,
            media: [
                media(chosen, is_ipv4),
                far.map_or_else(Vec::new, |far| media(far, softswitch.address.is_ipv4())),
            ],
        })
    }
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
    let softswitch = hosts.map_or_else(|| own_address(3), |hosts| hosts.party_address(1));
    let built_in = BuiltIn::new(directory, &arguments.ways, hosts);
    Ok(built_in.signalling(softswitch, calls, per_second))
}
