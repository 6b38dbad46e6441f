//! Worlds that once showed a fault, again in every run. A seed means the same world as long as the
//! simulation draws the same: what these stand for is written beside them, and each fault has a
//! test of its own where it was mended.

use std::time::Duration;

use strait_simulation::plan::Plan;
use strait_simulation::run::run;

/// A seed, the calls of its world, and what it once showed.
const FOUND: [(u64, usize, &str); 24] = [
    (
        215,
        40,
        "a phone that registered on another connection was not told BYE in its call",
    ),
    (
        2_000_495,
        40,
        "a slot stayed open whose damaged close was known of after a leap of the clock",
    ),
    (
        2_000_566,
        40,
        "the checker of records took a remote that had given way for the only one",
    ),
    (
        2_000_796,
        40,
        "an IPv6 address was told to IPv4 slots by an offer made again",
    ),
    (
        2_001_315,
        40,
        "media of a call that its phone believed in went to the next one on its port",
    ),
    (
        1_795_260_401,
        40,
        "a late packet of a fork's loser held the winner's latch",
    ),
    (
        6,
        40,
        "ports rested longer by the world's clock than by Strait's",
    ),
    (
        55,
        40,
        "the checker of commands read a slot that was damaged on purpose",
    ),
    (
        60,
        40,
        "a registrar granted more than it was asked for, and was believed for 136 years",
    ),
    (
        62,
        40,
        "a record said that the caller had cancelled what had rung for too long",
    ),
    (
        7_000_066,
        40,
        "a call on hold whose BYE was challenged, and not said again, stood for ever",
    ),
    (
        15,
        40,
        "who moved to another address was overtaken by its own last packet and never heard again",
    ),
    (
        50,
        40,
        "a call that a phone forwarded to another user came back to the phone",
    ),
    (
        7_200_309,
        40,
        "a phone that had left registered anew by a request it had sent before",
    ),
    (
        7_200_341,
        40,
        "a refusal told a caller the beginning of an address in a description that was cut off",
    ),
    (
        7_300_005,
        40,
        "the softswitch's domain led to the phone beside it that had named it",
    ),
    (
        7_300_409,
        40,
        "a slot stayed open whose close was damaged, and the report of that as well",
    ),
    (
        7_300_992,
        40,
        "control began anew on a machine that stood still, at a time that its clock then took back",
    ),
    (
        7_301_496,
        40,
        "a message cut in two told an address as the name of a header",
    ),
    (
        7_330_731,
        40,
        "the checker of moves held it against Strait that a liar named somebody's old place",
    ),
    (
        13_002_549,
        40,
        "who was not told that its call was over spoke to a port that was another call's since",
    ),
    (
        13_002_873,
        40,
        "what was said again from a NAT's new address was taken for something new",
    ),
    (
        21_000_544,
        40,
        "the machine went down, and a port's next call heard a party of the last one",
    ),
    (
        23_000_112,
        40,
        "a successor gave a port's next use the number that its last one had",
    ),
];

/// The same, of worlds of [`SLOW_CALLS`] calls that are [`SLOW_INTERVAL`] apart.
const SLOW: [(u64, &str); 7] = [
    (
        9_000_334,
        "a fork's answer sent a caller's media back to where it came from",
    ),
    (
        9_000_682,
        "a redirection told a caller the beginning of an address",
    ),
    (
        9_101_629,
        "an address with a number too many was taken for a domain",
    ),
    (
        9_101_826,
        "a phone hung up before its answer was acknowledged, and the caller never knew",
    ),
    (
        9_102_213,
        "a successor waited for ever for a BYE that had been challenged",
    ),
    (
        9_120_590,
        "the checker of media held it against Strait that a liar joined two of its own calls",
    ),
    (
        14_000_588,
        "a phone whose connection broke was never told that its call was over",
    ),
];
const SLOW_CALLS: usize = 8;
const SLOW_INTERVAL: Duration = Duration::from_secs(12);

#[test]
fn what_was_once_found_is_not_found_again() {
    for (seed, calls, what) in FOUND {
        runs(Plan::new(seed, calls), what);
    }
}

#[test]
fn what_was_once_found_in_slow_worlds_is_not_found_again() {
    for (seed, what) in SLOW {
        let plan = Plan {
            call_interval: SLOW_INTERVAL,
            ..Plan::new(seed, SLOW_CALLS)
        };
        runs(plan, what);
    }
}

fn runs(plan: Plan, what: &str) {
    let seed = plan.seed;
    let outcome = run(plan, None).unwrap_or_else(|failure| panic!("{what}: {failure}"));
    assert!(outcome.tale.placed > 0, "{seed}");
}
