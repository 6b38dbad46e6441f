//! What is counted of one direction, by whoever sends it and by whoever hears it.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Largest latency told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(60);
/// Decimal digits of a latency that are kept.
const DIGITS: u8 = 3;
/// A point of the timeline stands for so long.
pub const MOMENT: Duration = Duration::from_millis(100);

/// The sender's half.
#[derive(Debug)]
pub struct Sent {
    /// Packets that fell due.
    pub offered: u64,
    /// Packets of calls that flood; not among the offered.
    pub flooded: u64,
    /// Of these, the ones our own system refused to send.
    pub refused: u64,
    /// How much later than due each packet left, in nanoseconds.
    pub lateness: Histogram<u64>,
}

/// The hearer's half.
#[derive(Debug)]
pub struct Heard {
    /// Packets that came, each counted once.
    pub delivered: u64,
    /// The same of calls that flood; not among the delivered.
    pub flooded: u64,
    /// Further copies.
    pub duplicated: u64,
    /// Packets overtaken by a later one.
    pub reordered: u64,
    /// Packets that differ from what was sent under their number; not among the delivered.
    pub corrupted: u64,
    /// Packets from an address, or with a source, that belongs to nothing this side listens to.
    pub strange: u64,
    /// Octets of RTP and RTCP delivered.
    pub bytes: u64,
    /// From when each packet was due, not when it was sent, to its arrival, in nanoseconds: a
    /// sender that falls behind does not hide the wait (coordinated omission).
    pub latency: Histogram<u64>,
    /// Packets delivered and the longest latency, by the moment of arrival.
    pub timeline: Vec<Moment>,
}

/// A point of the timeline.
#[derive(Clone, Copy, Default, Debug)]
pub struct Moment {
    /// Packets delivered.
    pub delivered: u64,
    /// The longest latency among them.
    pub latency_max: Duration,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            offered: 0,
            flooded: 0,
            refused: 0,
            lateness: histogram(),
        }
    }
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            delivered: 0,
            flooded: 0,
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
            strange: 0,
            bytes: 0,
            latency: histogram(),
            timeline: Vec::new(),
        }
    }
}

impl Heard {
    /// Counts a sound packet that is the first under its number.
    pub fn deliver(&mut self, at: Duration, latency: Duration, bytes: usize) {
        self.delivered += 1;
        self.bytes += bytes as u64;
        self.latency.saturating_record(nanoseconds(latency));
        let moment = (at.as_nanos() / MOMENT.as_nanos()) as usize;
        if self.timeline.len() <= moment {
            self.timeline.resize(moment + 1, Moment::default());
        }
        let moment = &mut self.timeline[moment];
        moment.delivered += 1;
        moment.latency_max = moment.latency_max.max(latency);
    }
}

/// Which of the latest packets of a flow have come: finds copies and latecomers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Window {
    /// One more than the highest number.
    next: u64,
    /// Bit `n` stands for `next - 1 - n`.
    seen: u128,
}

/// What a packet's number says about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// In its turn, or with some before it missing.
    Next,
    /// Overtaken by a later one.
    Late,
    /// Here before.
    Again,
}

impl Window {
    /// The number that is expected next.
    pub fn expected(&self) -> u64 {
        self.next
    }

    /// Takes note of a packet.
    pub fn note(&mut self, number: u64) -> Turn {
        if number >= self.next {
            let step = number + 1 - self.next;
            let kept = u32::try_from(step)
                .ok()
                .and_then(|step| self.seen.checked_shl(step));
            self.seen = kept.unwrap_or(0) | 1;
            self.next = number + 1;
            return Turn::Next;
        }
        let Some(bit) = u32::try_from(self.next - 1 - number)
            .ok()
            .and_then(|n| 1u128.checked_shl(n))
        else {
            return Turn::Late;
        };
        let again = self.seen & bit != 0;
        self.seen |= bit;
        if again { Turn::Again } else { Turn::Late }
    }
}

/// Nanoseconds as a histogram records them.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// A histogram of nanoseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(nanoseconds(LATENCY_MAX), DIGITS).expect("bounds that make sense")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_latecomers_are_told_apart() {
        let mut window = Window::default();
        let turns: Vec<Turn> = [0, 1, 1, 4, 3, 3, 2, 500, 4, 499]
            .iter()
            .map(|&number| window.note(number))
            .collect();
        use Turn::{Again, Late, Next};
        assert_eq!(
            turns,
            [Next, Next, Again, Next, Late, Again, Late, Next, Late, Late]
        );
        assert_eq!(window.expected(), 501);
    }

    #[test]
    fn the_timeline_has_the_moments_in_between() {
        let mut heard = Heard::default();
        heard.deliver(Duration::from_millis(20), Duration::from_micros(9), 10);
        heard.deliver(Duration::from_millis(320), Duration::from_micros(5), 10);
        heard.deliver(Duration::from_millis(310), Duration::from_micros(7), 10);
        let delivered: Vec<u64> = heard
            .timeline
            .iter()
            .map(|moment| moment.delivered)
            .collect();
        assert_eq!((delivered, heard.bytes), (vec![1, 0, 0, 2], 30));
        assert_eq!(heard.timeline[3].latency_max, Duration::from_micros(7));
    }
}
