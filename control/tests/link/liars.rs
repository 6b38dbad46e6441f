//! A dataplane that writes what it likes into the region: the fuzz target's body over bytes that
//! are the same in every run.

use strait_control::link::fuzz;

/// Regions, each made, lied about and worked with.
const CASES: u64 = 5_000;
/// What one case is made of, at most.
const BYTES_MAX: usize = 600;

#[test]
fn a_link_to_a_liar_at_random() {
    for seed in 0..CASES {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut data = vec![0; random.usize(..=BYTES_MAX)];
        random.fill(&mut data);
        fuzz::link(&data);
    }
}
