//! Every checker notices the fault that is planted for it.

use strait_simulation::canary::Canary;
use strait_simulation::plan::Plan;
use strait_simulation::run::run_twice;

/// Worlds a canary may need until it finds something to spoil.
const WORLDS: u64 = 4;

#[test]
fn every_checker_catches_what_is_planted_for_it() {
    for (canary, checker) in Canary::ALL {
        let catches = |seed| {
            let plan = canary.plan(seed, 60);
            let failure = run_twice(plan, Some(canary)).err()?;
            let mut violations = failure.violations.into_iter();
            violations.find(|violation| violation.checker == checker)
        };
        let Some(violation) = (0..WORLDS).find_map(catches) else {
            panic!("{canary:?} goes unnoticed by {checker:?}");
        };
        println!("{canary:?}: {violation}");
    }
}

#[test]
fn the_worlds_the_canaries_live_in_are_sound() {
    for seed in 0..WORLDS {
        let plan = Plan::with_faults(seed, 60, &[]);
        run_twice(plan, None).unwrap_or_else(|failure| panic!("{failure}"));
    }
}
