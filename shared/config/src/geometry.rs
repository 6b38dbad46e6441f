//! The region's sizes, as the configuration asks for them.

use strait_shared::geometry::{AddressIndex, Geometry, GeometryError, LocalAddress, Sizes};
use strait_shared::slot::EgressPort;

use crate::{Config, MediaAddress, Nic, RealmIndex, limits::NEXT_HOPS};

/// Records in each ring: several calls' worth of commands for each breath of a worker.
const RING_CAPACITY: u32 = 4_096;

/// The region's sizes. Both processes call this, so both number the slots alike.
///
/// # Errors
/// Never for a configuration that was loaded: validation refuses what this would.
pub fn geometry(config: &Config) -> Result<Geometry, GeometryError> {
    let addresses: Vec<LocalAddress> = config
        .media_addresses()
        .map(|(_, _, media)| local_address(config, media))
        .collect();
    let resolving = |nic: &Nic| nic.port.is_with_kernel();
    let next_hops = match config.dataplane.nics.iter().any(resolving) {
        true => NEXT_HOPS,
        false => 0,
    };
    let adjacencies = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
    let adjacencies = adjacencies.saturating_add(next_hops);
    Geometry::new(Sizes {
        workers: u16::try_from(config.dataplane.workers.len()).unwrap_or(u16::MAX),
        addresses,
        fork_slots: config.dataplane.fork_slots,
        ring_capacity: RING_CAPACITY,
        adjacencies,
    })
}

impl Config {
    /// Every media address in the geometry's order, with the realm it belongs to.
    pub fn media_addresses(
        &self,
    ) -> impl Iterator<Item = (AddressIndex, RealmIndex, &MediaAddress)> {
        let of_realms = self
            .realms
            .iter()
            .enumerate()
            .flat_map(|(realm, settings)| {
                settings
                    .media
                    .iter()
                    .map(move |media| (RealmIndex(realm as u16), media))
            });
        of_realms
            .enumerate()
            .map(|(address, (realm, media))| (AddressIndex(address as u16), realm, media))
    }
}

fn local_address(config: &Config, media: &MediaAddress) -> LocalAddress {
    let nic = config
        .dataplane
        .nics
        .iter()
        .position(|nic| nic.name == media.nic);
    let nic = nic
        .and_then(|nic| u8::try_from(nic).ok())
        .expect("validation knows every NIC");
    LocalAddress {
        ip: media.address,
        vlan: media.vlan.map(|vlan| vlan.get()),
        first_port: media.ports.first(),
        last_port: media.ports.last(),
        egress_port: EgressPort(nic),
    }
}
