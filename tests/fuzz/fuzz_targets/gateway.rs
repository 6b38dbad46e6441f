//! The gateway between parties, a dataplane and a clock that do anything.

#![no_main]
#![allow(dead_code, reason = "shared with the tests of the gateway")]

#[path = "../../../control/tests/gateway/anybody.rs"]
mod anybody;
#[path = "../../../control/tests/gateway/choices.rs"]
mod choices;
#[path = "../../../control/tests/gateway/texts.rs"]
mod texts;
#[path = "../../../control/tests/gateway/utterances.rs"]
mod utterances;
#[path = "../../../control/tests/gateway/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| anybody::sequence(bytes));
