//! What the relay costs a packet on the `memory` port, beside copying it and doing nothing.
//!
//! `cargo bench -p strait-dataplane --bench relay [-- CALLS]`. Every call is four open slots (RTP
//! and RTCP on either side); packets visit the calls in random order with everything on: source
//! check, policer, statistics, VLAN, DSCP, checksum; 214-byte frames (G.711, 20 ms). Batches of
//! both programs alternate; the best decile and the median are shown.

#[path = "../tests/rig/mod.rs"]
mod rig;
mod scene;

use std::time::{Duration, Instant};

use scene::{BATCH, Path, Scene};

/// Batches of packets timed for each program.
const BATCHES: usize = 4_000;

fn main() {
    // `cargo test --benches` passes this argument, to see that they start.
    let quick = std::env::args().any(|argument| argument == "--test");
    let batches = if quick { 8 } else { BATCHES };
    let only = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    println!("ns a packet   copying only       relaying     difference   (best decile, median)");
    for path in [Path::V4ToV4, Path::V4ToV6] {
        for calls in [1, 1_000, 100_000, 250_000] {
            if only.is_some_and(|only| only != calls) {
                continue;
            }
            let mut scene = Scene::new(calls, path);
            let (mut copying, mut relaying) = (Vec::new(), Vec::new());
            for _ in 0..batches {
                copying.push(scene.copy());
                relaying.push(scene.relay());
            }
            let (copy, relay) = (per_packet(copying), per_packet(relaying));
            println!(
                "{calls:>8}  {path:>5}  {:>6.1} {:>6.1}  {:>6.1} {:>6.1}  {:>6.1} {:>6.1}",
                copy[0],
                copy[1],
                relay[0],
                relay[1],
                relay[0] - copy[0],
                relay[1] - copy[1],
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

/// The best decile's and the median batch's time a packet, in nanoseconds.
fn per_packet(mut batches: Vec<Duration>) -> [f64; 2] {
    batches.sort();
    [10, 2].map(|part| batches[batches.len() / part].as_nanos() as f64 / BATCH as f64)
}

/// Times `work` and nothing else.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
