//! How values, and what is allowed instead of them, are said.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value as Schema;

use crate::{
    Domain, PortRange, RealmName, ScalarError,
    limits::QUOTED_CHARS_MAX,
    scalar::duration,
    schema::{choices, resolve, type_of},
    yaml::Value,
};

/// Reads `text` as the word that `format` names.
pub(crate) fn check_word(format: &str, text: &str) -> Result<(), String> {
    let say = |error: ScalarError| error.to_string();
    match format {
        "strait-name" => text.parse::<RealmName>().map(drop).map_err(say),
        "strait-domain" => text.parse::<Domain>().map(drop).map_err(say),
        "strait-duration" => duration::parse(text).map(drop).map_err(say),
        "strait-port-range" => text.parse::<PortRange>().map(drop).map_err(say),
        "strait-address" => text
            .parse::<IpAddr>()
            .map(drop)
            .map_err(|_| "an IPv4 or IPv6 address: `192.0.2.1`, `\"2001:db8::1\"`".to_owned()),
        "strait-socket-address" => text.parse::<SocketAddr>().map(drop).map_err(|_| {
            "an address and a port: `\"192.0.2.1:5060\"`, `\"[2001:db8::1]:5060\"`".to_owned()
        }),
        _ => Ok(()),
    }
}

/// What `format` names, in a sentence.
pub(crate) fn noun(format: &str) -> &'static str {
    match format {
        "strait-name" => "a name",
        "strait-domain" => "a domain name",
        "strait-duration" => "a duration",
        "strait-port-range" => "a range of ports",
        "strait-address" => "an address",
        "strait-socket-address" => "an address with a port",
        _ => "text",
    }
}

/// What the schema allows, in words.
pub(crate) fn allowed(root: &Schema, schema: &Schema, may_be_null: bool) -> String {
    let or_null = if may_be_null { ", or `null`" } else { "" };
    format!("{}{or_null}", kind(root, schema))
}

fn kind(root: &Schema, schema: &Schema) -> String {
    let words: Vec<String> = choices(schema)
        .iter()
        .map(|(word, _)| format!("`{word}`"))
        .collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    let bound = |name| schema.get(name).and_then(Schema::as_i64);
    match type_of(schema) {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            (Some(least), None) => format!("a whole number, {least} or more"),
            _ => "a whole number".to_owned(),
        },
        Some("array") => {
            let item = resolve(root, &schema["items"]);
            format!("a list; each item is {}", kind(root, item))
        }
        Some("object") => {
            let known = schema.get("properties").and_then(Schema::as_object);
            let keys: Vec<String> = known
                .into_iter()
                .flat_map(|k| k.keys())
                .map(|key| format!("`{key}`"))
                .collect();
            format!("a mapping with the keys {}", keys.join(", "))
        }
        _ => {
            let format = schema
                .get("format")
                .and_then(Schema::as_str)
                .unwrap_or_default();
            // No word of ours is as long as this one, so each format describes itself.
            let refused = "?".repeat(300);
            check_word(format, &refused)
                .err()
                .unwrap_or_else(|| "text".to_owned())
        }
    }
}

/// The value as it stands in the file, shortened.
pub(crate) fn quote(value: &Value) -> String {
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Integer(value) => format!("`{value}`"),
        Value::Float(value) => format!("`{value:?}`"),
        Value::Text(text) => format!("`{}`", shorten(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

/// The text on one line, without control characters, and not too much of it.
pub(crate) fn shorten(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}{more}", short.escape_debug())
}

/// What a value of a wrong type or spelling was probably meant to be, as it would stand there.
pub(crate) fn reading(schema: &Schema, value: &Value) -> Option<String> {
    let words: Vec<&str> = choices(schema).into_iter().map(|(word, _)| word).collect();
    match (type_of(schema), value) {
        _ if !words.is_empty() => match value {
            Value::Text(text) => nearest(text, &words).map(str::to_owned),
            // `off` and `no` style truth values where a choice has `none`.
            Value::Bool(false) => words.contains(&"none").then(|| "none".to_owned()),
            _ => None,
        },
        (Some("boolean"), Value::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" | "1" => Some("true".to_owned()),
            "no" | "off" | "n" | "false" | "0" => Some("false".to_owned()),
            _ => None,
        },
        (Some("boolean"), Value::Integer(number @ 0..=1)) => Some((*number == 1).to_string()),
        (Some("integer"), Value::Text(text)) => {
            let digits = text.trim().replace(['_', ',', ' ', '\''], "");
            digits.parse::<i64>().ok().map(|number| number.to_string())
        }
        (Some("integer"), Value::Float(number)) if fits_whole(schema, *number) => {
            Some(format!("{number:.0}"))
        }
        (Some("string"), Value::Integer(number)) => {
            let format = schema
                .get("format")
                .and_then(Schema::as_str)
                .unwrap_or_default();
            match format {
                "strait-duration" => Some(format!("{number}s")),
                _ => check_word(format, &number.to_string())
                    .ok()
                    .map(|()| format!("\"{number}\"")),
            }
        }
        (Some("string"), Value::Text(text)) => respelled(schema, text),
        _ => None,
    }
}

/// `null`, where a word stands for nothing and nothing may stand.
pub(crate) fn unset(value: &Value, may_be_null: bool) -> Option<String> {
    let nothing = match value {
        Value::Text(text) => {
            let word = text.to_ascii_lowercase();
            ["", "none", "never", "off", "no", "nil"].contains(&word.as_str())
        }
        Value::Bool(value) => !value,
        _ => false,
    };
    (may_be_null && nothing).then(|| "null".to_owned())
}

/// Whether a number written with a fraction or exponent is a whole one that fits.
fn fits_whole(schema: &Schema, number: f64) -> bool {
    let most = schema
        .get("maximum")
        .and_then(Schema::as_f64)
        .unwrap_or(f64::MAX);
    number.fract() == 0.0 && (0.0..=most).contains(&number)
}

/// The same word without blanks, with the usual slips undone, when that makes it right.
fn respelled(schema: &Schema, text: &str) -> Option<String> {
    let format = schema.get("format").and_then(Schema::as_str)?;
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let candidates = match format {
        "strait-duration" => vec![
            plain.to_ascii_lowercase(),
            plain.replace("sec", "s").replace("min", "m"),
            plain
                .trim_end_matches(|c: char| c.is_ascii_alphabetic())
                .to_owned()
                + "s",
        ],
        "strait-port-range" => {
            let joined = plain.replace("..", "-").replace([':', '–', ','], "-");
            let single = format!("{plain}-{plain}");
            let turned = joined.split_once('-').map(|(a, b)| format!("{b}-{a}"));
            [joined, single].into_iter().chain(turned).collect()
        }
        "strait-address" => vec![
            plain.trim_matches(['[', ']']).to_owned(),
            plain.split('/').next().unwrap_or_default().to_owned(),
            plain
                .parse::<SocketAddr>()
                .map(|at| at.ip().to_string())
                .unwrap_or_default(),
        ],
        "strait-socket-address" => match plain.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => vec![format!("\"{}\"", SocketAddr::new(ip, 5060))],
            Err(_) => vec![plain],
        },
        "strait-name" => vec![text.split_whitespace().collect::<Vec<_>>().join("-")],
        _ => vec![plain],
    };
    let right = |word: &String| check_word(format, word.trim_matches('"')).is_ok();
    candidates.into_iter().find(right)
}

/// The candidate that `word` is most probably a misspelling of.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    if word.len() > QUOTED_CHARS_MAX {
        return None;
    }
    let plain = word.to_lowercase().replace('-', "_");
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase().replace('-', "_");
        let prefix = plain.len() >= 3 && candidate.starts_with(&plain);
        let distance = strsim::damerau_levenshtein(&plain, &candidate);
        if prefix { distance.min(1) } else { distance }
    };
    let most = (plain.chars().count() / 3).max(1);
    let near = candidates
        .iter()
        .map(|candidate| (distance(candidate), *candidate));
    near.filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_a_slip_and_no_more() {
        let keys = ["forward_to", "media", "media_timeout", "nat"];
        assert_eq!(nearest("forward-to", &keys), Some("forward_to"));
        assert_eq!(nearest("meida", &keys), Some("media"));
        assert_eq!(nearest("Media_Timeout", &keys), Some("media_timeout"));
        assert_eq!(nearest("forward", &keys), Some("forward_to"));
        assert_eq!(nearest("police", &keys), None);
        assert_eq!(nearest("", &keys), None);
    }

    #[test]
    fn long_values_are_shortened_and_escaped() {
        let quoted = quote(&Value::Text(format!("\u{1b}{}", "x".repeat(500))));
        assert!(quoted.starts_with("`\\u{1b}x") && quoted.ends_with("x…`"));
        assert!(quoted.chars().count() < QUOTED_CHARS_MAX + 12);
    }
}
