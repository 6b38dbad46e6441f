//! Start-up: options by their present names, and where a core's memory is.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;

use crate::bindings;

/// Options that were renamed, old and new.
const RENAMED: [(&CStr, &CStr); 2] = [
    (c"--master-lcore", c"--main-lcore"),
    (c"--pci-whitelist", c"--allow"),
];

/// DPDK's own function of this name, for options as they were called before 20.11.
///
/// # Safety
/// `arguments` holds `count` strings that end with a zero octet. Called once in a process.
pub unsafe fn rte_eal_init(count: c_int, arguments: *mut *mut c_char) -> c_int {
    // SAFETY: the caller says so.
    let old = unsafe { std::slice::from_raw_parts(arguments, count.max(0) as usize) };
    // SAFETY: the caller says so.
    let old = old.iter().map(|&text| unsafe { CStr::from_ptr(text) });
    // Kept for ever: DPDK keeps pointers into some of them.
    let renamed = old.map(|option| CString::from(present_name(option)).into_raw());
    let new: &mut [*mut c_char] = renamed.collect::<Vec<_>>().leak();
    // SAFETY: as many strings as before, each whole.
    unsafe { bindings::rte_eal_init(count, new.as_mut_ptr()) }
}

fn present_name(option: &CStr) -> &CStr {
    let new = RENAMED.iter().find(|(old, _)| *old == option);
    new.map_or(option, |(_, new)| new)
}

/// The NUMA node of a core; 0 where the machine has one only or does not say.
///
/// # Safety
/// Always safe; C's function of this name is not.
pub unsafe fn numa_node_of_cpu(core: c_int) -> c_int {
    let nodes = 0..bindings::RTE_MAX_NUMA_NODES as c_int;
    let on =
        |node: &c_int| Path::new(&format!("/sys/devices/system/cpu/cpu{core}/node{node}")).exists();
    nodes.into_iter().find(on).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_that_were_renamed_change() {
        assert_eq!(present_name(c"--master-lcore"), c"--main-lcore");
        assert_eq!(present_name(c"--pci-whitelist"), c"--allow");
        assert_eq!(present_name(c"--vdev"), c"--vdev");
    }
}
