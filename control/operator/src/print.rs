//! Standard output: lines, JSON, tables. A reader that went away is no failure.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::exit::{Exit, Failure};

/// Writes `text` and a line's end.
pub fn lines(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Failed,
            format!("standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes `value` as JSON, indented.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("plain data is JSON");
    lines(&text)
}

/// Columns as wide as their widest cell, two blanks apart; the last column is not filled up.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let widths = widths(head, rows);
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows
        .iter()
        .map(|row| line(&mut row.iter().map(String::as_str)));
    let head = line(&mut head.iter().copied());
    std::iter::once(head)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The characters that the widest cell of each column takes.
pub fn widths(head: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// `1:02:03` or `2:03`.
pub fn clock(duration_ms: u64) -> String {
    let seconds = duration_ms / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A number of bytes with a unit that leaves one to four digits.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1_024.0 && unit + 1 < units.len() {
        value /= 1_024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// Nanoseconds with a unit that leaves one to three digits before the point.
pub fn nanoseconds(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} ns"),
        1_000..1_000_000 => format!("{:.1} µs", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", count as f64 / 1e6),
        _ => format!("{:.1} s", count as f64 / 1e9),
    }
}

/// What others wrote, without anything that moves a terminal's cursor or colours it.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let rows = [
            vec!["1".to_owned(), "sip:a".to_owned()],
            vec!["100".to_owned(), "é".to_owned()],
        ];
        assert_eq!(
            table(&["n", "from"], &rows),
            "n    from\n1    sip:a\n100  é"
        );
    }

    #[test]
    fn units_fit_what_they_measure() {
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(nanoseconds(1_500), "1.5 µs");
        assert_eq!(nanoseconds(2_000_000_000), "2.0 s");
        assert_eq!(clock(3_723_000), "1:02:03");
        assert_eq!(clock(63_999), "1:03");
    }

    #[test]
    fn a_callers_name_moves_no_cursor() {
        assert_eq!(plain("\u{1b}[2Jalice\u{9b}"), "\u{fffd}[2Jalice\u{fffd}");
    }
}
