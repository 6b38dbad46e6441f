//! Ethernet frames, layer by layer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_dataplane::fuzz::frame(bytes));
