//! Finds DPDK by pkg-config, compiles the shim, and generates the bindings.

use std::env;
use std::path::PathBuf;

/// The functions that capsule, the shim's users and the dataplane call.
const FUNCTIONS: &str = "strait_.*|rte_eal_(init|cleanup)|rte_strerror|rte_socket_.*|\
    rte_thread_(set_affinity|register|unregister)|rte_pktmbuf_pool_create|\
    rte_mempool_(free|avail_count|lookup)|\
    rte_eth_(allmulticast|promiscuous)_(enable|disable)|rte_eth_dev_(adjust_nb_rx_tx_desc|close|\
    configure|get_mtu|get_port_by_name|info_get|socket_id|start|stop)|rte_eth_macaddr_get|\
    rte_eth_(rx|tx)_queue_setup|rte_eth_stats_get";
const TYPES: &str = "rte_(cpuset_t|eth_(conf|dev_info|stats|rx_mq_mode)|ether_addr|mbuf|mempool)";
const CONSTANTS: &str = "RTE_MBUF_DEFAULT_DATAROOM|RTE_PKTMBUF_HEADROOM|RTE_ETHER_MTU|\
    RTE_MAX_NUMA_NODES|ETH_RSS_.*|MBUF_.*";

fn main() {
    println!("cargo:rerun-if-changed=src");
    let dpdk = pkg_config::Config::new()
        .atleast_version("22.11")
        .probe("libdpdk")
        .expect("DPDK 22.11 is installed (Debian: libdpdk-dev)");
    let includes = dpdk.include_paths.iter();
    let includes: Vec<String> = includes
        .map(|path| format!("-I{}", path.display()))
        .collect();
    // What DPDK's own build sets; inline functions need SSSE3 at least.
    let flags = ["-D_GNU_SOURCE", "-include", "rte_config.h", "-march=corei7"];

    let mut shim = cc::Build::new();
    shim.file("src/shim.c").opt_level(3).warnings(false);
    for flag in includes.iter().map(String::as_str).chain(flags) {
        shim.flag(flag);
    }
    shim.compile("strait_dpdk_shim");

    let bindings = bindgen::builder()
        .header("src/shim.h")
        .clang_args(&includes)
        .clang_args(flags)
        .allowlist_function(FUNCTIONS)
        .allowlist_type(TYPES)
        .allowlist_var(CONSTANTS)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .generate_comments(false)
        .derive_default(true)
        .layout_tests(false)
        .generate()
        .expect("libclang reads DPDK's headers");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let written = bindings.write_to_file(out.join("bindings.rs"));
    written.expect("the output directory is writable");
}
