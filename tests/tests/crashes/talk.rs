//! Media in every call, both ways, from one thread; every packet is numbered and counted.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;
use strait_tests::program::wait_until;

use crate::place::PATIENCE;

/// People who share the calls among them, on either side; each has a socket for all their media.
pub const PEOPLE: usize = 20;
/// How often each party of each call sends.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// What a socket may hold while this thread has no core.
const BUFFER_BYTES: usize = 4 << 20;
/// RTP header, call, side, number; the rest is voice.
const PACKET_BYTES: usize = 100;
/// How many calls speak in one go where the thread lost its core for long.
const CATCH_UP: usize = 200;

/// One direction of one call: what was sent, and what of it was heard.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Way {
    /// From the first that was heard on: the relay opens a moment after the answer.
    pub sent: u32,
    pub heard: u32,
    /// Heard from where, by whom or in what order it should not be.
    pub wrong: u32,
    expected: u32,
    next: u32,
    /// When something was heard last, and the longest time in which nothing was, since
    /// [`Talk::mark`].
    last: Option<Instant>,
    pub longest: Duration,
    pub heard_since: u32,
}

/// Everybody talking, until dropped.
pub struct Talk {
    floor: Arc<Mutex<Floor>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Floor {
    /// By side, then person.
    sockets: [Vec<UdpSocket>; 2],
    /// By the call's number.
    calls: Vec<Option<Line>>,
    talking: Vec<u32>,
    turn: usize,
    due: Instant,
}

struct Line {
    person: usize,
    /// Where each side sends.
    relays: [SocketAddr; 2],
    ways: [Way; 2],
}

/// The port of a person's media.
pub fn media_port(person: usize) -> u16 {
    12_000 + 2 * person as u16
}

impl Talk {
    /// Nobody talks yet. People on both sides have these addresses.
    pub fn new(addresses: [Ipv4Addr; 2]) -> Self {
        let socket = |address, person| {
            let socket = UdpSocket::bind((address, media_port(person))).unwrap();
            socket.set_nonblocking(true).unwrap();
            // Less where the system grants no more: then a stall of this thread may cost packets.
            let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES);
            socket
        };
        let sockets = addresses.map(|ip| (0..PEOPLE).map(|person| socket(ip, person)).collect());
        let floor = Arc::new(Mutex::new(Floor {
            sockets,
            calls: Vec::new(),
            talking: Vec::new(),
            turn: 0,
            due: Instant::now(),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (talking, stopped) = (floor.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                talking.lock().unwrap().go_on();
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Self {
            floor,
            stop,
            thread: Some(thread),
        }
    }

    /// A call begins to talk.
    pub fn begin(&self, number: u32, person: usize, relays: [SocketAddr; 2]) {
        let mut floor = self.floor();
        let at = number as usize;
        if floor.calls.len() <= at {
            floor.calls.resize_with(at + 1, || None);
        }
        floor.calls[at] = Some(Line {
            person,
            relays,
            ways: Default::default(),
        });
        floor.talking.push(number);
    }

    /// A hushed call talks on; its media are another person's from now on, on both sides.
    pub fn moved(&self, number: u32, person: usize) {
        let mut floor = self.floor();
        let line = floor.calls[number as usize].as_mut();
        line.expect("it has begun").person = person;
        floor.talking.push(number);
    }

    /// Waits until each of these calls was heard both ways so many times since the last mark.
    pub fn until_heard(&self, numbers: &[u32], times: u32) {
        let mute = || {
            let floor = self.floor();
            let heard = |way: &Way| way.heard_since >= times;
            let mute = numbers
                .iter()
                .filter(|n| !floor.line(**n).ways.iter().all(heard));
            mute.copied().collect::<Vec<u32>>()
        };
        let all = wait_until(PATIENCE, || mute().is_empty());
        assert!(all, "not heard: {:?}", mute());
    }

    /// Counts what is heard, and the longest silence, from now on.
    pub fn mark(&self) {
        let now = Instant::now();
        for line in self.floor().calls.iter_mut().flatten() {
            for way in &mut line.ways {
                (way.heard_since, way.longest) = (0, Duration::ZERO);
                way.last = way.last.map(|last| last.max(now - INTERVAL));
            }
        }
    }

    /// These calls fall silent; what was sent and heard in each, once the last packet came.
    pub fn hush(&self, numbers: &[u32]) -> Vec<[Way; 2]> {
        self.floor()
            .talking
            .retain(|talking| !numbers.contains(talking));
        let ways = || {
            let floor = self.floor();
            numbers
                .iter()
                .map(|n| floor.line(*n).ways)
                .collect::<Vec<_>>()
        };
        let whole = |ways: &[Way; 2]| ways.iter().all(|way| way.sent == way.heard);
        // Whoever hushes says what it means when some never come.
        wait_until(Duration::from_secs(2), || ways().iter().all(whole));
        ways()
    }

    /// What was sent and heard so far.
    pub fn ways(&self, number: u32) -> [Way; 2] {
        self.floor().line(number).ways
    }

    fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().unwrap()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(
            ended.is_ok() || std::thread::panicking(),
            "the thread has panicked"
        );
    }
}

impl Floor {
    fn line(&self, number: u32) -> &Line {
        self.calls[number as usize].as_ref().expect("it has begun")
    }

    fn go_on(&mut self) {
        self.listen();
        let now = Instant::now();
        if self.talking.is_empty() {
            self.due = now;
            return;
        }
        let pace = INTERVAL / self.talking.len() as u32;
        for _ in 0..CATCH_UP {
            if self.due > now {
                return;
            }
            self.due += pace;
            self.turn = (self.turn + 1) % self.talking.len();
            self.speak(self.talking[self.turn]);
        }
        // Nobody speaks twice as fast to make up for lost time.
        self.due = self.due.max(now);
    }

    fn speak(&mut self, number: u32) {
        let line = self.calls[number as usize].as_mut().expect("it talks");
        for side in 0..2 {
            // The callee answers: by then the phone's address is known behind whatever NAT.
            if side == 1 && line.ways[0].heard == 0 {
                continue;
            }
            let way = &mut line.ways[side];
            let packet = packet(number, side, way.next);
            let socket = &self.sockets[side][line.person];
            if socket.send_to(&packet, line.relays[side]).is_ok() {
                way.next += 1;
                way.sent += 1;
            }
        }
    }

    fn listen(&mut self) {
        let mut space = [0; PACKET_BYTES + 1];
        for listener in 0..2 {
            for person in 0..PEOPLE {
                while let Ok((len, from)) = self.sockets[listener][person].recv_from(&mut space) {
                    self.heard(listener, person, from, &space[..len]);
                }
            }
        }
    }

    fn heard(&mut self, listener: usize, person: usize, from: SocketAddr, packet: &[u8]) {
        assert_eq!(packet.len(), PACKET_BYTES, "nobody else sends here");
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        let (number, side, sequence) = (word(12), word(16) as usize, word(20));
        let line = self.calls[number as usize].as_mut().expect("it has begun");
        let way = &mut line.ways[side];
        let right = listener == 1 - side && person == line.person && from == line.relays[listener];
        way.wrong += u32::from(!right || sequence < way.expected);
        if way.heard == 0 {
            way.sent = way.next - sequence;
        }
        way.expected = sequence + 1;
        way.heard += 1;
        way.heard_since += 1;
        let now = Instant::now();
        let silence = way.last.map_or(Duration::ZERO, |last| now - last);
        way.longest = way.longest.max(silence);
        way.last = Some(now);
    }
}

/// G.711 in RTP (RFC 3550 §5.1), the call's number and side in its SSRC and payload.
fn packet(number: u32, side: usize, sequence: u32) -> [u8; PACKET_BYTES] {
    let mut packet = [0xd5; PACKET_BYTES];
    packet[..2].copy_from_slice(&[0x80, 8]);
    packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
    let timestamp = sequence.wrapping_mul(8 * INTERVAL.as_millis() as u32);
    packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
    packet[8..12].copy_from_slice(&(number << 1 | side as u32).to_be_bytes());
    packet[12..16].copy_from_slice(&number.to_be_bytes());
    packet[16..20].copy_from_slice(&(side as u32).to_be_bytes());
    packet[20..24].copy_from_slice(&sequence.to_be_bytes());
    packet
}
