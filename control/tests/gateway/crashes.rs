//! Control is killed at every step of a call's life, and its successor goes on.

use std::time::Duration;

use strait_control::gateway::record::CallRecord;
use strait_control::media::PortUsage;

use crate::calls::{ANSWER, INVITE, response, within};
use crate::registrations::{REGISTER, granted};
use crate::world::{Journal, Outcome, Party, World, header, start};

/// The steps of a registered phone's call.
const STEPS: [Step; 11] = [
    Step::Register,
    Step::Registered,
    Step::Invite,
    Step::Ringing,
    Step::Answer,
    Step::Ack,
    Step::Reinvite,
    Step::Reanswer,
    Step::Reack,
    Step::Bye,
    Step::Byed,
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Register,
    Registered,
    Invite,
    Ringing,
    Answer,
    Ack,
    Reinvite,
    Reanswer,
    Reack,
    Bye,
    Byed,
}

/// A phone, a softswitch and what they have said last.
struct Scene {
    world: World,
    phone: Party,
    softswitch: Party,
    /// The request the softswitch has heard last.
    asked: String,
    /// The 2xx to an INVITE that the phone has heard last.
    told: String,
    records: Vec<CallRecord>,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        Self {
            phone: world.phone("203.0.113.7:40001"),
            softswitch: world.softswitch(1),
            world,
            asked: String::new(),
            told: String::new(),
            records: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) -> Outcome {
        let via = "192.168.1.5:5060";
        let (from, text) = match step {
            Step::Register => (self.phone, REGISTER.to_owned()),
            Step::Registered => (self.softswitch, granted(&self.asked, 600)),
            Step::Invite => (self.phone, INVITE.to_owned()),
            Step::Ringing => (
                self.softswitch,
                response(&self.asked, "180 Ringing", "b1", ""),
            ),
            Step::Answer | Step::Reanswer => (
                self.softswitch,
                response(&self.asked, "200 OK", "b1", ANSWER),
            ),
            Step::Ack => (self.phone, within(&self.told, "ACK", 1, "ack1", via)),
            Step::Reinvite => (self.phone, self.reinvite()),
            Step::Reack => (self.phone, within(&self.told, "ACK", 2, "ack2", via)),
            Step::Bye => (self.phone, within(&self.told, "BYE", 3, "bye1", via)),
            Step::Byed => (self.softswitch, response(&self.asked, "200 OK", "", "")),
        };
        let outcome = self.world.send(from, &text);
        self.note(&outcome);
        outcome
    }

    fn reinvite(&self) -> String {
        let text = within(&self.told, "INVITE", 2, "inv2", "192.168.1.5:5060");
        let offer = INVITE.split_once("\n\n").unwrap().1.replace("4000", "4400");
        let contact = "Contact: <sip:alice@192.168.1.5:5060>\nContent-Type: application/sdp\n";
        let head = text.replace("Content-Length: 0\n\n", contact);
        format!("{head}Content-Length: auto\n\n{offer}")
    }

    fn note(&mut self, outcome: &Outcome) {
        for asked in outcome.to(self.softswitch) {
            if !start(asked).starts_with("SIP/2.0") && !start(asked).starts_with("ACK") {
                self.asked = asked.to_owned();
            }
        }
        for told in outcome.to(self.phone) {
            if start(told) == "SIP/2.0 200 OK" && header(told, "CSeq").ends_with("INVITE") {
                self.told = told.to_owned();
            }
        }
        self.records.extend(outcome.records.iter().cloned());
    }

    fn crash(&mut self, journal: Journal) -> Outcome {
        let (restored, outcome) = self.world.crash(journal);
        assert_eq!(restored.skipped, 0, "{outcome:#?}");
        self.note(&outcome);
        outcome
    }

    /// What the phone does about a request that nobody has answered.
    fn again(&mut self, step: Step) {
        let repeats = matches!(step, Step::Register | Step::Bye);
        if repeats {
            self.take(step);
        }
    }

    /// Long after, nothing is left.
    fn assert_over(&mut self, calls: usize) {
        let rest = self.world.wait(Duration::from_secs(4_000));
        self.note(&rest);
        assert_eq!(self.records.len(), calls, "{:#?}", self.records);
        self.assert_all_gone();
    }

    fn assert_all_gone(&mut self) {
        self.world.wait(Duration::from_secs(4_000));
        assert_eq!(self.world.open, [], "media ports are closed");
        let sizes = self.world.gateway.sizes();
        let left = [
            sizes.calls,
            sizes.dialogs,
            sizes.registrations,
            sizes.exchanges,
            sizes.server_transactions,
            sizes.client_transactions,
            sizes.tokens,
            sizes.sessions,
            sizes.timers,
        ];
        assert_eq!(left, [0; 9]);
    }
}

#[test]
fn a_call_goes_on_wherever_control_is_killed() {
    let is_setup = |step| matches!(step, Step::Invite | Step::Ringing);
    for killed_after in STEPS.into_iter().filter(|step| !is_setup(*step)) {
        let mut scene = Scene::new();
        for step in STEPS {
            scene.take(step);
            if step != killed_after {
                continue;
            }
            let journal = scene.world.journal.clone();
            let open = scene.world.open.clone();
            let outcome = scene.crash(journal);
            assert_eq!(outcome.commands, [], "media is not touched after {step:?}");
            assert_eq!(scene.world.open, open, "media goes on after {step:?}");
            scene.again(step);
        }
        assert_eq!(scene.records.len(), 1, "killed after {killed_after:?}");
        let record = &scene.records[0];
        assert_eq!(
            record.ending.as_ref().unwrap().reason,
            "bye",
            "{killed_after:?}"
        );
        assert!(record.answered.is_some());
        assert_eq!(record.streams.len(), 4, "{killed_after:?}: {record:#?}");
        scene.assert_over(1);
    }
}

#[test]
fn a_call_goes_on_through_a_crash_at_every_step() {
    let mut scene = Scene::new();
    for step in STEPS {
        scene.take(step);
        if step >= Step::Answer || step < Step::Invite {
            let journal = scene.world.journal.clone();
            scene.crash(journal);
            scene.again(step);
        }
    }
    scene.assert_over(1);
}

#[test]
fn a_gate_that_no_worker_was_told_to_open_is_opened_by_the_successor() {
    let mut scene = Scene::new();
    for step in STEPS.into_iter().filter(|step| *step <= Step::Ack) {
        scene.take(step);
    }
    let open = std::mem::take(&mut scene.world.gates);
    assert_eq!(open.len(), 4);
    let journal = scene.world.journal.clone();
    let outcome = scene.crash(journal);
    assert_eq!(outcome.commands.len(), 4);
    assert_eq!(scene.world.gates, open);
}

#[test]
fn a_call_being_set_up_fails_on_both_sides() {
    for killed_after in [Step::Invite, Step::Ringing] {
        let mut scene = Scene::new();
        STEPS
            .into_iter()
            .take_while(|step| *step <= killed_after)
            .for_each(|step| {
                scene.take(step);
            });
        let journal = scene.world.journal.clone();
        let outcome = scene.crash(journal);
        assert!(start(outcome.only(scene.phone)).starts_with("SIP/2.0 503 "));
        assert_eq!(scene.world.open, [], "its ports are closed");
        let invite = scene.asked.clone();
        let ringing = response(&invite, "180 Ringing", "b1", "");
        let cancel = scene.world.send(scene.softswitch, &ringing);
        let cancel = cancel.only(scene.softswitch).to_owned();
        assert!(start(&cancel).starts_with("CANCEL "), "{cancel}");
        assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
        scene
            .world
            .send(scene.softswitch, &response(&cancel, "200 OK", "b1", ""));
        let terminated = response(&invite, "487 Request Terminated", "b1", "");
        let ack = scene.world.send(scene.softswitch, &terminated);
        assert!(start(ack.only(scene.softswitch)).starts_with("ACK "));
        let record = &scene.records[0];
        assert_eq!(record.ending.as_ref().unwrap().reason, "control restarted");
        scene.assert_over(1);
    }
}

#[test]
fn a_call_being_set_up_fails_on_both_sides_though_the_successor_dies_too() {
    let mut scene = Scene::new();
    scene.take(Step::Register);
    scene.take(Step::Invite);
    scene.crash(scene.world.journal.clone());
    let again = scene.crash(scene.world.journal.clone());
    assert!(start(again.only(scene.phone)).starts_with("SIP/2.0 503 "));
    let invite = scene.asked.clone();
    let ringing = response(&invite, "180 Ringing", "b1", "");
    let cancel = scene.world.send(scene.softswitch, &ringing);
    assert!(start(cancel.only(scene.softswitch)).starts_with("CANCEL "));
    assert_eq!(scene.records.len(), 1);
    // Both sides know by and by: nobody is told once more.
    scene.world.wait(Duration::from_secs(3));
    let later = scene.crash(scene.world.journal.clone());
    assert!(later.sent.is_empty(), "{later:?}");
    assert_eq!(scene.records.len(), 1);
}

#[test]
fn an_answer_that_comes_again_is_acknowledged_by_the_successor() {
    let mut scene = Scene::new();
    scene.take(Step::Invite);
    let asked = scene.asked.clone();
    scene.take(Step::Answer);
    let crash = |scene: &mut Scene| {
        let journal = scene.world.journal.clone();
        scene.crash(journal);
    };
    crash(&mut scene);
    let ok = response(&asked, "200 OK", "b1", ANSWER);
    let again = scene.world.send(scene.softswitch, &ok);
    assert_eq!(
        again.only(scene.phone),
        scene.told,
        "the caller has not acknowledged it"
    );
    let ack = scene.take(Step::Ack).only(scene.softswitch).to_owned();
    crash(&mut scene);
    let again = scene.world.send(scene.softswitch, &ok);
    assert_eq!(again.only(scene.softswitch), ack, "the ACK was lost");
    scene.take(Step::Bye);
    scene.take(Step::Byed);
    scene.assert_over(1);
}

#[test]
fn a_callee_that_answers_after_all_is_sent_away() {
    let mut scene = Scene::new();
    scene.take(Step::Invite);
    let journal = scene.world.journal.clone();
    scene.crash(journal);
    let ok = response(&scene.asked, "200 OK", "b1", ANSWER);
    let outcome = scene.world.send(scene.softswitch, &ok);
    let sent: Vec<&str> = outcome
        .to(scene.softswitch)
        .into_iter()
        .map(start)
        .collect();
    assert!(
        sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "),
        "{sent:?}"
    );
    scene.assert_over(1);
}

#[test]
fn a_bye_that_does_not_come_again_ends_the_call_nevertheless() {
    // On hold, no silence would end it.
    let held = format!("{ANSWER}a=inactive\n");
    for answer in [ANSWER.to_owned(), held] {
        let mut scene = Scene::new();
        scene.take(Step::Invite);
        let answer = response(&scene.asked, "200 OK", "b1", &answer);
        let outcome = scene.world.send(scene.softswitch, &answer);
        scene.note(&outcome);
        scene.take(Step::Ack);
        scene.take(Step::Bye);
        let journal = scene.world.journal.clone();
        scene.crash(journal);
        assert_eq!(scene.records, []);
        let outcome = scene.world.wait(Duration::from_secs(40));
        scene.note(&outcome);
        let byes = outcome.to(scene.softswitch).into_iter().map(start);
        assert!(byes.filter(|line| line.starts_with("BYE ")).count() > 0);
        assert_eq!(scene.records.len(), 1);
        scene.assert_over(1);
    }
}

#[test]
fn losing_what_was_written_last_leaves_nothing_behind() {
    for killed_after in STEPS {
        let mut scene = Scene::new();
        for step in STEPS {
            let was = scene.world.journal.clone();
            if step > Step::Answer && scene.told.is_empty() {
                break;
            }
            scene.take(step);
            if step == killed_after {
                scene.crash(was);
                scene.again(step);
            }
        }
        scene.assert_all_gone();
    }
}

#[test]
fn both_killed_registrations_stay_and_calls_end_with_records() {
    let mut scene = Scene::new();
    STEPS[..6].iter().for_each(|step| {
        scene.take(*step);
    });
    let used = scene.world.open.clone();
    let (restored, outcome) = scene.world.crash_all();
    assert_eq!(
        (restored.registrations, restored.calls, restored.ended),
        (1, 0, 1)
    );
    scene.note(&outcome);
    assert_eq!(
        scene.records[0].ending.as_ref().unwrap().reason,
        "dataplane lost"
    );
    for party in [scene.phone, scene.softswitch] {
        assert!(
            start(outcome.only(party)).starts_with("BYE "),
            "whoever is left is told"
        );
    }
    assert_eq!(used.len(), 4);
    let usage = |world: &World| world.gateway.port_usage(world.now, crate::world::ACCESS);
    assert_eq!(
        usage(&scene.world).quarantined,
        1,
        "whoever was told of it may still send"
    );
    scene.world.crash_all();
    assert_eq!(
        usage(&scene.world).quarantined,
        1,
        "over any number of crashes"
    );
    let invite = INVITE.replace("call-1@", "call-2@").replace("inv1", "inv9");
    let outcome = scene.world.send(scene.phone, &invite);
    assert!(outcome.to(scene.softswitch)[0].starts_with("INVITE "));
    let numbers: Vec<u64> = scene
        .world
        .gateway
        .calls(&|_| None)
        .iter()
        .map(|c| c.record.number)
        .collect();
    assert!(numbers[0] > 1, "no number is given twice: {numbers:?}");
}

#[test]
fn ports_that_rest_go_on_resting() {
    let usage = |world: &World| world.gateway.port_usage(world.now, crate::world::ACCESS);
    let mut scene = Scene::new();
    STEPS.into_iter().for_each(|step| {
        scene.take(step);
    });
    let before = usage(&scene.world);
    assert_eq!(before.quarantined, 1);
    scene.world.crash_all();
    let all = |usage: PortUsage| usage.free + usage.quarantined == usage.total;
    assert_eq!(usage(&scene.world).quarantined, 1);
    assert!(all(usage(&scene.world)), "a port that rests is not free");
    scene.world.wait(Duration::from_secs(6));
    assert_eq!(usage(&scene.world).quarantined, 0);
    assert!(all(usage(&scene.world)), "nor counted twice once it has");
    scene.assert_over(1);
}

#[test]
fn a_call_to_a_registered_phone_reaches_it_after_a_crash() {
    let mut scene = Scene::new();
    scene.take(Step::Register);
    let contact = header(&scene.asked, "Contact").to_owned();
    scene.take(Step::Registered);
    let journal = scene.world.journal.clone();
    scene.crash(journal);
    let uri = crate::world::between(&contact, "<", ">").to_owned();
    let invite = format!(
        "INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx\n\
         Max-Forwards: 70\nFrom: <sip:bob@10.0.0.1>;tag=b9\nTo: <sip:alice@10.0.0.1>\n\
         Call-ID: in-1\nCSeq: 1 INVITE\nContact: <sip:bob@10.0.0.1:5060>\nContent-Length: 0\n\n"
    );
    let outcome = scene.world.send(scene.softswitch, &invite);
    let rung = outcome.only(scene.phone);
    assert!(
        start(rung).starts_with("INVITE sip:alice@192.168.1.5:5060"),
        "{rung}"
    );
}

#[test]
fn what_a_broken_journal_says_is_left_out() {
    let mut scene = Scene::new();
    STEPS[..6].iter().for_each(|step| {
        scene.take(*step);
    });
    let whole = scene.world.journal.clone();
    for key in whole.keys() {
        let length = whole[key].len();
        for at in 0..length {
            let mut broken = whole.clone();
            let value = broken.get_mut(key).unwrap();
            value[at] ^= 0x55;
            value.truncate(length - usize::from(at % 3 == 0));
            let mut world = World::new();
            world.open = scene.world.open.clone();
            // No panic, whatever it is; and what comes of it ends by itself or is a call.
            world.crash(broken);
        }
    }
}
