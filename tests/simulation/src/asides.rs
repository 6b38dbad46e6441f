//! What people do beside calling, and in calls beside talking: texts, questions, subscriptions,
//! INFO, sessions long enough to be refreshed, offers before the answer.

use std::time::Duration;

use strait_parties::phone::{Answer, Answering, Hold};
use strait_shared::time::Instant;

use crate::drive::{Action, Deed, Driver, Talk};
use crate::plan::Fault;
use crate::stage::Stage;

/// What makes whoever knows of a request forget it, so that its copy is taken for another one.
const FORGETFUL: [Fault; 7] = [
    Fault::ControlCrash,
    Fault::MachineCrash,
    Fault::Outage,
    Fault::PowerCut,
    Fault::ClockJump,
    Fault::Suspension,
    Fault::Corruption,
];

impl Driver {
    /// Puts what people do beside calling on the schedule.
    pub(crate) fn schedule_asides(&mut self, stage: &mut Stage, from: Instant, span: Duration) {
        if FORGETFUL.iter().any(|fault| stage.plan.has(*fault)) {
            stage.checks.borrow_mut().texts.expect_copies();
        }
        let count = stage.plan.calls * usize::from(stage.plan.chatter) / 4;
        for _ in 0..count {
            let at = from + span.mul_f64(stage.asides.f64());
            self.at(at, Action::Aside);
        }
    }

    /// Somebody texts, asks or watches somebody, or tells whoever watches.
    pub(crate) fn aside(&mut self, stage: &mut Stage) {
        let phones = stage.phones.len();
        let (who, other) = (stage.asides.usize(..phones), stage.asides.usize(..phones));
        let what = stage.asides.u8(..8);
        let known = stage.phone(who).registered_until().is_some();
        let user = stage.plan.user(other);
        if !stage.is_on(who) || !known || stage.plan.user(who) == user {
            return;
        }
        match what {
            0..4 => {
                let text = self.new_text(stage, &stage.plan.user(who), Some(other), true);
                stage.use_phone(who, |phone, now| phone.text(now, &user, &text));
            }
            4 => stage.use_phone(who, |phone, now| phone.ask(now, &user)),
            5 => stage.use_phone(who, |phone, now| phone.watch(now, &user)),
            _ => {
                let text = self.new_text(stage, &stage.plan.user(who), None, true);
                stage.use_phone(who, |phone, now| phone.publish(now, &text));
            }
        }
    }

    /// A text that nobody has said before, which the checkers know of if it is `wanted`.
    pub(crate) fn new_text(
        &mut self,
        stage: &mut Stage,
        from: &str,
        to: Option<usize>,
        wanted: bool,
    ) -> String {
        if !wanted {
            return String::new();
        }
        self.said += 1;
        let text = format!("that is what I say: {}", self.said);
        let to = to.map(|to| stage.plan.user(to));
        let mut checks = stage.checks.borrow_mut();
        checks.texts.say(&text, from, to.as_deref());
        text
    }

    /// What happens in a call beside talking. False where that is all: a call that lasts, on hold,
    /// until its session has been refreshed a few times.
    pub(crate) fn plan_asides(
        &mut self,
        stage: &mut Stage,
        now: Instant,
        talk: Talk,
        answering: Answering,
    ) -> bool {
        let ms = Duration::from_millis;
        let (random, sessions) = (&mut stage.asides, stage.plan.sessions);
        let rings = answering.ring_after + ms(random.u64(150..500));
        let updates = random.u8(..3) == 0;
        let tells = random.u8(..3) == 0;
        let lasts = random.u8(..8) == 0 && sessions;
        let after = ms(random.u64(300..2_000));
        let life = ms(random.u64(100_000..220_000));
        if updates {
            self.at(now + rings, Action::Caller(talk, Deed::Update));
        }
        let Answer::After(wait) = answering.answer else {
            return true;
        };
        if tells {
            self.at(now + wait + after, Action::Caller(talk, Deed::Tell));
            self.at(now + wait + after, Action::Callee(talk, Deed::Tell));
        }
        if lasts {
            let hold = Deed::Hold(Hold::Inactive);
            self.at(now + wait + ms(1_500), Action::Caller(talk, hold));
            self.at(now + wait + life, Action::Callee(talk, Deed::HangUp));
        }
        !lasts
    }
}
