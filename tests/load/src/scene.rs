//! Where a load test takes place: a dataplane, two parties, and what they have to say.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strait_config::{Checked, Config, PortKind, check_file};
use strait_dataplane::port::memory::Link;
use strait_shared::attach::fetch;
use tempfile::TempDir;

use crate::Failure;
use crate::arguments::{Middle, Over, Place};
use crate::capture::recordings;
use crate::script::Script;
use crate::through::{Nothing, Process, Relay, Rtpengine, Through};
use crate::wire::{Frames, Sockets, Wire, in_namespace};

/// Parties of the built-in configuration over a memory link, where nobody else has addresses.
const NEAR_PARTY: &str = "127.0.81.1";
const FAR_PARTY: &str = "127.0.81.2";
const FIRST_PORT: u32 = 10_000;
/// Calls on one address: two ports each.
const CALLS_PER_ADDRESS: usize = 25_000;
/// Frames a memory link holds each way.
const LINK_FRAMES: usize = 1 << 12;
/// How long a running dataplane may take to answer.
const FETCH_WITHIN: Duration = Duration::from_secs(2);
/// Ports of parties that are not on this machine's stack.
const PARTY_PORT: u16 = 40_000;

/// What one call plays: by side, RTP and RTCP.
pub type Scripts = [[Arc<Script>; 2]; 2];

/// Everything in place.
pub struct Scene {
    /// What stands between the parties.
    pub through: Box<dyn Through>,
    /// What calls play, in turn.
    pub scripts: Vec<Scripts>,
    /// Each side's way there; taken while a trial runs.
    pub wires: Option<[Box<dyn Wire>; 2]>,
    _directory: TempDir,
}

impl Scene {
    /// A scene with room for `calls` calls.
    pub fn new(place: &Place, calls: usize) -> Result<Self, Failure> {
        let scripts = scripts(&place.capture)?;
        let directory = tempfile::tempdir().map_err(Failure::Scratch)?;
        let (through, wires) = match place.through {
            Middle::Strait => strait(place, calls, directory.path())?,
            Middle::Rtpengine => {
                let (address, wires) = (own_address(1), loopback(place, place.sockets, calls)?);
                let through = Rtpengine::start(address, calls)?;
                (Box::new(through) as Box<dyn Through>, wires)
            }
            // Nobody in between tells calls apart that share an address.
            Middle::Nothing => (
                Box::new(Nothing) as Box<dyn Through>,
                loopback(place, calls, calls)?,
            ),
        };
        Ok(Self {
            through,
            scripts,
            wires: Some(wires),
            _directory: directory,
        })
    }
}

type Middled = (Box<dyn Through>, [Box<dyn Wire>; 2]);

/// Strait's dataplane, as configured or on loopback addresses.
fn strait(place: &Place, calls: usize, directory: &Path) -> Result<Middled, Failure> {
    let own = directory.join("strait.yaml");
    let path = place.config.as_deref().unwrap_or(&own);
    if place.config.is_none() {
        let text = built_in(directory, place.over, calls, place.workers);
        std::fs::write(&own, text).map_err(Failure::Scratch)?;
    }
    let Checked { config, report } = check_file(path);
    // Of the built-in one only a fault of ours would be news.
    if place.config.is_some() || config.is_none() {
        eprint!("{report}");
    }
    let config = config.ok_or(Failure::Configuration)?;
    let realms = realms(&config, place)?;
    let links = links(&config)?;
    let socket = config.runtime_directory().join("region.sock");
    let (process, attached) = if place.running {
        (None, fetch(&socket, None, FETCH_WITHIN)?)
    } else {
        let handed: Vec<(String, BorrowedFd<'_>)> = links
            .iter()
            .map(|(name, link)| (format!("nic-{name}"), link.fd()))
            .collect();
        let handed: Vec<(&str, BorrowedFd<'_>)> = handed
            .iter()
            .map(|(name, fd)| (name.as_str(), *fd))
            .collect();
        let (process, attached) = Process::dataplane(path, &socket, &handed)?;
        (Some(process), attached)
    };
    let parties = parties(&config, realms, place, links.is_empty());
    let is_ipv6 = parties.map(|party| party.is_ipv6());
    let relay = Relay::new(attached, process, &config, realms, is_ipv6, calls)?;
    let wires = wires(place, &config, realms, parties, &links, calls)?;
    Ok((Box::new(relay), wires))
}

/// Both parties on loopback addresses, with so many sockets each.
fn loopback(place: &Place, sockets: usize, calls: usize) -> Result<[Box<dyn Wire>; 2], Failure> {
    let told = [place.near_address, place.far_address];
    let wire = |side: usize| {
        let address = told[side].unwrap_or_else(|| own_address(side as u8 + 2));
        sockets_on(address, 2 * sockets.clamp(1, calls.max(1)), None)
    };
    Ok([wire(0)?, wire(1)?])
}

pub fn sockets_on(
    address: IpAddr,
    count: usize,
    namespace: Option<&str>,
) -> Result<Box<dyn Wire>, Failure> {
    let opened = in_namespace(namespace, || Sockets::bind(address, count));
    let failed = |cause: io::Error| Failure::Sockets { address, cause };
    Ok(Box::new(opened.map_err(failed)?))
}

/// A loopback address of this process's own, so that several can run at once.
pub fn own_address(number: u8) -> IpAddr {
    let pid = std::process::id();
    [127, 64 + (pid >> 8) as u8 % 64, pid as u8, number].into()
}

/// What calls play, in turn.
pub fn scripts(capture: &Path) -> Result<Vec<Scripts>, Failure> {
    let failed = |cause| Failure::Capture {
        path: capture.to_owned(),
        cause,
    };
    let recordings = recordings(capture).map_err(failed)?;
    let both = |stream| {
        [
            Arc::new(Script::rtp(stream)),
            Arc::new(Script::rtcp(stream)),
        ]
    };
    Ok(recordings
        .iter()
        .map(|call| [both(&call.near), both(&call.far)])
        .collect())
}

/// Two realms on loopback addresses of this process's own, with ports for so many calls.
fn built_in(directory: &Path, over: Over, calls: usize, workers: u16) -> String {
    let mut text = format!("runtime_directory: {}\nrealms:\n", directory.display());
    for (number, name) in ["near", "far"].into_iter().enumerate() {
        let nic = if over == Over::Memory {
            name
        } else {
            "default"
        };
        let _ = writeln!(text, "  - name: {name}");
        let first = number as u8 + 1;
        let _ = writeln!(
            text,
            "    signalling: [ {{ address: {} }} ]",
            own_address(first)
        );
        text.push_str("    media:\n");
        for block in 0..calls.div_ceil(CALLS_PER_ADDRESS).max(1) {
            let here = (calls - block * CALLS_PER_ADDRESS).clamp(1, CALLS_PER_ADDRESS);
            let to = FIRST_PORT as usize + here * 2 - 1;
            let address = own_address(first + block as u8 * 2);
            let _ = writeln!(
                text,
                "      - {{ address: {address}, ports: {FIRST_PORT}-{to}, nic: {nic} }}"
            );
        }
    }
    let nics = match over {
        Over::Udp => "{ name: default, port: udp }",
        Over::Memory => "{ name: near, port: memory }, { name: far, port: memory }",
    };
    let workers = vec!["{}"; usize::from(workers)].join(", ");
    let _ = writeln!(
        text,
        "dataplane: {{ nics: [ {nics} ], workers: [ {workers} ] }}"
    );
    text.push_str("log: { level: warn }\n");
    text
}

fn realms(config: &Config, place: &Place) -> Result<[usize; 2], Failure> {
    let named = |name: &Option<String>| match name {
        None => Ok(None),
        Some(name) => {
            let at = config
                .realms
                .iter()
                .position(|realm| realm.name.to_string() == *name);
            at.map(Some).ok_or_else(|| Failure::NoRealm(name.clone()))
        }
    };
    let near = named(&place.near_realm)?.unwrap_or(0);
    let far = match named(&place.far_realm)? {
        Some(far) => far,
        None => (0..config.realms.len())
            .find(|index| *index != near)
            .ok_or(Failure::OneRealm)?,
    };
    Ok([near, far])
}

/// A link for every memory NIC.
fn links(config: &Config) -> Result<Vec<(String, Link)>, Failure> {
    let workers = config.dataplane.workers.len();
    let memory = config
        .dataplane
        .nics
        .iter()
        .filter(|nic| nic.port == PortKind::Memory);
    memory
        .map(|nic| Ok((nic.name.to_string(), Link::create(workers, LINK_FRAMES)?)))
        .collect()
}

/// Where the parties are: as told, else on the address of Strait's that they send to.
fn parties(config: &Config, realms: [usize; 2], place: &Place, on_stack: bool) -> [IpAddr; 2] {
    let told = [place.near_address, place.far_address];
    let elsewhere = [NEAR_PARTY, FAR_PARTY];
    [0, 1].map(|side| {
        let own = config.realms[realms[side]].media[0].address;
        let default = if on_stack || own.is_ipv6() {
            own
        } else {
            elsewhere[side].parse().expect("an address")
        };
        told[side].unwrap_or(default)
    })
}

fn wires(
    place: &Place,
    config: &Config,
    realms: [usize; 2],
    parties: [IpAddr; 2],
    links: &[(String, Link)],
    calls: usize,
) -> Result<[Box<dyn Wire>; 2], Failure> {
    // RTP and RTCP come from addresses of their own.
    let count = 2 * place.sockets.clamp(1, calls.max(1));
    let namespaces = [
        place.near_namespace.as_deref(),
        place.far_namespace.as_deref(),
    ];
    let wire = |side: usize| -> Result<Box<dyn Wire>, Failure> {
        let nic = config.realms[realms[side]].media[0].nic.to_string();
        let address = parties[side];
        if let Some((_, link)) = links.iter().find(|(name, _)| *name == nic) {
            let ports = PARTY_PORT..PARTY_PORT + count as u16;
            let addresses = ports.map(|port| SocketAddr::new(address, port)).collect();
            return Ok(Box::new(Frames::new(link.far_end(0), addresses)));
        }
        sockets_on(address, count, namespaces[side])
    };
    Ok([wire(0)?, wire(1)?])
}
