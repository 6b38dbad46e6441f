//! Durations as people write them: `500ms`, `25s`, `5m`, `1h`.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::ScalarError;

/// Stands for a [`Duration`] in the schema.
pub(crate) struct Text;

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "strait-duration",
            "pattern": "^[0-9]+(ms|s|m|h)$",
        })
    }
}

/// Reads a whole number followed by `ms`, `s`, `m` or `h`.
pub(crate) fn parse(text: &str) -> Result<Duration, ScalarError> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| ScalarError::Duration)?;
    let per_unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(ScalarError::Duration),
    };
    number
        .checked_mul(per_unit_ms)
        .map(Duration::from_millis)
        .ok_or(ScalarError::Duration)
}

/// Writes the duration in the largest unit that loses nothing.
pub(crate) fn print(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0 => "0s".to_owned(),
        _ if milliseconds.is_multiple_of(3_600_000) => format!("{}h", milliseconds / 3_600_000),
        _ if milliseconds.is_multiple_of(60_000) => format!("{}m", milliseconds / 60_000),
        _ if milliseconds.is_multiple_of(1_000) => format!("{}s", milliseconds / 1_000),
        _ => format!("{milliseconds}ms"),
    }
}

/// For `#[serde(with)]` and `#[schemars(with)]` on a [`Duration`].
pub(crate) mod required {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::print(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        super::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]` and `#[schemars(with)]` on an `Option<Duration>`.
pub(crate) mod optional {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(super::print).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text: Option<String> = Deserialize::deserialize(from)?;
        text.map(|text| super::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for text in ["0s", "1ms", "500ms", "25s", "90s", "2m", "1h", "1500ms"] {
            let duration = parse(text).expect("a duration");
            assert_eq!(parse(&print(duration)), Ok(duration));
        }
        assert_eq!(print(Duration::from_secs(3600)), "1h");
    }

    #[test]
    fn refuses_what_is_not_a_whole_number_and_a_unit() {
        for text in [
            "",
            "s",
            "5",
            "-5s",
            "1.5s",
            "5 s",
            "5d",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), Err(ScalarError::Duration), "{text:?}");
        }
        assert_eq!(parse(&format!("{}h", u64::MAX)), Err(ScalarError::Duration));
    }
}
