//! Parties that answer anything with anything: nothing breaks, nothing leaks, and in the end
//! nothing is left.

use crate::anybody::{self, Anybody};
use crate::choices::{Random, Recorded};
use crate::leavings;
use crate::replay;

/// Runs, each with a seed of its own, from 1 on, unless `STRAIT_CHAOS_RUNS` and
/// `STRAIT_CHAOS_SEED` say otherwise.
const RUNS: u64 = 100;

/// Things that happen in one run.
const STEPS: usize = 80;

#[test]
fn whatever_happens_nothing_leaks_and_nothing_is_left() {
    happen(Anybody::new);
}

/// The same with a SIP server: registrations stay here, calls go from phone to phone.
#[test]
fn whatever_happens_to_a_server_nothing_leaks_and_nothing_is_left() {
    happen(Anybody::at_a_server);
}

fn happen(begin: impl Fn(Random) -> Anybody<Random>) {
    let asked = |name| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok())
    };
    let runs = asked("STRAIT_CHAOS_RUNS").unwrap_or(RUNS);
    let first = asked("STRAIT_CHAOS_SEED").unwrap_or(1);
    let mut calls = 0;
    for seed in first..first + runs {
        // Read where a run fails.
        println!("seed {seed}");
        let mut anybody = begin(Random::new(seed));
        for _ in 0..STEPS {
            anybody.step();
        }
        calls += anybody.end();
    }
    assert!(runs < RUNS || calls > runs, "calls were made: {calls}");
}

/// The corpus of the fuzz target `gateway`.
#[test]
fn sequences_that_were_found_to_matter() {
    replay::whole("gateway", anybody::sequence);
}

/// The corpus of the fuzz target `journal`.
#[test]
fn journals_that_were_found_to_matter() {
    replay::whole("journal", leavings::journal);
}

/// Runs that are written down for the fuzzer to begin with.
const BEGINNINGS: u64 = 24;

/// Writes what the fuzzer begins with; for a journal of another layout, which old ones are not.
#[test]
#[ignore = "writes into the repository"]
fn corpora_to_begin_with() {
    for seed in 1..=BEGINNINGS {
        let mut anybody = Anybody::new(Recorded::new(seed));
        for _ in 0..seed * 2 {
            anybody.step();
        }
        replay::write("gateway", seed, &anybody.choices.written);
        // A journal tells most while media flow.
        while anybody.world.open.is_empty() {
            anybody.step();
        }
        replay::write("journal", seed, &leavings::seed(&anybody.world));
    }
}
