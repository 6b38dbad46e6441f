//! Attacks on media under every latch policy: how many of an attacker's packets come through, and
//! whether the party is still heard. The table is the one in docs/SECURITY.md, row by row.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../rig/mod.rs"]
mod rig;
mod scene;

use std::fmt;
use std::time::Duration;

use scene::*;
use strait_shared::slot::LatchPolicy;

/// Whom the policy guards.
#[derive(Clone, Copy)]
struct Guarded {
    policy: LatchPolicy,
    party: Party,
}

const COLUMNS: [Guarded; 6] = [
    guarded(LatchPolicy::Signalled, Party::Named),
    guarded(LatchPolicy::Restricted, Party::Named),
    guarded(LatchPolicy::Restricted, Party::BehindNat),
    guarded(LatchPolicy::Symmetric, Party::Named),
    guarded(LatchPolicy::Symmetric, Party::BehindNat),
    guarded(LatchPolicy::Symmetric, Party::Elsewhere),
];

const fn guarded(policy: LatchPolicy, party: Party) -> Guarded {
    Guarded { policy, party }
}

/// When the attack comes.
#[derive(Clone, Copy, PartialEq)]
enum When {
    /// From before the party's first packet on.
    First,
    /// While the party talks.
    Amid,
    /// After the party has been silent for so long.
    Silent(Duration),
    /// While the party is on hold and nothing is accepted from it.
    Held,
    /// After the call.
    Over,
}

struct Attack {
    name: &'static str,
    when: When,
    on_rtcp: bool,
    source: fn(&Scene, u32) -> String,
    /// Whether the SSRC is the party's.
    right_ssrc: bool,
    /// What comes of it, by column.
    expected: [Outcome; 6],
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Outcome {
    /// Nothing gets through, the party is heard throughout.
    Nothing,
    /// So many get through until the party's own packet; then the party is heard, nobody else.
    Until(u32),
    /// One source gets in, and the party is heard again after a while of that one's silence.
    Regained,
    /// One source gets in and stays; the party is not heard any more.
    Taken,
    /// All get through, beside the party's.
    Beside,
}

use Outcome::{Beside, Nothing, Regained, Taken, Until};

const ATTACKS: [Attack; 23] = [
    row(
        "spray from other addresses before the first packet",
        When::First,
        false,
        anywhere,
        false,
        [Nothing, Nothing, Nothing, Until(1), Regained, Taken],
    ),
    row(
        "from one other address before the first packet",
        When::First,
        false,
        stranger,
        false,
        [Nothing, Nothing, Nothing, Until(BURST), Regained, Taken],
    ),
    row(
        "the same in mid-call",
        When::Amid,
        false,
        anywhere,
        false,
        [Nothing; 6],
    ),
    row(
        "the same with the right SSRC and sequence",
        When::Amid,
        false,
        anywhere,
        true,
        [Nothing; 6],
    ),
    row(
        "the same after 3 s of silence",
        When::Silent(PAUSE),
        false,
        anywhere,
        true,
        [Nothing; 6],
    ),
    row(
        "on RTCP from other addresses before the first report",
        When::First,
        true,
        anywhere,
        true,
        [Nothing, Nothing, Nothing, Until(1), Regained, Taken],
    ),
    row(
        "on RTCP from other addresses in mid-call, right SSRC",
        When::Amid,
        true,
        anywhere,
        true,
        [Nothing; 6],
    ),
    row(
        "from the right address and a wrong port before the first packet",
        When::First,
        false,
        wrong_port,
        false,
        [Nothing, Until(BURST), Taken, Until(BURST), Taken, Taken],
    ),
    row(
        "on RTCP from the right address and a wrong port before the first report",
        When::First,
        true,
        wrong_port,
        false,
        [
            Nothing,
            Until(BURST),
            Regained,
            Until(BURST),
            Regained,
            Regained,
        ],
    ),
    row(
        "from the right address and a wrong port in mid-call",
        When::Amid,
        false,
        wrong_port,
        false,
        [Nothing; 6],
    ),
    row(
        "the same with the right SSRC and sequence",
        When::Amid,
        false,
        wrong_port,
        true,
        [Nothing; 6],
    ),
    row(
        "from the right address, a scan of all source ports in mid-call, right SSRC",
        When::Amid,
        false,
        every_port,
        true,
        [Nothing; 6],
    ),
    row(
        "on RTCP from the right address and a wrong port in mid-call, right SSRC",
        When::Amid,
        true,
        wrong_port,
        true,
        [Nothing; 6],
    ),
    row(
        "from the right address and a wrong port after 3 s of silence, wrong SSRC",
        When::Silent(PAUSE),
        false,
        wrong_port,
        false,
        [Nothing; 6],
    ),
    row(
        "the same with the right SSRC and sequence",
        When::Silent(PAUSE),
        false,
        wrong_port,
        true,
        [
            Nothing,
            Until(ATTACK),
            Regained,
            Until(ATTACK),
            Regained,
            Regained,
        ],
    ),
    row(
        "from the address of its signalling in mid-call",
        When::Amid,
        false,
        signalling,
        true,
        [Nothing; 6],
    ),
    row(
        "the same after 3 s of silence, wrong SSRC",
        When::Silent(PAUSE),
        false,
        signalling,
        false,
        [Nothing, Nothing, Nothing, Nothing, Nothing, Taken],
    ),
    row(
        "on RTCP from the address of its signalling in mid-call",
        When::Amid,
        true,
        signalling,
        true,
        [Nothing; 6],
    ),
    row(
        "from the pair in its SDP in mid-call, forged",
        When::Amid,
        false,
        in_sdp,
        true,
        [Beside, Beside, Nothing, Beside, Nothing, Taken],
    ),
    row(
        "the same after 3 s of silence, right SSRC and sequence",
        When::Silent(PAUSE),
        false,
        in_sdp,
        true,
        [
            Until(ATTACK),
            Until(ATTACK),
            Regained,
            Until(ATTACK),
            Regained,
            Taken,
        ],
    ),
    row(
        "from the party's own address and port, forged",
        When::Amid,
        false,
        exact,
        true,
        [Beside; 6],
    ),
    row(
        "from the party's own address and port while it is on hold",
        When::Held,
        false,
        exact,
        true,
        [Nothing; 6],
    ),
    row(
        "from the party's own address and port after the call",
        When::Over,
        false,
        exact,
        true,
        [Nothing; 6],
    ),
];

const PAUSE: Duration = Duration::from_secs(3);

const fn row(
    name: &'static str,
    when: When,
    on_rtcp: bool,
    source: fn(&Scene, u32) -> String,
    right_ssrc: bool,
    expected: [Outcome; 6],
) -> Attack {
    Attack {
        name,
        when,
        on_rtcp,
        source,
        right_ssrc,
        expected,
    }
}

#[test]
fn what_comes_through_is_what_the_page_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SECURITY.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut table = String::new();
    for attack in &ATTACKS {
        let outcomes = COLUMNS.map(|guarded| Scene::new(guarded).suffer(attack));
        assert_eq!(outcomes, attack.expected, "{}", attack.name);
        let cells = outcomes.map(|outcome| outcome.to_string()).join(" | ");
        table += &format!("| {} | {cells} |\n", attack.name);
    }
    println!("{table}");
    assert!(page.contains(&table), "docs/SECURITY.md says otherwise");
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nothing => write!(f, "0"),
            Until(count) if *count == ATTACK => write!(f, "all, until the party speaks"),
            Until(_) => write!(f, "until the party speaks"),
            Regained => write!(f, "taken, until it falls silent"),
            Taken => write!(f, "taken, the party is shut out"),
            Beside => write!(f, "all, beside the party's"),
        }
    }
}
