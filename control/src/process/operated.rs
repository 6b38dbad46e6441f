//! What the operator sees of the process, and does to it.

use hdrhistogram::Histogram;
use strait_shared::slot::SlotIndex;
use strait_shared::statistics::Statistics;
use strait_shared::time::Instant;

use super::{Process, unix_ms};
use crate::admin::Operated;
use crate::admin::model::{
    Call, CallState, Dataplane, Gateway, Nic, Percentiles, Realm, Registration, Side, Signalling,
    Softswitch, State, Status, Stream, Worker,
};
use crate::gateway::io::{CallNumber, OperatorCommand, RealmIndex};
use crate::gateway::record::StreamRecord;
use crate::gateway::snapshot::CallSnapshot;
use crate::journal::Journal;

impl Operated for Process {
    fn status(&self) -> Status {
        let sizes = self.gateway.borrow().sizes();
        let draining = self.gateway.borrow().is_draining();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.config.instance.to_string(),
            state: if draining {
                State::Draining
            } else {
                State::Running
            },
            since_unix_ms: self.since_unix_ms,
            calls: sizes.calls as u64,
            registrations: sizes.registrations as u64,
            gateways: sizes.gateways as u64,
            softswitches: self.softswitches(),
            realms: self.realms(),
            signalling: self.signalling(),
            dataplane: self.dataplane_status(),
            workers: self.workers(),
        }
    }

    fn calls(&self) -> Vec<Call> {
        let dataplane = self.dataplane.borrow();
        let reader = |slot: SlotIndex| dataplane.link().slot_counters(slot);
        self.gateway
            .borrow()
            .calls(&reader)
            .into_iter()
            .map(call)
            .collect()
    }

    fn call(&self, number: u64) -> Option<Call> {
        let dataplane = self.dataplane.borrow();
        let reader = |slot: SlotIndex| dataplane.link().slot_counters(slot);
        self.gateway
            .borrow()
            .call(CallNumber(number), &reader)
            .map(call)
    }

    fn registrations(&self) -> Vec<Registration> {
        let all = self.gateway.borrow().registrations(Instant::now());
        let registration = |binding: crate::gateway::snapshot::RegistrationSnapshot| Registration {
            aor: binding.aor,
            contact: binding.contact,
            realm: self.config.realm(binding.realm).name.to_string(),
            remote: binding.heard,
            expires_in_ms: u64::try_from(binding.near_left.as_millis()).unwrap_or(u64::MAX),
        };
        all.into_iter().map(registration).collect()
    }

    fn gateways(&self) -> Vec<Gateway> {
        let all = self.gateway.borrow().gateways(Instant::now());
        let gateway = |found: crate::gateway::snapshot::GatewaySnapshot| Gateway {
            name: found.name,
            protocol: found.protocol.to_owned(),
            realm: self.config.realm(found.realm).name.to_string(),
            remote: found.heard,
            silent_for_ms: u64::try_from(found.silent_for.as_millis()).unwrap_or(u64::MAX),
            controller: found.controller,
            registered: found.registered,
            known_as: found.known_as,
            legs: found.legs as u64,
        };
        all.into_iter().map(gateway).collect()
    }

    fn end_call(&self, number: u64) -> bool {
        let exists = self.call(number).is_some();
        if exists {
            self.operate(OperatorCommand::EndCall(CallNumber(number)));
        }
        exists
    }

    fn drain(&self) {
        tracing::info!("draining: no new calls are taken");
        self.operate(OperatorCommand::Drain);
    }
}

impl Process {
    fn softswitches(&self) -> Vec<Softswitch> {
        let configured = self.config.softswitches.iter();
        let health = self.gateway.borrow().softswitches();
        let pair = |(softswitch, health): (&strait_config::Softswitch, _)| {
            let health: crate::gateway::snapshot::SoftswitchSnapshot = health;
            Softswitch {
                name: health.name,
                address: softswitch.address,
                up: health.up,
            }
        };
        configured.zip(health).map(pair).collect()
    }

    fn realms(&self) -> Vec<Realm> {
        let (gateway, now) = (self.gateway.borrow(), Instant::now());
        let realm = |(index, realm): (u16, &strait_config::Realm)| {
            let usage = gateway.port_usage(now, RealmIndex(index));
            Realm {
                name: realm.name.to_string(),
                signalling: realm.heard_on(),
                media_pairs_used: usage.total.saturating_sub(usage.free) as u64,
                media_pairs: usage.total as u64,
            }
        };
        (0..).zip(&self.config.realms).map(realm).collect()
    }

    fn signalling(&self) -> Signalling {
        let sizes = self.gateway.borrow().sizes();
        let transport = self.transport.get();
        let mut signalling = Signalling {
            server_transactions: sizes.server_transactions as u64,
            client_transactions: sizes.client_transactions as u64,
            connections: transport.map_or(0, |transport| transport.connections() as u64),
            latency_ns: percentiles(&self.latency.borrow()),
            ..Signalling::default()
        };
        let counters = &mut signalling.counters;
        if let Ok(serde_json::Value::Object(fields)) =
            serde_json::to_value(self.gateway.borrow().counters())
        {
            let counts = fields
                .into_iter()
                .filter_map(|(name, n)| Some((name, n.as_u64()?)));
            counters.extend(counts);
        }
        for (name, count) in transport
            .iter()
            .flat_map(|transport| transport.counters().iter())
        {
            counters.insert(name.to_owned(), count);
        }
        let link = self.dataplane.borrow().link().counters();
        let journal = self.journal.as_ref();
        for (name, count) in [
            ("commands_sent", link.commands),
            ("commands_delayed", link.delayed),
            ("commands_lost", link.lost),
            ("events_received", link.events),
            ("events_malformed", link.malformed),
            ("records_written", self.records.written()),
            ("records_lost", self.records.lost()),
            ("journal_commits", journal.map_or(0, Journal::commits)),
            ("journal_failures", journal.map_or(0, Journal::failures)),
            ("journal_waiting", self.unwritten()),
        ] {
            counters.insert(name.to_owned(), count);
        }
        signalling
    }

    fn dataplane_status(&self) -> Dataplane {
        let dataplane = self.dataplane.borrow();
        let first = dataplane.link().statistics().into_iter().next();
        let access = |nic: usize| first.as_ref()?.accesses.get(nic).copied().flatten();
        let nics = self.config.dataplane.nics.iter().enumerate();
        let nics = nics.map(|(number, nic)| Nic {
            name: nic.name.to_string(),
            access: access(number).map(|access| access.name().to_owned()),
        });
        Dataplane {
            attached: dataplane.is_attached(),
            reattached: dataplane.reattached(),
            backlog: dataplane.link().waiting() as u64,
            nics: nics.collect(),
        }
    }

    fn workers(&self) -> Vec<Worker> {
        let alive = self.dataplane.borrow_mut().alive(Instant::now());
        let statistics = self.dataplane.borrow().link().statistics();
        let pairs = (0..).zip(alive).zip(statistics);
        pairs
            .map(|((number, alive), statistics)| worker(number, alive, &statistics))
            .collect()
    }
}

fn worker(number: u16, alive: bool, statistics: &Statistics) -> Worker {
    let latency = &statistics.latency;
    let ns = |quantile| u64::try_from(latency.quantile(quantile).as_nanos()).unwrap_or(u64::MAX);
    let drops = statistics.drops().filter(|(_, count)| *count > 0);
    let counters = [
        ("starts", statistics.starts),
        ("breaths", statistics.breaths),
        ("open_slots", statistics.open_slots),
        ("bytes_received", statistics.bytes_in),
        ("bytes_sent", statistics.bytes_out),
        ("events_delayed", statistics.events_delayed),
        ("missed", statistics.missed),
        ("oversized", statistics.oversized),
        ("receive_errors", statistics.receive_errors),
        ("send_errors", statistics.send_errors),
        ("commands_applied", statistics.applied.0),
    ];
    Worker {
        worker: number,
        alive,
        received: statistics.packets_in,
        sent: statistics.packets_out,
        drops: drops
            .map(|(reason, count)| (reason.name().to_owned(), count))
            .collect(),
        counters: counters
            .map(|(name, count)| (name.to_owned(), count))
            .into(),
        latency_ns: Percentiles {
            count: latency.count(),
            p50: ns(0.5),
            p90: ns(0.9),
            p99: ns(0.99),
            p999: ns(0.999),
            max: ns(1.0),
        },
    }
}

fn percentiles(latency: &Histogram<u64>) -> Percentiles {
    Percentiles {
        count: latency.len(),
        p50: latency.value_at_quantile(0.5),
        p90: latency.value_at_quantile(0.9),
        p99: latency.value_at_quantile(0.99),
        p999: latency.value_at_quantile(0.999),
        max: latency.max(),
    }
}

fn call(snapshot: CallSnapshot) -> Call {
    use crate::gateway::CallState as Progress;
    let record = snapshot.record;
    let state = match (record.ending.is_some(), snapshot.state) {
        (true, _) => CallState::Ending,
        (false, Progress::Answered) => CallState::Answered,
        (false, Progress::Calling | Progress::Early) => CallState::Ringing,
    };
    Call {
        number: record.number,
        state,
        from: record.caller.from,
        to: record.caller.to,
        call_id: record.caller.call_id,
        caller_realm: record.caller.realm,
        callee_realm: record.callee.realm,
        started_unix_ms: record.began.unix_ms,
        answered_unix_ms: record.answered.map(|at| at.unix_ms),
        duration_ms: unix_ms().saturating_sub(record.began.unix_ms),
        streams: record
            .streams
            .into_iter()
            .filter(|s| s.component == "rtp")
            .map(stream)
            .collect(),
    }
}

fn stream(record: StreamRecord) -> Stream {
    Stream {
        line: record.line,
        media: record.media,
        codec: record.codec,
        side: if record.side == "caller" {
            Side::Caller
        } else {
            Side::Callee
        },
        local: Some(record.local),
        signalled: record.signalled,
        latched: record.latched,
        packets: record.packets,
        bytes: record.bytes,
        lost: u64::from(record.lost),
        jitter_ms: record.jitter_ms,
        refused: record.refused,
        policed: record.policed,
    }
}
