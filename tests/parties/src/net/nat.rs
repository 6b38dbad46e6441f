//! A network address translator for UDP over IPv4, in RFC 4787's terms: how it maps, what it lets
//! back in, how it picks ports, whether it hairpins, and when it forgets.
//!
//! Two in a row make a carrier's NAT: the outer one sees the inner one's external address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use strait_shared::time::Instant;

use crate::party::Datagram;

/// Which parts of a remote endpoint matter: for mapping (RFC 4787 §4.1) and filtering (§5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dependence {
    /// None: one mapping for all, or anyone may answer.
    EndpointIndependent,
    /// The address.
    AddressDependent,
    /// Address and port.
    AddressAndPortDependent,
}

/// How external ports are chosen (RFC 4787 §4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ports {
    /// The internal port, or the next free one above it.
    Preserving,
    /// Any free one.
    Random,
}

/// A translator's behaviour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Behaviour {
    /// When a new destination gets a new external port.
    pub mapping: Dependence,
    /// Who may send to an external port.
    pub filtering: Dependence,
    /// How external ports are chosen.
    pub ports: Ports,
    /// Whether two hosts inside reach each other through the external address (§6).
    pub hairpin: bool,
    /// How long a mapping, or the permission for one remote, lasts without traffic (§4.3).
    pub idle: Duration,
    /// Whether inbound packets keep a mapping alive as outbound ones do.
    pub inbound_refreshes: bool,
}

/// What became of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Translation {
    /// It leaves to the outside.
    Outside(Datagram),
    /// It enters, or turns around and enters.
    Inside(Datagram),
    /// It is dropped.
    Dropped(Refusal),
}

/// Why a packet was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Refusal {
    /// Nothing inside uses that external port.
    NoMapping,
    /// The sender is not one the filter lets in.
    Filtered,
    /// Hairpinning is off.
    NoHairpin,
    /// Every external port is in use.
    NoPort,
    /// Not IPv4.
    NotIpv4,
}

/// One translator with one external address.
pub struct Nat {
    behaviour: Behaviour,
    external: Ipv4Addr,
    port_range: RangeInclusive<u16>,
    random: fastrand::Rng,
    mappings: BTreeMap<MappingKey, u16>,
    bindings: BTreeMap<u16, Binding>,
}

/// What selects a mapping: the inside endpoint and the part of the remote that matters.
type MappingKey = (SocketAddr, Option<IpAddr>, Option<u16>);

struct Binding {
    inside: SocketAddr,
    used: Instant,
    /// Remotes sent to, and when last.
    permitted: BTreeMap<SocketAddr, Instant>,
}

impl Behaviour {
    /// What most home routers do: one mapping, only those called may answer ("port-restricted
    /// cone").
    pub fn restricted_cone() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressAndPortDependent,
            ports: Ports::Preserving,
            hairpin: true,
            idle: Duration::from_secs(120),
            inbound_refreshes: true,
        }
    }

    /// The worst for telephony: every destination sees another port, picked at random
    /// ("symmetric").
    pub fn symmetric() -> Self {
        Self {
            mapping: Dependence::AddressAndPortDependent,
            filtering: Dependence::AddressAndPortDependent,
            ports: Ports::Random,
            hairpin: false,
            idle: Duration::from_secs(30),
            inbound_refreshes: false,
        }
    }

    /// The kindest: one mapping, open to anyone ("full cone").
    pub fn full_cone() -> Self {
        Self {
            filtering: Dependence::EndpointIndependent,
            ..Self::restricted_cone()
        }
    }
}

impl Nat {
    /// A translator that has seen nothing yet.
    pub fn new(behaviour: Behaviour, external: Ipv4Addr, seed: u64) -> Self {
        Self {
            behaviour,
            external,
            port_range: 1024..=65_535,
            random: fastrand::Rng::with_seed(seed),
            mappings: BTreeMap::new(),
            bindings: BTreeMap::new(),
        }
    }

    /// Confines the external ports, as a carrier's NAT does.
    pub fn with_ports(mut self, range: RangeInclusive<u16>) -> Self {
        self.port_range = range;
        self
    }

    /// A packet from inside to a destination beyond.
    pub fn outbound(&mut self, now: Instant, datagram: Datagram) -> Translation {
        if !datagram.source.is_ipv4() || !datagram.destination.is_ipv4() {
            return Translation::Dropped(Refusal::NotIpv4);
        }
        let turns = datagram.destination.ip() == IpAddr::V4(self.external);
        if turns && !self.behaviour.hairpin {
            return Translation::Dropped(Refusal::NoHairpin);
        }
        let Some(port) = self.map(now, datagram.source, datagram.destination) else {
            return Translation::Dropped(Refusal::NoPort);
        };
        let source = (self.external, port).into();
        let outside = Datagram { source, ..datagram };
        if turns {
            self.inbound(now, outside)
        } else {
            Translation::Outside(outside)
        }
    }

    /// A packet from outside to the external address.
    pub fn inbound(&mut self, now: Instant, datagram: Datagram) -> Translation {
        self.expire(now);
        let (filtering, refreshes) = (self.behaviour.filtering, self.behaviour.inbound_refreshes);
        let Some(binding) = self.bindings.get_mut(&datagram.destination.port()) else {
            return Translation::Dropped(Refusal::NoMapping);
        };
        let remote = datagram.source;
        let allowed = match filtering {
            Dependence::EndpointIndependent => true,
            Dependence::AddressDependent => binding
                .permitted
                .keys()
                .any(|permitted| permitted.ip() == remote.ip()),
            Dependence::AddressAndPortDependent => binding.permitted.contains_key(&remote),
        };
        if !allowed {
            return Translation::Dropped(Refusal::Filtered);
        }
        if refreshes {
            binding.used = now;
            if let Some(permitted) = binding.permitted.get_mut(&remote) {
                *permitted = now;
            }
        }
        Translation::Inside(Datagram {
            destination: binding.inside,
            ..datagram
        })
    }

    /// Forgets every mapping, as a reboot or a new lease does: what is sent next leaves from new
    /// ports.
    pub fn rebind(&mut self) {
        self.mappings.clear();
        self.bindings.clear();
        if self.behaviour.ports == Ports::Preserving {
            // A rebooted port-preserving translator would pick the same ports again, and nobody
            // would notice: take them, so that the next mapping really moves.
            self.behaviour.ports = Ports::Random;
        }
    }

    /// Moves to another external address and forgets every mapping.
    pub fn renumber(&mut self, external: Ipv4Addr) {
        self.rebind();
        self.external = external;
    }

    /// The external address.
    pub fn external(&self) -> Ipv4Addr {
        self.external
    }

    /// External ports in use.
    pub fn ports_in_use(&self) -> impl Iterator<Item = u16> + '_ {
        self.bindings.keys().copied()
    }

    /// The external port for a flow, made if there is none yet; refreshed either way.
    fn map(&mut self, now: Instant, inside: SocketAddr, remote: SocketAddr) -> Option<u16> {
        self.expire(now);
        let key = match self.behaviour.mapping {
            Dependence::EndpointIndependent => (inside, None, None),
            Dependence::AddressDependent => (inside, Some(remote.ip()), None),
            Dependence::AddressAndPortDependent => (inside, Some(remote.ip()), Some(remote.port())),
        };
        let port = match self.mappings.get(&key) {
            Some(port) => *port,
            None => {
                let port = self.free_port(inside.port())?;
                self.mappings.insert(key, port);
                port
            }
        };
        let binding = self.bindings.entry(port).or_insert_with(|| Binding {
            inside,
            used: now,
            permitted: BTreeMap::new(),
        });
        binding.used = now;
        binding.permitted.insert(remote, now);
        Some(port)
    }

    fn free_port(&mut self, wanted: u16) -> Option<u16> {
        let (first, last) = (*self.port_range.start(), *self.port_range.end());
        let start = match self.behaviour.ports {
            Ports::Preserving => wanted.clamp(first, last),
            Ports::Random => self.random.u16(first..=last),
        };
        (start..=last)
            .chain(first..start)
            .find(|port| !self.bindings.contains_key(port))
    }

    fn expire(&mut self, now: Instant) {
        let idle = self.behaviour.idle;
        self.bindings.retain(|_, binding| {
            binding.permitted.retain(|_, used| now.since(*used) < idle);
            now.since(binding.used) < idle
        });
        let bindings = &self.bindings;
        self.mappings.retain(|_, port| bindings.contains_key(port));
    }
}

#[cfg(test)]
#[path = "nat_tests.rs"]
mod tests;
