//! Ranges of UDP ports, written `20000-29999`.

use std::{borrow::Cow, fmt, ops::RangeInclusive, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::name::ScalarError;

/// Ports from `first` to `last`, both included; never empty, never port 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The lowest port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Every port of the range.
    pub const fn ports(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }

    /// RTP and RTCP pairs in the range (RFC 3550 §11: RTP even, RTCP the next odd port).
    pub const fn pairs(self) -> u32 {
        (self.last as u32 - self.first as u32).div_ceil(2)
    }

    /// Whether some port is in both ranges.
    pub const fn overlaps(self, other: PortRange) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl FromStr for PortRange {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<PortRange, ScalarError> {
        let port = |text: &str| -> Result<u16, ScalarError> {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let port = text.parse().map_err(|_| ScalarError::PortRange)?;
            if digits && port != 0 {
                Ok(port)
            } else {
                Err(ScalarError::PortRange)
            }
        };
        let (first, last) = text.split_once('-').ok_or(ScalarError::PortRange)?;
        let (first, last) = (port(first)?, port(last)?);
        if first <= last {
            Ok(PortRange { first, last })
        } else {
            Err(ScalarError::PortRange)
        }
    }
}

impl TryFrom<String> for PortRange {
    type Error = ScalarError;

    fn try_from(text: String) -> Result<PortRange, ScalarError> {
        text.parse()
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> String {
        range.to_string()
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl JsonSchema for PortRange {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PortRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "strait-port-range",
            "pattern": "^[0-9]{1,5}-[0-9]{1,5}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let range: PortRange = "20000-20999".parse().expect("a range");
        assert_eq!(
            (range.first(), range.last(), range.pairs()),
            (20000, 20999, 500)
        );
        assert_eq!(range.to_string(), "20000-20999");
        for text in [
            "", "-", "20000", "0-9", "9-8", "1-65536", "+1-2", "1 - 2", "1-2-3",
        ] {
            assert_eq!(
                text.parse::<PortRange>(),
                Err(ScalarError::PortRange),
                "{text:?}"
            );
        }
    }

    #[test]
    fn overlap_is_symmetric_and_includes_the_ends() {
        let range = |text: &str| text.parse::<PortRange>().expect("a range");
        assert!(range("10-19").overlaps(range("19-30")));
        assert!(range("19-30").overlaps(range("10-19")));
        assert!(!range("10-19").overlaps(range("20-30")));
    }
}
