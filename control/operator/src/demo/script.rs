//! Who calls whom, when, and what happens in the call.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use strait_parties::phone::{Call, CallHandle, Event, Hold, Offer, State};
use strait_shared::time::Instant;

use super::stage::{Stage, Who};

/// Calls begin this far apart.
const APART: Duration = Duration::from_millis(400);
/// A caller who changes their mind does so this long after calling; the phone rings by then.
const CHANGE_OF_MIND: Duration = Duration::from_millis(700);
/// How long a call may take to be set up, and to be over once hung up.
const PATIENCE: Duration = Duration::from_secs(8);

/// What happens in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plot {
    /// Two people talk.
    Talk,
    /// They talk, the caller puts the other on hold, they talk again.
    Hold,
    /// The caller gives up while it rings.
    Cancel,
}

/// One call of the script.
pub struct Scene {
    pub caller: Who,
    pub callee: Who,
    pub plot: Plot,
    /// Whether the callee ends it.
    pub callee_hangs_up: bool,
    starts: Instant,
    step: Step,
    calls: [Option<CallHandle>; 2],
}

/// Where a scene stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Waiting,
    Calling { since: Instant },
    Talking { since: Instant, turn: Turn },
    Leaving { since: Instant },
    Over,
}

/// How far a talk with a hold in it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    First,
    OnHold,
    Last,
}

/// The whole script.
pub struct Script {
    pub scenes: Vec<Scene>,
    talk: Duration,
    /// Incoming calls not yet matched to their scene, by caller and callee.
    incoming: BTreeMap<(Who, Who), Vec<CallHandle>>,
}

impl Script {
    /// A script of `calls` talks of `talk` each, and a cancelled call, beginning at `start`.
    pub fn new(start: Instant, calls: u16, talk: Duration) -> Self {
        use Who::{Alice, Bob, Carol};
        let plots = [
            (Alice, Bob, Plot::Talk, false),
            (Bob, Alice, Plot::Talk, true),
            (Alice, Carol, Plot::Hold, false),
            (Carol, Bob, Plot::Talk, false),
        ];
        let talks = plots.into_iter().cycle().take(usize::from(calls));
        let cancelled = (Bob, Carol, Plot::Cancel, false);
        let scenes = talks.chain([cancelled]).zip(0..).map(|(plot, number)| {
            let (caller, callee, plot, callee_hangs_up) = plot;
            Scene {
                caller,
                callee,
                plot,
                callee_hangs_up,
                starts: start + APART * number,
                step: Step::Waiting,
                calls: [None, None],
            }
        });
        Self {
            scenes: scenes.collect(),
            talk,
            incoming: BTreeMap::new(),
        }
    }

    /// Takes what the phones report and does what is due.
    pub fn advance(&mut self, stage: &mut Stage, now: Instant) {
        for callee in Who::ALL {
            while let Some(event) = stage.act(callee, |phone, _| phone.poll_event()) {
                let Event::Incoming { call, from } = event else {
                    continue;
                };
                if let Some(caller) = Who::ALL.into_iter().find(|who| who.name() == from) {
                    self.incoming
                        .entry((caller, callee))
                        .or_default()
                        .push(call);
                }
            }
        }
        for scene in &mut self.scenes {
            // Calls of one pair come in the order they were placed.
            if scene.calls[1].is_none()
                && scene.step != Step::Waiting
                && let Some(arrived) = self.incoming.get_mut(&(scene.caller, scene.callee))
                && !arrived.is_empty()
            {
                scene.calls[1] = Some(arrived.remove(0));
            }
            scene.advance(stage, now, self.talk);
        }
    }

    /// Whether every scene is over.
    pub fn is_over(&self) -> bool {
        self.scenes.iter().all(|scene| scene.step == Step::Over)
    }

    /// When every scene must be over, whatever goes wrong.
    pub fn deadline(&self) -> Instant {
        let last = self
            .scenes
            .iter()
            .map(|scene| scene.starts)
            .max()
            .unwrap_or(Instant::ZERO);
        last + self.talk + PATIENCE * 2
    }
}

impl Scene {
    /// The caller's and the callee's view of the call, as far as it has come to them.
    pub fn call<'a>(&self, stage: &'a Stage, callee: bool) -> Option<&'a Call> {
        let who = if callee { self.callee } else { self.caller };
        stage.phone(who).call_at(self.calls[usize::from(callee)]?)
    }

    /// What goes on, in a word.
    pub fn word(&self) -> &'static str {
        match self.step {
            Step::Waiting => "waiting",
            Step::Calling { .. } => "calling",
            Step::Talking {
                turn: Turn::OnHold, ..
            } => "on hold",
            Step::Talking { .. } => "talking",
            Step::Leaving { .. } => "hanging up",
            Step::Over => "over",
        }
    }

    fn advance(&mut self, stage: &mut Stage, now: Instant, talk: Duration) {
        self.step = match self.step {
            Step::Waiting if now >= self.starts => {
                let call = stage.act(self.caller, |phone, now| {
                    phone.call(now, self.callee.name(), Offer::Early)
                });
                self.calls[0] = Some(call);
                Step::Calling { since: now }
            }
            Step::Calling { since } => self.calling(stage, now, since),
            Step::Talking { since, turn } => self.talking(stage, now, since, turn, talk),
            Step::Leaving { since } if self.is_ended(stage) || now > since + PATIENCE => Step::Over,
            unchanged => unchanged,
        };
    }

    fn calling(&self, stage: &mut Stage, now: Instant, since: Instant) -> Step {
        let state = self.call(stage, false).map(Call::state);
        let gives_up = self.plot == Plot::Cancel && now >= since + CHANGE_OF_MIND;
        match state {
            Some(State::Established) => Step::Talking {
                since: now,
                turn: Turn::First,
            },
            Some(State::Ended) | None => Step::Over,
            _ if gives_up || now > since + PATIENCE => {
                self.hang_up(stage, false);
                Step::Leaving { since: now }
            }
            _ => Step::Calling { since },
        }
    }

    fn talking(
        &self,
        stage: &mut Stage,
        now: Instant,
        since: Instant,
        turn: Turn,
        talk: Duration,
    ) -> Step {
        let caller_call = self.calls[0].expect("a call that talks was placed");
        let elapsed = now.since(since);
        let ended = self
            .call(stage, false)
            .is_none_or(|call| call.state() == State::Ended);
        if ended {
            return Step::Over;
        }
        if elapsed >= talk {
            self.hang_up(stage, self.callee_hangs_up);
            return Step::Leaving { since: now };
        }
        let turn = match turn {
            Turn::First if self.plot == Plot::Hold && elapsed >= talk.mul_f64(0.35) => {
                stage.act(self.caller, |phone, now| {
                    phone.hold(now, caller_call, Hold::SendOnly)
                });
                Turn::OnHold
            }
            Turn::OnHold if elapsed >= talk.mul_f64(0.6) => {
                stage.act(self.caller, |phone, now| phone.resume(now, caller_call));
                Turn::Last
            }
            unchanged => unchanged,
        };
        Step::Talking { since, turn }
    }

    fn hang_up(&self, stage: &mut Stage, callee: bool) {
        let who = if callee { self.callee } else { self.caller };
        if let Some(call) = self.calls[usize::from(callee)] {
            stage.act(who, |phone, now| phone.hang_up(now, call));
        }
    }

    fn is_ended(&self, stage: &Stage) -> bool {
        [false, true].into_iter().all(|callee| {
            self.call(stage, callee)
                .is_none_or(|call| call.state() == State::Ended)
        })
    }
}
