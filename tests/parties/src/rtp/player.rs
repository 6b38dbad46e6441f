//! Plays a voice as an RTP stream: one packet every 20 ms.

use strait_shared::time::Instant;

use super::g711::Law;
use super::packet::{Packet, Ssrc};
use super::voice::Voice;
use super::{CLOCK_RATE, FRAME_BYTES, FRAME_TIME};

/// The sending half of a stream. Sequence numbers, and with them the place in the voice, advance
/// only with packets sent; the timestamp keeps up with time, so that a pause shows as one.
pub struct Player {
    voice: Voice,
    law: Law,
    ssrc: Ssrc,
    first_sequence: u16,
    first_timestamp: u32,
    started: Option<Instant>,
    next: Option<Instant>,
    packets: u32,
    resumed: bool,
}

/// What the player has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// RTP packets.
    pub packets: u32,
    /// Payload bytes.
    pub bytes: u64,
}

impl Player {
    /// A player at rest. Where the numbers start is random in RTP: the caller draws them.
    pub fn new(voice: Voice, ssrc: Ssrc, first_sequence: u16, first_timestamp: u32) -> Self {
        Self {
            voice,
            law: Law::A,
            ssrc,
            first_sequence,
            first_timestamp,
            started: None,
            next: None,
            packets: 0,
            resumed: false,
        }
    }

    /// Starts, or goes on after [`Player::stop`], in the law agreed.
    pub fn start(&mut self, now: Instant, law: Law) {
        self.law = law;
        self.started.get_or_insert(now);
        if self.next.is_none() {
            self.next = Some(now);
            self.resumed = true;
        }
    }

    /// Falls silent.
    pub fn stop(&mut self) {
        self.next = None;
    }

    /// The packet due by `now`, if one is; call until there is none.
    pub fn packet(&mut self, now: Instant) -> Option<Vec<u8>> {
        let due = self.next.filter(|due| *due <= now)?;
        self.next = Some(due + FRAME_TIME);
        let position = self.packets as usize;
        let packet = Packet {
            marker: std::mem::take(&mut self.resumed),
            payload_type: self.law.payload_type(),
            sequence: self.first_sequence.wrapping_add(self.packets as u16),
            timestamp: self.timestamp(due),
            ssrc: self.ssrc,
            payload: self.voice.frame(self.law, position),
        };
        self.packets += 1;
        Some(packet.to_bytes())
    }

    /// When the next packet is due.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// The RTP timestamp that corresponds to a point in time.
    pub fn timestamp(&self, at: Instant) -> u32 {
        let played = self
            .started
            .map_or(0, |started| at.since(started).as_micros());
        let samples = played * u128::from(CLOCK_RATE) / 1_000_000;
        self.first_timestamp.wrapping_add(samples as u32)
    }

    /// What has been sent so far.
    pub fn sent(&self) -> Sent {
        Sent {
            packets: self.packets,
            bytes: u64::from(self.packets) * FRAME_BYTES as u64,
        }
    }

    /// Whose stream it is.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_a_pause_shows_only_in_the_timestamp() {
        let voice = Voice::synthesised("v", 200.0, 1);
        let mut player = Player::new(voice, Ssrc(1), 65_535, u32::MAX - 100);
        let start = Instant::from_millis(1000);
        assert_eq!(player.packet(start), None);
        player.start(start, Law::Mu);
        let take = |player: &mut Player, now| {
            let bytes = player.packet(now).unwrap();
            let packet = Packet::parse(&bytes).unwrap();
            assert_eq!(player.packet(now), None);
            (packet.marker, packet.sequence, packet.timestamp)
        };
        assert_eq!(take(&mut player, start), (true, 65_535, u32::MAX - 100));
        assert_eq!(take(&mut player, start + FRAME_TIME), (false, 0, 59));
        player.stop();
        let later = start + FRAME_TIME * 11;
        assert_eq!(player.packet(later), None);
        player.start(later, Law::Mu);
        assert_eq!(take(&mut player, later), (true, 1, 59 + 1600));
        assert_eq!(
            player.sent(),
            Sent {
                packets: 3,
                bytes: 480
            }
        );
    }
}
