//! What the region's tests share.
#![allow(dead_code, reason = "each test file uses its part")]

use strait_shared::geometry::{Geometry, LocalAddress, Sizes};
use strait_shared::slot::EgressPort;
use strait_shared::time::Instant;

/// Two workers, an address of each family, four spare slots.
pub fn sizes() -> Sizes {
    let local = |ip: &str, first_port, last_port| LocalAddress {
        ip: ip.parse().expect("a literal"),
        vlan: None,
        first_port,
        last_port,
        egress_port: EgressPort(0),
    };
    Sizes {
        workers: 2,
        addresses: vec![
            local("192.0.2.1", 20000, 20009),
            local("2001:db8::1", 30000, 30003),
        ],
        fork_slots: 4,
        ring_capacity: 8,
        adjacencies: 4,
    }
}

pub fn geometry() -> Geometry {
    Geometry::new(sizes()).expect("sizes that fit")
}

pub fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}
