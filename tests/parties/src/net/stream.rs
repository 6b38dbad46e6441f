//! A byte stream over datagrams: as much of TCP as telephony notices. What was sent arrives once
//! and in order, in pieces of any length, late where the links lose, or not at all: then the
//! connection is gone, and both ends learn it sooner or later.

use std::collections::VecDeque;
use std::time::Duration;

use strait_shared::time::Instant;

/// Bytes of a segment: it passes any link.
const SEGMENT_BYTES: usize = 400;
/// Segments on their way at once.
const WINDOW: usize = 16;
/// How long an acknowledgement may take at first; twice as long each time after.
const REPEAT_AFTER: Duration = Duration::from_millis(300);
/// How long an end goes on repeating before it gives the connection up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(12);
/// Kind, connection, place in the stream, acknowledgement.
const HEADER_BYTES: usize = 13;
const DATA: u8 = 0xd0;
const RESET: u8 = 0xd1;

/// What travels in a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// Which connection of the two addresses it belongs to.
    pub id: u32,
    kind: Kind<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind<'a> {
    Data {
        place: u32,
        acknowledged: u32,
        bytes: &'a [u8],
    },
    Reset,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    id: u32,
    /// What is sent and not yet acknowledged, and what is still to be sent.
    waiting: VecDeque<u8>,
    /// The place in the stream of its first byte, and of the next one to be sent.
    acknowledged: u32,
    next: u32,
    /// The place of the next byte to be received.
    expected: u32,
    /// When what is on its way is sent again, and how long that was waited for.
    repeat: Option<(Instant, Duration)>,
    /// Since when nothing was acknowledged that should have been.
    stuck_since: Option<Instant>,
    gone: bool,
    out: VecDeque<Vec<u8>>,
}

impl<'a> Segment<'a> {
    /// Reads a datagram; nothing where it is no segment.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let word = |at: usize| {
            let octets = payload.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(octets))
        };
        let kind = match *payload.first()? {
            DATA => Kind::Data {
                place: word(5)?,
                acknowledged: word(9)?,
                bytes: &payload[HEADER_BYTES..],
            },
            RESET => Kind::Reset,
            _ => return None,
        };
        Some(Self { id: word(1)?, kind })
    }

    /// Whether a connection may begin with it.
    pub fn begins(&self) -> bool {
        matches!(self.kind, Kind::Data { place: 0, acknowledged: 0, bytes } if !bytes.is_empty())
    }

    /// Whether it says that there is no such connection.
    pub fn is_reset(&self) -> bool {
        self.kind == Kind::Reset
    }

    /// What to answer where there is no such connection.
    pub fn refusal(id: u32) -> Vec<u8> {
        write(RESET, id, 0, 0, &[])
    }
}

impl Connection {
    /// An end that nothing has been sent to or from. Both ends give it the same number.
    pub fn new(id: u32) -> Self {
        Self {
            id,
            waiting: VecDeque::new(),
            acknowledged: 0,
            next: 0,
            expected: 0,
            repeat: None,
            stuck_since: None,
            gone: false,
            out: VecDeque::new(),
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it is gone: the other end does not answer, or says that there is none.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Sends bytes.
    pub fn send(&mut self, now: Instant, bytes: &[u8]) {
        self.waiting.extend(bytes);
        self.fill(now);
    }

    /// Ends the connection without a word more than that.
    pub fn reset(&mut self) {
        self.gone = true;
        self.out.push_back(Segment::refusal(self.id));
    }

    /// Takes a segment; what it brings that is new.
    pub fn receive<'a>(&mut self, now: Instant, segment: &Segment<'a>) -> &'a [u8] {
        let Kind::Data {
            place,
            acknowledged,
            bytes,
        } = segment.kind
        else {
            self.gone = true;
            return &[];
        };
        let news = acknowledged.wrapping_sub(self.acknowledged) as usize;
        if news > 0 && news <= self.waiting.len() {
            self.waiting.drain(..news);
            self.acknowledged = acknowledged;
            if self.next.wrapping_sub(acknowledged) as usize > self.waiting.len() {
                self.next = acknowledged;
            }
            (self.repeat, self.stuck_since) = (None, None);
            self.fill(now);
        }
        if bytes.is_empty() {
            return &[];
        }
        let in_order = place == self.expected;
        if in_order {
            self.expected = self.expected.wrapping_add(bytes.len() as u32);
        }
        self.acknowledge();
        if in_order { bytes } else { &[] }
    }

    /// Sends again what nobody has acknowledged.
    pub fn timeout(&mut self, now: Instant) {
        let Some((_, waited)) = self.repeat.filter(|(at, _)| *at <= now) else {
            return;
        };
        let since = *self.stuck_since.get_or_insert(now);
        if now.since(since) >= GIVEN_UP_AFTER {
            self.gone = true;
            self.repeat = None;
            return;
        }
        self.next = self.acknowledged;
        self.repeat = Some((now + waited * 2, waited * 2));
        self.fill(now);
    }

    /// When [`Connection::timeout`] is wanted next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let repeat = self.repeat.filter(|_| !self.gone);
        repeat.map(|(at, _)| at)
    }

    /// The next segment to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    fn fill(&mut self, now: Instant) {
        let on_the_way = |end: &Self| end.next.wrapping_sub(end.acknowledged) as usize;
        while on_the_way(self) < self.waiting.len().min(WINDOW * SEGMENT_BYTES) {
            let begin = on_the_way(self);
            let end = self.waiting.len().min(begin + SEGMENT_BYTES);
            let bytes: Vec<u8> = self.waiting.range(begin..end).copied().collect();
            let segment = write(DATA, self.id, self.next, self.expected, &bytes);
            self.out.push_back(segment);
            self.next = self.next.wrapping_add(bytes.len() as u32);
        }
        if on_the_way(self) > 0 {
            self.repeat
                .get_or_insert((now + REPEAT_AFTER, REPEAT_AFTER));
        }
    }

    fn acknowledge(&mut self) {
        let segment = write(DATA, self.id, self.next, self.expected, &[]);
        self.out.push_back(segment);
    }
}

fn write(kind: u8, id: u32, place: u32, acknowledged: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    for word in [id, place, acknowledged] {
        out.extend(word.to_be_bytes());
    }
    out.extend(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ends and links between them that lose one segment of three.
    fn exchange(seed: u64, loss: u8) -> (Connection, Connection, [Vec<u8>; 2]) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut ends = [Connection::new(7), Connection::new(7)];
        let mut heard = [Vec::new(), Vec::new()];
        let mut now = Instant::from_millis(1_000);
        let said: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
        for (end, part) in ends.iter_mut().zip([&said[..], &said[..5_000]]) {
            end.send(now, part);
        }
        for _ in 0..10_000 {
            now += Duration::from_millis(50);
            for to in [0, 1] {
                while let Some(payload) = ends[1 - to].poll_transmit() {
                    let segment = Segment::parse(&payload).unwrap();
                    if random.u8(..3) >= loss {
                        heard[to].extend_from_slice(ends[to].receive(now, &segment));
                    }
                }
            }
            ends.iter_mut().for_each(|end| end.timeout(now));
        }
        assert!(said.starts_with(&heard[0]) && said.starts_with(&heard[1]));
        let [one, other] = ends;
        (one, other, heard)
    }

    #[test]
    fn everything_arrives_once_and_in_order() {
        for (seed, loss) in [(1, 0), (2, 1), (3, 1), (4, 1)] {
            let (one, other, heard) = exchange(seed, loss);
            assert!(!one.is_gone() && !other.is_gone());
            assert_eq!([heard[1].len(), heard[0].len()], [20_000, 5_000]);
        }
    }

    #[test]
    fn an_end_that_hears_nothing_gives_up() {
        let (one, other, heard) = exchange(1, 3);
        assert!(one.is_gone() && other.is_gone());
        assert_eq!(heard, [Vec::new(), Vec::new()]);
    }

    #[test]
    fn a_reset_is_believed_and_nothing_else_is_a_segment() {
        let mut end = Connection::new(7);
        end.send(Instant::ZERO, b"x");
        let first = end.poll_transmit().unwrap();
        let first = Segment::parse(&first).unwrap();
        assert!(first.begins() && !first.is_reset());
        let refusal = Segment::refusal(first.id);
        end.receive(Instant::ZERO, &Segment::parse(&refusal).unwrap());
        assert!(end.is_gone());
        assert_eq!(Segment::parse(b"OPTIONS"), None);
        assert_eq!(Segment::parse(&[DATA, 0, 0]), None);
    }
}
