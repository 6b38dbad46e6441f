//! Pools whose buffers have room for a frame of Strait's, headroom and all.

use std::ffi::{c_char, c_int, c_uint};

use crate::bindings::{self, RTE_MBUF_DEFAULT_DATAROOM, RTE_PKTMBUF_HEADROOM, rte_mempool};

/// Octets of each buffer's private area, which lies before its headroom and lengthens it.
pub const PRIVATE_BYTES: u16 = 128;
/// Octets of each buffer, headroom included: a cache line more than DPDK's default.
pub const RTE_MBUF_DEFAULT_BUF_SIZE: u32 = RTE_PKTMBUF_HEADROOM + RTE_MBUF_DEFAULT_DATAROOM + 64;

/// DPDK's own function of this name, with [`PRIVATE_BYTES`] more for each buffer.
///
/// # Safety
/// `name` is a string that ends with a zero octet; DPDK has been set up.
pub unsafe fn rte_pktmbuf_pool_create(
    name: *const c_char,
    count: c_uint,
    cache_size: c_uint,
    private_bytes: u16,
    buffer_bytes: u16,
    node: c_int,
) -> *mut rte_mempool {
    let private_bytes = private_bytes + PRIVATE_BYTES;
    // SAFETY: the caller says so.
    unsafe {
        bindings::rte_pktmbuf_pool_create(
            name,
            count,
            cache_size,
            private_bytes,
            buffer_bytes,
            node,
        )
    }
}
