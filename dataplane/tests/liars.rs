//! A worker in a region that control, or anybody, writes over while frames come from anybody: the
//! fuzz target's body over bytes that are the same in every run.

use strait_dataplane::fuzz;

/// Regions, each made, written over and worked in.
const CASES: u64 = 10_000;
/// What one case is made of, at most.
const BYTES_MAX: usize = 600;

#[test]
fn a_worker_amid_lies_at_random() {
    for seed in 0..CASES {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut data = vec![0; random.usize(..=BYTES_MAX)];
        random.fill(&mut data);
        fuzz::worker(&data);
    }
}
