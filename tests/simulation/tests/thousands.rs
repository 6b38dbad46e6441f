//! Ten thousand calls in every run of the tests, in worlds of all kinds.
//!
//! The figures go to standard output (`--nocapture`); a failure prints the tables and the line that
//! makes it happen again.

use std::collections::BTreeSet;

use strait_simulation::canary::Canary;
use strait_simulation::checks::Checker;
use strait_simulation::figures::run_many;
use strait_simulation::plan::Plan;
use strait_simulation::run::run_twice;

/// Calls that all worlds together place at least.
const CALLS_MIN: u64 = 10_000;
/// Calls of one world.
const CALLS_EACH: usize = 40;
/// Threads: the machines tests run on have two cores or more.
const THREADS: u64 = 2;

#[test]
fn ten_thousand_calls_keep_every_promise() {
    let more = |so_far: &strait_simulation::figures::Figures| so_far.calls < CALLS_MIN / THREADS;
    let plan = |seed| Plan::new(seed, CALLS_EACH);
    let ran = run_many(0, plan, THREADS as usize, more);
    let figures = ran.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{figures}");
    assert!(figures.calls >= CALLS_MIN);
    assert!(figures.relayed > 100 * CALLS_MIN, "calls carry media");
    assert!(figures.waits > 0, "rings are full now and then");
    assert!(figures.survived > 0, "calls outlive a control");
    assert!(figures.told > 0 && figures.answered > 0, "people write");
    assert!(figures.refreshed > 0, "sessions are refreshed");
    assert!(figures.sent_on > 0 && figures.moved > 0, "people move");
    let looked: BTreeSet<Checker> = figures.looks.keys().copied().collect();
    let all = Canary::ALL.map(|(_, checker)| checker).into_iter();
    // A run by itself cannot say that another one would go the same way.
    let all: BTreeSet<_> = all
        .filter(|checker| *checker != Checker::Sameness)
        .collect();
    assert_eq!(looked, all);
}

#[test]
fn the_same_seed_goes_the_same_way() {
    for seed in 1_000_000..1_000_020 {
        let ran = run_twice(Plan::new(seed, CALLS_EACH), None);
        ran.unwrap_or_else(|failure| panic!("{failure}"));
    }
}
