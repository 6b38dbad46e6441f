//! What DPDK knows of a device, and of the threads that drive it.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::ptr::NonNull;

use capsule_ffi as ffi;
use strait_dataplane::port::PortCounters;
use strait_dataplane::wire::MacAddress;

use crate::burst::Queue;
use crate::mbuf::Pool;

/// A device that is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    port: u16,
}

impl Device {
    /// The device of this name, as the driver or the bus calls it.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        let mut port = 0;
        // SAFETY: a whole string in, a number out.
        let found = unsafe { ffi::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut port) };
        (found == 0).then_some(Self { port })
    }

    /// The hardware address.
    pub(crate) fn mac(self) -> MacAddress {
        let mut address = ffi::rte_ether_addr::default();
        // SAFETY: the port is there; an address out.
        unsafe { ffi::rte_eth_macaddr_get(self.port, &mut address) };
        MacAddress(address.addr_bytes)
    }

    /// Longest IP packet.
    pub(crate) fn mtu(self) -> u16 {
        let mut mtu = 0;
        // SAFETY: the port is there; a number out.
        match unsafe { ffi::rte_eth_dev_get_mtu(self.port, &mut mtu) } {
            0 => mtu,
            _ => ffi::RTE_ETHER_MTU as u16,
        }
    }

    /// The pool its frames arrive in: the one of its NUMA node, or the only one.
    pub(crate) fn pool(self) -> Option<Pool> {
        // SAFETY: the port is there.
        let node = unsafe { ffi::rte_eth_dev_socket_id(self.port) };
        // capsule makes a pool for each node that has a worker, and counts them.
        let pools = (0..).map_while(|number| {
            let name = CString::new(format!("mempool{number}")).ok()?;
            // SAFETY: a whole string; the pools live as long as the process.
            NonNull::new(unsafe { ffi::rte_mempool_lookup(name.as_ptr()) })
        });
        let pools: Vec<_> = pools.collect();
        // SAFETY: pools found by their names are there.
        let near = |pool: &&NonNull<ffi::rte_mempool>| unsafe { pool.as_ref() }.socket_id == node;
        let pool = pools.iter().find(near).or(pools.first())?;
        // SAFETY: as above.
        Some(unsafe { Pool::new(*pool) })
    }

    /// Starts what capsule has set up, for those who do without its execution.
    pub(crate) fn start(self) -> bool {
        // SAFETY: the port is set up.
        (unsafe { ffi::rte_eth_dev_start(self.port) }) == 0
    }

    /// Stops what was started.
    pub(crate) fn stop(self) {
        // SAFETY: the port is set up; no queue of it is in use any more.
        unsafe { ffi::rte_eth_dev_stop(self.port) };
    }

    /// One core's queue. Ask for each once.
    pub(crate) fn queue(self, number: u16) -> Queue {
        // SAFETY: capsule has set up a queue for every core; each is asked for once.
        unsafe { Queue::new(self.port, number) }
    }

    /// What went wrong at the device since it was started.
    pub(crate) fn faults(self) -> PortCounters {
        let mut stats = ffi::rte_eth_stats::default();
        // SAFETY: the port is there; numbers out.
        unsafe { ffi::rte_eth_stats_get(self.port, &mut stats) };
        PortCounters {
            missed: stats.imissed + stats.rx_nombuf,
            oversized: 0,
            receive_errors: stats.ierrors,
            send_errors: stats.oerrors,
        }
    }
}

/// A thread that DPDK knows, so that it has a share of its own in each pool.
pub(crate) struct Registration(());

impl Registration {
    /// Registers the calling thread; nothing when there are too many.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: DPDK is set up before any worker runs.
        (unsafe { ffi::rte_thread_register() } == 0).then_some(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: registered, on this thread: the value is made and dropped by a lane, which stays.
        unsafe { ffi::rte_thread_unregister() }
    }
}
