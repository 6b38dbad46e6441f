//! Strait as one host of a world: the real gateway, the real link and the real dataplane, put
//! together as the two processes do, with the checkers watching everything that passes.

mod crashes;
mod places;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strait_config::Config;
use strait_control::gateway::Gateway;
use strait_control::gateway::io::{
    Flow, Input, ListenerIndex, OperatorCommand, Output, RealmIndex, Transport,
};
use strait_control::link::{self, Report};
use strait_parties::party::{Datagram, Party};
use strait_shared::command::{Command, Event};
use strait_shared::region::Region;
use strait_shared::time::Instant;

use crate::canary::Canary;
use crate::checks::{Checker, SharedChecks, Side};
use crate::clock;
use crate::configuration;
use crate::dataplane::{Breath, Dataplane};
use crate::frames;
use crate::plan::Plan;

use self::places::{fnv, gateway, hash, listeners, media, side};

/// How often a worker sweeps and control looks for reports while calls stand.
const TICK_BUSY: Duration = Duration::from_millis(100);
/// The same while none does.
const TICK_IDLE: Duration = Duration::from_millis(1_000);
/// How late a worker or control may come to what waits for it.
const LATENESS_MS: u64 = 2;

/// Strait.
pub struct Strait {
    config: Arc<Config>,
    gateway: Gateway,
    /// Nothing between one control and the next.
    link: Option<link::Dataplane>,
    dataplane: Dataplane,
    checks: SharedChecks,
    canary: Option<Canary>,
    random: fastrand::Rng,
    listeners: BTreeMap<SocketAddr, (RealmIndex, ListenerIndex)>,
    /// Side and NIC of each media address.
    media: BTreeMap<IpAddr, (Side, usize)>,
    vlans: bool,
    trace: bool,
    /// The ports that packets wait for, for each worker.
    waiting: Vec<Vec<SocketAddr>>,
    /// How far Strait's clock is ahead of everyone's.
    ahead: Duration,
    breathe_at: Option<Instant>,
    tick_at: Instant,
    out: VecDeque<Datagram>,
    counters: Counters,
    calls_before: u64,
    planted: bool,
}

/// What went through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// SIP messages taken.
    pub messages: u64,
    /// Media packets taken.
    pub packets: u64,
    /// Media packets relayed.
    pub relayed: u64,
    /// Media packets that found no room or no dataplane.
    pub unheard: u64,
    /// Commands to the dataplane.
    pub commands: u64,
    /// Reports of the dataplane.
    pub reports: u64,
    /// A digest of everything sent, and when.
    pub digest: u64,
}

impl Strait {
    /// Strait in a world, just started.
    pub fn new(plan: &Plan, checks: SharedChecks, canary: Option<Canary>) -> Self {
        // Another world may have been on this thread.
        clock::set(Instant::ZERO);
        let config = configuration::config(plan);
        let dataplane = Dataplane::new(configuration::geometry(plan, &config));
        let mut random = fastrand::Rng::with_seed(plan.seed ^ 0x57a1_7000);
        let link = link::Dataplane::of_region(dataplane.region(), Instant::ZERO, &mut || {});
        let link = Some(link.expect("a fresh region"));
        let gateway = gateway(&config, &mut random);
        let mut strait = Self {
            waiting: vec![Vec::new(); dataplane.workers()],
            listeners: listeners(&config),
            media: media(&config),
            vlans: plan.vlans,
            trace: plan.trace,
            config,
            gateway,
            link,
            dataplane,
            checks,
            canary,
            random,
            ahead: Duration::ZERO,
            breathe_at: None,
            tick_at: Instant::ZERO,
            out: VecDeque::new(),
            counters: Counters::default(),
            calls_before: 0,
            planted: false,
        };
        for (address, (side, _)) in strait.media.clone() {
            strait.checks.borrow_mut().media.relay(address, side);
        }
        strait.step(Instant::ZERO, |_, _| {});
        strait
    }

    /// Every address it has.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.media.keys().copied().collect()
    }

    /// What went through.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The signalling.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The media relay.
    pub fn dataplane(&mut self) -> &mut Dataplane {
        &mut self.dataplane
    }

    /// The region both share.
    pub fn region(&self) -> &Region {
        self.dataplane.region()
    }

    /// Control's end of the region.
    pub fn link(&self) -> &link::Dataplane {
        self.link.as_ref().expect("held while a control lives")
    }

    fn link_mut(&mut self) -> &mut link::Dataplane {
        self.link.as_mut().expect("held while a control lives")
    }

    /// Its clock leaps ahead.
    pub fn leap(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// All there is to say at the end: calls begun by every control there was.
    pub fn calls(&self) -> u64 {
        self.calls_before + self.gateway.counters().calls
    }

    /// The operator ends every call.
    pub fn end_calls(&mut self, now: Instant) {
        let input = Input::Operator(OperatorCommand::EndAllCalls);
        self.step(now, |gateway, at| gateway.receive(at, input));
    }

    fn step(&mut self, now: Instant, act: impl FnOnce(&mut Gateway, Instant)) {
        let at = now + self.ahead;
        self.gateway.set_media_backlog(!self.link().is_ready());
        act(&mut self.gateway, at);
        while let Some(output) = self.gateway.poll_output() {
            self.carry_out(now, at, output);
        }
    }

    /// Prints what passes, where that is wanted.
    fn tell(&self, now: Instant, text: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:.6} {}", now.as_nanos() as f64 / 1e9, text());
        }
    }

    fn carry_out(&mut self, now: Instant, at: Instant, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                self.tell(now, || {
                    format!("→ {}\n{}", flow.remote, String::from_utf8_lossy(&bytes))
                });
                self.send(at, flow, bytes);
            }
            Output::Media(command) => {
                self.tell(now, || format!("{command:?}"));
                let closes = matches!(command, Command::Close { .. });
                if closes && self.plants(Canary::ForgottenClose) {
                    return;
                }
                self.checks.borrow_mut().command_given(&command);
                self.counters.commands += 1;
                self.command(command);
                self.gateway.set_media_backlog(!self.link().is_ready());
                self.soon(now);
            }
            Output::Record(mut record) => {
                self.tell(now, || format!("{record:?}"));
                if self.plants(Canary::FalseRecord) {
                    record
                        .streams
                        .iter_mut()
                        .take(1)
                        .for_each(|s| s.packets += 1);
                }
                self.checks.borrow_mut().record_written(&record);
            }
            Output::Log(line) => self.tell(now, || line.text),
            Output::Close(_) => {}
        }
    }

    fn send(&mut self, at: Instant, flow: Flow, mut bytes: Vec<u8>) {
        let realm = &self.config.realms[usize::from(flow.realm.0)];
        let listener = realm.signalling[usize::from(flow.listener.0)];
        let source = SocketAddr::new(listener.address, listener.port);
        if flow.transport == Transport::Tcp || source.is_ipv4() != flow.remote.is_ipv4() {
            // Nobody here listens on TCP, and no system sends across IP versions.
            let failed = Input::SendFailed { flow, branch: None };
            self.gateway.receive(at, failed);
            return;
        }
        let side = side(flow.realm);
        if side == Side::Access && bytes.len() > 200 && self.plants(Canary::LeakedAddress) {
            let at = bytes.windows(2).position(|two| two == b"\r\n").unwrap_or(0);
            bytes.splice(at..at, *b"\r\nX-Core: 10.0.0.1");
        }
        self.checks.borrow_mut().message_sent(side, &bytes);
        self.out.push_back(Datagram {
            source,
            destination: flow.remote,
            payload: bytes,
        });
    }

    fn command(&mut self, command: Command) {
        if let Command::Open {
            slot, forwarding, ..
        } = command
            && forwarding.port_of.is_none()
            && let Some(port) = self.region().geometry().local(slot)
        {
            self.checks.borrow_mut().records.opened(port);
        }
        let closes = matches!(command, Command::Close { .. });
        if !closes && self.plants(Canary::LostCommand) {
            return;
        }
        if closes && self.plants(Canary::RepeatedCommand) {
            self.link_mut().send(command);
        }
        self.link_mut().send(command);
    }

    /// Whether a canary is planted now: once, when the first calls are through.
    fn plants(&mut self, canary: Canary) -> bool {
        let now = self.canary == Some(canary) && !self.planted && self.counters.relayed > 500;
        self.planted |= now;
        now
    }

    fn soon(&mut self, now: Instant) {
        let at = now + Duration::from_micros(self.random.u64(..=LATENESS_MS * 1_000));
        self.breathe_at = Some(self.breathe_at.map_or(at, |before| before.min(at)));
    }

    /// Every worker that runs has its turn; control takes what they report.
    fn breathe(&mut self, now: Instant) {
        clock::set(now + self.ahead);
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
        self.take_reports(now);
    }

    /// A worker has had its turn.
    fn breathed(&mut self, worker: usize, breath: Breath) {
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
        let left = match frames::read(frame) {
            Ok(left) => left,
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
        if left.vlan != self.vlans.then_some(vlan) {
            let what = Err(format!("in VLAN {:?} out of NIC {nic}", left.vlan));
            self.checks.borrow_mut().note(Checker::Delivery, what);
        }
        let mut datagram = left.datagram;
        self.checks.borrow_mut().media_left(side, &datagram);
        if self.canary == Some(Canary::Silence)
            && side == Side::Access
            && self.counters.relayed > 500
        {
            return;
        }
        if side == Side::Access && self.plants(Canary::Misdelivery) {
            datagram.destination = SocketAddr::new(configuration::public(99), 40_000);
            self.checks.borrow_mut().media_left(side, &datagram);
        }
        self.out.push_back(datagram);
    }

    fn take_reports(&mut self, now: Instant) {
        let mut reports = Vec::new();
        self.link_mut().poll(&mut reports);
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
        if matches!(event, Event::Closed { counters, .. } if counters.packets > 0)
            && self.plants(Canary::FalseReport)
            && let Event::Closed { counters, .. } = event
        {
            counters.packets += 1;
        }
        let mut checks = self.checks.borrow_mut();
        checks.event_reported(event);
        if let Event::Closed { slot, counters, .. } = event {
            let port = self.dataplane.region().geometry().local(*slot);
            let remote = counters.latched.map(|latched| latched.ip());
            let own = remote.is_some_and(|remote| self.media.contains_key(&remote));
            checks.slot_closed(port, own, counters);
        }
    }

    /// Lets the workers come to rest and compares the table with what was commanded.
    fn tick(&mut self, now: Instant) {
        self.breathe(now);
        let workers = 0..self.dataplane.workers();
        let all_run = workers
            .clone()
            .all(|worker| self.dataplane.runs(worker, now));
        if all_run && self.link().link().waiting() == 0 {
            // Commands that what was just reported led to.
            self.breathe(now);
            let table = self.dataplane.region().table();
            self.checks.borrow_mut().table_settled(&table);
        }
        let at = now + self.ahead;
        self.link_mut().watch(at);
        let busy = self.checks.borrow().commands.open() > 0 || self.link().link().waiting() > 0;
        self.tick_at = now + if busy { TICK_BUSY } else { TICK_IDLE };
    }

    fn media_arrived(&mut self, now: Instant, datagram: &Datagram, nic: usize) {
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

    fn message_arrived(&mut self, now: Instant, datagram: &Datagram) {
        let Some((realm, listener)) = self.listeners.get(&datagram.destination).copied() else {
            return;
        };
        self.counters.messages += 1;
        let flow = Flow {
            realm,
            listener,
            transport: Transport::Udp,
            remote: datagram.source,
            connection: None,
        };
        let bytes = &datagram.payload;
        self.tell(now, || {
            format!("← {}\n{}", flow.remote, String::from_utf8_lossy(bytes))
        });
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        let input = match blank {
            true => Input::KeepAlive { flow },
            false => Input::Message { flow, bytes },
        };
        self.step(now, |gateway, at| gateway.receive(at, input));
    }
}

impl Party for Strait {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        self.checks.borrow_mut().at(now);
        let to = datagram.destination;
        let media = self.media.get(&to.ip()).filter(|_| to.port() != 5060);
        match media.copied() {
            Some((_, nic)) => self.media_arrived(now, datagram, nic),
            None => self.message_arrived(now, datagram),
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.checks.borrow_mut().at(now);
        let due = self.gateway.next_timeout();
        if due.is_some_and(|due| due <= now + self.ahead) {
            self.step(now, |gateway, at| gateway.timeout(at));
        }
        if self.breathe_at.is_some_and(|at| at <= now) {
            self.breathe_at = None;
            self.breathe(now);
        }
        if self.tick_at <= now {
            self.tick(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let due = self.gateway.next_timeout();
        let gateway = due.map(|due| Instant::ZERO + due.since(Instant::ZERO + self.ahead));
        let all = [gateway, self.breathe_at, Some(self.tick_at)];
        all.into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        let datagram = self.out.pop_front()?;
        let digest = &mut self.counters.digest;
        *digest = digest.rotate_left(5) ^ fnv(&datagram.payload) ^ hash(&datagram);
        if self.plants(Canary::Whim) {
            // No two runs of a process take the same numbers from it.
            static WHIMS: AtomicU64 = AtomicU64::new(1);
            let whim = WHIMS.fetch_add(1, Ordering::Relaxed);
            self.counters.digest = self.counters.digest.rotate_left(7) ^ whim;
        }
        Some(datagram)
    }
}
