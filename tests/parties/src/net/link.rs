//! One direction of a path: delay, jitter, loss, repetition, reordering, a largest size.

use std::time::Duration;

use strait_shared::time::Instant;

/// What a datagram's IP and UDP headers add to its payload.
const HEADERS_V4_BYTES: usize = 28;
const HEADERS_V6_BYTES: usize = 48;

/// How packets get lost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Loss {
    /// Each with this probability, independently.
    Random(f64),
    /// In bursts (Gilbert's model): the link turns bad with one probability per packet and good
    /// again with the other, and loses everything while bad.
    Burst {
        /// Probability that a good link turns bad.
        begin: f64,
        /// Probability that a bad link turns good: the mean burst is its inverse.
        end: f64,
    },
}

/// What a path does to packets. Probabilities lie in `0.0..=1.0`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Profile {
    /// Least time from end to end.
    pub delay: Duration,
    /// Added to each packet's delay, uniformly from zero; packets stay in order.
    pub jitter: Duration,
    /// How packets get lost.
    pub loss: Loss,
    /// Probability of a second copy.
    pub duplicate: f64,
    /// Probability that a packet is overtaken by those after it.
    pub reorder: f64,
    /// How much later an overtaken packet arrives.
    pub reorder_delay: Duration,
    /// Largest IP packet in bytes; larger ones vanish, as with "don't fragment" and no ICMP.
    pub mtu: usize,
}

/// One direction of a path. The same seed and packets give the same fate.
pub struct Link {
    profile: Profile,
    random: fastrand::Rng,
    bad: bool,
    latest: Instant,
}

impl Default for Profile {
    /// A perfect path.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::Random(0.0),
            duplicate: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(50),
            mtu: 1500,
        }
    }
}

impl Profile {
    /// A path that only takes time.
    pub fn delayed(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }
}

impl Link {
    /// An idle link.
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            random: fastrand::Rng::with_seed(seed),
            bad: false,
            latest: Instant::ZERO,
        }
    }

    /// Changes what the path does from now on.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// When a packet sent now arrives: not at all, once, or twice.
    pub fn carry(&mut self, now: Instant, payload_bytes: usize, ipv6: bool) -> Vec<Instant> {
        let headers = if ipv6 {
            HEADERS_V6_BYTES
        } else {
            HEADERS_V4_BYTES
        };
        if payload_bytes + headers > self.profile.mtu || self.loses() {
            return Vec::new();
        }
        let copies = if self.chance(self.profile.duplicate) {
            2
        } else {
            1
        };
        (0..copies).map(|_| self.arrival(now)).collect()
    }

    fn arrival(&mut self, now: Instant) -> Instant {
        let jitter_ns = u64::try_from(self.profile.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.random.u64(..=jitter_ns));
        let at = (now + self.profile.delay + jitter).max(self.latest);
        if self.chance(self.profile.reorder) {
            return at + self.profile.reorder_delay;
        }
        self.latest = at;
        at
    }

    fn loses(&mut self) -> bool {
        match self.profile.loss {
            Loss::Random(probability) => self.chance(probability),
            Loss::Burst { begin, end } => {
                let turns = self.chance(if self.bad { end } else { begin });
                self.bad ^= turns;
                self.bad
            }
        }
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.f64() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(profile: Profile, seed: u64) -> Vec<Vec<Instant>> {
        let mut link = Link::new(profile, seed);
        (0..10_000)
            .map(|n| link.carry(Instant::from_millis(n * 20), 172, false))
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_fate() {
        let profile = Profile {
            jitter: Duration::from_millis(9),
            loss: Loss::Burst {
                begin: 0.01,
                end: 0.2,
            },
            duplicate: 0.1,
            reorder: 0.1,
            ..Profile::default()
        };
        assert_eq!(run(profile, 7), run(profile, 7));
        assert_ne!(run(profile, 7), run(profile, 8));
    }

    #[test]
    fn jitter_keeps_order_and_bounds() {
        let (delay, jitter) = (Duration::from_millis(10), Duration::from_millis(60));
        let arrivals = run(
            Profile {
                delay,
                jitter,
                ..Profile::default()
            },
            1,
        );
        let flat: Vec<_> = arrivals.into_iter().flatten().collect();
        assert_eq!(flat.len(), 10_000);
        assert!(flat.is_sorted());
        for (n, at) in flat.iter().enumerate() {
            let taken = at.since(Instant::from_millis(n as u64 * 20));
            assert!(taken >= delay && taken <= delay + jitter, "{taken:?}");
        }
    }

    #[test]
    fn loss_is_as_often_as_asked_and_comes_in_bursts() {
        let lost = |loss| {
            let fates = run(
                Profile {
                    loss,
                    ..Profile::default()
                },
                3,
            );
            let gone: Vec<bool> = fates.iter().map(Vec::is_empty).collect();
            let bursts = gone.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            (gone.iter().filter(|gone| **gone).count(), bursts)
        };
        let (random, random_bursts) = lost(Loss::Random(0.1));
        assert!((900..1100).contains(&random), "{random}");
        // Bad one packet in eleven, ten packets at a time: the same share in far fewer bursts.
        let (burst, bursts) = lost(Loss::Burst {
            begin: 0.01,
            end: 0.1,
        });
        assert!((600..1300).contains(&burst), "{burst}");
        assert!(bursts * 4 < random_bursts, "{bursts} {random_bursts}");
        assert_eq!(lost(Loss::Random(0.0)).0, 0);
        assert_eq!(lost(Loss::Random(1.0)).0, 10_000);
    }

    #[test]
    fn repetition_reordering_and_size() {
        let twice = run(
            Profile {
                duplicate: 0.5,
                ..Profile::default()
            },
            4,
        );
        let copies: usize = twice.iter().map(Vec::len).sum();
        assert!((14_500..15_500).contains(&copies), "{copies}");
        let mixed = run(
            Profile {
                reorder: 0.2,
                ..Profile::default()
            },
            5,
        );
        assert!(!mixed.into_iter().flatten().collect::<Vec<_>>().is_sorted());
        let mut link = Link::new(
            Profile {
                mtu: 200,
                ..Profile::default()
            },
            6,
        );
        assert_eq!(link.carry(Instant::ZERO, 172, false).len(), 1);
        assert_eq!(link.carry(Instant::ZERO, 173, false).len(), 0);
        assert_eq!(link.carry(Instant::ZERO, 172, true).len(), 0);
    }
}
