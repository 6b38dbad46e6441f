//! What is chosen at random, or out of a fuzzer's bytes.

use strait_shared::fuzz::Bytes;

/// A source of choices.
pub trait Choices {
    /// A number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize;

    /// Whether there is nothing left to choose.
    fn is_over(&self) -> bool;

    /// Bytes of one's own, `length` at most.
    fn bytes(&mut self, length: usize) -> Vec<u8>;

    /// One of `choices`.
    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }
}

impl Choices for Bytes<'_> {
    fn below(&mut self, bound: usize) -> usize {
        match bound {
            0..=0x100 => usize::from(self.byte()) % bound,
            _ => usize::from(self.u16()) % bound,
        }
    }

    fn is_over(&self) -> bool {
        self.is_empty()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        self.take(length).to_vec()
    }
}

/// So many choices by xorshift64*: plenty for choosing.
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { state }
    }
}

impl Choices for Random {
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn is_over(&self) -> bool {
        false
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(0x100) as u8).collect()
    }
}

/// Choices at random, written down as the fuzzer would have to write them.
pub struct Recorded {
    random: Random,
    pub written: Vec<u8>,
}

impl Recorded {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            written: Vec::new(),
        }
    }
}

impl Choices for Recorded {
    fn below(&mut self, bound: usize) -> usize {
        let choice = self.random.below(bound);
        let width = if bound > 0x100 { 2 } else { 1 };
        self.written.extend(&choice.to_le_bytes()[..width]);
        choice
    }

    fn is_over(&self) -> bool {
        false
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let bytes = self.random.bytes(length);
        self.written.extend(&bytes);
        bytes
    }
}
