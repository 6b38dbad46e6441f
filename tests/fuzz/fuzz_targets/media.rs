//! RTP and RTCP headers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_dataplane::fuzz::media(bytes));
