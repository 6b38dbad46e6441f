//! When things go wrong, and for how long.

use std::time::Duration;

use strait_parties::phone::Phone;
use strait_shared::time::Instant;

use crate::configuration;
use crate::drive::{Action, Driver};
use crate::people::Person;
use crate::plan::{Fault, Home};
use crate::stage::Stage;
use crate::strait::Strait;

/// How long a phone may go unheard where nothing is wrong but links: several times the worst
/// burst.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// How long after a NAT has moved a phone its packets may be refused: the rebind interval of 2 s.
const REBIND: Duration = Duration::from_secs(3);

/// Something that goes wrong at a certain time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blow {
    /// The NAT before this phone forgets its mappings.
    Rebind(usize),
    /// The NAT before this phone gets another address.
    Renumber(usize),
    /// The dataplane dies, for so long.
    CrashDataplane(Duration),
    /// It is started again.
    RestartDataplane,
    /// Control dies, and has no successor for so long.
    CrashControl(Duration),
    /// Both processes die, and the region with them, for so long.
    CrashBoth(Duration),
    /// Control's successor begins.
    RestartControl,
    /// A command that waits for a worker is damaged, if there is one within so many attempts.
    Damage(u8),
    /// A worker stands still, for so long.
    Stall(usize, Duration),
    /// The first softswitch, the second or both do not answer, for so long.
    Outage(Down, Duration),
    /// Strait's clock leaps ahead.
    Leap(Duration),
    /// Strait's machine stands still, and its clock with it, for so long.
    Suspend(Duration),
    /// The calendar is set by so many milliseconds.
    SetCalendar(i64),
    /// The next report of a worker is damaged.
    DamageReport,
    /// Words of the region change; both processes begin anew after so long.
    Corrupt(Duration),
    /// Both processes are told to begin anew, on a region of their own.
    BeginAnew,
    /// A phone loses power.
    PowerCut(usize),
    /// A phone has power again.
    PowerBack(usize),
}

/// Which softswitches do not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Down {
    /// The one that calls go to.
    First,
    /// The one that is tried after it.
    Second,
    /// All there are.
    Both,
}

impl Driver {
    /// Puts the plan's faults on the schedule, a few times each.
    pub fn schedule_faults(&mut self, stage: &mut Stage, from: Instant, span: Duration) {
        let faults: Vec<Fault> = stage.plan.faults.iter().copied().collect();
        for fault in faults {
            for _ in 0..stage.random.usize(1..=3) {
                let at = from + span.mul_f64(stage.random.f64());
                if let Some(blow) = blow(stage, fault) {
                    self.at(at, Action::Blow(blow));
                }
            }
        }
        self.schedule_deals(stage, from, span);
        if let Some(stranger) = stage.stranger {
            stage.world.act(stranger, |person, now| {
                if let Person::Stranger(stranger) = person {
                    stranger.start(now);
                }
            });
        }
    }

    /// No more faults; what is broken is mended.
    pub fn stop(&mut self, stage: &mut Stage) {
        self.drop_plans();
        stage.with_strait(Strait::resume);
        if stage.with_strait(|strait, _| strait.is_corrupt()) {
            stage.with_strait(Strait::crash_both);
        }
        stage.with_strait(restart_dataplane);
        stage.with_strait(restart_control);
        for number in 0..stage.phones.len() {
            self.power_back(stage, number);
            stage.use_phone(number, Phone::unwatch);
        }
        stage.stop_deals();
        stage.stop_controllers();
        if let Some(stranger) = stage.stranger {
            stage.world.act(stranger, |person, _| {
                if let Person::Stranger(stranger) = person {
                    stranger.stop();
                }
            });
        }
    }

    /// Something goes wrong.
    pub fn strike(&mut self, stage: &mut Stage, now: Instant, blow: Blow) {
        if stage.plan.trace {
            eprintln!("{:.6} {blow:?}", now.as_nanos() as f64 / 1e9);
        }
        match blow {
            Blow::Rebind(number) => {
                rebind(stage, number);
                stage.disturb(now + REBIND);
            }
            Blow::Renumber(number) => renumber(stage, number),
            Blow::CrashDataplane(time) => {
                stage.with_strait(|strait, _| strait.crash_dataplane());
                self.at(now + time, Action::Blow(Blow::RestartDataplane));
                stage.disturb(now + time);
            }
            Blow::RestartDataplane => stage.with_strait(restart_dataplane),
            Blow::CrashControl(time) => {
                stage.with_strait(Strait::crash_control);
                self.at(now + time, Action::Blow(Blow::RestartControl));
            }
            Blow::CrashBoth(time) => {
                stage.with_strait(Strait::crash_both);
                self.at(now + time, Action::Blow(Blow::RestartControl));
                stage.disturb(now + time);
            }
            Blow::RestartControl => stage.with_strait(restart_control),
            Blow::Damage(0) => {}
            Blow::Damage(attempts) => self.damage(stage, now, attempts),
            Blow::Stall(worker, time) => {
                stage.with_strait(|strait, now| strait.dataplane().stall(worker, now + time));
                stage.disturb(now + time);
            }
            Blow::Outage(down, time) => outage(stage, down, time),
            Blow::Leap(by) => {
                stage.with_strait(|strait, _| strait.leap(by));
                // A leap may skip the wait for a slot's last report.
                stage.checks.borrow_mut().records.expect_loss();
            }
            Blow::Suspend(time) => {
                stage.with_strait(|strait, now| strait.suspend(now, now + time));
                stage.disturb(now + time);
                // Whoever is told to wait waits for less than the world does.
                stage.checks.borrow_mut().records.expect_loss();
            }
            Blow::SetCalendar(by_ms) => {
                stage.with_strait(|strait, _| strait.set_calendar(by_ms));
            }
            Blow::DamageReport => stage.with_strait(|strait, _| strait.damage_next_report()),
            Blow::Corrupt(time) => {
                stage.with_strait(|strait, _| strait.corrupt());
                stage.disturb(now + time + Duration::from_secs(1));
                self.at(now + time, Action::Blow(Blow::BeginAnew));
            }
            Blow::BeginAnew => {
                stage.with_strait(Strait::crash_both);
                stage.with_strait(restart_control);
            }
            Blow::PowerCut(number) => self.power_cut(stage, now, number),
            Blow::PowerBack(number) => self.power_back(stage, number),
        }
    }

    /// A worker is held up until a command waits for it, which is then damaged.
    fn damage(&mut self, stage: &mut Stage, now: Instant, attempts: u8) {
        let pause = Duration::from_millis(20);
        let damaged = stage.with_strait(|strait, now| {
            let damaged = strait.damage_command();
            let until = if damaged { now } else { now + pause * 2 };
            strait.dataplane().stall(0, until);
            damaged
        });
        if damaged {
            // A call without its slot may be silent until it is ended.
            stage.disturb(Instant::MAX);
        } else {
            stage.disturb(now + pause * 2);
            self.at(now + pause, Action::Blow(Blow::Damage(attempts - 1)));
        }
    }

    fn power_cut(&mut self, stage: &mut Stage, now: Instant, number: usize) {
        stage.restart_gateway(number);
        self.listen(stage, number);
        let lives = stage.phones[number].lives;
        stage.phones[number].lives += 1;
        let fresh = stage.fresh_phone(number, lives);
        let host = stage.phones[number].host;
        stage
            .world
            .act(host, |person, _| person.tapped_mut().power_cut(fresh));
        let back = now + Duration::from_secs(stage.random.u64(1..20));
        self.at(back, Action::Blow(Blow::PowerBack(number)));
    }

    fn power_back(&mut self, stage: &mut Stage, number: usize) {
        if stage.is_on(number) {
            return;
        }
        let host = stage.phones[number].host;
        stage.world.act(host, |person, now| {
            person.tapped_mut().switch_on();
            person.tapped_mut().act(now, Phone::register);
        });
    }
}

impl Stage {
    /// How long a phone that keeps sending may go unheard.
    pub fn hearing_bound(&self) -> Duration {
        HEARD_WITHIN
    }

    /// Something happens to Strait.
    pub fn with_strait<T>(&mut self, act: impl FnOnce(&mut Strait, Instant) -> T) -> T {
        let act = |person: &mut Person, now| act(person.strait_mut(), now);
        self.world.act(self.strait, act)
    }

    fn disturb(&mut self, until: Instant) {
        self.checks.borrow_mut().hearing.disturb(until);
    }
}

/// A blow of a kind of fault; nothing for faults that are there all the time, or that this world
/// has no victim for.
fn blow(stage: &mut Stage, fault: Fault) -> Option<Blow> {
    let random = &mut stage.random;
    let ms = Duration::from_millis;
    let number = random.usize(..stage.phones.len());
    let translated = matches!(stage.plan.homes[number], Home::Nat(_) | Home::DoubleNat(..));
    match fault {
        Fault::Rebind if translated => Some(Blow::Rebind(number)),
        Fault::Renumber if translated => Some(Blow::Renumber(number)),
        Fault::DataplaneCrash => Some(Blow::CrashDataplane(ms(random.u64(10..5_000)))),
        Fault::Stall => {
            let worker = random.usize(..usize::from(stage.plan.workers));
            Some(Blow::Stall(worker, ms(random.u64(10..5_000))))
        }
        Fault::ControlCrash => Some(Blow::CrashControl(ms(random.u64(1..4_000)))),
        Fault::MachineCrash => Some(Blow::CrashBoth(ms(random.u64(100..8_000)))),
        Fault::Damage => Some(Blow::Damage(100)),
        Fault::Outage => {
            let down = [Down::First, Down::First, Down::Second, Down::Both][random.usize(..4)];
            Some(Blow::Outage(down, ms(random.u64(500..40_000))))
        }
        Fault::ClockJump => Some(Blow::Leap(ms(random.u64(10..20_000)))),
        Fault::PowerCut => Some(Blow::PowerCut(number)),
        Fault::Suspension => Some(Blow::Suspend(ms(random.u64(100..10_000)))),
        Fault::Calendar => {
            let by = random.i64(1..100_000_000);
            Some(Blow::SetCalendar(if random.bool() { by } else { -by }))
        }
        Fault::DamagedReport => Some(Blow::DamageReport),
        Fault::Corruption => Some(Blow::Corrupt(ms(random.u64(100..6_000)))),
        _ => None,
    }
}

/// Whoever restarts processes finds the dataplane dead, or does not.
fn restart_dataplane(strait: &mut Strait, now: Instant) {
    if !strait.dataplane().is_running() {
        strait.restart_dataplane(now);
    }
}

/// Whoever restarts processes finds control dead, or does not.
fn restart_control(strait: &mut Strait, now: Instant) {
    if strait.gateway().is_none() {
        strait.restart_control(now);
    }
}

/// Softswitches do not answer, nor do the controllers of gateways in the same places, for longer.
fn outage(stage: &mut Stage, down: Down, time: Duration) {
    for (place, which) in [Down::First, Down::Second].into_iter().enumerate() {
        if down != which && down != Down::Both {
            continue;
        }
        stage.fail_controller(place, time * 3);
        let server = stage.softswitches[place];
        stage
            .world
            .act(server, |person, now| person.fail(now, time));
    }
}

fn rebind(stage: &mut Stage, number: usize) {
    stage.rebind_gateway(number);
    if let Some(nat) = stage.phones[number].segment {
        let nat = stage.world.nat_mut(nat);
        nat.into_iter().for_each(|nat| nat.rebind());
    }
}

/// The NAT that Strait sees gets an address of its own range that nobody has had.
fn renumber(stage: &mut Stage, number: usize) {
    let Some((segment, outer)) = stage.phones[number].outer else {
        return;
    };
    let Some(nat) = stage.world.nat_mut(segment) else {
        return;
    };
    let new = configuration::later_external(outer, nat.external());
    nat.renumber(new);
    let user = stage.plan.user(number);
    let mut checks = stage.checks.borrow_mut();
    checks.media.reach(&user, new.into());
    // Its media comes from an address that nothing vouches for until it signals again.
    checks.hearing.excuse(&user);
}
