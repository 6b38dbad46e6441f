//! What the relay costs a packet on the `memory` port, beside copying it and doing nothing.
//!
//! `cargo bench -p strait-dataplane --bench relay`. Every call is four open slots (RTP and RTCP on
//! either side); packets visit the calls in random order with everything on: source check, policer,
//! statistics, VLAN, DSCP, checksum; 214-byte frames (G.711, 20 ms). Rounds of both programs
//! alternate; the medians of the rounds are shown.

#[path = "../tests/rig/mod.rs"]
mod rig;
mod scene;

use std::time::{Duration, Instant};

use scene::{Path, Scene};

const ROUNDS: usize = 41;
/// Packets timed in one round.
const PACKETS: usize = 64 * 1024;

fn main() {
    // `cargo test` runs benches with this argument, to see that they start.
    let quick = std::env::args().any(|argument| argument == "--test");
    let (rounds, packets) = if quick { (1, 1024) } else { (ROUNDS, PACKETS) };
    println!(
        "{:>8}  {:>8}  {:>10} {:>10} {:>12}",
        "calls", "path", "copy only", "relay", "difference"
    );
    for path in [Path::V4ToV4, Path::V4ToV6] {
        for calls in [1, 1_000, 100_000] {
            let mut scene = Scene::new(calls, path);
            let (mut copying, mut relaying) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                copying.push(per_packet(scene.copy(packets), packets));
                relaying.push(per_packet(scene.relay(packets), packets));
            }
            let (copy, relay) = (median(copying), median(relaying));
            println!(
                "{calls:>8}  {path:>8}  {copy:>7.1} ns {relay:>7.1} ns {:>9.1} ns",
                relay - copy
            );
            scene.check();
            if path == Path::V4ToV4 && calls == 100_000 {
                println!(
                    "{:>8}  {} bytes a call in the dataplane",
                    "",
                    scene.bytes_per_call()
                );
            }
        }
    }
}

fn per_packet(spent: Duration, packets: usize) -> f64 {
    spent.as_nanos() as f64 / packets as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times `work` and nothing else.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
