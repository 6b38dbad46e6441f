//! Records agree with what was relayed.
//!
//! What was admitted is told from the packets put into the relay and the counters around each
//! turn: a packet alone in its turn is admitted or not for certain; of several of which some were
//! dropped nobody outside can say which, and they count as uncertain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use strait_control::gateway::record::CallRecord;
use strait_dataplane::relay::Tally;
use strait_shared::drops::DropReason;
use strait_shared::slot::Counters;

use super::{Checker, Checks, Death};
use crate::dataplane::Breath;

/// What was relayed and what is said of it.
#[derive(Default)]
pub struct Records {
    /// What arrived at each of our ports in its present use.
    ports: BTreeMap<SocketAddr, Traffic>,
    numbers: BTreeSet<u64>,
    /// Packets in all reports of closed slots, and in all records.
    closed: u64,
    recorded: u64,
    /// Reports or records may have got lost.
    lossy: bool,
    /// Not every call has its record, nor every report one that is told of.
    incomplete: bool,
}

/// Packets that arrived at a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Traffic {
    admitted: u64,
    uncertain: u64,
    /// Whether more may have come to it than arrived: further dialogs of a forked call have slots
    /// of their own behind the port, or another of our ports sent to it from inside.
    shared: bool,
}

/// Drops after a packet was admitted and counted.
const AFTER_ADMISSION: [DropReason; 7] = [
    DropReason::NoPeer,
    DropReason::NoRemote,
    DropReason::Family,
    DropReason::NoAdjacency,
    DropReason::HairpinLimit,
    DropReason::TooLong,
    DropReason::TransmitFull,
];

/// Drops that a packet which turned around inside may have met on its second pass.
const AT_ADMISSION: [DropReason; 7] = [
    DropReason::Closed,
    DropReason::GateShut,
    DropReason::SourceRefused,
    DropReason::Latching,
    DropReason::PacketRate,
    DropReason::ByteRate,
    DropReason::Contended,
];

impl Records {
    /// Reports and records may get lost from now on.
    pub fn expect_loss(&mut self) {
        self.lossy = true;
    }

    /// Control died: of calls that it was setting up there may be no record, of such that had just
    /// ended a second one.
    pub(super) fn control_died(&mut self, death: &Death) {
        self.incomplete = true;
        for ghost in &death.ghosts {
            self.numbers.remove(ghost);
        }
        if death.numbers_anew {
            self.numbers.clear();
        }
        if death.region_too {
            self.ports.clear();
        }
    }

    /// Whether something was admitted at a port in its present use, and it is known how much.
    pub fn is_certain(&self, port: SocketAddr) -> bool {
        let traffic = self.ports.get(&port);
        let certain = |traffic: &Traffic| traffic.uncertain == 0 && !traffic.shared;
        traffic.is_some_and(|traffic| traffic.admitted > 0 && certain(traffic))
    }

    /// How many calls were recorded.
    pub fn calls(&self) -> u64 {
        self.numbers.len() as u64
    }

    /// A port is used anew.
    pub fn opened(&mut self, port: SocketAddr) {
        self.ports.insert(port, Traffic::default());
    }

    /// A forked call's further dialog takes its packets from this port, or one of our own ports is
    /// its remote for a while.
    pub fn shared(&mut self, port: SocketAddr) {
        self.ports.entry(port).or_default().shared = true;
    }

    /// Packets for these ports went through one turn of a worker.
    pub fn relayed(&mut self, ports: &[SocketAddr], breath: &Breath) {
        let dropped = |reasons: &[DropReason]| dropped(&breath.before, &breath.after, reasons);
        let all = breath.after.all_dropped() - breath.before.all_dropped();
        let late = dropped(&AFTER_ADMISSION);
        let certain = all == late;
        let refused = ports.len() == 1 && late == 0 && dropped(&AT_ADMISSION) == 0;
        for port in ports {
            let Some(traffic) = self.ports.get_mut(port) else {
                continue;
            };
            if certain {
                traffic.admitted += 1;
            } else if !refused {
                traffic.uncertain += 1;
            }
        }
    }

    fn closed(
        &mut self,
        port: Option<SocketAddr>,
        own: bool,
        counters: &Counters,
    ) -> Result<(), String> {
        self.closed += counters.packets;
        let Some(port) = port else {
            return Ok(());
        };
        let traffic = self.ports.get(&port).copied().unwrap_or_default();
        let most = traffic.admitted + traffic.uncertain;
        // What turned around inside came from no NIC, and so may have what any of several dialogs
        // took. After damage, a report may be of the use before.
        let unknown = own || traffic.shared || self.lossy;
        if unknown || (traffic.admitted..=most).contains(&counters.packets) {
            return Ok(());
        }
        Err(format!(
            "{port} relayed {traffic:?}, reported is {counters:?}"
        ))
    }

    fn written(&mut self, record: &CallRecord) -> Result<(), String> {
        let packets: u64 = record.streams.iter().map(|stream| stream.packets).sum();
        self.recorded += packets;
        if record.ending.is_none() || record.ended.is_none() {
            return Err(format!("no ending: {record:?}"));
        }
        if record.ended < record.answered || record.answered.is_some_and(|at| at < record.began) {
            return Err(format!("out of order: {record:?}"));
        }
        match self.numbers.insert(record.number) {
            true => Ok(()),
            false => Err(format!("written twice: {record:?}")),
        }
    }

    fn summed(&self, calls: u64) -> Result<(), String> {
        if self.lossy || self.incomplete {
            return Ok(());
        }
        if self.calls() != calls {
            return Err(format!("{} records of {calls} calls", self.calls()));
        }
        match self.closed == self.recorded {
            true => Ok(()),
            false => Err(format!(
                "{} packets in reports, {} in records",
                self.closed, self.recorded
            )),
        }
    }
}

impl Checks {
    /// A use of a slot has ended; `port` where it has one of its own and forks shared it with
    /// nobody; `own` where its party is another of our ports.
    pub fn slot_closed(&mut self, port: Option<SocketAddr>, own: bool, counters: &Counters) {
        let verdict = self.records.closed(port, own, counters);
        self.note(Checker::Records, verdict);
    }

    /// The gateway writes a record.
    pub fn record_written(&mut self, record: &CallRecord) {
        let verdict = self.records.written(record);
        self.note(Checker::Records, verdict);
        self.call_recorded(record.number);
        self.endings.recorded(record);
    }

    /// All calls are over; so many there were.
    pub fn calls_over(&mut self, calls: u64) {
        let verdict = self.records.summed(calls);
        self.note(Checker::Records, verdict);
        self.check_recorded();
    }
}

fn dropped(before: &Tally, after: &Tally, reasons: &[DropReason]) -> u64 {
    let count = |reason: &DropReason| after.dropped(*reason) - before.dropped(*reason);
    reasons.iter().map(count).sum()
}
