//! The same figures for a monitoring system: OpenMetrics text.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

use super::model::{Percentiles, State, Status, Worker};

/// What the text is, for whoever asked.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Floats = Family<Labels, Gauge<f64, AtomicU64>>;

/// A status as text. Built anew each time: everything is counted elsewhere already.
pub fn render(status: &Status) -> String {
    let mut registry = Registry::with_prefix("strait");
    whole(&mut registry, status);
    realms(&mut registry, status);
    signalling(&mut registry, status);
    workers(&mut registry, &status.workers);
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes whatever is written");
    text
}

fn whole(registry: &mut Registry, status: &Status) {
    gauge(registry, "calls", "Calls that stand", status.calls);
    gauge(
        registry,
        "registrations",
        "Bindings that stand",
        status.registrations,
    );
    gauge(
        registry,
        "gateways",
        "Gateways that controllers command",
        status.gateways,
    );
    let draining = u64::from(status.state == State::Draining);
    gauge(
        registry,
        "draining",
        "Whether new calls are refused",
        draining,
    );
    let attached = u64::from(status.dataplane.attached);
    gauge(
        registry,
        "dataplane_up",
        "Whether the dataplane can be worked with",
        attached,
    );
    let waiting = status.dataplane.backlog;
    gauge(
        registry,
        "dataplane_backlog",
        "Commands that wait for room in a ring",
        waiting,
    );
    let up = gauges(
        registry,
        "softswitch_up",
        "Whether requests are sent to a softswitch",
    );
    for softswitch in &status.softswitches {
        let labels = vec![("softswitch", softswitch.name.clone())];
        up.get_or_create(&labels).set(i64::from(softswitch.up));
    }
}

fn realms(registry: &mut Registry, status: &Status) {
    let used = gauges(
        registry,
        "media_pairs_used",
        "RTP and RTCP port pairs in use",
    );
    let total = gauges(registry, "media_pairs", "RTP and RTCP port pairs there are");
    for realm in &status.realms {
        let labels = vec![("realm", realm.name.clone())];
        used.get_or_create(&labels)
            .set(signed(realm.media_pairs_used));
        total.get_or_create(&labels).set(signed(realm.media_pairs));
    }
}

fn signalling(registry: &mut Registry, status: &Status) {
    let signalling = &status.signalling;
    let transactions = gauges(registry, "transactions", "Transactions that stand");
    for (kind, count) in [
        ("server", signalling.server_transactions),
        ("client", signalling.client_transactions),
    ] {
        transactions
            .get_or_create(&vec![("kind", kind.to_owned())])
            .set(signed(count));
    }
    gauge(
        registry,
        "tcp_connections",
        "TCP connections that are open",
        signalling.connections,
    );
    let events = counters(
        registry,
        "signalling_events",
        "What signalling has counted, by kind",
    );
    for (name, count) in &signalling.counters {
        events
            .get_or_create(&vec![("event", name.clone())])
            .inc_by(*count);
    }
    let help = "From a message's arrival to the end of what it caused";
    let latency = floats(registry, "signalling_latency", help, Unit::Seconds);
    quantiles(&latency, &[], &signalling.latency_ns);
}

fn workers(registry: &mut Registry, workers: &[Worker]) {
    let alive = gauges(registry, "worker_up", "Whether a worker moves");
    let received = counters(registry, "packets_received", "Packets that came in");
    let sent = counters(registry, "packets_sent", "Packets that went out");
    let dropped = counters(registry, "packets_dropped", "Packets that went no further");
    let events = counters(
        registry,
        "worker_events",
        "What a worker has counted, by kind",
    );
    let help = "From a packet's arrival to its leaving";
    let latency = floats(registry, "packet_latency", help, Unit::Seconds);
    for worker in workers {
        let number = ("worker", worker.worker.to_string());
        let labels = vec![number.clone()];
        alive.get_or_create(&labels).set(i64::from(worker.alive));
        received.get_or_create(&labels).inc_by(worker.received);
        sent.get_or_create(&labels).inc_by(worker.sent);
        for (reason, count) in &worker.drops {
            let labels = vec![number.clone(), ("reason", reason.clone())];
            dropped.get_or_create(&labels).inc_by(*count);
        }
        for (event, count) in &worker.counters {
            let labels = vec![number.clone(), ("event", event.clone())];
            events.get_or_create(&labels).inc_by(*count);
        }
        quantiles(&latency, &[number], &worker.latency_ns);
    }
}

fn quantiles(family: &Floats, labels: &[(&'static str, String)], shape: &Percentiles) {
    for (quantile, ns) in [
        ("0.5", shape.p50),
        ("0.9", shape.p90),
        ("0.99", shape.p99),
        ("0.999", shape.p999),
        ("1", shape.max),
    ] {
        let mut labels = labels.to_vec();
        labels.push(("quantile", quantile.to_owned()));
        family.get_or_create(&labels).set(ns as f64 / 1e9);
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = <Gauge>::default();
    gauge.set(signed(value));
    registry.register(name, help, gauge);
}

fn gauges(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Gauge> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn counters(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Counter> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn floats(registry: &mut Registry, name: &str, help: &str, unit: Unit) -> Floats {
    let family = Family::default();
    registry.register_with_unit(name, help, unit, family.clone());
    family
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
