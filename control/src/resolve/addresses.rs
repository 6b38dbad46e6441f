//! The addresses of one name, of both families.

use std::net::IpAddr;

use futures_util::future::join;

use super::credible::{Loopback, credible};
use super::limits::MAX_ADDRESSES_PER_FAMILY;
use super::records::{Records, Unanswered};

/// The addresses `name` has, IPv6 before IPv4 (as RFC 6724 §2.1 prefers), each family in the order
/// of the DNS; an error only where neither family has any.
pub async fn of(
    records: &impl Records,
    name: &str,
    loopback: Loopback,
) -> Result<Vec<IpAddr>, Unanswered> {
    let (ipv6, ipv4) = join(records.ipv6(name), records.ipv4(name)).await;
    let mut addresses = Vec::new();
    let mut trouble = None;
    for answer in [ipv6, ipv4] {
        match answer {
            Ok(found) => {
                let believed = found.into_iter().filter(|found| credible(*found, loopback));
                addresses.extend(believed.take(MAX_ADDRESSES_PER_FAMILY));
            }
            Err(error) => trouble = graver(trouble, error),
        }
    }
    match trouble {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

/// Of two reasons the one that says less about the name.
fn graver(known: Option<Unanswered>, other: Unanswered) -> Option<Unanswered> {
    match (known, other) {
        (Some(known), Unanswered::NoSuchName) => Some(known),
        (_, other) => Some(other),
    }
}
