//! Session descriptions.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::sdp::fuzz::description(bytes));
