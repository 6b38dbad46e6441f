//! Where a load test takes place: a dataplane, two parties, and what they have to say.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strait_config::{Checked, Config, PortKind, check_file};
use strait_dataplane::port::af_xdp::Mode;
use strait_dataplane::port::memory::Link;
use strait_shared::attach::fetch;
use tempfile::TempDir;

use crate::Failure;
use crate::arguments::{Middle, Over, Place, Wire as Kind};
use crate::built_in::{BuiltIn, own_address};
use crate::capture::recordings;
use crate::device::Device;
use crate::hosts::Hosts;
use crate::script::Script;
use crate::station::Station;
use crate::through::{
    Echo, Nftables, Nothing, Process, Relay, Rtpengine, Testpmd, Through, region_socket,
};
use crate::wire::{Bypassing, Frames, Sockets, Wire};

/// Parties of the built-in configuration over a memory link, where nobody else has addresses.
const NEAR_PARTY: &str = "127.0.81.1";
const FAR_PARTY: &str = "127.0.81.2";
/// Frames a memory link holds each way.
const LINK_FRAMES: usize = 1 << 12;
/// How long a running dataplane may take to answer.
const FETCH_WITHIN: Duration = Duration::from_secs(2);
/// Ports of parties that are not on this machine's stack.
const PARTY_PORT: u16 = 40_000;

const MEMORY_HAS_NO_WIRE: &str = "--over memory has no hosts: leave out --hosts, --cores, --wire";
const ONE_FAMILY: &str = "only Strait and rtpengine pass between IPv4 and IPv6, and nftables here \
                          has IPv4 alone: --ipv6 near,far, or --through something else";
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
    /// Hosts of their own, where there are some.
    pub hosts: Option<Hosts>,
    _directory: TempDir,
}

type Middled = (Box<dyn Through>, [Box<dyn Wire>; 2]);

impl Scene {
    /// A scene with room for `calls` calls.
    pub fn new(place: &Place, calls: usize) -> Result<Self, Failure> {
        let scripts = scripts(&place.capture)?;
        let directory = tempfile::tempdir().map_err(Failure::Scratch)?;
        let layout = place.ways.layout(place.through, place.workers);
        let layout = layout.filter(|_| place.config.is_none());
        if layout.is_some() && place.ways.over == Over::Memory {
            return Err(Failure::Mismatch(MEMORY_HAS_NO_WIRE));
        }
        if !place.through.crosses(&place.ways.ipv6) {
            return Err(Failure::Mismatch(ONE_FAMILY));
        }
        let hosts = layout.map(Hosts::new).transpose()?;
        let (through, wires) = match (place.through, &hosts) {
            (Middle::Strait, _) => strait(place, calls, directory.path(), hosts.as_ref())?,
            (_, Some(hosts)) => compared(place, calls, hosts)?,
            (Middle::Rtpengine, None) => {
                let wires = loopback(place, place.sockets, calls)?;
                let addresses = [own_address(1); 2];
                let through = Rtpengine::start(&Station::default(), addresses, calls)?;
                (Box::new(through) as Box<dyn Through>, wires)
            }
            // Nobody in between tells calls apart that share an address.
            (_, None) => {
                let wires = loopback(place, calls, calls)?;
                (Box::new(Nothing) as Box<dyn Through>, wires)
            }
        };
        if let Some(hosts) = &hosts {
            hosts.part()?;
        }
        Ok(Self {
            through,
            scripts,
            wires: Some(wires),
            hosts,
            _directory: directory,
        })
    }
}

impl Scene {
    /// Where a side's party runs.
    pub fn station(&self, side: usize) -> Station {
        let hosts = self.hosts.as_ref();
        hosts.map(|hosts| hosts.party(side)).unwrap_or_default()
    }
}

/// What Strait is compared with, on hosts of their own.
fn compared(place: &Place, calls: usize, hosts: &Hosts) -> Result<Middled, Failure> {
    // Only those that give every call addresses of its own tell calls apart.
    let sockets = match place.through {
        Middle::Rtpengine | Middle::Nftables => place.sockets.clamp(1, calls.max(1)),
        _ => calls.max(1),
    };
    let ways = &place.ways;
    let wire = |side| {
        let interface = hosts.party_interface(side);
        let address = hosts.party_address(side);
        party(
            ways.wire,
            &hosts.party(side),
            &interface,
            address,
            2 * sockets,
        )
    };
    let wires = [wire(0)?, wire(1)?];
    let addresses = [0, 1].map(|side: usize| wires[side].addresses());
    let through: Box<dyn Through> = match place.through {
        Middle::Rtpengine => {
            let addresses = [0, 1].map(|side| hosts.middle_address(side, 0));
            Box::new(Rtpengine::start(&hosts.middle(), addresses, calls)?)
        }
        Middle::Nftables => Box::new(Nftables::start(hosts)?),
        Middle::Echo => Box::new(Echo::start(hosts, ways.mode, addresses)?),
        Middle::TestpmdPacket => Box::new(Testpmd::start(hosts, Device::Packet)?),
        Middle::TestpmdXdp => Box::new(Testpmd::start(hosts, Device::Xdp)?),
        Middle::Nothing | Middle::Strait => Box::new(Nothing),
    };
    Ok((through, wires))
}

/// Strait's dataplane, as configured or between two realms of our own.
fn strait(
    place: &Place,
    calls: usize,
    directory: &Path,
    hosts: Option<&Hosts>,
) -> Result<Middled, Failure> {
    let own = directory.join("strait.yaml");
    let path = place.config.as_deref().unwrap_or(&own);
    if place.config.is_none() {
        let text =
            BuiltIn::new(directory, &place.ways, hosts).media(calls, place.workers, place.police);
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
    let (process, attached) = if place.running {
        (None, fetch(&region_socket(&config), None, FETCH_WITHIN)?)
    } else {
        let handed: Vec<(String, BorrowedFd<'_>)> = links
            .iter()
            .map(|(name, link)| (format!("nic-{name}"), link.fd()))
            .collect();
        let handed: Vec<(&str, BorrowedFd<'_>)> = handed
            .iter()
            .map(|(name, fd)| (name.as_str(), *fd))
            .collect();
        let station = hosts.map(Hosts::middle).unwrap_or_default();
        let (process, attached) = Process::dataplane(&station, &config, path, &handed)?;
        hosts.map_or(Ok(()), Hosts::complete)?;
        (Some(process), attached)
    };
    let parties = match hosts {
        Some(hosts) => [0, 1].map(|side| hosts.party_address(side)),
        None => parties(&config, realms, place, links.is_empty()),
    };
    let is_ipv6 = parties.map(|party| party.is_ipv6());
    let relay = Relay::new(attached, process, &config, realms, is_ipv6, calls)?;
    let wires = wires(place, &config, realms, parties, (&links, hosts), calls)?;
    Ok((Box::new(relay), wires))
}

/// Both parties on loopback addresses, with so many sockets each.
fn loopback(place: &Place, sockets: usize, calls: usize) -> Result<[Box<dyn Wire>; 2], Failure> {
    let told = [place.near_address, place.far_address];
    let wire = |side: usize| {
        let address = told[side].unwrap_or_else(|| own_address(side as u8 + 2));
        let count = 2 * sockets.clamp(1, calls.max(1));
        party(Kind::Sockets, &Station::default(), "lo", address, count)
    };
    Ok([wire(0)?, wire(1)?])
}

/// A party's way out of its station: `count` ports of one address.
pub fn party(
    kind: Kind,
    station: &Station,
    interface: &str,
    address: IpAddr,
    count: usize,
) -> Result<Box<dyn Wire>, Failure> {
    if kind == Kind::AfXdp {
        let opened = Bypassing::open(station, interface, ports(address, count), None::<Mode>);
        let failed = |cause| Failure::Bypass {
            interface: interface.to_owned(),
            cause,
        };
        return Ok(Box::new(opened.map_err(failed)?));
    }
    let opened = station.within(|| Sockets::bind(address, count));
    let failed = |cause: io::Error| Failure::Sockets { address, cause };
    Ok(Box::new(opened.map_err(failed)?))
}

/// So many ports of an address that no stack gives out.
fn ports(address: IpAddr, count: usize) -> Vec<SocketAddr> {
    let last = usize::from(PARTY_PORT) + count;
    let ports = PARTY_PORT..=u16::try_from(last - 1).unwrap_or(u16::MAX);
    ports.map(|port| SocketAddr::new(address, port)).collect()
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
    (links, hosts): (&[(String, Link)], Option<&Hosts>),
    calls: usize,
) -> Result<[Box<dyn Wire>; 2], Failure> {
    // RTP and RTCP come from addresses of their own.
    let count = 2 * place.sockets.clamp(1, calls.max(1));
    let wire = |side: usize| -> Result<Box<dyn Wire>, Failure> {
        let nic = config.realms[realms[side]].media[0].nic.to_string();
        let address = parties[side];
        if let Some((_, link)) = links.iter().find(|(name, _)| *name == nic) {
            return Ok(Box::new(Frames::new(
                link.far_end(0),
                ports(address, count),
            )));
        }
        if let Some(hosts) = hosts {
            let interface = hosts.party_interface(side);
            return party(
                place.ways.wire,
                &hosts.party(side),
                &interface,
                address,
                count,
            );
        }
        let (station, interface) = place.away.party(side, place.ways.wire)?;
        party(place.ways.wire, &station, &interface, address, count)
    };
    Ok([wire(0)?, wire(1)?])
}
