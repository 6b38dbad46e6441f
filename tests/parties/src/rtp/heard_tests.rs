//! What a listener counts and what it recognises.

use super::*;
use crate::rtp::FRAME_TIME;
use crate::rtp::player::Player;

const HERE: &str = "192.0.2.1:4000";

fn packets(voice: &Voice, ssrc: u32, count: usize) -> Vec<(Instant, Vec<u8>)> {
    let mut player = Player::new(voice.clone(), Ssrc(ssrc), 65_500, 77);
    let start = Instant::from_millis(5000);
    player.start(start, Law::A);
    (0..count)
        .map(|index| {
            let at = start + FRAME_TIME * index as u32;
            (at, player.packet(at).unwrap())
        })
        .collect()
}

fn listen(voice: &Voice, packets: &[(Instant, Vec<u8>)]) -> Heard {
    let mut listener = Listener::new(Some(voice.clone()));
    let source = HERE.parse().unwrap();
    listener.expect_from(Some(source));
    for (at, bytes) in packets {
        listener.receive(*at, source, &Packet::parse(bytes).unwrap());
    }
    listener.heard()
}

#[test]
fn a_clean_stream_is_clean_across_the_wrap() {
    let voice = Voice::synthesised("v", 200.0, 2);
    let heard = listen(&voice, &packets(&voice, 1, 250));
    assert!(heard.is_clean());
    assert_eq!(
        (heard.received, heard.lost, heard.late, heard.duplicates),
        (250, 0, 0, 0)
    );
    assert_eq!(
        (heard.jitter, heard.longest_gap),
        (Duration::ZERO, FRAME_TIME)
    );
}

#[test]
fn loss_lateness_and_repetition_are_told_apart() {
    let voice = Voice::synthesised("v", 200.0, 2);
    let mut stream = packets(&voice, 1, 200);
    stream.remove(100);
    stream.swap(50, 51);
    let repeated = stream[120].clone();
    stream.insert(125, repeated);
    let heard = listen(&voice, &stream);
    assert_eq!((heard.lost, heard.late, heard.duplicates), (1, 1, 1));
    assert_eq!((heard.received, heard.altered), (200, 0));
}

#[test]
fn an_altered_payload_is_seen_wherever_it_is() {
    let voice = Voice::synthesised("v", 200.0, 2);
    for at in [0, 30, 199] {
        let mut stream = packets(&voice, 1, 200);
        stream[at].1[100] ^= 0x10;
        assert_eq!(listen(&voice, &stream).altered, 1, "packet {at}");
    }
}

#[test]
fn a_payload_from_the_wrong_place_is_altered() {
    let voice = Voice::synthesised("v", 200.0, 2);
    let mut stream = packets(&voice, 1, 200);
    // Sixty frames on, where both places are sound and not pause.
    let distinct = (20..130)
        .find(|at| stream[*at].1[12..] != stream[at + 60].1[12..])
        .unwrap();
    let moved = stream[distinct + 60].1[12..].to_vec();
    stream[distinct].1[12..].copy_from_slice(&moved);
    assert_eq!(listen(&voice, &stream).altered, 1);
}

#[test]
fn another_voice_is_foreign_and_spoils_the_call() {
    let (voice, other) = (
        Voice::synthesised("v", 200.0, 2),
        Voice::synthesised("o", 333.3, 2),
    );
    let loud: Vec<_> = packets(&other, 2, 100)
        .into_iter()
        .filter(|(_, p)| p[12..] != [0xd5; 160])
        .collect();
    let alone = listen(&voice, &loud);
    assert_eq!((alone.received, alone.foreign), (0, loud.len() as u64));
    let mut both = packets(&voice, 1, 100);
    both.extend(loud.clone());
    let heard = listen(&voice, &both);
    assert_eq!((heard.received, heard.foreign), (100, loud.len() as u64));
    assert!(!heard.is_clean());
}

#[test]
fn a_report_covers_the_interval_since_the_last() {
    let voice = Voice::synthesised("v", 200.0, 2);
    let mut listener = Listener::new(None);
    assert_eq!(listener.report(), None);
    for (index, (at, bytes)) in packets(&voice, 9, 100).iter().enumerate() {
        if index % 4 != 3 || index >= 52 {
            listener.receive(*at, HERE.parse().unwrap(), &Packet::parse(bytes).unwrap());
        }
        if index == 51 {
            let report = listener.report().unwrap();
            // Packets 3, 7, … 47 are known missing; 51 is not yet.
            assert_eq!((report.lost, report.fraction), (12, (12 * 256 / 51) as u8));
        }
    }
    let report = listener.report().unwrap();
    assert_eq!((report.lost, report.fraction), (13, (256 / 49) as u8));
    assert_eq!(report.highest, 65_500 + 99);
}
