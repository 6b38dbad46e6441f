//! Every bound of the configuration that is not a bound of one key.

/// The longest configuration file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// How deep lists and mappings may nest; the deepest key there is lies at 5.
pub const DEPTH_MAX: usize = 32;

/// The longest value a report quotes, in characters.
pub const QUOTED_CHARS_MAX: usize = 60;

/// The longest path of a Unix socket, in bytes, its terminator included (unix(7)).
pub const SOCKET_PATH_BYTES_MAX: usize = 108;

/// The longest name of a network interface, in bytes, without its terminator (`IFNAMSIZ`).
pub const INTERFACE_BYTES_MAX: usize = 15;

/// The longest word of an option for DPDK's environment, in bytes.
pub const EAL_OPTION_BYTES_MAX: usize = 256;

/// Ports of H.248 and MGCP in one realm; each is a socket.
pub const CONTROL_PORTS_MAX: usize = 16_384;

/// Next hops there is room for beyond one for each local address, where NICs have neighbours.
pub const NEXT_HOPS: u16 = 2_048;
