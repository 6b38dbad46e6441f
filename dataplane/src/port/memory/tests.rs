//! The memory port on a file and on the heap, where Miri runs it too; and against peers that lie.

use super::*;

const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 9]);
/// Frames from one thread to another.
const STREAM: u64 = if cfg!(miri) { 40 } else { 2_000 };
/// Words that a liar writes.
const LIES: usize = if cfg!(miri) { 40 } else { 20_000 };

fn frames(count: usize) -> Vec<Frame> {
    std::iter::repeat_with(Frame::new).take(count).collect()
}

#[test]
#[cfg_attr(miri, ignore = "no memfd")]
fn frames_cross_between_two_attachments_of_one_file() {
    let link = Link::create(1, 4).unwrap();
    let attached = Link::attach(link.fd().try_clone_to_owned().unwrap()).unwrap();
    cross(&link, &attached);
}

#[test]
fn frames_cross_in_order_and_unchanged_in_both_directions() {
    let link = Link::heap(1, 4);
    cross(&link, &link);
}

fn cross(near: &Link, far: &Link) {
    let mut port = near.port(0, "a", MAC);
    let mut far = far.far_end(0);
    let mut burst = frames(8);
    for round in 0..10u8 {
        for (index, length) in [0usize, 1, 9, 2048].into_iter().enumerate() {
            assert!(far.send(&vec![round ^ index as u8; length]));
        }
        assert!(!far.send(b"one too many"));
        assert_eq!(port.rx_burst(Instant::ZERO, &mut burst), 4);
        assert_eq!(
            port.tx_burst(Instant::ZERO, &mut burst, &[3, 2, 1, 0, 0]),
            4
        );
        let mut space = [0; FRAME_BYTES_MAX];
        for (index, length) in [0usize, 1, 9, 2048].into_iter().enumerate().rev() {
            assert_eq!(far.receive(&mut space), Some(length));
            assert_eq!(space[..length], vec![round ^ index as u8; length]);
        }
        assert_eq!(far.receive(&mut space), None);
    }
}

#[test]
fn frames_arrive_whole_from_another_thread() {
    let link = Link::heap(1, 4);
    let (mut port, mut far) = (link.port(0, "a", MAC), link.far_end(0));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..STREAM {
                while !far.send(&number.to_ne_bytes().repeat(5)) {
                    std::thread::yield_now();
                }
            }
        });
        let (mut burst, mut seen) = (frames(3), 0);
        while seen < STREAM {
            let filled = port.rx_burst(Instant::ZERO, &mut burst);
            for frame in &burst[..filled] {
                assert_eq!(frame.bytes(), seen.to_ne_bytes().repeat(5));
                seen += 1;
            }
            std::thread::yield_now();
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "no memfd")]
fn a_foreign_descriptor_is_refused() {
    let other = rustix::fs::memfd_create("other", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    assert!(Link::attach(other).is_err());
    assert!(matches!(Link::create(1, 3), Err(LinkError::Sizes)));
    assert!(matches!(Link::create(0, 4), Err(LinkError::Sizes)));
}

#[test]
#[cfg_attr(miri, ignore = "no memfd")]
fn a_header_with_any_other_word_is_refused() {
    for (word, value) in [(0, 0), (1, 0), (1, 65), (1, u64::MAX), (2, 3), (2, 8)] {
        let link = Link::create(1, 4).unwrap();
        link.mapping.store(word, value);
        let again = Link::attach(link.fd().try_clone_to_owned().unwrap());
        assert!(again.is_err(), "word {word} = {value}");
    }
}

#[test]
fn a_far_end_that_lies_about_indices_or_lengths_brings_nothing_in() {
    let link = Link::heap(1, 4);
    let mut port = link.port(0, "a", MAC);
    let mut far = link.far_end(0);
    assert!(far.send(b"frame"));
    let (inward, _) = link.rings(0);
    link.mapping.store(inward + ring::SLOTS_AT, 1 << 40);
    assert_eq!(port.rx_burst(Instant::ZERO, &mut frames(4)), 0);
    link.mapping.store(inward + ring::PUBLISHED_AT, 1_000);
    assert_eq!(port.rx_burst(Instant::ZERO, &mut frames(4)), 0);
}

/// Another thread writes what it likes over every word while the port works: frames may be
/// garbled, and are never longer or more than there is room for.
#[test]
fn a_peer_that_writes_every_word_meanwhile_harms_nobody() {
    let link = Link::heap(1, 4);
    let mut port = link.port(0, "a", MAC);
    let words = link.mapping.words();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut liar = move |link: &Link| {
        let (place, shift) = (next(), next() % 64);
        // Indices and lengths as often as all other words.
        let near_start = place.is_multiple_of(2);
        let at = place as usize / 2 % if near_start { 64 } else { words };
        link.mapping.store(at, next() >> shift);
    };
    std::thread::scope(|scope| {
        let other = link.clone();
        scope.spawn(move || (0..LIES).for_each(|_| liar(&other)));
        let mut burst = frames(8);
        for _ in 0..LIES / 10 {
            let filled = port.rx_burst(Instant::ZERO, &mut burst);
            assert!(filled <= 4);
            for frame in &burst[..filled] {
                assert!(frame.bytes().len() <= FRAME_BYTES_MAX);
            }
            assert!(port.tx_burst(Instant::ZERO, &mut burst, &[0; 8]) <= 4);
        }
    });
}
