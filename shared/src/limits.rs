//! Every bound of the region, with the relations between them proved at compile time.

/// Words in a command or event record.
pub const RECORD_WORDS: usize = 16;
/// Bytes in a command or event record.
pub const RECORD_BYTES: usize = RECORD_WORDS * 8;
/// Words in a slot of the table.
pub const SLOT_WORDS: usize = 24;
/// Bytes in a slot of the table: three cache lines.
pub const SLOT_BYTES: usize = SLOT_WORDS * 8;
/// What one core's line fetcher brings in at once; indices of different owners are this far apart.
pub const PADDING_BYTES: usize = 128;
/// Every section of the region starts on a multiple of this.
pub const SECTION_ALIGN_BYTES: usize = 4096;

/// Workers in one dataplane.
pub const WORKERS_MAX: u16 = 64;
/// Local (address, port range) entries over all realms.
pub const ADDRESSES_MAX: usize = 256;
/// Slots in the table, spare ones included: 768 MiB of table.
pub const SLOTS_MAX: u32 = 1 << 22;
/// Records in one ring.
pub const RING_CAPACITY_MAX: u32 = 1 << 16;
/// Next hops.
pub const ADJACENCIES_MAX: u16 = 4096;

/// NICs of one dataplane.
pub const NICS_MAX: usize = 16;
/// Drop counters that a statistics page has room for.
pub const DROP_REASONS_MAX: usize = 64;

/// Slots that hang on one port for forked early dialogs.
pub const FORK_CHAIN_MAX: usize = 8;

/// Longest burst a policer lets through, in milliseconds: its tolerance is a `u32` of nanoseconds.
pub const BURST_MS_MAX: u32 = 4_000;
/// Fewest packets a second a policer can be set to: its interval is a `u32` of nanoseconds.
pub const PACKETS_PER_SECOND_MIN: u32 = 1;
/// Fewest bytes a second a policer can be set to: its cost a byte is a `u32` of 1/256 ns.
pub const BYTES_PER_SECOND_MIN: u32 = 64;
/// Largest RTP clock that is measured (RFC 3551 §4: 90 000; audio up to 192 000).
pub const CLOCK_HZ_MAX: u32 = 1_000_000;
/// Largest DSCP (RFC 2474 §3: six bits).
pub const DSCP_MAX: u8 = 63;
/// Largest VLAN identifier that may be used (IEEE 802.1Q §9.6: 4095 is reserved, 0 means none).
pub const VLAN_MAX: u16 = 4094;

const NS_PER_SECOND: u64 = 1_000_000_000;

const _: () = {
    assert!(RECORD_BYTES == 128 && SLOT_BYTES == 192);
    assert!(RECORD_BYTES.is_multiple_of(PADDING_BYTES));
    assert!(SECTION_ALIGN_BYTES.is_multiple_of(PADDING_BYTES));
    assert!(RING_CAPACITY_MAX.is_power_of_two());
    assert!(BURST_MS_MAX as u64 * 1_000_000 <= u32::MAX as u64);
    assert!(NS_PER_SECOND / PACKETS_PER_SECOND_MIN as u64 <= u32::MAX as u64);
    assert!(NS_PER_SECOND * 256 / BYTES_PER_SECOND_MIN as u64 <= u32::MAX as u64);
};
