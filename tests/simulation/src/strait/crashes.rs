//! What befalls Strait's processes: death, and whoever comes after them.

use std::collections::BTreeSet;

use strait_control::gateway::{CallState, Gateway};
use strait_control::link;
use strait_shared::slot::SlotIndex;
use strait_shared::time::Instant;

use super::Strait;
use super::control::Control;
use super::places::seed;
use crate::canary::Canary;
use crate::checks::Death;
use crate::clock;
use crate::dataplane::Breath;

impl Strait {
    /// The dataplane dies.
    pub fn crash_dataplane(&mut self) {
        self.counters.unheard += self.dataplane.crash();
        self.waiting.iter_mut().for_each(Vec::clear);
    }

    /// The dataplane is started again on the same region.
    pub fn restart_dataplane(&mut self, now: Instant) {
        clock::set(self.clock(now));
        self.dataplane.restart();
        self.breathe_at = Some(now);
    }

    /// Control dies with all it knew; what its journal holds is left.
    pub fn crash_control(&mut self, now: Instant) {
        self.die(now, false);
    }

    /// Both processes die, and the region with them.
    pub fn crash_both(&mut self, now: Instant) {
        self.crash_dataplane();
        self.die(now, true);
        let geometry = self.region().geometry().as_ref().clone();
        self.dataplane = crate::dataplane::Dataplane::new(geometry);
        self.dataplane.crash();
        self.checks.borrow_mut().commands.restart();
        self.mended();
    }

    /// Control's successor begins as soon as the workers let it, and goes on with what the journal
    /// holds.
    pub fn restart_control(&mut self, now: Instant) {
        if !self.dataplane.is_running() {
            self.restart_dataplane(now);
        }
        self.start_control(now);
    }

    /// Control begins: takes its end of the region, restores what there is, closes the rest.
    pub(super) fn start_control(&mut self, now: Instant) {
        let at = self.clock(now);
        clock::set(at);
        let mut disk = self.disk.take();
        let before = disk.as_mut();
        let before = before.map(|disk| disk.left(at, |at| self.unix_ms(at)));
        self.disk = disk;
        let calendar = self.calendar();
        let mut breaths: Vec<(usize, Breath)> = Vec::new();
        let (region, dataplane) = (self.dataplane.region().clone(), &mut self.dataplane);
        let mut pause = || {
            for worker in 0..dataplane.workers() {
                dataplane.stall(worker, Instant::ZERO);
                let breath = dataplane.breathe(worker, || {});
                breaths.extend(breath.map(|breath| (worker, breath)));
            }
        };
        let link = link::Dataplane::of_region(&region, at, &mut pause);
        if link.is_err() && self.corrupt {
            // A table that says anything may hold up whoever takes it over: it is put away.
            self.crash_both(now);
            return;
        }
        let mut link = link.expect("the workers apply what they were told");
        let seed = seed(&mut self.random);
        let config = self.config.clone();
        let gateway = match before {
            None => Gateway::new(config, seed, calendar),
            Some(before) => {
                let slots = |slot: SlotIndex| link.link().slot_state(slot);
                let made = Gateway::restore(config, seed, calendar, at, before, &slots);
                made.map(|(gateway, restored)| {
                    self.counters.survived += restored.calls as u64;
                    self.checks.borrow_mut().restored(restored.skipped);
                    gateway
                })
            }
        };
        let mut gateway = gateway.expect("the configuration is valid");
        let known = |slot, generation| gateway.has_open(slot, generation);
        let closed = link.close_unknown_while(&known, &mut pause);
        let closed = closed.expect("the workers close what is unknown");
        self.checks.borrow_mut().commands.succeed(&known);
        let slots = |slot: SlotIndex| link.link().slot_state(slot);
        gateway.inherit(at, &closed, &slots);
        for (worker, breath) in breaths {
            self.breathed(worker, breath);
        }
        self.check_successor(at, &gateway);
        self.control = Some(Control { gateway, link });
        self.step(now, |_, _| {});
    }

    fn die(&mut self, now: Instant, region_too: bool) {
        let at = self.clock(now);
        let mut death = Death::of_all(now, region_too, self.disk.is_none());
        let Some(Control { gateway, link }) = self.control.take() else {
            // Who died before had told the region what is now lost.
            if region_too {
                self.checks.borrow_mut().control_died(death);
            }
            return;
        };
        self.calls_before += gateway.counters().calls;
        self.streams.close_all();
        if link.link().waiting() > 0 {
            self.checks.borrow_mut().commands.lose_untold();
        }
        if let Some(disk) = &mut self.disk {
            disk.interrupt(at, &mut self.random);
            if !region_too {
                let unsure = disk.unsure_since().unwrap_or(at);
                death.since = Instant::ZERO + unsure.since(Instant::ZERO + self.ahead);
            }
            // What the workers were not told dies with whoever was to tell them.
            if link.link().waiting() == 0 {
                death.calls = answered(&gateway).filter(|n| disk.keeps_call(*n)).collect();
            }
            death.ghosts = disk.ghosts().collect();
            let registrations = gateway.registrations(at).into_iter();
            death.registrations = registrations.map(|known| at + known.far_left).collect();
            death.unwritten = disk.registrations_waiting();
            let first = death.calls.first().copied();
            if let Some(call) = first.filter(|_| self.canary == Some(Canary::LostEntry)) {
                disk.lose_call(call);
            }
            if self.canary == Some(Canary::LostRegistration) {
                disk.lose_registration();
            }
        }
        self.checks.borrow_mut().control_died(death);
    }

    /// Compares what the successor knows with what it should.
    fn check_successor(&mut self, at: Instant, gateway: &Gateway) {
        let standing: BTreeSet<u64> = answered(gateway).collect();
        let registrations = gateway.sizes().registrations;
        let mut checks = self.checks.borrow_mut();
        checks.succeeded(at, &standing, registrations);
    }
}

/// The calls that are answered, by number.
fn answered(gateway: &Gateway) -> impl Iterator<Item = u64> {
    let calls = gateway.calls(&|_| None).into_iter();
    let answered = calls.filter(|call| call.state == CallState::Answered);
    answered.map(|call| call.record.number)
}
