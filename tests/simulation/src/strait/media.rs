//! The relay's side of Strait: its turns, the frames it takes and sends, what it reports.

use std::net::SocketAddr;
use std::time::Duration;

use strait_control::gateway::io::Input;
use strait_control::link::Report;
use strait_parties::party::Datagram;
use strait_shared::command::Event;
use strait_shared::time::Instant;

use super::Strait;
use super::places::hash;
use crate::canary::Canary;
use crate::checks::{Checker, FORGED, Side, ssrc};
use crate::clock;
use crate::configuration;
use crate::dataplane::Breath;
use crate::frames;

/// How often a worker sweeps and control looks for reports while calls stand.
const TICK_BUSY: Duration = Duration::from_millis(100);
/// The same while none does.
const TICK_IDLE: Duration = Duration::from_millis(1_000);

impl Strait {
    pub(super) fn media_arrived(&mut self, now: Instant, datagram: &Datagram, nic: usize) {
        self.counters.packets += 1;
        let vlan = self.vlans.then_some(if nic == 0 { 10 } else { 20 });
        let Some(frame) = frames::build(datagram, vlan) else {
            return;
        };
        let worker = (hash(datagram) >> 32) as usize % self.dataplane.workers();
        if self.dataplane.put(worker, nic, &frame) {
            self.waiting[worker].push(datagram.destination);
            self.breathe_at = Some(self.breathe_at.map_or(now, |at| at.min(now)));
        } else {
            self.counters.unheard += 1;
        }
    }

    /// Every worker that runs has its turn; control takes what they report.
    pub(super) fn breathe(&mut self, now: Instant) {
        clock::set(self.clock(now));
        let image = self.before_damage();
        for worker in 0..self.dataplane.workers() {
            if !self.dataplane.runs(worker, now) {
                continue;
            }
            let allocates = self.plants(Canary::Allocation);
            let breath = self.dataplane.breathe(worker, || {
                if allocates {
                    std::hint::black_box(Box::new(worker));
                }
            });
            let Some(mut breath) = breath else { continue };
            if self.plants(Canary::UncountedPacket) {
                breath.queued += 1;
            }
            self.breathed(worker, breath);
        }
        image.iter().for_each(|image| self.damage_report(image));
        self.take_reports(now);
    }

    /// Lets the workers come to rest and compares the table with what was commanded.
    pub(super) fn tick(&mut self, now: Instant) {
        self.breathe(now);
        let at = self.clock(now);
        let waiting = self.control.as_mut().map(|control| {
            control.link.watch(at);
            control.link.link().waiting()
        });
        self.counters.waits += u64::from(waiting > Some(0));
        let workers = 0..self.dataplane.workers();
        let all_run = workers
            .clone()
            .all(|worker| self.dataplane.runs(worker, now));
        if all_run && waiting == Some(0) {
            // Commands that what was just reported led to.
            self.breathe(now);
            let table = self.dataplane.region().table();
            self.checks.borrow_mut().table_settled(&table);
        }
        let busy = self.checks.borrow().commands.open() > 0 || waiting > Some(0);
        self.tick_at = now + if busy { TICK_BUSY } else { TICK_IDLE };
    }

    /// A worker has had its turn.
    pub(super) fn breathed(&mut self, worker: usize, breath: Breath) {
        let ports = std::mem::take(&mut self.waiting[worker]);
        let mut checks = self.checks.borrow_mut();
        checks.breath_taken(worker, &breath);
        checks.records.relayed(&ports, &breath);
        drop(checks);
        self.counters.relayed += breath.frames.len() as u64;
        for (nic, frame) in breath.frames {
            self.left(nic, &frame);
        }
    }

    /// A frame leaves by a NIC.
    fn left(&mut self, nic: usize, frame: &[u8]) {
        // The table may name anybody's hardware address, and any VLAN and NIC.
        let lawless = self.checks.borrow().media.is_lawless();
        let left = match frames::read(frame) {
            Ok(left) => left,
            Err(_) if lawless => return,
            Err(what) => {
                let what = Err(format!("a bad frame leaves: {what}: {frame:?}"));
                self.checks.borrow_mut().note(Checker::Delivery, what);
                return;
            }
        };
        let (side, vlan) = match nic {
            0 => (Side::Access, 10),
            _ => (Side::Core, 20),
        };
        if left.vlan != self.vlans.then_some(vlan) && !lawless {
            let what = Err(format!("in VLAN {:?} out of NIC {nic}", left.vlan));
            self.checks.borrow_mut().note(Checker::Delivery, what);
        }
        let mut datagram = left.datagram;
        self.checks.borrow_mut().media_left(side, &datagram);
        let through = self.counters.relayed > 500;
        if self.canary == Some(Canary::Silence) && side == Side::Access && through {
            return;
        }
        if self.canary == Some(Canary::OldPlace) {
            let way = (datagram.source, ssrc(&datagram.payload));
            let first = *self.first_places.entry(way).or_insert(datagram.destination);
            self.out
                .extend((first != datagram.destination).then(|| Datagram {
                    destination: first,
                    ..datagram.clone()
                }));
        }
        if self.plants(Canary::ForgedPacket) {
            let mut forged = datagram.clone();
            forged.payload.extend(FORGED);
            self.checks.borrow_mut().media_left(side, &forged);
        }
        if side == Side::Access && self.plants(Canary::Misdelivery) {
            datagram.destination = SocketAddr::new(configuration::public(99), 40_000);
            self.checks.borrow_mut().media_left(side, &datagram);
        }
        self.out.push_back(datagram);
    }

    fn take_reports(&mut self, now: Instant) {
        let Some(control) = &mut self.control else {
            return;
        };
        let mut reports = Vec::new();
        control.link.poll(&mut reports);
        self.counters.reports += reports.len() as u64;
        for report in reports {
            self.tell(now, || format!("{report:?}"));
            match report {
                Report::Event(mut event) => {
                    self.check_event(&mut event);
                    self.step(now, |gateway, at| gateway.receive(at, Input::Media(event)));
                }
                Report::Rejected { command, reason } => {
                    self.checks.borrow_mut().command_rejected(&command);
                    let input = Input::MediaRejected { command, reason };
                    self.step(now, |gateway, at| gateway.receive(at, input));
                }
            }
        }
    }

    fn check_event(&mut self, event: &mut Event) {
        if let Event::Latched { slot, source, .. } = event
            && self.media.contains_key(&source.ip())
            && let Some(port) = self.dataplane.region().geometry().local(*slot)
        {
            self.checks.borrow_mut().records.shared(port);
        }
        if let Event::Closed {
            slot,
            generation,
            counters,
        } = event
            && self.checks.borrow().commands.awaits(*slot, *generation)
        {
            let port = self.dataplane.region().geometry().local(*slot);
            let remote = counters.latched.map(|latched| latched.ip());
            let own = remote.is_some_and(|remote| self.media.contains_key(&remote));
            let certain = port.is_some_and(|port| self.checks.borrow().records.is_certain(port));
            if !own && certain && self.plants(Canary::FalseReport) {
                counters.packets += 1;
            }
            self.checks.borrow_mut().slot_closed(port, own, counters);
        }
        self.checks.borrow_mut().event_reported(event);
    }
}
