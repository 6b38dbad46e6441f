//! MGCP datagrams.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::mgcp::fuzz::datagram(bytes));
