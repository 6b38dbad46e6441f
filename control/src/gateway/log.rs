//! Log lines, no more of them than a person can read.

use std::collections::VecDeque;
use std::time::Duration;

use strait_shared::time::Instant;

use super::io::{LogLevel, LogLine, Output};
use super::limits::LOG_LINES_PER_SECOND;

/// Lets a bounded number of lines a second through and says how many it held back.
#[derive(Debug, Default)]
pub struct Log {
    second_began: Instant,
    written: u32,
    held_back: u32,
    /// The weightiest line held back: as much weight has the line that tells of it.
    held_level: Option<LogLevel>,
}

impl Log {
    /// Writes a line, or counts it.
    pub fn write(
        &mut self,
        now: Instant,
        level: LogLevel,
        text: impl FnOnce() -> String,
        out: &mut VecDeque<Output>,
    ) {
        if now.since(self.second_began) >= Duration::from_secs(1) {
            self.begin_second(now, out);
        }
        if self.written >= LOG_LINES_PER_SECOND {
            self.held_back += 1;
            self.held_level = self.held_level.max(Some(level));
            return;
        }
        self.written += 1;
        out.push_back(Output::Log(LogLine {
            level,
            text: text(),
        }));
    }

    fn begin_second(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        self.second_began = now;
        self.written = 0;
        let held_back = std::mem::take(&mut self.held_back);
        if let Some(level) = self.held_level.take() {
            let text = format!("{held_back} further log lines were held back");
            out.push_back(Output::Log(LogLine { level, text }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_one_line() {
        let mut log = Log::default();
        let mut out = VecDeque::new();
        let flood = LOG_LINES_PER_SECOND + 5;
        for _ in 0..flood {
            log.write(Instant::ZERO, LogLevel::Info, || "x".into(), &mut out);
        }
        assert_eq!(out.len() as u32, LOG_LINES_PER_SECOND);
        log.write(
            Instant::from_millis(1000),
            LogLevel::Info,
            || "y".into(),
            &mut out,
        );
        let texts: Vec<_> = out.iter().rev().take(2).map(|o| format!("{o:?}")).collect();
        assert!(texts[1].contains("5 further"), "{texts:?}");
        assert!(texts[1].contains("Info"), "{texts:?}");
        assert!(texts[0].contains('y'), "{texts:?}");
    }
}
