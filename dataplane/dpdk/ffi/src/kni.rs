//! The kernel network interface, which DPDK gave up: nothing of it can be had.
//!
//! capsule names these types and functions; Strait never asks it for such an interface.
#![allow(non_camel_case_types, missing_docs, clippy::missing_safety_doc)]

use std::ffi::{c_char, c_int, c_uint};
use std::ptr;

use crate::bindings::{rte_mbuf, rte_mempool};

const NAME_BYTES: usize = 32;
const UNSUPPORTED: c_int = -95;

/// An interface; there is none.
#[derive(Debug)]
#[repr(C)]
pub struct rte_kni {
    _private: [u8; 0],
}

/// What an interface would be.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct rte_kni_conf {
    pub name: [c_char; NAME_BYTES],
    pub group_id: u16,
    pub mbuf_size: c_uint,
    pub mac_addr: [u8; 6],
}

/// What would be called when an interface is changed.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct rte_kni_ops {
    pub port_id: u16,
    pub change_mtu: Option<unsafe extern "C" fn(u16, c_uint) -> c_int>,
    pub config_network_if: Option<unsafe extern "C" fn(u16, u8) -> c_int>,
    pub config_mac_address: Option<unsafe extern "C" fn(u16, *mut u8) -> c_int>,
    pub config_promiscusity: Option<unsafe extern "C" fn(u16, u8) -> c_int>,
}

/// Refuses.
pub unsafe fn rte_kni_init(_: c_uint) -> c_int {
    UNSUPPORTED
}

/// Has none to give.
pub unsafe fn rte_kni_alloc(
    _: *mut rte_mempool,
    _: *const rte_kni_conf,
    _: *mut rte_kni_ops,
) -> *mut rte_kni {
    ptr::null_mut()
}

/// Refuses.
pub unsafe fn rte_kni_release(_: *mut rte_kni) -> c_int {
    UNSUPPORTED
}

/// Refuses.
pub unsafe fn rte_kni_handle_request(_: *mut rte_kni) -> c_int {
    UNSUPPORTED
}

/// Receives nothing.
pub unsafe fn rte_kni_rx_burst(_: *mut rte_kni, _: *mut *mut rte_mbuf, _: c_uint) -> c_uint {
    0
}

/// Takes nothing.
pub unsafe fn rte_kni_tx_burst(_: *mut rte_kni, _: *mut *mut rte_mbuf, _: c_uint) -> c_uint {
    0
}

/// No interface has a name.
pub unsafe fn rte_kni_get_name(_: *const rte_kni) -> *const c_char {
    c"".as_ptr()
}

/// There is nothing to close.
pub unsafe fn rte_kni_close() {}
