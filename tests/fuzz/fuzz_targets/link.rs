//! Control's link to a dataplane that reports and writes anything.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::link::fuzz::link(bytes));
