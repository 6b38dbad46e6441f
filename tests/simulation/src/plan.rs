//! What a world is like: everything drawn from its seed, the faults that are on included.
//!
//! Swarm testing (Groce et al., ISSTA 2012): a run with every fault on at once hides what a run
//! with two of them shows, so each world draws which ones it has.

use std::collections::BTreeSet;
use std::time::Duration;

use strait_parties::net::link::{Loss, Profile};
use strait_parties::net::nat::{Behaviour, Dependence, Ports};

use crate::controlled;

/// Something that goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// Links lose packets, each for itself.
    Loss,
    /// Links lose packets in bursts.
    BurstLoss,
    /// Links let packets overtake each other.
    Reorder,
    /// Links deliver packets twice.
    Duplicate,
    /// One phone's link takes no large packets.
    Mtu,
    /// NATs forget their mappings in mid-call.
    Rebind,
    /// NATs get another external address in mid-call.
    Renumber,
    /// The dataplane dies and comes back on the same table.
    DataplaneCrash,
    /// Control dies and a successor takes the region over.
    ControlCrash,
    /// Both processes die, the region is lost, and successors begin with the journal alone.
    MachineCrash,
    /// A worker does not run for a while.
    Stall,
    /// The rings hold but a few records.
    SmallRings,
    /// A command's record is damaged on its ring.
    Damage,
    /// There are fewer ports than calls want.
    Exhaustion,
    /// The softswitch does not answer for a while.
    Outage,
    /// Strait's clock leaps ahead.
    ClockJump,
    /// Somebody sends garbage, spoofed media and half calls.
    Hostility,
    /// Phones lose power in mid-call and say nothing.
    PowerCut,
    /// Strait's machine stands still for a while, and its clock with it.
    Suspension,
    /// The calendar is set forward or back.
    Calendar,
    /// A worker's report is damaged on its ring.
    DamagedReport,
    /// Words of the region change by themselves, until both processes begin anew.
    Corruption,
    /// Another softswitch, with customers of its own, lies or is broken.
    Treachery,
}

/// The first faults, each on in about one world of four.
const FAULTS: [Fault; 18] = [
    Fault::Loss,
    Fault::BurstLoss,
    Fault::Reorder,
    Fault::Duplicate,
    Fault::Mtu,
    Fault::Rebind,
    Fault::Renumber,
    Fault::DataplaneCrash,
    Fault::ControlCrash,
    Fault::MachineCrash,
    Fault::Stall,
    Fault::SmallRings,
    Fault::Damage,
    Fault::Exhaustion,
    Fault::Outage,
    Fault::ClockJump,
    Fault::Hostility,
    Fault::PowerCut,
];

/// Faults that came later; drawn apart, so that seeds of before still have their worlds.
const LATER_FAULTS: [Fault; 4] = [
    Fault::Suspension,
    Fault::Calendar,
    Fault::DamagedReport,
    Fault::Corruption,
];

/// Whose packets a media port accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latch {
    /// The address in the SDP alone.
    Signalled,
    /// The SDP's address or that of signalling, any port.
    Restricted,
    /// Anyone, once.
    Symmetric,
}

/// Where a phone is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Home {
    /// On the public internet, IPv4.
    Public,
    /// On the public internet, IPv6.
    Public6,
    /// Behind a NAT of its own.
    Nat(Behaviour),
    /// Behind a NAT behind a carrier's NAT.
    DoubleNat(Behaviour, Behaviour),
    /// In the core, beside the softswitch.
    Core,
}

/// A world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where everything comes from.
    pub seed: u64,
    /// What goes wrong.
    pub faults: BTreeSet<Fault>,
    /// Workers of the dataplane.
    pub workers: u16,
    /// Records in each ring.
    pub ring_capacity: u32,
    /// Last port of each media address; the first is 20000.
    pub last_port: u16,
    /// Whose packets are accepted.
    pub latch: Latch,
    /// Whether media travels in VLANs.
    pub vlans: bool,
    /// Whether the softswitch and the core's phones use IPv6.
    pub core_ipv6: bool,
    /// Whether calls are challenged by the softswitch.
    pub challenge_calls: bool,
    /// Whether RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// Which phones signal over TCP.
    pub tcp: BTreeSet<usize>,
    /// Whether control keeps a journal.
    pub journal: bool,
    /// The keep-alive of the access realm.
    pub keepalive: &'static str,
    /// How the access links behave.
    pub access: Profile,
    /// The phones.
    pub homes: Vec<Home>,
    /// The users they belong to, in turn: the last phones are second ones of the first users.
    pub users: usize,
    /// Whether the softswitch rings at all phones of a user.
    pub forking: bool,
    /// How many times people text, ask and watch each other beside each call, in quarters.
    pub chatter: u8,
    /// Whether some phones have their sessions refreshed, and some calls last long enough for it.
    pub sessions: bool,
    /// Whether some phones send their callers elsewhere.
    pub redirects: bool,
    /// Whether the media of some phones moves in mid-call.
    pub moves: bool,
    /// How many media gateways there are, which controllers command.
    pub gateways: usize,
    /// How many calls are placed.
    pub calls: usize,
    /// How long after each other, on average.
    pub call_interval: Duration,
    /// Whether every message, command and report is printed.
    pub trace: bool,
}

impl Plan {
    /// The world of a seed, with `calls` calls.
    pub fn new(seed: u64, calls: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut later = fastrand::Rng::with_seed(seed ^ 0x0fa1_7000);
        let faults = FAULTS.into_iter().filter(|_| random.u8(..4) == 0);
        let mut faults: BTreeSet<Fault> = faults.collect();
        faults.extend(LATER_FAULTS.into_iter().filter(|_| later.u8(..8) == 0));
        let mut last = fastrand::Rng::with_seed(seed ^ 0x70_61de);
        faults.extend((last.u8(..4) == 0).then_some(Fault::Treachery));
        Self::with(seed, calls, faults, random)
    }

    /// A world with exactly these faults.
    pub fn with_faults(seed: u64, calls: usize, faults: &[Fault]) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self::with(seed, calls, faults.iter().copied().collect(), random)
    }

    /// The user that phone number `number` belongs to.
    pub fn user(&self, number: usize) -> String {
        format!("u{}", number % self.users)
    }

    /// The phones of the user that phone number `number` belongs to, this one first.
    pub fn twins(&self, number: usize) -> impl Iterator<Item = usize> + use<> {
        let (users, phones) = (self.users, self.homes.len());
        let others = (0..phones).filter(move |other| other % users == number % users);
        std::iter::once(number).chain(others.filter(move |other| *other != number))
    }

    /// Whether a fault is on.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn with(seed: u64, calls: usize, faults: BTreeSet<Fault>, mut random: fastrand::Rng) -> Self {
        // What came later is drawn apart, so that seeds of before still have their worlds.
        let mut later = fastrand::Rng::with_seed(seed ^ 0x1a7e_0000);
        let mut last = fastrand::Rng::with_seed(seed ^ 0x0e15_e000);
        let latch = match random.u8(..8) {
            0 => Latch::Signalled,
            1 => Latch::Symmetric,
            _ => Latch::Restricted,
        };
        let users = random.usize(5..=7);
        let phones = users + random.usize(..=2);
        let homes = (0..phones).map(|number| home(&mut random, latch, number));
        let homes = homes.collect();
        let small_rings = faults.contains(&Fault::SmallRings);
        let exhaustion = faults.contains(&Fault::Exhaustion);
        Self {
            seed,
            workers: random.u16(1..=3),
            ring_capacity: if small_rings { 8 } else { 256 },
            last_port: if exhaustion { 20_011 } else { 20_199 },
            latch,
            vlans: random.bool(),
            core_ipv6: random.u8(..4) == 0,
            challenge_calls: random.bool(),
            rtcp_mux: random.bool(),
            tcp: (0..phones)
                .filter(|number| number % 4 != 3 && random.u8(..4) == 0)
                .collect(),
            journal: journal(&mut random, &faults),
            keepalive: random
                .choice(["none", "crlf", "options", "register"])
                .unwrap_or("none"),
            access: access(&mut random, &faults),
            homes,
            users,
            forking: phones > users && random.u8(..4) > 0,
            chatter: later.u8(..8),
            sessions: later.u8(..4) == 0,
            redirects: last.u8(..3) == 0,
            moves: last.u8(..3) == 0,
            gateways: controlled::gateways(seed),
            calls,
            call_interval: Duration::from_millis(random.u64(200..1_500)),
            faults,
            trace: false,
        }
    }
}

fn home(random: &mut fastrand::Rng, latch: Latch, number: usize) -> Home {
    if number % 4 == 3 {
        return Home::Core;
    }
    // A party behind a NAT signals an address that its media does not come from.
    let translated = latch != Latch::Signalled;
    match random.u8(..8) {
        0..=3 if translated => Home::Nat(behaviour(random)),
        4 if translated => Home::DoubleNat(behaviour(random), behaviour(random)),
        5 => Home::Public6,
        _ => Home::Public,
    }
}

/// Any NAT that RFC 4787 can describe and that a telephone can live behind.
fn behaviour(random: &mut fastrand::Rng) -> Behaviour {
    let any = [
        Dependence::EndpointIndependent,
        Dependence::AddressDependent,
        Dependence::AddressAndPortDependent,
    ];
    Behaviour {
        mapping: any[random.usize(..3)],
        filtering: any[random.usize(..3)],
        ports: if random.bool() {
            Ports::Preserving
        } else {
            Ports::Random
        },
        hairpin: random.bool(),
        idle: Duration::from_secs(random.u64(30..=180)),
        inbound_refreshes: random.bool(),
    }
}

/// Few run without a journal what may die.
fn journal(random: &mut fastrand::Rng, faults: &BTreeSet<Fault>) -> bool {
    let mortal = [Fault::ControlCrash, Fault::MachineCrash];
    match mortal.iter().any(|fault| faults.contains(fault)) {
        true => random.u8(..8) > 0,
        false => random.u8(..4) == 0,
    }
}

fn access(random: &mut fastrand::Rng, faults: &BTreeSet<Fault>) -> Profile {
    let chance = |fault, value| if faults.contains(&fault) { value } else { 0.0 };
    let loss = if faults.contains(&Fault::BurstLoss) {
        Loss::Burst {
            begin: 0.005,
            end: 0.2,
        }
    } else {
        Loss::Random(chance(Fault::Loss, 0.02 + 0.08 * random.f64()))
    };
    Profile {
        delay: Duration::from_millis(random.u64(1..80)),
        jitter: Duration::from_millis(random.u64(..20)),
        loss,
        duplicate: chance(Fault::Duplicate, 0.05),
        reorder: chance(Fault::Reorder, 0.05),
        ..Profile::default()
    }
}
