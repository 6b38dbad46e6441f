//! What a plain scalar stands for: YAML 1.2 §10.3.2, the core schema.

use super::Value;

/// The value of a scalar written without quotes.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if leading_zero || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        // Beyond 64 bits it is still a number, which the range of its key then refuses.
        return text
            .parse()
            .map(Value::Integer)
            .ok()
            .or_else(|| float(text));
    }
    let float_only = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || b"eE+-.".contains(&b));
    if float_only { float(text) } else { None }
}

fn float(text: &str) -> Option<Value> {
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .map(Value::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_core_schema() {
        assert_eq!(plain("~"), Value::Null);
        assert_eq!(plain("true"), Value::Bool(true));
        assert_eq!(plain("-12"), Value::Integer(-12));
        assert_eq!(plain("0"), Value::Integer(0));
        assert_eq!(plain("0.5"), Value::Float(0.5));
        assert_eq!(plain("1e3"), Value::Float(1000.0));
    }

    #[test]
    fn what_people_mean_as_text_stays_text() {
        for text in [
            "yes",
            "046",
            "192.0.2.1",
            "2001:db8::1",
            "20000-29999",
            "25s",
            "1e999",
        ] {
            assert_eq!(plain(text), Value::Text(text.to_owned()));
        }
    }
}
