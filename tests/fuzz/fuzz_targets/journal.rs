//! A successor that finds any journal and any slots open.

#![no_main]
#![allow(dead_code, reason = "shared with the tests of the gateway")]

#[path = "../../../control/tests/gateway/anybody.rs"]
mod anybody;
#[path = "../../../control/tests/gateway/choices.rs"]
mod choices;
#[path = "../../../control/tests/gateway/leavings.rs"]
mod leavings;
#[path = "../../../control/tests/gateway/texts.rs"]
mod texts;
#[path = "../../../control/tests/gateway/utterances.rs"]
mod utterances;
#[path = "../../../control/tests/gateway/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| leavings::journal(bytes));
