//! Whatever happens in whatever order: slots keep to their life, and nothing is lost.

use proptest::prelude::*;
use strait_control::media::{Family, OfferState, SessionId, Side};
use strait_control::sdp::Description;
use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::slot::Counters;

use crate::bench::{ACCESS, Bench, CONFIG, CORE};

/// Something that happens. Numbers pick among what there is, modulo how much there is; an ended
/// session only every eighth time.
#[derive(Clone, Debug)]
enum Step {
    Begin {
        caller_v6: bool,
        callee_v6: bool,
        both: bool,
    },
    Offer {
        session: usize,
        by: Side,
        lines: Vec<Line>,
    },
    /// By the side whose answer is due, or whichever.
    Answer {
        session: usize,
        due: bool,
        lines: Vec<Line>,
    },
    Rollback {
        session: usize,
    },
    Fork {
        session: usize,
    },
    Confirm {
        session: usize,
    },
    Close {
        session: usize,
    },
    /// The dataplane reports one closed slot.
    Report {
        which: usize,
    },
    /// A report is lost.
    Lose {
        which: usize,
    },
    /// The dataplane turns out not to have opened a slot.
    Reject {
        which: usize,
    },
    Silent {
        which: usize,
    },
    Pass {
        seconds: u64,
    },
}

/// One `m=` line.
#[derive(Clone, Debug)]
struct Line {
    port: u16,
    proto: &'static str,
    connection: &'static str,
    attribute: &'static str,
}

impl Line {
    fn any() -> impl Strategy<Value = Self> {
        let port = prop_oneof![4 => Just(4000), 1 => Just(0), 1 => Just(5000), 1 => Just(80)];
        let proto = prop_oneof![4 => Just("RTP/AVP"), 1 => Just("udptl"), 1 => Just("TCP/MSRP")];
        let connection = prop_oneof![
            4 => Just(""),
            1 => Just("c=IN IP6 2001:db8:77::20\n"),
            1 => Just("c=IN IP4 0.0.0.0\n"),
            1 => Just("c=IN IP4 phone.example.com\n"),
        ];
        let attribute = prop_oneof![
            4 => Just(""),
            1 => Just("a=rtcp-mux\n"),
            1 => Just("a=sendonly\n"),
            1 => Just("a=inactive\n"),
        ];
        (port, proto, connection, attribute).prop_map(|(port, proto, connection, attribute)| Self {
            port,
            proto,
            connection,
            attribute,
        })
    }

    fn description(lines: &[Self]) -> String {
        let head = "v=0\no=- 1 1 IN IP4 172.16.0.9\ns=-\nc=IN IP4 172.16.0.9\nt=0 0\n".to_owned();
        lines.iter().fold(head, |sdp, line| {
            let Self {
                port,
                proto,
                connection,
                attribute,
            } = line;
            sdp + &format!("m=audio {port} {proto} 8\n{connection}{attribute}")
        })
    }
}

impl Step {
    fn any() -> impl Strategy<Value = Self> {
        let session = any::<usize>();
        let which = any::<usize>();
        let side = prop_oneof![4 => Just(Side::Caller), 1 => Just(Side::Callee)];
        let lines = || prop::collection::vec(Line::any(), 1..4);
        prop_oneof![
            4 => any::<(bool, bool, bool)>().prop_map(|(caller_v6, callee_v6, both)| {
                Self::Begin { caller_v6, callee_v6, both }
            }),
            8 => (session, side, lines()).prop_map(|(session, by, lines)| {
                Self::Offer { session, by, lines }
            }),
            12 => (session, any::<u8>(), lines()).prop_map(|(session, chance, lines)| {
                Self::Answer { session, due: chance % 8 > 0, lines }
            }),
            1 => session.prop_map(|session| Self::Rollback { session }),
            4 => session.prop_map(|session| Self::Fork { session }),
            2 => session.prop_map(|session| Self::Confirm { session }),
            2 => session.prop_map(|session| Self::Close { session }),
            6 => which.prop_map(|which| Self::Report { which }),
            1 => which.prop_map(|which| Self::Lose { which }),
            1 => which.prop_map(|which| Self::Reject { which }),
            1 => which.prop_map(|which| Self::Silent { which }),
            2 => (0..12u64).prop_map(|seconds| Self::Pass { seconds }),
        ]
    }
}

/// A bench and the sessions begun on it, ended ones included.
struct Run {
    bench: Bench,
    sessions: Vec<SessionId>,
}

impl Run {
    fn step(&mut self, step: &Step) {
        let pick = |session: usize| self.pick(session);
        match step {
            Step::Begin {
                caller_v6,
                callee_v6,
                both,
            } => {
                let family = |v6: bool| if v6 { Family::V6 } else { Family::V4 };
                let caller = (ACCESS, family(*caller_v6));
                let callee = (CORE, family(*callee_v6));
                let session = self.bench.begin_between(caller, callee);
                if *both {
                    self.bench.plane.offer_both(session);
                }
                self.sessions.push(session);
            }
            Step::Offer { session, by, lines } => {
                if let Some(id) = pick(*session) {
                    self.offer(id, *by, lines);
                }
            }
            Step::Answer {
                session,
                due,
                lines,
            } => {
                if let Some(id) = pick(*session) {
                    self.answer(id, *due, lines);
                }
            }
            Step::Rollback { session } => {
                pick(*session)
                    .into_iter()
                    .for_each(|id| self.bench.rollback(id));
            }
            Step::Fork { session } => {
                if let Some(id) = pick(*session) {
                    let fork = self.bench.fork(id);
                    self.sessions.extend(fork.ok());
                }
            }
            Step::Confirm { session } => {
                // Refused for sessions that have ended, which is as good an outcome as any here.
                if let Some(id) = pick(*session) {
                    let _ = self.bench.confirm(id);
                }
            }
            Step::Close { session } => {
                pick(*session)
                    .into_iter()
                    .for_each(|id| self.bench.close(id));
            }
            Step::Report { which } => self.report(*which),
            Step::Lose { which } => {
                let count = self.bench.unreported.len();
                if count > 0 {
                    self.bench.unreported.swap_remove(which % count);
                }
            }
            Step::Reject { which } => self.reject(*which),
            Step::Silent { which } => self.silent(*which),
            Step::Pass { seconds } => self.bench.pass(*seconds),
        }
        self.bench.check_links();
    }

    fn offer(&mut self, id: SessionId, by: Side, lines: &[Line]) {
        let sdp = Line::description(lines);
        let relayed = self.bench.offer(id, by, &sdp);
        check_relayed(relayed.as_deref().ok(), lines.len());
    }

    fn answer(&mut self, id: SessionId, due: bool, lines: &[Line]) {
        let by = match self.bench.plane.offer_state(id) {
            Some(OfferState::Offered(by)) if due => by.other(),
            _ => Side::Callee,
        };
        let sdp = Line::description(lines);
        let relayed = self.bench.answer(id, by, &sdp);
        check_relayed(relayed.as_deref().ok(), lines.len());
    }

    fn silent(&mut self, which: usize) {
        let count = self.bench.slots.len().max(1);
        if let Some((slot, open)) = self.bench.slots.iter().nth(which % count) {
            let event = Event::Silent {
                slot: *slot,
                generation: open.generation,
            };
            self.bench.event(&event);
        }
    }

    fn pick(&self, session: usize) -> Option<SessionId> {
        let live = |id: &&SessionId| self.bench.plane.offer_state(**id).is_some();
        let live: Vec<_> = self.sessions.iter().filter(live).copied().collect();
        let among = if session.is_multiple_of(8) {
            &self.sessions
        } else {
            &live
        };
        among.get(session / 8 % among.len().max(1)).copied()
    }

    fn report(&mut self, which: usize) {
        let count = self.bench.unreported.len();
        if count > 0 {
            let (slot, generation) = self.bench.unreported.swap_remove(which % count);
            self.bench.event(&Event::Closed {
                slot,
                generation,
                counters: Counters::default(),
            });
        }
    }

    fn reject(&mut self, which: usize) {
        let count = self.bench.slots.len().max(1);
        let Some(slot) = self.bench.slots.keys().nth(which % count).copied() else {
            return;
        };
        let open = self.bench.slots.remove(&slot).expect("just found");
        self.bench.never_opened.insert(slot);
        let (generation, forwarding) = (open.generation, open.forwarding);
        let command = Command::Open {
            slot,
            generation,
            forwarding,
        };
        self.bench
            .plane
            .rejected(self.bench.now, &command, RejectReason::Occupied);
    }
}

/// What goes out is a description of as many lines, and names no party.
fn check_relayed(relayed: Option<&str>, lines: usize) {
    let Some(relayed) = relayed else { return };
    let description = Description::parse(relayed.as_bytes()).expect("still a description");
    assert_eq!(description.media().len(), lines);
    for hidden in ["172.16.0.9", "2001:db8:77::20", "phone.example.com"] {
        assert!(!relayed.contains(hidden), "{hidden} in\n{relayed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost(scarce: bool, steps in prop::collection::vec(Step::any(), 1..80)) {
        // Scarce: one to two pairs for each address and worker.
        let config = match scarce {
            true => CONFIG.replace("0039", "0005").replace("fork_slots: 16", "fork_slots: 4"),
            false => CONFIG.to_owned(),
        };
        let mut run = Run { bench: Bench::with(&config), sessions: Vec::new() };
        for step in &steps {
            run.step(step);
        }
        for id in std::mem::take(&mut run.sessions) {
            run.bench.close(id);
            run.bench.check_links();
        }
        run.bench.pass(10);
        run.bench.check_all_given_back();
        run.bench.pass(5);
        run.bench.check_everything_free();
    }
}
