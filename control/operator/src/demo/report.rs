//! What happened, for people and as JSON.

use std::fmt;
use std::path::PathBuf;

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::Value;
use strait_control::admin::model::Call;

use super::script::Plot;
use super::stage::Who;

/// The whole demonstration.
#[derive(Serialize)]
pub struct Report {
    /// Why it failed, in one line; nothing if every call was as it should be.
    pub failure: Option<String>,
    /// Who was where and sounded like what.
    pub people: Vec<Person>,
    /// Every call.
    pub calls: Vec<CallReport>,
    /// Latency of every packet.
    pub latency: Latency,
    /// What Strait said of its calls while they stood; the last word on each.
    pub seen_by_strait: Vec<Call>,
    /// The records Strait wrote, one a call.
    pub records: Vec<Value>,
    /// Where everything is.
    pub files: Files,
    /// Addresses of one side that the other was shown, one entry a datagram; there should be none.
    pub leaks: Vec<String>,
    /// Datagrams in the capture.
    pub captured: u64,
    /// Datagrams for addresses nobody has, or that the machine would not take.
    pub unsent: u64,
}

/// One of the people.
#[derive(Serialize)]
pub struct Person {
    pub name: Who,
    pub whereabouts: &'static str,
    pub own_address: String,
    pub voice: String,
}

/// One call.
#[derive(Serialize)]
pub struct CallReport {
    pub number: usize,
    pub caller: Who,
    pub callee: Who,
    pub plot: Plot,
    pub call_id: String,
    pub ended: String,
    pub failure: Option<String>,
    pub streams: Vec<StreamReport>,
}

/// One direction of a call's media.
#[derive(Serialize)]
pub struct StreamReport {
    pub from: String,
    pub to: String,
    pub ssrc: u32,
    /// Packets the phone sent, and those that went into Strait and came out.
    pub sent: u64,
    pub into_strait: u64,
    pub out_of_strait: u64,
    pub not_relayed: u64,
    /// Packets heard, content compared, and what was wrong with others.
    pub heard: u64,
    pub lost: u64,
    pub late: u64,
    pub duplicates: u64,
    pub altered: u64,
    pub foreign: u64,
    pub unsignalled: u64,
    pub jitter_us: u64,
    pub longest_gap_ms: u64,
    pub rtcp_reports: u64,
    pub latency: Latency,
}

/// The shape of a latency distribution, one way through Strait, in microseconds.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Latency {
    pub packets: u64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

/// Where everything is.
#[derive(Serialize)]
pub struct Files {
    pub capture: PathBuf,
    pub records: PathBuf,
    pub configuration: PathBuf,
    pub log: PathBuf,
    pub report: PathBuf,
}

impl Latency {
    /// The shape of a histogram of nanoseconds.
    pub fn of(latency_ns: &Histogram<u64>) -> Self {
        let us = |ns: u64| ns as f64 / 1000.0;
        Self {
            packets: latency_ns.len(),
            p50_us: us(latency_ns.value_at_quantile(0.5)),
            p90_us: us(latency_ns.value_at_quantile(0.9)),
            p99_us: us(latency_ns.value_at_quantile(0.99)),
            p999_us: us(latency_ns.value_at_quantile(0.999)),
            max_us: us(latency_ns.max()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for person in &self.people {
            let (name, at) = (person.name.name(), &person.own_address);
            writeln!(
                f,
                "{name:<6} {at}, {}; voice: {}",
                person.whereabouts, person.voice
            )?;
        }
        writeln!(f)?;
        for call in &self.calls {
            write!(f, "{call}")?;
        }
        writeln!(f, "\nOne way through Strait, all packets: {}", self.latency)?;
        self.latched(f)?;
        if let Some(record) = self.record_to_show() {
            writeln!(
                f,
                "\nA call's record, one of {}:\n{record}",
                self.records.len()
            )?;
        }
        if self.unsent > 0 {
            writeln!(
                f,
                "\n{} datagrams were for addresses nobody has",
                self.unsent
            )?;
        }
        let files = &self.files;
        writeln!(
            f,
            "\nCapture of both sides ({} packets): {}",
            self.captured,
            show(&files.capture)
        )?;
        writeln!(
            f,
            "Records ({} calls): {}",
            self.records.len(),
            show(&files.records)
        )?;
        writeln!(
            f,
            "Log: {}   Report: {}",
            show(&files.log),
            show(&files.report)
        )?;
        match &self.failure {
            None => writeln!(f, "\nEvery call was heard both ways."),
            Some(reason) => writeln!(f, "\nFAILED: {reason}"),
        }
    }
}

impl Report {
    /// A record that has something to tell: of a call that was answered.
    fn record_to_show(&self) -> Option<&Value> {
        let answered = |record: &&Value| record.get("answered").is_some_and(|at| !at.is_null());
        self.records.iter().find(answered).or(self.records.first())
    }

    /// What Strait latched, one line a stream and side.
    fn latched(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nWhat Strait latched (alice and bob take two calls: to the softswitch and back):"
        )?;
        writeln!(
            f,
            "  {:>4}  {:<6} {:<15} {:<22} {:<22} {:<22} {:>7} {:>5}",
            "call", "side", "realm", "Strait's address", "signalled", "latched", "packets", "lost"
        )?;
        for call in &self.seen_by_strait {
            for stream in &call.streams {
                let (side, realm) = match stream.side {
                    strait_control::admin::model::Side::Caller => ("caller", &call.caller_realm),
                    strait_control::admin::model::Side::Callee => ("callee", &call.callee_realm),
                };
                writeln!(
                    f,
                    "  {:>4}  {side:<6} {realm:<15} {:<22} {:<22} {:<22} {:>7} {:>5}",
                    call.number,
                    address(stream.local),
                    address(stream.signalled),
                    address(stream.latched),
                    stream.packets,
                    stream.lost,
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.plot {
            Plot::Talk => "talk",
            Plot::Hold => "talk, hold, resume, talk",
            Plot::Cancel => "given up while ringing",
        };
        let (from, to) = (self.caller.name(), self.callee.name());
        let verdict = match (&self.failure, self.plot) {
            (Some(_), _) => "FAILED",
            (None, Plot::Cancel) => "as planned",
            (None, _) => "heard both ways",
        };
        writeln!(
            f,
            "{:>2}  {from} → {to}: {what}; {}; {verdict}",
            self.number, self.ended
        )?;
        if let Some(reason) = &self.failure {
            writeln!(f, "    {reason}")?;
        }
        if !self.streams.is_empty() {
            writeln!(
                f,
                "    {:<16} {:>5} {:>5} {:>5} {:>5} {:>4} {:>4} {:>7} {:>9}   latency",
                "stream", "in", "out", "heard", "lost", "late", "dup", "altered", "jitter"
            )?;
        }
        for stream in &self.streams {
            writeln!(
                f,
                "    {:<16} {:>5} {:>5} {:>5} {:>5} {:>4} {:>4} {:>7} {:>6} µs   {}",
                format!("{} → {}", stream.from, stream.to),
                stream.into_strait,
                stream.out_of_strait,
                stream.heard,
                stream.lost,
                stream.late,
                stream.duplicates,
                stream.altered,
                stream.jitter_us,
                stream.latency
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.0} p90 {:.0} p99 {:.0} p99.9 {:.0} max {:.0} µs",
            self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.max_us
        )
    }
}

fn address(address: Option<std::net::SocketAddr>) -> String {
    address.map_or_else(|| "-".to_owned(), |address| address.to_string())
}

fn show(path: &std::path::Path) -> std::path::Display<'_> {
    path.display()
}
