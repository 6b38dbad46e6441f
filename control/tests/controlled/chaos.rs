//! Many runs of gateways and controllers that say anything, and what the fuzzer has found.

use super::anything::{Anything, STEPS, sequence};
use crate::choices::{Random, Recorded};
use crate::replay;

/// Runs, each with a seed of its own.
const RUNS: u64 = 150;

/// Runs that are written down for the fuzzer to begin with.
const BEGINNINGS: u64 = 24;

#[test]
fn whatever_gateways_and_controllers_say_nothing_leaks_and_nothing_is_left() {
    let mut calls = 0;
    for seed in 1..=RUNS {
        // Read where a run fails.
        println!("seed {seed}");
        let mut anything = Anything::new(Random::new(seed));
        for _ in 0..STEPS {
            anything.step();
        }
        calls += anything.end();
    }
    assert!(calls > RUNS, "calls were made: {calls}");
}

/// The corpus of the fuzz target `controlled`.
#[test]
fn sequences_that_were_found_to_matter() {
    replay::whole("controlled", sequence);
}

#[test]
#[ignore = "writes into the repository"]
fn corpus_to_begin_with() {
    for seed in 1..=BEGINNINGS {
        let mut anything = Anything::new(Recorded::new(seed));
        for _ in 0..seed * 2 {
            anything.step();
        }
        replay::write("controlled", seed, &anything.choices.written);
    }
}
