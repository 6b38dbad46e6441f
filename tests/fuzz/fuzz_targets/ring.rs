//! A ring between an honest end and a liar.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_shared::fuzz::ring(bytes));
