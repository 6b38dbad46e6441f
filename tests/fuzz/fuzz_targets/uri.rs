//! URIs and the addresses they stand in.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::sip::fuzz::uri(bytes));
