//! A call with one party, and what an attack comes to.

use std::time::Duration;

use strait_shared::slot::{Forwarding, SlotIndex};

use crate::Outcome::{self, Beside, Nothing, Regained, Taken, Until};
use crate::rig::*;
use crate::{Attack, Guarded, When};

const NEAR_RTP: &str = "192.0.2.1:20000";
const NEAR_RTCP: &str = "192.0.2.1:20001";
/// Where every party's signalling comes from.
const SIGNALLING: &str = "198.51.100.1";
/// Where the media of some comes from, and nobody says so.
const ELSEWHERE: &str = "203.0.113.9";
/// What is in the SDP of those whose media comes from somewhere else.
const PRIVATE: &str = "192.168.1.5";
const SSRC: u32 = 0xabcd;
/// What an attacker's packets end with; the party's end with 0xd5.
const FORGED: u8 = 0x66;
/// Packets of one attack, in bursts of this many after each packet of the party.
pub const ATTACK: u32 = 1_000;
pub const BURST: u32 = 20;

/// Where a party's media comes from.
#[derive(Clone, Copy, PartialEq)]
pub enum Party {
    /// From the pair in its SDP.
    Named,
    /// From a NAT that its SDP does not know, as its signalling does.
    BehindNat,
    /// From an address that neither names.
    Elsewhere,
}

impl Party {
    fn address(self) -> &'static str {
        match self {
            Self::Named | Self::BehindNat => SIGNALLING,
            Self::Elsewhere => ELSEWHERE,
        }
    }

    fn in_sdp(self) -> &'static str {
        match self {
            Self::Named => SIGNALLING,
            Self::BehindNat | Self::Elsewhere => PRIVATE,
        }
    }
}

/// A call with somebody who talks, and what came through so far.
pub struct Scene {
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
    /// A call with a party, about to begin.
    pub fn new(guarded: Guarded) -> Self {
        let near = local("192.0.2.1", None, 20_000..=20_003, 0);
        let far = local("10.0.0.1", None, 30_000..=30_003, 1);
        let mut rig = Rig::new(vec![near, far], 0);
        let slots = [rig.slot(NEAR_RTP), rig.slot(NEAR_RTCP)];
        let party = match guarded.party {
            Party::Named => [4_000, 4_001].map(|port| format!("{SIGNALLING}:{port}")),
            Party::BehindNat => [61_234, 61_235].map(|port| format!("{SIGNALLING}:{port}")),
            Party::Elsewhere => [61_234, 61_235].map(|port| format!("{ELSEWHERE}:{port}")),
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
            party,
            sequence: 1,
            sent: 0,
            heard: 0,
            last_heard: false,
            forged: 0,
        }
    }

    /// What comes of an attack.
    pub fn suffer(mut self, attack: &Attack) -> Outcome {
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
        self.settle(attack.on_rtcp);
        let lost = (self.sent - before.0) - (self.heard - before.1);
        match (self.forged, self.last_heard, lost) {
            (0, _, 0) => Nothing,
            (ATTACK, true, 0) if talks => Beside,
            (1.., false, _) => Taken,
            (count, true, 0) => Until(count),
            (1.., true, _) => Regained,
            other => panic!("{other:?}: {}", attack.name),
        }
    }

    /// After the attack the party talks on for longer than any latch is kept from it.
    fn settle(&mut self, on_rtcp: bool) {
        for _ in 0..if on_rtcp { 4 } else { 150 } {
            if self.last_heard || self.forged == 0 {
                break;
            }
            self.talk(1, on_rtcp);
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
    let (address, port) = (guarded.party.in_sdp(), if rtcp { 4_001 } else { 4_000 });
    let signalled = format!("{address}:{port}");
    Forwarding {
        peer: Some(peer),
        accept: true,
        policy: guarded.policy,
        signalled: addr(&signalled),
        signalling_source: Some(SIGNALLING.parse().unwrap()),
        rtcp,
        clock_hz: 8_000,
        ..Forwarding::default()
    }
}

/// Another address each time.
pub fn anywhere(_: &Scene, number: u32) -> String {
    let port = 1_024 + number * 7 % 60_000;
    format!(
        "203.{}.{}.{}:{port}",
        number % 200,
        number % 97,
        1 + number % 251
    )
}

/// One other address, again and again.
pub fn stranger(_: &Scene, _: u32) -> String {
    "203.0.113.66:50000".to_owned()
}

/// One port of the right address that is not the party's.
pub fn wrong_port(scene: &Scene, _: u32) -> String {
    format!("{}:50000", scene.guarded.party.address())
}

/// All ports of the right address but the party's own two, from wherever the party's are on.
pub fn every_port(scene: &Scene, number: u32) -> String {
    let step = u32::from(u16::MAX) / ATTACK;
    let address = scene.guarded.party.address();
    let own = |port: u32| scene.party.contains(&format!("{address}:{port}"));
    let port = (1 + number * step..).find(|port| !own(*port)).unwrap();
    format!("{address}:{port}")
}

/// The party's own pair.
pub fn exact(scene: &Scene, _: u32) -> String {
    scene.party[0].clone()
}

/// The pair in the SDP.
pub fn in_sdp(scene: &Scene, _: u32) -> String {
    format!("{}:4000", scene.guarded.party.in_sdp())
}

/// Where the party's signalling comes from.
pub fn signalling(_: &Scene, _: u32) -> String {
    format!("{SIGNALLING}:50000")
}
