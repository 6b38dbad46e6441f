//! The gateway between controlled gateways and their controllers that say anything.

#![no_main]
#![allow(dead_code, reason = "shared with the tests of the gateway")]

#[path = "../../../control/tests/controlled/anything.rs"]
mod anything;
#[path = "../../../control/tests/gateway/choices.rs"]
mod choices;
#[path = "../../../control/tests/gateway/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| anything::sequence(bytes));
