//! A region that somebody has written over.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_shared::fuzz::attach(bytes));
