//! Every bound of the DPDK port.

/// Descriptors in each receive queue, and in each transmit queue.
pub const QUEUE_FRAMES: usize = 1_024;
/// Buffers that each core keeps for itself: none would cost 40 % of the throughput.
pub const POOL_CACHE: usize = 256;
/// Frames that wait for the kernel, and that wait for a NIC, for each NIC.
pub const EXCHANGE_FRAMES: usize = 512;
/// Frames of the kernel's that leave between two bursts.
pub const KERNEL_FRAMES_PER_BURST: usize = 32;
/// Breaths a worker takes before its core looks whether it is to stop.
pub const BREATHS_PER_TURN: usize = 256;
