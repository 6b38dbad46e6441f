//! H.248 messages in text.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::h248::fuzz::text(bytes));
