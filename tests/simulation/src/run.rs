//! One world from its first REGISTER until nothing is left of it.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use strait_shared::time::Instant;

use crate::canary::Canary;
use crate::checks::{Checker, Violation};
use crate::drive::{Action, Driver, Tale};
use crate::dump;
use crate::plan::{Fault, Plan};
use crate::stage::Stage;
use crate::strait::Counters;

/// How long phones have to register before the first call.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long calls may still take once no new ones are placed.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The same where some calls last long enough for their sessions to be refreshed.
const LONG_WORDS: Duration = Duration::from_secs(240);
/// How long everything has to be over after the last BYE: transactions (32 s), 2xx nobody
/// acknowledges (32 s and a BYE's 32 s), media timeouts (60 s); longest is what rings with nobody
/// there (Timer C, 181 s, and the wait for what was cancelled, RFC 3261 §16.8, §9.1).
const AFTERMATH: Duration = Duration::from_secs(320);
/// How long BYEs to nobody take (RFC 3261 §17.1.2.2), twice.
const FAREWELL: Duration = Duration::from_secs(70);
/// How long tokens and the quarantine of ports outlive the last registration.
const OBLIVION: Duration = Duration::from_secs(200);
/// A step that comes to no end: this many at one instant.
const STEPS_AT_ONCE_MAX: u32 = 100_000;

/// What one world came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What people did.
    pub tale: Tale,
    /// What went through Strait.
    pub counters: Counters,
    /// Calls that Strait began: each of two where one comes back through the softswitch.
    pub calls: u64,
    /// Steps of virtual time.
    pub steps: u64,
    /// Virtual time that passed.
    pub passed: Duration,
    /// How often each checker looked.
    pub looks: BTreeMap<Checker, u64>,
    /// The longest time anyone went unheard without excuse.
    pub unheard: Duration,
}

/// What went wrong in one world.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The world.
    pub plan: Plan,
    /// What the checkers say; nothing when the code itself gave up.
    pub violations: Vec<Violation>,
    /// Strait's tables at that moment, or the panic.
    pub dump: String,
}

/// Runs a world to its end.
pub fn run(plan: Plan, canary: Option<Canary>) -> Result<Outcome, Box<Failure>> {
    let kept = plan.clone();
    let ran = catch_unwind(AssertUnwindSafe(|| Run::new(plan, canary).finish()));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Box::new(Failure {
            plan: kept,
            violations: Vec::new(),
            dump: format!("panicked: {}", text.unwrap_or_default()),
        }))
    })
}

/// Runs a world twice: it must go the same way.
pub fn run_twice(plan: Plan, canary: Option<Canary>) -> Result<Outcome, Box<Failure>> {
    let first = run(plan.clone(), canary)?;
    let second = run(plan.clone(), canary)?;
    if first == second {
        return Ok(first);
    }
    Err(Box::new(Failure {
        violations: vec![Violation {
            checker: Checker::Sameness,
            at: Instant::ZERO,
            what: "the same seed went two ways".to_owned(),
        }],
        plan,
        dump: format!("{first:?}\n{second:?}"),
    }))
}

struct Run {
    stage: Stage,
    driver: Driver,
    steps: u64,
}

impl Run {
    fn new(plan: Plan, canary: Option<Canary>) -> Self {
        Self {
            stage: Stage::new(plan, canary),
            driver: Driver::default(),
            steps: 0,
        }
    }

    fn finish(mut self) -> Result<Outcome, Box<Failure>> {
        let begin = self.stage.world.now();
        for number in 0..self.stage.phones.len() {
            self.stage
                .use_phone(number, |phone, now| phone.register(now));
        }
        self.stage.customers_come();
        self.until(begin + WARM_UP)?;
        self.stage.start_controllers();
        self.schedule();
        let calls = self.stage.plan.calls as u32;
        let words = match self.stage.plan.sessions {
            true => LONG_WORDS,
            false => LAST_WORDS,
        };
        let end = begin + WARM_UP + self.stage.plan.call_interval * calls + words;
        self.until(end)?;
        self.wind_up()?;
        self.stage.tell_of_gateways(&mut self.driver.tale);
        let stage = &self.stage;
        let checks = stage.checks.borrow();
        Ok(Outcome {
            tale: self.driver.tale,
            counters: stage.strait().counters(),
            calls: stage.strait().calls(),
            steps: self.steps,
            passed: stage.world.now().since(begin),
            looks: checks.looks().clone(),
            unheard: checks.hearing.longest(),
        })
    }

    /// Calls and faults, all at times drawn now.
    fn schedule(&mut self) {
        let now = self.stage.world.now();
        let interval = self.stage.plan.call_interval;
        let span = interval * self.stage.plan.calls as u32;
        for _ in 0..self.stage.plan.calls {
            let at = now + span.mul_f64(self.stage.random.f64());
            self.driver.at(at, Action::Call);
        }
        self.driver.at(now, Action::Look);
        self.driver.schedule_asides(&mut self.stage, now, span);
        self.driver.schedule_faults(&mut self.stage, now, span);
    }

    /// Everybody hangs up and goes; then nothing may be left.
    fn wind_up(&mut self) -> Result<(), Box<Failure>> {
        self.driver.stop(&mut self.stage);
        for turn in 0..4 {
            self.driver.hang_up_all(&mut self.stage);
            if turn == 1 {
                self.stage.gateways_leave();
            }
            let now = self.stage.world.now();
            self.until(now + AFTERMATH / 4)?;
        }
        // Nothing tells Strait that both parties of a call have lost power where the report of
        // their silence was damaged.
        let plan = &self.stage.plan;
        if plan.has(Fault::DamagedReport) && plan.has(Fault::PowerCut) {
            self.stage.with_strait(|strait, now| strait.end_calls(now));
            let now = self.stage.world.now();
            self.until(now + FAREWELL)?;
        }
        self.note_remains(false);
        self.checked()?;
        for number in 0..self.stage.phones.len() {
            let host = self.stage.phones[number].host;
            self.stage
                .world
                .act(host, |person, now| person.tapped_mut().leave(now));
        }
        self.stage.customers_leave();
        let now = self.stage.world.now();
        self.until(now + OBLIVION)?;
        self.note_remains(true);
        self.checked()
    }

    fn until(&mut self, until: Instant) -> Result<(), Box<Failure>> {
        let (mut at, mut steps) = (self.stage.world.now(), 0);
        loop {
            let next = [self.driver.next(), self.stage.world.next_timeout()];
            let next = next.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.stage.world.run_until(next);
            let now = self.stage.world.now();
            self.driver.act(&mut self.stage, now);
            self.steps += 1;
            steps = if now == at { steps + 1 } else { 0 };
            at = now;
            if steps > STEPS_AT_ONCE_MAX {
                let stuck = Err("time stands still".to_owned());
                self.stage.checks.borrow_mut().note(Checker::Remains, stuck);
            }
            self.checked()?;
        }
        self.stage.world.run_until(until);
        Ok(())
    }

    fn checked(&self) -> Result<(), Box<Failure>> {
        let checks = self.stage.checks.borrow();
        if checks.violations().is_empty() {
            return Ok(());
        }
        Err(Box::new(Failure {
            plan: self.stage.plan.clone(),
            violations: checks.violations().to_vec(),
            dump: dump::tables(&self.stage),
        }))
    }

    fn note_remains(&mut self, gone: bool) {
        let verdict = self.stage.remains(gone);
        let mut checks = self.stage.checks.borrow_mut();
        checks.at(self.stage.world.now());
        checks.note(Checker::Remains, verdict);
        let calls = self.stage.strait().calls();
        checks.calls_over(calls);
        checks.texts_over();
        checks.endings_over();
    }
}

impl Failure {
    /// The line that makes it happen again.
    pub fn reproduction(&self) -> String {
        let Plan {
            seed,
            calls,
            call_interval,
            ..
        } = self.plan;
        let interval = match call_interval == Plan::new(seed, calls).call_interval {
            true => String::new(),
            false => format!("--interval-ms {} ", call_interval.as_millis()),
        };
        format!(
            "cargo run -p strait-simulation --example soak -- --seed {seed} --calls {calls} \
             {interval}--worlds 1"
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, calls, .. } = self.plan;
        writeln!(f, "seed {seed}, {calls} calls, {:?}", self.plan.faults)?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        writeln!(f, "{}", self.dump)?;
        write!(f, "reproduce: {}", self.reproduction())
    }
}
