//! The report for people, on a terminal.

use std::fmt;

use super::{Direction, Latency, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speed = self
            .speed
            .map_or("as fast as it goes".to_owned(), |times| format!("{times}x"));
        writeln!(f, "{} calls, {speed}, {:.1} s", self.calls, self.seconds)?;
        writeln!(
            f,
            "offered {}, delivered {}, lost {:.4} %; {:.0} packets/s, {:.1} Mbit/s",
            self.offered,
            self.delivered,
            self.loss_percent,
            self.packets_per_second,
            self.megabits_per_second,
        )?;
        if let Some(seconds) = self.cpu_seconds_per_million {
            writeln!(
                f,
                "in the middle: {seconds:.2} CPU seconds per million packets"
            )?;
        }
        if let Some(seconds) = self.kernel_seconds_per_million {
            writeln!(
                f,
                "the kernel for it: {seconds:.2} CPU seconds per million packets"
            )?;
        }
        if self.workers.len() > 1 {
            let workers: Vec<String> = self.workers.iter().map(u64::to_string).collect();
            writeln!(f, "received by each worker: {}", workers.join(", "))?;
        }
        let [sent, delivered] = self.flood;
        if sent > 0 {
            writeln!(f, "besides: a flood of {sent}, {delivered} of it delivered")?;
        }
        writeln!(f)?;
        row(f, "", ["near to far", "far to near"])?;
        let count = |f: &mut _, name, value: fn(&Direction) -> u64| {
            row(f, name, [0, 1].map(|index| value(&self.directions[index])))
        };
        count(f, "offered", |direction| direction.offered)?;
        count(f, "delivered", |direction| direction.delivered)?;
        count(f, "reordered", |direction| direction.reordered)?;
        count(f, "duplicated", |direction| direction.duplicated)?;
        count(f, "corrupted", |direction| direction.corrupted)?;
        count(f, "strange", |direction| direction.strange)?;
        count(f, "malformed", |direction| direction.malformed)?;
        self.latencies(f, "latency", |direction| direction.latency)?;
        self.latencies(f, "sender late", |direction| direction.lateness)?;
        if !self.lost.is_empty() {
            writeln!(f, "\nlost")?;
        }
        for (place, count) in &self.lost {
            writeln!(f, "  {place:<40} {count}")?;
        }
        Ok(())
    }
}

impl Report {
    fn latencies(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        of: fn(&Direction) -> Latency,
    ) -> fmt::Result {
        let both = [0, 1].map(|index| of(&self.directions[index]).quantiles());
        for (near, far) in both[0].iter().zip(&both[1]) {
            let name = format!("{name} {}, us", near.0);
            row(f, &name, [near, far].map(|(_, us)| format!("{us:.0}")))?;
        }
        Ok(())
    }
}

fn row<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, values: [T; 2]) -> fmt::Result {
    let [near, far] = values;
    writeln!(f, "  {name:<24} {near:>14} {far:>14}")
}
