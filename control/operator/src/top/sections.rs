//! What a picture says, as titled tables: the same for the live view and for plain text.

use std::{collections::BTreeMap, time::Duration};

use strait_control::admin::model::{Percentiles, Status, Worker};

use super::Picture;
use crate::{
    calls,
    print::{self, clock, nanoseconds, plain},
    status::{access, state, up},
};

/// A titled table.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Everything at once, as plain text.
pub(super) fn text(picture: &Picture) -> String {
    let sections = [
        workers(picture, None),
        drops(picture, None),
        signalling(&picture.status),
        softswitches(&picture.status),
        realms(&picture.status),
        calls_of(picture),
    ];
    let told = sections.iter().filter(|section| !section.rows.is_empty());
    let tables = told.map(|section| {
        format!(
            "\n\n{}\n{}",
            section.title,
            print::table(&section.head, &section.rows)
        )
    });
    headline(picture) + &tables.collect::<String>()
}

/// The whole of it in a line.
pub(super) fn headline(picture: &Picture) -> String {
    let status = &picture.status;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = now.unwrap_or(Duration::ZERO).as_millis() as u64;
    let dataplane = if status.dataplane.attached {
        ""
    } else {
        ", dataplane away"
    };
    let nics = status.dataplane.nics.iter();
    let nics = nics.map(|nic| format!(", {} {}", plain(&nic.name), access(nic)));
    format!(
        "{} {} {}{dataplane}, up {}, {} calls, {} registrations{}",
        plain(&status.instance),
        plain(&status.version),
        state(status.state),
        clock(now_ms.saturating_sub(status.since_unix_ms)),
        status.calls,
        status.registrations,
        nics.collect::<String>(),
    )
}

/// Packets and latency of each worker; a second's worth where there is an earlier picture.
pub(super) fn workers(picture: &Picture, earlier: Option<&Picture>) -> Section {
    let head = vec![
        "worker", "", "in", "out", "dropped", "p50", "p99", "p99.9", "max",
    ];
    let row = |worker: &Worker| {
        let same = |picture: &Picture| {
            picture
                .status
                .workers
                .iter()
                .find(|w| w.worker == worker.worker)
                .cloned()
        };
        let before = earlier.and_then(same);
        let told = |count: fn(&Worker) -> u64| {
            pace(
                count(worker),
                before.as_ref().map(count),
                elapsed(picture, earlier),
            )
        };
        let alive = if worker.alive { "alive" } else { "stuck" };
        let Percentiles {
            p50,
            p99,
            p999,
            max,
            ..
        } = worker.latency_ns;
        let mut cells = vec![worker.worker.to_string(), alive.to_owned()];
        cells.extend([
            told(|w| w.received),
            told(|w| w.sent),
            told(|w| w.drops.values().sum()),
        ]);
        cells.extend([p50, p99, p999, max].map(nanoseconds));
        cells
    };
    Section {
        title: "workers",
        head,
        rows: picture.status.workers.iter().map(row).collect(),
    }
}

/// Why packets were dropped, over all workers.
pub(super) fn drops(picture: &Picture, earlier: Option<&Picture>) -> Section {
    let before = earlier
        .map(|earlier| sum(&earlier.status))
        .unwrap_or_default();
    let row = |(reason, count): (&String, &u64)| {
        let before = earlier.map(|_| before.get(reason).copied().unwrap_or(0));
        let told = pace(*count, before, elapsed(picture, earlier));
        vec![plain(reason), count.to_string(), told]
    };
    let rows = sum(&picture.status).iter().map(row).collect();
    Section {
        title: "drops",
        head: vec!["reason", "total", "now"],
        rows,
    }
}

/// How messages fare.
pub(super) fn signalling(status: &Status) -> Section {
    let signalling = &status.signalling;
    let mut rows = vec![
        vec![
            "server transactions".to_owned(),
            signalling.server_transactions.to_string(),
        ],
        vec![
            "client transactions".to_owned(),
            signalling.client_transactions.to_string(),
        ],
        vec!["connections".to_owned(), signalling.connections.to_string()],
        vec![
            "latency p50".to_owned(),
            nanoseconds(signalling.latency_ns.p50),
        ],
        vec![
            "latency p99".to_owned(),
            nanoseconds(signalling.latency_ns.p99),
        ],
    ];
    let counters = signalling.counters.iter().filter(|(_, count)| **count > 0);
    rows.extend(counters.map(|(name, count)| vec![plain(name), count.to_string()]));
    Section {
        title: "signalling",
        head: vec!["what", "count"],
        rows,
    }
}

/// Which softswitches answer.
pub(super) fn softswitches(status: &Status) -> Section {
    let row = |softswitch: &strait_control::admin::model::Softswitch| {
        vec![
            plain(&softswitch.name),
            softswitch.address.to_string(),
            up(softswitch).to_owned(),
        ]
    };
    let rows = status.softswitches.iter().map(row).collect();
    Section {
        title: "softswitches",
        head: vec!["name", "address", "state"],
        rows,
    }
}

/// How full the realms' ports are.
pub(super) fn realms(status: &Status) -> Section {
    let row = |realm: &strait_control::admin::model::Realm| {
        let pairs = format!("{} of {}", realm.media_pairs_used, realm.media_pairs);
        vec![plain(&realm.name), pairs]
    };
    let rows = status.realms.iter().map(row).collect();
    Section {
        title: "realms",
        head: vec!["name", "port pairs"],
        rows,
    }
}

/// The calls that stand.
pub(super) fn calls_of(picture: &Picture) -> Section {
    let rows = picture.calls.iter().map(calls::row).collect();
    Section {
        title: "calls",
        head: calls::HEAD.to_vec(),
        rows,
    }
}

fn sum(status: &Status) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (reason, count) in status.workers.iter().flat_map(|worker| &worker.drops) {
        *all.entry(reason.clone()).or_default() += count;
    }
    all
}

fn elapsed(picture: &Picture, earlier: Option<&Picture>) -> Duration {
    earlier.map_or(Duration::ZERO, |earlier| {
        picture.taken.duration_since(earlier.taken)
    })
}

/// The count, or what was added a second since `before`; a counter that went back starts anew.
fn pace(count: u64, before: Option<u64>, elapsed: Duration) -> String {
    match before {
        Some(before) if !elapsed.is_zero() => {
            let added = count.checked_sub(before).unwrap_or(count);
            format!("{:.0}/s", added as f64 / elapsed.as_secs_f64())
        }
        _ => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces_are_a_second_and_survive_a_restart() {
        assert_eq!(pace(150, Some(50), Duration::from_secs(2)), "50/s");
        assert_eq!(pace(10, Some(50), Duration::from_secs(1)), "10/s");
        assert_eq!(pace(10, None, Duration::ZERO), "10");
    }
}
