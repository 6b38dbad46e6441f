//! Every bound of the dataplane, with the relations between them proved at compile time.

use std::time::Duration;

use crate::wire::{ethernet, ipv4, ipv6, udp};

/// Frames in one burst.
pub const BURST: usize = 64;
/// Octets kept free before a received frame, for headers longer than the ones it came with: as
/// many as the kernel keeps before the frames of an `af_xdp` socket (`XDP_PACKET_HEADROOM`).
pub const HEADROOM_BYTES: usize = 256;
/// Longest frame that is relayed, Ethernet header and VLAN tag included.
pub const FRAME_BYTES_MAX: usize = 2048;
/// One frame's buffer. An odd number of cache lines, so that the same octet of the frames of a
/// burst falls into different cache sets.
pub const BUFFER_BYTES: usize = HEADROOM_BYTES + FRAME_BYTES_MAX + 64;
/// Longest headers the relay builds: a tagged IPv6 frame.
pub const HEADER_BYTES_MAX: usize =
    ethernet::HEADER_BYTES + ethernet::TAG_BYTES + ipv6::HEADER_BYTES + udp::HEADER_BYTES;
/// Shortest headers the relay takes off: an untagged IPv4 frame.
pub const HEADER_BYTES_MIN: usize = ethernet::HEADER_BYTES + ipv4::HEADER_BYTES + udp::HEADER_BYTES;

/// Ports (NICs) of one dataplane.
pub const PORTS_MAX: usize = strait_shared::limits::NICS_MAX;
/// Times a frame goes through the relay: once more when its remote is one of our own addresses.
pub const PASSES_MAX: usize = 2;

/// Receive queues of one `af_xdp` NIC.
pub const QUEUES_MAX: u32 = 64;
/// Frames in each ring of an `af_xdp` socket.
pub const RING_FRAMES: u32 = 2_048;
/// System calls that have a burst sent without zero-copy: the kernel sends 32 frames a call.
pub const KICKS_MAX: usize = 4;
/// IPv6 extension headers that steering steps over.
pub const EXTENSIONS_MAX: usize = 4;
/// Frames of a burst that go out through the kernel because their next hop is not known.
pub const KERNEL_PATH_PER_BURST: usize = 16;
/// Routes of the kernel that are followed; with more, media goes out through the kernel.
pub const ROUTES_MAX: usize = 16_384;
/// How often a queue is asked for that its last owner has not let go of.
pub const BUSY_TRIES: usize = 40;

/// Octets of frames after which a capture stops.
pub const CAPTURE_BYTES_MAX: u64 = 1 << 30;

/// Commands a worker applies between two bursts.
pub const COMMANDS_PER_BREATH: usize = 32;
/// Open slots a worker looks over between two bursts.
pub const SWEEP_PER_BREATH: usize = 256;
/// How often a worker means to have looked over every slot it owns.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(2);
/// Fresh latches, refused sources, and closed slots with late packets, that wait to be reported.
pub const NOTICES_MAX: usize = 256;
/// At most one refused source, or late packet, is reported for each slot in this time.
pub const NOTICE_INTERVAL: Duration = Duration::from_secs(1);

/// How long the old source must have been silent before its address may latch from another port.
pub const REBIND_SILENCE: Duration = Duration::from_secs(2);
/// The same for RTCP, whose reports are up to 7.5 s apart (RFC 3550 §6.3.1): one may be lost.
pub const RTCP_REBIND_SILENCE: Duration = Duration::from_secs(15);
/// How far a rebound source may be ahead of the highest sequence number (RFC 3550 A.1,
/// MAX_DROPOUT).
pub const SEQUENCE_DROPOUT_MAX: u16 = 3_000;

/// Empty breaths before an adaptive worker waits: what comes within them need not wake it, and most
/// of what comes does not.
pub const SPIN_BREATHS: u32 = 8;
/// Longest wait of an adaptive worker: bounds how late a command or a silence is noticed.
pub const IDLE_WAIT: Duration = Duration::from_millis(2);
/// The same where a port has nothing to wait on, and packets would wait for it.
pub const BLIND_WAIT: Duration = Duration::from_micros(100);
/// Busy breaths between two publications of the statistics page.
pub const PUBLISH_BREATHS: u32 = 1_024;

const _: () = {
    assert!(BURST <= u8::MAX as usize + 1);
    assert!(RING_FRAMES.is_power_of_two() && KICKS_MAX * 32 > BURST);
    assert!(BUFFER_BYTES.is_multiple_of(64) && !BUFFER_BYTES.is_multiple_of(128));
    assert!(BUFFER_BYTES <= u16::MAX as usize);
    assert!(IDLE_WAIT.as_secs() == 0 && BLIND_WAIT.as_nanos() < IDLE_WAIT.as_nanos());
    assert!(HEADROOM_BYTES >= HEADER_BYTES_MAX - HEADER_BYTES_MIN);
};
