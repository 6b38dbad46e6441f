//! DPDK 22.11 under the names by which capsule 0.1.5 calls the DPDK of its day.
//!
//! What was renamed since is bridged here; the kernel interface (KNI) that capsule can use, and
//! Strait does not, is not there any more, and says so.

mod bindings {
    //! What bindgen makes of `shim.h`.
    #![allow(
        dead_code,
        missing_docs,
        non_camel_case_types,
        non_snake_case,
        non_upper_case_globals,
        unnecessary_transmutes,
        unsafe_op_in_unsafe_fn,
        clippy::all,
        clippy::undocumented_unsafe_blocks
    )]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
mod kni;
mod pool;
mod start;

pub use bindings::*;
pub use bindings::{
    strait_errno as _rte_errno, strait_eth_rx_burst as _rte_eth_rx_burst,
    strait_eth_tx_burst as _rte_eth_tx_burst, strait_mempool_put_bulk as _rte_mempool_put_bulk,
    strait_pktmbuf_alloc as _rte_pktmbuf_alloc,
    strait_pktmbuf_alloc_bulk as _rte_pktmbuf_alloc_bulk, strait_pktmbuf_free as _rte_pktmbuf_free,
};
pub use kni::*;
pub use pool::{PRIVATE_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, rte_pktmbuf_pool_create};
pub use start::{numa_node_of_cpu, rte_eal_init};

/// No capability, so that capsule never turns it on: the driver would give all frames that have
/// been sent back to one pool, and a relayed frame may have come from another NIC's.
pub const DEV_TX_OFFLOAD_MBUF_FAST_FREE: u64 = 0;

/// How frames are spread over a port's queues.
#[allow(non_camel_case_types)]
pub mod rte_eth_rx_mq_mode {
    /// By a hash over addresses and ports.
    pub const ETH_MQ_RX_RSS: super::bindings::rte_eth_rx_mq_mode =
        super::bindings::rte_eth_rx_mq_mode_RTE_ETH_MQ_RX_RSS;
}
