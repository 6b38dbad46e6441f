//! Keep-alives: what holds the NAT binding of a party open while it is registered or in a call.
//!
//! One for each flow, however many registrations and dialogs use it.

use std::net::SocketAddr;
use std::time::Duration;

use strait_config::KeepAliveMethod;
use strait_shared::time::Instant;

use super::Gateway;
use super::due::Due;
use super::io::{Flow, ListenerIndex, Output, RealmIndex, Transport};
use super::limits::{KEEPALIVE_FAILURES, KEEPALIVE_PACE};
use super::timer::TimerId;

/// What names a flow: a new connection from the same address is the same party.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowName(RealmIndex, ListenerIndex, Transport, SocketAddr);

impl From<Flow> for FlowName {
    fn from(flow: Flow) -> Self {
        Self(flow.realm, flow.listener, flow.transport, flow.remote)
    }
}

/// One flow that is kept open.
#[derive(Debug)]
pub struct KeepAlive {
    flow: Flow,
    /// What OPTIONS are addressed to.
    target: Box<[u8]>,
    users: u32,
    failures: u8,
    timer: TimerId,
}

impl Gateway {
    /// Keeps a flow open until [`Gateway::drop_flow`] is called as often.
    pub(super) fn keep_flow(&mut self, now: Instant, flow: Flow, target: &[u8]) {
        let settings = self.settings.realm_config(flow.realm);
        let method = settings.keepalive.method;
        let sends = matches!(method, KeepAliveMethod::Crlf | KeepAliveMethod::Options);
        if !settings.nat || !sends {
            return;
        }
        let name = FlowName::from(flow);
        if let Some(kept) = self.keepalives.get_mut(&name) {
            kept.users += 1;
            kept.flow = flow;
            return;
        }
        let first = if self.taking_up {
            spread(self.keepalives.len(), settings.keepalive.interval)
        } else {
            settings.keepalive.interval
        };
        let timer = self.timers.arm(now, first, Due::KeepAlive(name));
        let kept = KeepAlive {
            flow,
            target: target.into(),
            users: 1,
            failures: 0,
            timer,
        };
        self.keepalives.insert(name, kept);
    }

    /// Ends one use of a flow.
    pub(super) fn drop_flow(&mut self, flow: Flow) {
        let name = FlowName::from(flow);
        let Some(kept) = self.keepalives.get_mut(&name) else {
            return;
        };
        kept.users -= 1;
        if kept.users == 0 {
            self.timers.cancel(kept.timer);
            self.keepalives.remove(&name);
        }
    }

    /// The party on a flow said something: it is asked on.
    pub(super) fn flow_heard(&mut self, flow: Flow) {
        if let Some(kept) = self.keepalives.get_mut(&flow.into()) {
            kept.failures = 0;
            kept.flow = flow;
        }
    }

    /// A keep-alive found no answer.
    pub(super) fn keepalive_failed(&mut self, name: FlowName) {
        if let Some(kept) = self.keepalives.get_mut(&name) {
            kept.failures = kept.failures.saturating_add(1);
        }
    }

    /// The flow's timer fired.
    pub(super) fn keepalive_due(&mut self, now: Instant, name: FlowName) {
        let Some(kept) = self.keepalives.get_mut(&name) else {
            return;
        };
        let settings = self.settings.realm_config(name.0).keepalive;
        kept.timer = self
            .timers
            .arm(now, settings.interval, Due::KeepAlive(name));
        if kept.failures >= KEEPALIVE_FAILURES {
            return;
        }
        let (flow, target) = (kept.flow, kept.target.clone());
        self.counters.keepalives += 1;
        match settings.method {
            KeepAliveMethod::Options => {
                self.ask_options(now, flow, &target, super::Asked::KeepAlive(name));
            }
            _ => {
                // RFC 5626 §3.5.1; a party that does not know it ignores it (RFC 3261 §7.5).
                self.outputs.push_back(Output::Send {
                    flow,
                    bytes: b"\r\n\r\n".to_vec(),
                });
            }
        }
    }
}

/// When a flow taken up from an earlier process is asked first: soon, for nobody knows when it was
/// asked last and its binding may be about to go; but not all of them in one burst.
pub(super) fn spread(before: usize, interval: Duration) -> Duration {
    let pace_ms = KEEPALIVE_PACE.as_millis() as u64;
    let interval_ms = interval.as_millis() as u64;
    Duration::from_millis(before as u64 * pace_ms % interval_ms.max(1))
}
