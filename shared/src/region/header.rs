//! The region's first page: what it is, how big everything is, where it lies.
//!
//! | word | content |
//! |---|---|
//! | 0 | magic, written last |
//! | 1 | layout version |
//! | 2 | layout hash: sizes and offsets of everything compiled in |
//! | 3 | workers, ring capacity << 32 |
//! | 4 | local addresses, adjacencies << 32 |
//! | 5 | slots, fork slots << 32 |
//! | 6-13 | section offsets in bytes, the last the region's size |
//!
//! The local addresses lie in their own section, four words each: the address (2); VLAN, first
//! port << 16, last port << 32, egress port << 48; first slot.

use std::sync::Arc;

use crate::command::RECORD_VERSION;
use crate::drops::DropReason;
use crate::geometry::{AddressIndex, Geometry, GeometryError, LocalAddress, Sizes};
use crate::handover::{announce, is_announced};
use crate::limits;
use crate::mapping::{MapError, Mapping};
use crate::net::PackedIp;
use crate::region::layout::{ADDRESS_BYTES, HEADER_BYTES, Layout, RECORDS_OFFSET};
use crate::slot::EgressPort;
use crate::statistics;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::table::SlotWords;
use crate::words::Shared;

/// Rises whenever the meaning of anything in the region changes.
pub const LAYOUT_VERSION: u64 = 1;

const MAGIC: u64 = u64::from_le_bytes(*b"STRAITSM");
const GEOMETRY_WORD: usize = 3;
/// The first of the words that say where the sections lie.
pub(crate) const SECTIONS_WORD: usize = 6;
const HEADER_WORDS: usize = SECTIONS_WORD + 8;
const ADDRESS_WORDS: usize = ADDRESS_BYTES / 8;

/// Why a file was not attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It cannot be mapped, or could change its size under us.
    #[error("cannot map the region: {0}")]
    Map(String),
    /// It is not a region.
    #[error("not a region of Strait: {0}")]
    Foreign(&'static str),
    /// Another release made it.
    #[error(
        "the region has layout version {found} (hash {found_hash:#018x}), this program has \
         {LAYOUT_VERSION} ({hash:#018x}): stop both processes, then start both from one release",
        hash = LAYOUT_HASH
    )]
    Layout {
        /// The region's version.
        found: u64,
        /// The region's hash.
        found_hash: u64,
    },
    /// Its own words contradict each other.
    #[error("the region's header is damaged: {0}; stop both processes and start them anew")]
    Damaged(String),
    /// It was made from another configuration.
    #[error(
        "the region was made from another configuration: {what} is {found}, the configuration \
         says {expected}; stop both processes to change it, or go back to the old configuration"
    )]
    Geometry {
        /// What differs.
        what: String,
        /// As the region has it.
        found: String,
        /// As the configuration has it.
        expected: String,
    },
}

impl From<MapError> for AttachError {
    fn from(error: MapError) -> Self {
        Self::Map(error.to_string())
    }
}

/// A fingerprint of everything both programs must agree on (FNV-1a, 64 bits).
const LAYOUT_HASH: u64 = {
    let sizes = [
        limits::RECORD_BYTES,
        limits::SLOT_BYTES,
        limits::SECTION_ALIGN_BYTES,
        DropReason::ALL.len(),
        RECORD_VERSION as usize,
        statistics::PAGE_BYTES,
        statistics::BUCKETS,
        RECORDS_OFFSET,
        HEADER_BYTES,
        ADDRESS_BYTES,
    ];
    let hash = fnv(0xcbf2_9ce4_8422_2325, &sizes);
    fnv(fnv(hash, &SlotWords::OFFSETS), &statistics::OFFSETS)
};

const fn fnv(mut hash: u64, values: &[usize]) -> u64 {
    let mut index = 0;
    while index < values.len() {
        let bytes = (values[index] as u64).to_le_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            hash = (hash ^ bytes[byte] as u64).wrapping_mul(0x0100_0000_01b3);
            byte += 1;
        }
        index += 1;
    }
    hash
}

/// Fills a new region's header and address section; the magic comes last.
pub(super) fn write(mapping: &Arc<Mapping>, geometry: &Geometry, layout: &Layout) {
    let header = words(mapping);
    let store = |index: usize, value: u64| header[index].store(value, Relaxed);
    store(1, LAYOUT_VERSION);
    store(2, LAYOUT_HASH);
    for (index, word) in geometry_words(geometry).into_iter().enumerate() {
        store(GEOMETRY_WORD + index, word);
    }
    for (index, word) in layout.words().into_iter().enumerate() {
        store(SECTIONS_WORD + index, word);
    }
    let count = geometry.addresses().len();
    let section = Shared::<[AtomicU64]>::slice(mapping, layout.addresses, count * ADDRESS_WORDS);
    for (index, address) in geometry.addresses().iter().enumerate() {
        let base = geometry
            .slot_base(AddressIndex(index as u16))
            .expect("an own address");
        let encoded = address_words(address, base.0);
        for (word, value) in section[index * ADDRESS_WORDS..].iter().zip(encoded) {
            word.store(value, Relaxed);
        }
    }
    announce(&header[0], MAGIC);
}

/// Reads and checks a region's header: its geometry, and the layout that follows from it.
pub(super) fn read(mapping: &Arc<Mapping>) -> Result<(Geometry, Layout), AttachError> {
    if mapping.len() < HEADER_BYTES {
        return Err(AttachError::Foreign("it is smaller than a header"));
    }
    let header = words(mapping);
    if !is_announced(&header[0], MAGIC) {
        return Err(AttachError::Foreign(
            "it does not begin with the magic number",
        ));
    }
    let load = |index: usize| header[index].load(Relaxed);
    let (found, found_hash) = (load(1), load(2));
    if found != LAYOUT_VERSION || found_hash != LAYOUT_HASH {
        return Err(AttachError::Layout { found, found_hash });
    }
    let sections: [u64; 8] = std::array::from_fn(|index| load(SECTIONS_WORD + index));
    if sections[7] != mapping.len() as u64 {
        return Err(damaged("it says another size than the file has"));
    }
    let declared: [u64; 3] = std::array::from_fn(|index| load(GEOMETRY_WORD + index));
    let geometry = read_geometry(mapping, sections[4], declared)?;
    if geometry_words(&geometry) != declared {
        return Err(damaged("its sizes contradict each other"));
    }
    let layout = Layout::new(&geometry);
    if layout.words() != sections {
        return Err(damaged("its sections lie elsewhere than its sizes say"));
    }
    Ok((geometry, layout))
}

/// Says the first thing that differs between a region and the configuration.
pub(super) fn compare(found: &Geometry, expected: &Geometry) -> Result<(), AttachError> {
    let differ = |what: String, found: String, expected: String| {
        if found == expected {
            Ok(())
        } else {
            Err(AttachError::Geometry {
                what,
                found,
                expected,
            })
        }
    };
    let count = |what: &str, found: usize, expected: usize| {
        differ(what.to_owned(), found.to_string(), expected.to_string())
    };
    count("workers", found.workers().into(), expected.workers().into())?;
    count(
        "media addresses",
        found.addresses().len(),
        expected.addresses().len(),
    )?;
    for (index, pair) in found
        .addresses()
        .iter()
        .zip(expected.addresses())
        .enumerate()
    {
        differ(
            format!("media address {index}"),
            describe(pair.0),
            describe(pair.1),
        )?;
    }
    count(
        "fork slots",
        found.fork_slots() as usize,
        expected.fork_slots() as usize,
    )?;
    count(
        "ring capacity",
        found.ring_capacity() as usize,
        expected.ring_capacity() as usize,
    )?;
    count(
        "adjacencies",
        found.adjacencies().into(),
        expected.adjacencies().into(),
    )
}

fn describe(address: &LocalAddress) -> String {
    let LocalAddress {
        ip,
        vlan,
        first_port,
        last_port,
        egress_port,
    } = address;
    let vlan = vlan.map_or("no VLAN".to_owned(), |vlan| format!("VLAN {vlan}"));
    format!(
        "{ip} ports {first_port}-{last_port}, {vlan}, NIC {}",
        egress_port.0
    )
}

fn words(mapping: &Arc<Mapping>) -> Shared<[AtomicU64]> {
    Shared::slice(mapping, 0, HEADER_WORDS)
}

fn geometry_words(geometry: &Geometry) -> [u64; 3] {
    let pack = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    [
        pack(geometry.workers().into(), geometry.ring_capacity()),
        pack(
            geometry.addresses().len() as u32,
            geometry.adjacencies().into(),
        ),
        pack(geometry.slots(), geometry.fork_slots()),
    ]
}

fn address_words(address: &LocalAddress, base: u32) -> [u64; ADDRESS_WORDS] {
    let ip = PackedIp::from(address.ip);
    let place = u64::from(address.vlan.unwrap_or(0))
        | u64::from(address.first_port) << 16
        | u64::from(address.last_port) << 32
        | u64::from(address.egress_port.0) << 48;
    [ip.0[0], ip.0[1], place, u64::from(base)]
}

fn read_geometry(
    mapping: &Arc<Mapping>,
    addresses_offset: u64,
    declared: [u64; 3],
) -> Result<Geometry, AttachError> {
    let low = |word: u64| word as u32;
    let high = |word: u64| (word >> 32) as u32;
    let count = low(declared[1]) as usize;
    if count > limits::ADDRESSES_MAX {
        return Err(damaged(GeometryError::Addresses(count)));
    }
    let offset = usize::try_from(addresses_offset).unwrap_or(usize::MAX);
    let end = offset.saturating_add(count * ADDRESS_BYTES);
    if end > mapping.len() || !offset.is_multiple_of(limits::SECTION_ALIGN_BYTES) {
        return Err(damaged("its addresses lie outside of it"));
    }
    let section = Shared::<[AtomicU64]>::slice(mapping, offset, count * ADDRESS_WORDS);
    let (chunks, _) = section.as_chunks::<ADDRESS_WORDS>();
    let addresses = chunks.iter().map(read_address).collect::<Result<_, _>>()?;
    let narrow = |value: u32| u16::try_from(value).map_err(|_| damaged("a size is out of range"));
    let sizes = Sizes {
        workers: narrow(low(declared[0]))?,
        addresses,
        fork_slots: high(declared[2]),
        ring_capacity: high(declared[0]),
        adjacencies: narrow(high(declared[1]))?,
    };
    Geometry::new(sizes).map_err(damaged)
}

fn read_address(words: &[AtomicU64; ADDRESS_WORDS]) -> Result<LocalAddress, AttachError> {
    let [high, low, place, _] = std::array::from_fn(|index| words[index].load(Relaxed));
    let ip = PackedIp([high, low])
        .ip()
        .ok_or_else(|| damaged("a local address is missing"))?;
    let vlan = place as u16;
    Ok(LocalAddress {
        ip,
        vlan: (vlan != 0).then_some(vlan),
        first_port: (place >> 16) as u16,
        last_port: (place >> 32) as u16,
        egress_port: EgressPort((place >> 48) as u8),
    })
}

fn damaged(what: impl ToString) -> AttachError {
    AttachError::Damaged(what.to_string())
}
