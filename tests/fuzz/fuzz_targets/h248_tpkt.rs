//! H.248 messages cut from a byte stream.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::h248::fuzz::tpkt(bytes));
