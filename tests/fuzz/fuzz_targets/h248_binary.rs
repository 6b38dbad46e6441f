//! H.248 messages in binary.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::h248::fuzz::binary(bytes));
