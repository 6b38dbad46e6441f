//! What a party sounds like: a loop of G.711 frames in both laws, and the list of everyone's.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::Arc;

use super::g711::Law;
use super::{CLOCK_RATE, FRAME_BYTES, Frame};

/// A looped recording. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voice {
    /// Where the sound comes from, for people: a capture's stream, or the synthesis' name.
    pub name: Arc<str>,
    a: Arc<[Frame]>,
    mu: Arc<[Frame]>,
}

/// How each user sounds: a phone plays its own voice and expects the others'.
pub type Voices = Arc<BTreeMap<String, Voice>>;

impl Voice {
    /// A voice from frames in one law; the other law's are converted sample by sample. `None` if
    /// there are no frames.
    pub fn new(name: &str, law: Law, frames: &[Frame]) -> Option<Self> {
        if frames.is_empty() {
            return None;
        }
        let convert = |wanted: Law| -> Arc<[Frame]> {
            if wanted == law {
                return frames.into();
            }
            let frame = |frame: &Frame| frame.map(|byte| wanted.encode(law.decode(byte)));
            frames.iter().map(frame).collect()
        };
        Some(Self {
            name: name.into(),
            a: convert(Law::A),
            mu: convert(Law::Mu),
        })
    }

    /// A synthesised voice for when no capture is at hand: `seconds` of a tone that glides and
    /// beats around `pitch_hz` with syllable-like pauses, so that every stretch is distinguishable.
    pub fn synthesised(name: &str, pitch_hz: f64, seconds: u32) -> Self {
        let rate = f64::from(CLOCK_RATE);
        let sample = |index: u32| {
            let t = f64::from(index) / rate;
            let syllable = (TAU * 2.3 * t).sin().max(0.0);
            let glide = pitch_hz * t + 30.0 * (TAU * 0.31 * t).sin();
            let wave = (TAU * glide).sin() + 0.5 * (TAU * 2.02 * glide).sin();
            (wave * syllable * 9000.0) as i16
        };
        let samples: Vec<u8> = (0..seconds.max(1) * CLOCK_RATE)
            .map(|index| Law::A.encode(sample(index)))
            .collect();
        let frames: Vec<Frame> = samples
            .chunks_exact(FRAME_BYTES)
            .map(|chunk| chunk.try_into().expect("chunks are one frame long"))
            .collect();
        Self::new(&format!("{name} (synthesised)"), Law::A, &frames)
            .expect("a second of sound has frames")
    }

    /// How many frames until the loop starts again; at least one.
    pub fn length(&self) -> usize {
        self.a.len()
    }

    /// The frame at a position counted from the start, wrapping around.
    pub fn frame(&self, law: Law, position: usize) -> &Frame {
        let frames = match law {
            Law::A => &self.a,
            Law::Mu => &self.mu,
        };
        &frames[position % frames.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthesised_voices_differ_and_loop() {
        let (low, high) = (
            Voice::synthesised("l", 180.0, 2),
            Voice::synthesised("h", 310.0, 2),
        );
        assert_eq!(low.length(), 100);
        assert_eq!(low.frame(Law::A, 3), low.frame(Law::A, 103));
        assert_ne!(low.frame(Law::A, 3), low.frame(Law::Mu, 3));
        let same = (0..100)
            .filter(|at| low.frame(Law::A, *at) == high.frame(Law::A, *at))
            .count();
        assert!(same < 60, "{same} frames alike: only the pauses may be");
        let distinct: std::collections::BTreeSet<_> =
            (0..100).map(|at| low.frame(Law::Mu, at)).collect();
        assert!(distinct.len() > 40);
        assert_eq!(Voice::new("none", Law::A, &[]), None);
    }
}
