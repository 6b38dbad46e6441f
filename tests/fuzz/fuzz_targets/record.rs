//! Commands and events as words of the rings.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_shared::fuzz::record(bytes));
