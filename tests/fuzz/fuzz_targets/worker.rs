//! A worker between frames from anybody and a region that anybody writes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strait_dataplane::fuzz::worker(bytes));
