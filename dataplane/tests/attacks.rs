//! Attacks on media under every latch policy: how many of an attacker's packets come through, and
//! whether the party is still heard. The table is the one in docs/SECURITY.md, row by row.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::fmt;
use std::time::Duration;

use rig::*;
use strait_shared::slot::{Forwarding, LatchPolicy, SlotIndex};

const NEAR_RTP: &str = "192.0.2.1:20000";
const NEAR_RTCP: &str = "192.0.2.1:20001";
const PARTY: &str = "198.51.100.1";
const SSRC: u32 = 0xabcd;
/// What an attacker's packets end with; the party's end with 0xd5.
const FORGED: u8 = 0x66;
/// Packets of one attack, in bursts of this many after each packet of the party.
const ATTACK: u32 = 1_000;
const BURST: u32 = 20;

/// Whom the policy guards: a party whose packets come from the pair in its SDP, or one behind a
/// NAT that its SDP does not know.
#[derive(Clone, Copy)]
struct Guarded {
    policy: LatchPolicy,
    behind_nat: bool,
}

const COLUMNS: [Guarded; 4] = [
    guarded(LatchPolicy::Signalled, false),
    guarded(LatchPolicy::Restricted, false),
    guarded(LatchPolicy::Restricted, true),
    guarded(LatchPolicy::Symmetric, true),
];

const fn guarded(policy: LatchPolicy, behind_nat: bool) -> Guarded {
    Guarded { policy, behind_nat }
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
    expected: [Outcome; 4],
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Outcome {
    /// Nothing gets through, the party is heard throughout.
    Nothing,
    /// So many get through until the party's own packet; then the party is heard, nobody else.
    Until(u32),
    /// One source gets in and stays; the party is not heard any more.
    Taken,
    /// All get through, beside the party's.
    Beside,
}

use Outcome::{Beside, Nothing, Taken, Until};

const ATTACKS: [Attack; 17] = [
    row(
        "spray from other addresses before the first packet",
        When::First,
        false,
        anywhere,
        false,
        [Nothing, Nothing, Nothing, Taken],
    ),
    row(
        "the same in mid-call",
        When::Amid,
        false,
        anywhere,
        false,
        [Nothing; 4],
    ),
    row(
        "the same with the right SSRC and sequence",
        When::Amid,
        false,
        anywhere,
        true,
        [Nothing; 4],
    ),
    row(
        "the same after 3 s of silence",
        When::Silent(PAUSE),
        false,
        anywhere,
        true,
        [Nothing; 4],
    ),
    row(
        "on RTCP from other addresses before the first report",
        When::First,
        true,
        anywhere,
        true,
        [Nothing, Nothing, Nothing, Taken],
    ),
    row(
        "on RTCP from other addresses in mid-call, right SSRC",
        When::Amid,
        true,
        anywhere,
        true,
        [Nothing; 4],
    ),
    row(
        "from the right address and a wrong port before the first packet",
        When::First,
        false,
        wrong_port,
        false,
        [Nothing, Until(BURST), Taken, Taken],
    ),
    row(
        "on RTCP from the right address and a wrong port before the first report",
        When::First,
        true,
        wrong_port,
        false,
        [Nothing, Until(BURST), Taken, Taken],
    ),
    row(
        "from the right address and a wrong port in mid-call",
        When::Amid,
        false,
        wrong_port,
        false,
        [Nothing; 4],
    ),
    row(
        "the same with the right SSRC and sequence",
        When::Amid,
        false,
        wrong_port,
        true,
        [Nothing; 4],
    ),
    row(
        "from the right address, a scan of all source ports in mid-call, right SSRC",
        When::Amid,
        false,
        every_port,
        true,
        [Nothing; 4],
    ),
    row(
        "on RTCP from the right address and a wrong port in mid-call, right SSRC",
        When::Amid,
        true,
        wrong_port,
        true,
        [Nothing; 4],
    ),
    row(
        "from the right address and a wrong port after 3 s of silence, wrong SSRC",
        When::Silent(PAUSE),
        false,
        wrong_port,
        false,
        [Nothing; 4],
    ),
    row(
        "the same with the right SSRC and sequence",
        When::Silent(PAUSE),
        false,
        wrong_port,
        true,
        [Nothing, Until(ATTACK), Taken, Taken],
    ),
    row(
        "from the party's own address and port, forged",
        When::Amid,
        false,
        exact,
        true,
        [Beside; 4],
    ),
    row(
        "from the party's own address and port while it is on hold",
        When::Held,
        false,
        exact,
        true,
        [Nothing; 4],
    ),
    row(
        "from the party's own address and port after the call",
        When::Over,
        false,
        exact,
        true,
        [Nothing; 4],
    ),
];

const PAUSE: Duration = Duration::from_secs(3);

const fn row(
    name: &'static str,
    when: When,
    on_rtcp: bool,
    source: fn(&Scene, u32) -> String,
    right_ssrc: bool,
    expected: [Outcome; 4],
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
            Taken => write!(f, "taken, the party is shut out"),
            Beside => write!(f, "all, beside the party's"),
        }
    }
}

/// A call with somebody who talks, and what came through so far.
struct Scene {
    rig: Rig,
    slots: [SlotIndex; 2],
    guarded: Guarded,
    /// Where the party's RTP and RTCP come from.
    party: [String; 2],
    /// The party's next sequence number.
    sequence: u16,
    sent: u32,
    heard: u32,
    /// Whether the party's last packet was heard.
    last_heard: bool,
    forged: u32,
}

impl Scene {
    fn new(guarded: Guarded) -> Self {
        let near = local("192.0.2.1", None, 20_000..=20_003, 0);
        let far = local("10.0.0.1", None, 30_000..=30_003, 1);
        let mut rig = Rig::new(vec![near, far], 0);
        let slots = [rig.slot(NEAR_RTP), rig.slot(NEAR_RTCP)];
        let ports = if guarded.behind_nat {
            [61_234, 61_235]
        } else {
            [4_000, 4_001]
        };
        for (slot, far) in slots.into_iter().zip(["10.0.0.1:30000", "10.0.0.1:30001"]) {
            let far = rig.slot(far);
            rig.open(slot, forwarding(guarded, far, slot == slots[1]));
            let onward = Forwarding {
                peer: Some(slot),
                signalled: addr("10.0.0.9:6000"),
                send_before_latch: true,
                ..Forwarding::default()
            };
            rig.open(far, onward);
        }
        Self {
            rig,
            slots,
            guarded,
            party: ports.map(|port| format!("{PARTY}:{port}")),
            sequence: 1,
            sent: 0,
            heard: 0,
            last_heard: false,
            forged: 0,
        }
    }

    /// What comes of an attack.
    fn suffer(mut self, attack: &Attack) -> Outcome {
        if attack.when != When::First {
            self.talk(50, attack.on_rtcp);
            assert_eq!(
                self.heard, self.sent,
                "the party is heard before the attack"
            );
        }
        match attack.when {
            When::First | When::Amid => {}
            When::Silent(pause) => self.rig.pass(pause),
            When::Held => self.hold(),
            When::Over => self.slots.into_iter().for_each(|slot| {
                self.rig.close(slot);
            }),
        }
        let talks = matches!(attack.when, When::First | When::Amid);
        let before = (self.sent, self.heard);
        for number in 0..ATTACK {
            self.forge(attack, number);
            if talks && number % BURST == BURST - 1 {
                self.talk(1, attack.on_rtcp);
            }
        }
        if matches!(attack.when, When::Silent(_)) {
            self.talk(1, attack.on_rtcp);
        }
        let lost = (self.sent - before.0) - (self.heard - before.1);
        match (self.forged, self.last_heard, lost) {
            (0, _, 0) => Nothing,
            (ATTACK, true, 0) if talks => Beside,
            (1.., false, _) => Taken,
            (count, true, 0) => Until(count),
            other => panic!("{other:?}: {}", attack.name),
        }
    }

    /// The party speaks, a packet every 20 ms, and reports where the attack is on its RTCP.
    fn talk(&mut self, packets: u32, on_rtcp: bool) {
        for _ in 0..packets {
            advance(Duration::from_millis(20));
            let voice = rtp(SSRC, self.sequence, u32::from(self.sequence) * 160, 172);
            self.sequence += 1;
            self.says(0, &voice);
        }
        if on_rtcp {
            advance(Duration::from_secs(5));
            self.says(1, &rtcp(SSRC));
        }
    }

    fn says(&mut self, stream: usize, payload: &[u8]) {
        let to = [NEAR_RTP, NEAR_RTCP][stream];
        let from = self.party[stream].clone();
        self.rig.send(0, &frame(None, &from, to, payload));
        self.sent += 1;
        self.last_heard = self.rig.datagram(1).is_some();
        self.heard += u32::from(self.last_heard);
    }

    fn forge(&mut self, attack: &Attack, number: u32) {
        let ssrc = if attack.right_ssrc { SSRC } else { !SSRC };
        let mut payload = match attack.on_rtcp {
            true => rtcp(ssrc),
            false => rtp(ssrc, self.sequence, u32::from(self.sequence) * 160, 172),
        };
        payload.push(FORGED);
        let to = [NEAR_RTP, NEAR_RTCP][usize::from(attack.on_rtcp)];
        let from = (attack.source)(self, number);
        self.rig.send(0, &frame(None, &from, to, &payload));
        if let Some(datagram) = self.rig.datagram(1) {
            assert_eq!(datagram.payload.last(), Some(&FORGED));
            self.forged += 1;
        }
    }

    /// Signalling shuts the gates.
    fn hold(&mut self) {
        for (slot, far) in self
            .slots
            .into_iter()
            .zip(["10.0.0.1:30000", "10.0.0.1:30001"])
        {
            let far = self.rig.slot(far);
            let mut held = forwarding(self.guarded, far, slot == self.slots[1]);
            held.accept = false;
            self.rig.update(slot, held, false);
        }
    }
}

fn forwarding(guarded: Guarded, peer: SlotIndex, rtcp: bool) -> Forwarding {
    let signalled = match (guarded.behind_nat, rtcp) {
        (false, false) => "198.51.100.1:4000",
        (false, true) => "198.51.100.1:4001",
        (true, false) => "192.168.1.5:4000",
        (true, true) => "192.168.1.5:4001",
    };
    Forwarding {
        peer: Some(peer),
        accept: true,
        policy: guarded.policy,
        signalled: addr(signalled),
        signalling_source: Some(PARTY.parse().unwrap()),
        rtcp,
        clock_hz: 8_000,
        ..Forwarding::default()
    }
}

/// Another address each time.
fn anywhere(_: &Scene, number: u32) -> String {
    let port = 1_024 + number * 7 % 60_000;
    format!(
        "203.{}.{}.{}:{port}",
        number % 200,
        number % 97,
        1 + number % 251
    )
}

/// One port of the right address that is not the party's.
fn wrong_port(_: &Scene, _: u32) -> String {
    format!("{PARTY}:50000")
}

/// All ports of the right address but the party's own two, from wherever the party's are on.
fn every_port(scene: &Scene, number: u32) -> String {
    let step = u32::from(u16::MAX) / ATTACK;
    let own = |port: u32| scene.party.contains(&format!("{PARTY}:{port}"));
    let port = (1 + number * step..).find(|port| !own(*port)).unwrap();
    format!("{PARTY}:{port}")
}

/// The party's own pair.
fn exact(scene: &Scene, _: u32) -> String {
    scene.party[0].clone()
}
