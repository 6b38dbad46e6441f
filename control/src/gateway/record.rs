//! The record of a call, written at its end: one JSON object.

use std::net::SocketAddr;

use strait_config::ControlProtocol;

use serde::{Deserialize, Serialize, Serializer};

use super::serve::steer::Steered;
use crate::media::{Component, Side, StreamReport};

/// What is known of a call when it is over.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CallRecord {
    /// The call's number; unique for the life of the process.
    pub number: u64,
    /// The caller's side.
    pub caller: PartyRecord,
    /// The callee's side.
    pub callee: PartyRecord,
    /// The softswitch it went through, where it was chosen for it.
    pub softswitch: Option<String>,
    /// When the INVITE came.
    pub began: Timestamp,
    /// When the callee answered.
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// From answer to end, in milliseconds; 0 where nobody answered.
    pub duration_ms: u64,
    /// Who ended it, and why.
    #[serde(flatten)]
    pub ending: Option<Ending>,
    /// How its parties' IP versions were judged, where a server did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steering: Option<Steered>,
    /// The gateway whose termination or connection it was, where a controller commanded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayRecord>,
    /// What its streams carried: one entry for each stream, side and component.
    pub streams: Vec<StreamRecord>,
}

/// One side of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PartyRecord {
    /// The realm.
    pub realm: String,
    /// The Call-ID as this side saw it.
    pub call_id: String,
    /// From, as this side saw it: a URI.
    pub from: String,
    /// To, as this side saw it: a URI.
    pub to: String,
    /// Where its signalling came from or went.
    pub address: Option<SocketAddr>,
}

/// What a controlled gateway had in a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayRecord {
    /// `h248` or `mgcp`.
    pub protocol: String,
    /// What the gateway calls itself.
    pub name: String,
    /// The termination (H.248), or the endpoint and its connection (MGCP).
    pub termination: String,
    /// The context (H.248), or the call's identifier (MGCP).
    pub context: String,
}

/// A point in calendar time, written as in RFC 3339 with milliseconds, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timestamp {
    /// Milliseconds since 1970, leap seconds left out.
    pub unix_ms: u64,
}

/// Who ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The callee.
    Callee,
    /// Strait itself.
    Strait,
    /// The operator.
    Operator,
}

/// Who ended a call, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ending {
    /// Who.
    pub ended_by: EndedBy,
    /// Why: `bye`, `cancelled`, `rejected`, `media timeout`, `session expired` …
    pub reason: &'static str,
    /// The final response to the INVITE, where it was refused.
    pub status: Option<u16>,
}

/// What one party sent on one stream.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StreamRecord {
    /// Which `m=` line, from 0.
    pub line: u16,
    /// `audio`, `video` …
    pub media: String,
    /// The codec agreed on.
    pub codec: Option<String>,
    /// Whose packets: `caller` or `callee`.
    pub side: &'static str,
    /// `rtp` or `rtcp`.
    pub component: &'static str,
    /// Our address and port that they arrived at.
    pub local: SocketAddr,
    /// Where the party's SDP said that it receives.
    pub signalled: Option<SocketAddr>,
    /// Where its packets came from.
    pub latched: Option<SocketAddr>,
    /// Packets let through.
    pub packets: u64,
    /// Bytes of UDP payload let through.
    pub bytes: u64,
    /// RTP packets missing.
    pub lost: u32,
    /// RTP packets that came late or twice.
    pub disordered: u32,
    /// Interarrival jitter in milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Packets from where none may come.
    pub refused: u64,
    /// Packets over the rate allowed.
    pub policed: u64,
}

impl CallRecord {
    /// Adds what a session's streams carried.
    pub fn add(&mut self, report: Vec<StreamReport>) {
        self.streams
            .extend(report.into_iter().map(StreamRecord::from));
    }
}

impl GatewayRecord {
    /// Of a gateway, as far as it is known.
    pub fn new(
        protocol: ControlProtocol,
        gateway: &str,
        termination: Option<&[u8]>,
        context: &[u8],
    ) -> Self {
        let mut record = Self {
            protocol: protocol.as_str().to_owned(),
            name: gateway.to_owned(),
            termination: String::new(),
            context: String::new(),
        };
        record.call(termination.unwrap_or_default(), context);
        record
    }

    /// What the gateway calls it; octets that are no text are written in hexadecimal.
    pub fn call(&mut self, termination: &[u8], context: &[u8]) {
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains(char::is_control) => text.to_owned(),
            _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        (self.termination, self.context) = (text(termination), text(context));
    }
}

impl From<StreamReport> for StreamRecord {
    fn from(report: StreamReport) -> Self {
        let counters = report.counters;
        Self {
            line: report.line,
            media: report.media,
            codec: report.codec.map(|codec| codec.name),
            side: match report.side {
                Side::Caller => "caller",
                Side::Callee => "callee",
            },
            component: match report.component {
                Component::Rtp => "rtp",
                Component::Rtcp => "rtcp",
            },
            local: report.local,
            signalled: report.signalled,
            latched: counters.latched,
            packets: counters.packets,
            bytes: counters.bytes,
            lost: counters.lost,
            disordered: counters.disordered,
            jitter_ms: counters.jitter_ns as f64 / 1e6,
            refused: counters.refused,
            policed: counters.policed,
        }
    }
}

impl Timestamp {
    /// As SIP's Date header has it, to the second (RFC 3261 §20.17).
    pub fn http_date(self) -> String {
        let since = std::time::Duration::from_millis(self.unix_ms);
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
    }

    /// Year, month and day (proleptic Gregorian), by counting 400-year cycles from 1 March 2000.
    fn date(self) -> (u64, u64, u64) {
        let days = self.unix_ms / 86_400_000 + 719_468;
        let cycle_day = days % 146_097;
        let year_of_cycle =
            (cycle_day - cycle_day / 1_460 + cycle_day / 36_524 - cycle_day / 146_096) / 365;
        let day_of_year =
            cycle_day - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = days / 146_097 * 400 + year_of_cycle + u64::from(month <= 2);
        (year, month, day)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.date();
        let ms = self.unix_ms % 86_400_000;
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_as_calendars_do() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_210_096_007, "2024-02-29T12:34:56.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(Timestamp { unix_ms }.to_string(), text);
        }
    }
}
