//! Worlds that once showed a fault, again in every run. A seed means the same world as long as the
//! simulation draws the same: what these stand for is written beside them, and each fault has a
//! test of its own where it was mended.

use strait_simulation::plan::Plan;
use strait_simulation::run::run;

/// A seed, the calls of its world, and what it once showed.
const FOUND: [(u64, usize, &str); 14] = [
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
];

#[test]
fn what_was_once_found_is_not_found_again() {
    for (seed, calls, what) in FOUND {
        let outcome = run(Plan::new(seed, calls), None);
        let outcome = outcome.unwrap_or_else(|failure| panic!("{what}: {failure}"));
        assert!(outcome.tale.placed > 0, "{seed}");
    }
}
