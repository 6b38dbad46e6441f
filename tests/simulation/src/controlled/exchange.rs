//! Transactions over UDP, as either party of H.248 does them (Annex D.1): requests repeated until
//! they are answered or given up, each request that arrives carried out once.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use strait_parties::party::Datagram;
use strait_shared::time::Instant;

/// Until a request is repeated first.
const FIRST_REPEAT: Duration = Duration::from_millis(700);
/// The longest time between two repetitions.
const LONGEST_REPEAT: Duration = Duration::from_secs(4);
/// How long a request may stay without an answer.
const GIVE_UP: Duration = Duration::from_secs(28);
/// How long an answer is kept for those who ask again.
const ANSWER_KEPT: Duration = Duration::from_secs(40);

/// One party's transactions.
pub struct Exchange {
    own: SocketAddr,
    name: String,
    next: u32,
    asked: BTreeMap<u32, Asked>,
    answers: BTreeMap<(SocketAddr, u32), (Instant, Vec<u8>)>,
    out: VecDeque<Datagram>,
}

struct Asked {
    to: SocketAddr,
    bytes: Vec<u8>,
    given_up: Instant,
    next: Instant,
    wait: Duration,
}

impl Exchange {
    /// Nothing asked yet; the first transaction has the number after `last`.
    pub fn new(own: SocketAddr, name: String, last: u32) -> Self {
        Self {
            own,
            name,
            next: last,
            asked: BTreeMap::new(),
            answers: BTreeMap::new(),
            out: VecDeque::new(),
        }
    }

    /// Asks for actions; the transaction's number.
    pub fn ask(&mut self, now: Instant, to: SocketAddr, actions: &str) -> u32 {
        self.next += 1;
        let id = self.next;
        let bytes = format!("MEGACO/1 {}\nTransaction={id}{{{actions}}}", self.name);
        let asked = Asked {
            to,
            bytes: bytes.into_bytes(),
            given_up: now + GIVE_UP,
            next: now + FIRST_REPEAT,
            wait: FIRST_REPEAT,
        };
        self.send(to, asked.bytes.clone());
        self.asked.insert(id, asked);
        id
    }

    /// Answers a request, and keeps the answer.
    pub fn answer(&mut self, now: Instant, to: SocketAddr, id: u32, what: &str) {
        let bytes = format!("MEGACO/1 {}\nReply={id}{{{what}}}", self.name).into_bytes();
        self.answers.insert((to, id), (now, bytes.clone()));
        self.send(to, bytes);
    }

    /// Whether this request was carried out before; then the answer is said again.
    pub fn is_known(&mut self, from: SocketAddr, id: u32) -> bool {
        let answer = self
            .answers
            .get(&(from, id))
            .map(|(_, bytes)| bytes.clone());
        let known = answer.is_some();
        answer.into_iter().for_each(|bytes| self.send(from, bytes));
        known
    }

    /// An answer has come; whether it was still waited for.
    pub fn settle(&mut self, id: u32) -> bool {
        self.asked.remove(&id).is_some()
    }

    /// A request is being worked on.
    pub fn pending(&mut self, now: Instant, id: u32) {
        if let Some(asked) = self.asked.get_mut(&id) {
            (asked.given_up, asked.next) = (now + GIVE_UP, now + LONGEST_REPEAT);
        }
    }

    /// Says that an answer has arrived.
    pub fn acknowledge(&mut self, to: SocketAddr, id: u32) {
        let bytes = format!("MEGACO/1 {}\nTransactionResponseAck{{{id}}}", self.name);
        self.send(to, bytes.into_bytes());
    }

    /// Repeats what is due; the numbers of requests that are given up.
    pub fn timeout(&mut self, now: Instant) -> Vec<u32> {
        self.answers
            .retain(|_, (at, _)| now.since(*at) < ANSWER_KEPT);
        let mut lost = Vec::new();
        let mut again = Vec::new();
        for (id, asked) in &mut self.asked {
            if asked.given_up <= now {
                lost.push(*id);
            } else if asked.next <= now {
                asked.wait = (asked.wait * 2).min(LONGEST_REPEAT);
                asked.next = now + asked.wait;
                again.push((asked.to, asked.bytes.clone()));
            }
        }
        again
            .into_iter()
            .for_each(|(to, bytes)| self.send(to, bytes));
        lost.iter().for_each(|id| drop(self.asked.remove(id)));
        lost
    }

    /// When [`Exchange::timeout`] is wanted next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let asked = self.asked.values();
        asked.map(|asked| asked.next.min(asked.given_up)).min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }

    fn send(&mut self, destination: SocketAddr, payload: Vec<u8>) {
        self.out.push_back(Datagram {
            source: self.own,
            destination,
            payload,
        });
    }
}
