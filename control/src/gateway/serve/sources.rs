//! How often each source registers: by IPv4 address or IPv6 /64, since that is what one customer
//! has (RFC 6177).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use strait_shared::time::Instant;

use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::limits::MAX_SOURCES;

/// When the next request of each source is due at the rate it is allowed (GCRA, ITU-T I.371).
#[derive(Debug)]
pub struct Sources {
    due: Map<IpAddr, Instant>,
    /// In the order they were first heard, so that the oldest makes room.
    heard: VecDeque<(Instant, IpAddr)>,
}

/// How much of a burst is taken at once, and how long a source is remembered.
const BURST: Duration = Duration::from_secs(1);

impl Sources {
    /// None heard.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            due: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            heard: VecDeque::new(),
        }
    }

    /// Whether one more request of `source` is within `rate` a second, a second's worth at once.
    pub fn take(&mut self, now: Instant, source: IpAddr, rate: u32) -> bool {
        let name = name(source);
        let known = self.due.get(&name).copied();
        let due = known.unwrap_or(now).max(now);
        if due.since(now) >= BURST {
            return false;
        }
        if known.is_none() {
            if self.heard.len() >= MAX_SOURCES
                && let Some((_, oldest)) = self.heard.pop_front()
            {
                self.due.remove(&oldest);
            }
            self.heard.push_back((now, name));
        }
        self.due.insert(name, due + BURST / rate.max(1));
        true
    }

    /// Forgets sources that have all their allowance back.
    pub fn expire(&mut self, now: Instant) {
        while let Some((heard, name)) = self.heard.front().copied() {
            if now.since(heard) < BURST {
                break;
            }
            self.heard.pop_front();
            match self.due.get(&name) {
                Some(due) if *due > now => self.heard.push_back((now, name)),
                _ => {
                    self.due.remove(&name);
                }
            }
        }
    }
}

fn name(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_a_seconds_worth_at_once_and_then_its_rate() {
        let mut sources = Sources::new(&[3; 32]);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let start = Instant::ZERO + Duration::from_secs(9);
        let taken = |sources: &mut Sources, now, source| {
            (0..100).filter(|_| sources.take(now, source, 10)).count()
        };
        assert_eq!(taken(&mut sources, start, one), 10);
        assert_eq!(taken(&mut sources, start, other), 10);
        let neighbour = "2001:db8::2".parse().unwrap();
        assert_eq!(taken(&mut sources, start, neighbour), 0, "the same /64");
        let later = start + Duration::from_millis(300);
        assert_eq!(taken(&mut sources, later, one), 3);
        sources.expire(start + Duration::from_secs(60));
        sources.expire(start + Duration::from_secs(120));
        assert_eq!((sources.due.len(), sources.heard.len()), (0, 0));
    }

    #[test]
    fn sources_are_bounded() {
        let mut sources = Sources::new(&[3; 32]);
        for number in 0..MAX_SOURCES as u32 + 5 {
            let source = IpAddr::V4(number.into());
            assert!(sources.take(Instant::ZERO, source, 1));
        }
        assert_eq!(sources.due.len(), MAX_SOURCES);
    }
}
