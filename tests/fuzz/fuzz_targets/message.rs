//! SIP messages as they come in datagrams.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_control::sip::fuzz::message(bytes));
