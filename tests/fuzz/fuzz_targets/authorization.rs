//! Authorization headers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::digest::fuzz::authorization(bytes));
