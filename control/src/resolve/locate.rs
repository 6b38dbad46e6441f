//! Where a domain's SIP servers are: RFC 3263 §4 as a procedure over what the DNS says.
//!
//! NAPTR leads to SRV, SRV to addresses; a port or a transport in the URI shortens the way. We
//! speak UDP and TCP, so services over anything else are passed over.

use futures_util::future::join_all;

use super::addresses;
use super::credible::Loopback;
use super::limits::{MAX_HOPS, MAX_NAPTR_REWRITES, MAX_SERVICES, MAX_TARGETS};
use super::records::{Naptr, Records, Srv, Unanswered};
use super::weigh::weigh;
use crate::gateway::io::{Hop, Lookup, LookupError, Transport};

/// SIP's port where nobody names another (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// Finds the places a request to `lookup` may be sent to, the first to be tried first; never none.
///
/// `random(n)` is one of 0 to n, each as likely: it shares the load among servers of one priority.
pub async fn locate(
    records: &impl Records,
    lookup: &Lookup,
    loopback: Loopback,
    random: &mut dyn FnMut(u32) -> u32,
) -> Result<Vec<Hop>, LookupError> {
    let targets = targets(records, lookup, random).await?;
    let found = join_all(
        targets
            .iter()
            .map(|target| addresses::of(records, &target.host, loopback)),
    )
    .await;
    let mut hops = Vec::new();
    for (target, addresses) in targets.iter().zip(&found) {
        for address in addresses.iter().flatten() {
            let hop = Hop {
                transport: target.transport,
                address: (*address, target.port).into(),
            };
            if hops.len() < MAX_HOPS && !hops.contains(&hop) {
                hops.push(hop);
            }
        }
    }
    if hops.is_empty() {
        return Err(nowhere(
            lookup,
            &targets,
            found.into_iter().filter_map(Result::err),
        ));
    }
    Ok(hops)
}

/// A host, and the way it is to be talked to.
#[derive(PartialEq, Eq)]
struct Target {
    transport: Transport,
    host: Box<str>,
    port: u16,
}

/// A name that is asked for SRV, and the transport the records are about.
#[derive(PartialEq, Eq)]
struct Service {
    transport: Transport,
    name: Box<str>,
}

/// Why no target has an address.
fn nowhere(
    lookup: &Lookup,
    targets: &[Target],
    errors: impl Iterator<Item = Unanswered>,
) -> LookupError {
    // That a server does not exist is the domain's mistake, not the caller's.
    let itself = targets.iter().all(|target| target.host == lookup.host);
    let mut reason = LookupError::NoServer;
    for error in errors {
        match error {
            Unanswered::TimedOut => return LookupError::TimedOut,
            Unanswered::Failed => reason = LookupError::Failed,
            Unanswered::NoSuchName if itself && reason == LookupError::NoServer => {
                reason = LookupError::NoSuchDomain;
            }
            Unanswered::NoSuchName => {}
        }
    }
    reason
}

/// The hosts to ask the addresses of, in order.
async fn targets(
    records: &impl Records,
    lookup: &Lookup,
    random: &mut dyn FnMut(u32) -> u32,
) -> Result<Vec<Target>, LookupError> {
    let itself = |transport: Transport, port| Target {
        transport,
        host: lookup.host.clone(),
        port,
    };
    // RFC 3263 §4.1: with a port and no transport, UDP; §4.2: with a port, no SRV.
    if let Some(port) = lookup.port {
        return Ok(vec![itself(
            lookup.transport.unwrap_or(Transport::Udp),
            port,
        )]);
    }
    let services = match lookup.transport {
        Some(transport) => vec![Service::conventional(transport, &lookup.host)],
        None => match services(records, &lookup.host).await? {
            Named::Services(services) => services,
            Named::Nothing => [Transport::Udp, Transport::Tcp]
                .map(|transport| Service::conventional(transport, &lookup.host))
                .into(),
            Named::NotInTheDns => Vec::new(),
        },
    };
    match servers(records, &services, random).await? {
        Some(targets) => Ok(targets),
        // RFC 3263 §4.2: without SRV the domain is a host, on the transport's own port.
        None => {
            let chosen = lookup.transport;
            let first = services.first().map(|service| service.transport);
            let transport = chosen.or(first).unwrap_or(Transport::Udp);
            Ok(vec![itself(transport, SIP_PORT)])
        }
    }
}

/// What NAPTR leads to.
enum Named {
    /// These services, in order.
    Services(Vec<Service>),
    /// Nothing: SRV is asked for each transport we know.
    Nothing,
    /// There is no such name, hence nothing below it either (RFC 8020). It may still be a host in
    /// this machine's own list.
    NotInTheDns,
}

/// The services a domain offers, by NAPTR (RFC 3263 §4.1).
async fn services(records: &impl Records, host: &str) -> Result<Named, LookupError> {
    let mut name: Box<str> = host.into();
    for _ in 0..=MAX_NAPTR_REWRITES {
        let mut found = match records.naptr(&name).await {
            Ok(found) => found,
            Err(Unanswered::NoSuchName) if *name == *host => return Ok(Named::NotInTheDns),
            // Boxes on the way that know no NAPTR are common: what is asked next shows whether the
            // DNS as a whole is out of order.
            Err(_) => return Ok(Named::Nothing),
        };
        found.retain(|record| record.regexp.is_empty() && !record.replacement.is_empty());
        found.sort_by_key(|record| (record.order, record.preference));
        let supported = supported(&found);
        if !supported.is_empty() {
            return Ok(Named::Services(supported));
        }
        if found.iter().any(speaks_sip) {
            return Err(LookupError::NoServer);
        }
        match found.into_iter().find(|record| record.flags.is_empty()) {
            Some(onward) => name = onward.replacement,
            None => return Ok(Named::Nothing),
        }
    }
    Err(LookupError::Failed)
}

/// Of records in order, the services we can use: all those of the first order that has any
/// (RFC 3403 §4.1: once one fits, other orders are not looked at).
fn supported(records: &[Naptr]) -> Vec<Service> {
    let usable = |record: &&Naptr| record.flags.eq_ignore_ascii_case("s");
    let mut order = None;
    let mut services = Vec::new();
    for record in records.iter().filter(usable) {
        let transport = if record.services.eq_ignore_ascii_case("SIP+D2U") {
            Transport::Udp
        } else if record.services.eq_ignore_ascii_case("SIP+D2T") {
            Transport::Tcp
        } else {
            continue;
        };
        if *order.get_or_insert(record.order) != record.order || services.len() == MAX_SERVICES {
            break;
        }
        let service = Service {
            transport,
            name: record.replacement.clone(),
        };
        if !services.contains(&service) {
            services.push(service);
        }
    }
    services
}

/// True when a record is about SIP at all, over whatever.
fn speaks_sip(record: &Naptr) -> bool {
    let services = record.services.to_ascii_lowercase();
    services.starts_with("sip+") || services.starts_with("sips+")
}

/// The servers of `services`, or `None` where no SRV record speaks of any.
async fn servers(
    records: &impl Records,
    services: &[Service],
    random: &mut dyn FnMut(u32) -> u32,
) -> Result<Option<Vec<Target>>, LookupError> {
    let answers = join_all(services.iter().map(|service| records.srv(&service.name))).await;
    let mut spoken = false;
    let mut trouble = None;
    let mut targets: Vec<Target> = Vec::new();
    for (service, answer) in services.iter().zip(answers) {
        match answer {
            Ok(found) => {
                spoken |= !found.is_empty();
                let ordered = weigh(found, random).into_iter();
                let here = ordered.filter(can_be_asked).map(|record| Target {
                    transport: service.transport,
                    host: record.target,
                    port: record.port,
                });
                targets.extend(here);
            }
            Err(Unanswered::NoSuchName) => {}
            Err(unanswered) => trouble = Some(unanswered),
        }
    }
    targets.truncate(MAX_TARGETS);
    match trouble {
        _ if !targets.is_empty() => Ok(Some(targets)),
        // The records that were not heard may say something else than the domain's own address.
        Some(unanswered) => Err(unanswered.into()),
        None if spoken => Err(LookupError::NoServer),
        None => Ok(None),
    }
}

/// False for a service that is declined (RFC 2782: a target of `.`), and for a port nobody has.
fn can_be_asked(record: &Srv) -> bool {
    !record.target.is_empty() && record.port != 0
}

impl Service {
    /// The name a service is found under without NAPTR (RFC 3263 §4.1).
    fn conventional(transport: Transport, domain: &str) -> Self {
        let label = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
        };
        Self {
            transport,
            name: format!("{label}.{domain}").into(),
        }
    }
}

#[cfg(test)]
mod tests;
