//! Worlds with media gateways and their controllers: calls between lines that controllers connect
//! through Strait, beside the telephones' calls, under the same faults and checkers.

use std::time::Duration;

use strait_simulation::canary::Canary;
use strait_simulation::checks::Checker;
use strait_simulation::controlled::gateways;
use strait_simulation::figures::{Figures, run_plans};
use strait_simulation::plan::{Fault, Latch, Plan};
use strait_simulation::run::run;

/// Calls of telephones in each world.
const CALLS_EACH: usize = 6;
/// Worlds with faults.
const WORLDS: usize = 32;
/// Time between those calls: a controller's failure takes half a minute to be noticed.
const INTERVAL: Duration = Duration::from_secs(15);
/// Threads: the machines tests run on have two cores or more.
const THREADS: usize = 2;

fn seeds(from: u64) -> impl Iterator<Item = u64> {
    (from..).filter(|seed| gateways(*seed) > 0)
}

fn ran(plans: Vec<Plan>) -> Figures {
    let ran = run_plans(plans, THREADS);
    let figures = ran.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{figures}");
    figures
}

#[test]
fn gateways_are_connected_and_hear_each_other() {
    let plans = seeds(2_000_000).take(6);
    let figures = ran(plans
        .map(|seed| Plan::with_faults(seed, CALLS_EACH, &[]))
        .collect());
    assert!(figures.connected > 0);
    // Nothing is in the way: whoever is connected is heard, on both sides.
    assert_eq!(figures.heard_by_gateways, 2 * figures.connected);
    assert_eq!(figures.taken_over, 0);
}

#[test]
fn gateways_come_to_another_controller_when_theirs_fails() {
    let faults = [
        Fault::Outage,
        Fault::ControlCrash,
        Fault::Loss,
        Fault::Rebind,
        Fault::PowerCut,
    ];
    let plans = seeds(4_000_000).take(WORLDS / 4).map(|seed| Plan {
        call_interval: INTERVAL,
        ..Plan::with_faults(seed, CALLS_EACH, &faults)
    });
    let figures = ran(plans.collect());
    assert!(figures.taken_over > 3, "{} taken over", figures.taken_over);
    assert!(figures.survived > 0 && figures.heard_by_gateways > 100);
}

#[test]
fn gateways_keep_every_promise_under_faults() {
    let plans = seeds(3_000_000).take(WORLDS);
    let plans = plans.map(|seed| Plan {
        call_interval: INTERVAL,
        ..Plan::new(seed, CALLS_EACH)
    });
    let figures = ran(plans.collect());
    assert!(figures.connected > 100 && figures.heard_by_gateways > 100);
}

/// A world that once showed a record out of order: both processes die, and the calendar is set
/// back.
#[test]
fn records_stay_in_order_when_the_calendar_does_not() {
    let plan = Plan {
        call_interval: Duration::from_secs(12),
        ..Plan::new(9_000_326, 8)
    };
    assert!(plan.has(Fault::Calendar) && plan.has(Fault::MachineCrash));
    run(plan, None).unwrap_or_else(|failure| panic!("{failure}"));
}

/// With next to nothing but gateways in the world, it is them that the checkers watch.
#[test]
fn planted_faults_are_noticed_among_gateways() {
    let planted = [
        (Canary::Misdelivery, Checker::Delivery),
        (Canary::LeakedAddress, Checker::Addresses),
        (Canary::ForgottenClose, Checker::Commands),
        (Canary::LostCommand, Checker::Commands),
        (Canary::FalseRecord, Checker::Records),
    ];
    for (canary, checker) in planted {
        let seed = seeds(5_000_000).next().expect("there are more than one");
        let plan = Plan {
            call_interval: 4 * INTERVAL,
            latch: Latch::Restricted,
            ..Plan::with_faults(seed, 1, &[])
        };
        let ran = run(plan, Some(canary));
        let failure = ran.expect_err(&format!("{canary:?} goes unnoticed"));
        let noticed = failure
            .violations
            .iter()
            .any(|found| found.checker == checker);
        assert!(noticed, "{canary:?}: {failure}");
    }
}
