//! What the rings and the slot table cost, each beside doing no more than copying the bytes.
//!
//! ```text
//! cargo bench -p strait-shared
//! ```
#![cfg_attr(loom, allow(unused))]

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() {
    divan::main();
}

#[cfg(not(loom))]
mod region {
    use std::hint::black_box;
    use std::net::SocketAddr;

    use divan::Bencher;
    use divan::counter::ItemsCount;
    use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
    use strait_shared::net::Endpoint;
    use strait_shared::region::{Region, WorkerEnd};
    use strait_shared::slot::{EgressPort, Forwarding, Generation, Policer, SlotIndex};
    use strait_shared::table::RtpArrival;
    use strait_shared::time::Instant;

    /// Records that go through a ring in one measurement.
    const RECORDS: usize = 100_000;
    /// Slots looked at in one measurement.
    const LOOKS: usize = 100_000;
    const WORKER: WorkerIndex = WorkerIndex(0);
    const SLOTS: [u32; 3] = [1_000, 100_000, 1_000_000];

    /// A region of one worker with at least this many slots.
    fn region(slots: u32) -> Region {
        let addresses = (0..slots.div_ceil(60_000)).map(|index| LocalAddress {
            ip: [10, 0, 0, index as u8].into(),
            vlan: None,
            first_port: 2_000,
            last_port: 2_000 + slots.min(60_000) as u16 - 1,
            egress_port: EgressPort(0),
        });
        let addresses: Vec<_> = addresses.collect();
        let adjacencies = addresses.len() as u16;
        let sizes = Sizes {
            workers: 1,
            addresses,
            fork_slots: 0,
            ring_capacity: 1_024,
            adjacencies,
        };
        Region::heap(Geometry::new(sizes).expect("sizes that fit"))
    }

    /// A worker whose first `slots` slots are open and latched.
    fn worker(slots: u32) -> WorkerEnd {
        let region = region(slots);
        region.populate().expect("memory");
        let mut end = region.worker(WORKER).expect("the only one");
        let forwarding = Forwarding {
            accept: true,
            peer: Some(SlotIndex(0)),
            policer: Some(Policer {
                packets_per_second: 1_000_000,
                bytes_per_second: 1_000_000_000,
                burst_ms: 1_000,
            }),
            clock_hz: 8_000,
            ..Forwarding::default()
        };
        let remote: SocketAddr = ([192, 0, 2, 1], 4_000).into();
        for index in (0..slots).map(SlotIndex) {
            let opened = end
                .table
                .open(index, Generation(1), &forwarding, Instant::ZERO);
            opened.expect("an own slot");
            let slot = end.table.table().slot(index).expect("in the table");
            let view = slot.view().expect("nobody else is at work");
            slot.try_latch(&view, Endpoint::from(remote), false);
        }
        end
    }

    /// The slots in an order that no prefetcher guesses (a full-period congruence).
    fn shuffled(slots: u32) -> Vec<u32> {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((state >> 33) % u64::from(slots)) as u32
        };
        (0..LOOKS).map(|_| next()).collect()
    }

    #[divan::bench]
    fn records_copied(bencher: Bencher<'_, '_>) {
        let mut memory = vec![[0u64; 16]; 1_024];
        bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
            for number in 0..RECORDS {
                black_box(&mut memory)[number % 1_024] = [number as u64; 16];
                let record = black_box(&memory)[number % 1_024];
                black_box(&record);
            }
        });
    }

    #[divan::bench]
    fn records_through_a_ring_one_thread(bencher: Bencher<'_, '_>) {
        let region = region(1_000);
        let mut control = region.control().expect("free");
        let mut worker = region.worker(WORKER).expect("free");
        bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
            for number in 0..RECORDS {
                control.commands[0]
                    .push(&[number as u64; 16])
                    .expect("room");
                let record = worker.commands.pop().expect("sound").expect("one");
                black_box(&record);
            }
        });
    }

    #[divan::bench]
    fn records_through_a_ring_two_threads(bencher: Bencher<'_, '_>) {
        let region = region(1_000);
        let mut control = region.control().expect("free");
        let mut worker = region.worker(WORKER).expect("free");
        bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0..RECORDS {
                        wait_for(|| control.commands[0].push(&[number as u64; 16]).ok());
                    }
                });
                for _ in 0..RECORDS {
                    let record = wait_for(|| worker.commands.pop().expect("sound"));
                    black_box(&record);
                }
            });
        });
    }

    /// Spins for a while, then lets the other thread have the core: it may be the only one.
    fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
        for tries in 0.. {
            if let Some(result) = attempt() {
                return result;
            }
            if tries < 200 {
                std::hint::spin_loop()
            } else {
                std::thread::yield_now()
            }
        }
        unreachable!("tries without end")
    }

    #[divan::bench(args = SLOTS)]
    fn lines_copied(bencher: Bencher<'_, '_>, slots: u32) {
        let table = vec![[1u64; 24]; slots as usize];
        let order = shuffled(slots);
        bencher.counter(ItemsCount::new(LOOKS)).bench_local(|| {
            let mut sum = 0;
            for &index in &order {
                let line: [u64; 8] = table[index as usize][..8].try_into().expect("eight");
                sum += black_box(line)[3];
            }
            sum
        });
    }

    #[divan::bench(args = SLOTS)]
    fn slots_viewed(bencher: Bencher<'_, '_>, slots: u32) {
        let end = worker(slots);
        let table = end.table.table();
        let order = shuffled(slots);
        bencher.counter(ItemsCount::new(LOOKS)).bench_local(|| {
            let mut sum = 0;
            for &index in &order {
                let view = table.slot(SlotIndex(index)).and_then(|slot| slot.view());
                sum += black_box(view).map_or(0, |view| view.latch.epoch());
            }
            sum
        });
    }

    #[divan::bench(args = SLOTS)]
    fn slots_viewed_policed_and_counted(bencher: Bencher<'_, '_>, slots: u32) {
        let end = worker(slots);
        let table = end.table.table();
        let order = shuffled(slots);
        let mut now = 1_000_000_000u64;
        bencher.counter(ItemsCount::new(LOOKS)).bench_local(|| {
            for (number, &index) in order.iter().enumerate() {
                now += 50;
                let now = Instant::from_nanos(now);
                let slot = table.slot(SlotIndex(index)).expect("in the table");
                let view = slot.view().expect("nobody else is at work");
                let policer = view.policer().expect("configured");
                black_box(slot.police(&policer, now, 172));
                let rtp = RtpArrival {
                    ssrc: index,
                    sequence: number as u16,
                    timestamp: Some(number as u32 * 160),
                };
                slot.record_rtp(now, 172, rtp, view.clock_hz());
            }
        });
    }
}
