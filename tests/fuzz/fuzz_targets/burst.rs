//! Bursts of frames through a relay.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_dataplane::fuzz::burst(bytes));
