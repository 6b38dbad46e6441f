//! What the relay costs a packet on the `memory` port, beside copying it and doing nothing.
//!
//! `cargo bench -p strait-dataplane --bench relay [-- CALLS]`. Every call is four open slots (RTP
//! and RTCP on either side); packets visit the calls in random order with everything on: source
//! check, policer, statistics, VLAN, DSCP, checksum; 214-byte frames (G.711, 20 ms). Batches of
//! both programs alternate; the best decile and the median are shown, and below them what the
//! processor counted in further batches, where the machine lets it be asked.

#[path = "../tests/rig/mod.rs"]
mod rig;
mod scene;

use std::time::{Duration, Instant};

use scene::counters::Counters;
use scene::load::per_packet;
use scene::{BATCH, Path, Scene};

/// Batches of packets timed for each program.
const BATCHES: usize = 4_000;
/// Of so many, one is counted.
const COUNTED: usize = 10;

fn main() {
    // `cargo test --benches` passes this argument, to see that they start.
    let quick = std::env::args().any(|argument| argument == "--test");
    let batches = if quick { 8 } else { BATCHES };
    let only = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let mut counters = Counters::open();
    if let Err(error) = &counters {
        println!("this machine's processor counts nothing for us: {error}");
    }
    println!("ns a packet   copying only       relaying     difference   (best decile, median)");
    for path in [Path::V4ToV4, Path::V4ToV6] {
        for calls in [1, 1_000, 100_000, 250_000] {
            if only.is_some_and(|only| only != calls) {
                continue;
            }
            let mut scene = Scene::new(calls, path);
            let (mut copying, mut relaying) = (Vec::new(), Vec::new());
            for _ in 0..batches {
                copying.push(scene.copy(timed));
                relaying.push(scene.relay(timed));
            }
            let (copy, relay) = (per_packet(copying, BATCH), per_packet(relaying, BATCH));
            println!(
                "{calls:>8}  {path:>5}  {:>6.1} {:>6.1}  {:>6.1} {:>6.1}  {:>6.1} {:>6.1}",
                copy[0],
                copy[1],
                relay[0],
                relay[1],
                relay[0] - copy[0],
                relay[1] - copy[1],
            );
            if let Ok(counters) = &mut counters {
                count(counters, &mut scene, batches.div_ceil(COUNTED)).expect("they were granted");
            }
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

/// What the processor counts for each packet.
fn count(counters: &mut Counters, scene: &mut Scene, batches: usize) -> std::io::Result<()> {
    for _ in 0..batches {
        scene.copy(|work| counters.during(work));
    }
    let copying = counters.each(batches * BATCH)?;
    for _ in 0..batches {
        scene.relay(|work| counters.during(work));
    }
    let relaying = counters.each(batches * BATCH)?;
    println!("{:>8}  copying: {copying}; relaying: {relaying}", "");
    Ok(())
}

/// Times `work` and nothing else.
fn timed(work: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
