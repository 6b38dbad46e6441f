//! A place, the people in it and what they say.

use serde_json::Value;

use crate::call::{Plan, State};
use crate::crowd::Crowd;
use crate::place::Place;
use crate::talk::{Talk, Way};

/// Everything but Strait.
pub struct Scene {
    pub place: Place,
    pub crowd: Crowd,
    pub talk: Talk,
    /// Packets that were sent and heard in calls that are over.
    pub sent: u64,
    pub heard: u64,
}

impl Scene {
    /// People who make so many calls at once.
    pub fn new(calls: usize) -> Self {
        let place = Place::new(calls);
        Self {
            crowd: Crowd::new(&place),
            talk: Talk::new(place.theirs),
            place,
            sent: 0,
            heard: 0,
        }
    }

    /// Sets up calls that talk, and are heard.
    pub fn call(&mut self, count: usize, plan: Plan) -> Vec<u32> {
        let numbers = self.crowd.call(count, plan);
        self.talk(&numbers);
        numbers
    }

    /// Calls that were set up begin to talk, and are heard.
    pub fn talk(&mut self, numbers: &[u32]) {
        for number in numbers {
            let call = &self.crowd.calls[number];
            assert_eq!(call.state, State::Up, "{number}");
            let relays = call.relays.map(|relay| relay.expect("it is answered"));
            self.talk.begin(*number, call.voice, relays);
        }
        self.talk.until_heard(numbers, 1);
    }

    /// Moves the media of calls to other ports of theirs. Nobody talks the while: when the relay
    /// changes over is not known to the packet.
    pub fn move_media(&mut self, numbers: &[u32]) {
        self.talk.hush(numbers);
        self.crowd.move_media(numbers);
        for number in numbers {
            self.talk.moved(*number, self.crowd.calls[number].voice);
        }
    }

    /// Ends calls; each was heard whole, both ways.
    pub fn hang_up_whole(&mut self, numbers: &[u32]) {
        let whole = |way: &Way| way.sent == way.heard && way.wrong == 0 && way.sent > 0;
        for (number, ways) in numbers.iter().zip(self.hang_up(numbers)) {
            assert!(
                ways.iter().all(whole),
                "call {number}: {ways:?}\n{}",
                self.place.said()
            );
        }
    }

    /// Ends calls; what was sent and heard in them.
    pub fn hang_up(&mut self, numbers: &[u32]) -> Vec<[Way; 2]> {
        let ways = self.talk.hush(numbers);
        let sum = |count: fn(&Way) -> u32| ways.iter().flatten().map(|w| u64::from(count(w))).sum();
        let (sent, heard): (u64, u64) = (sum(|way| way.sent), sum(|way| way.heard));
        (self.sent, self.heard) = (self.sent + sent, self.heard + heard);
        self.crowd.hang_up(numbers);
        ways
    }

    /// Waits until no call is left, and no port is held or rests.
    pub fn until_nothing_is_left(&self) {
        self.place.until("nothing left", |status| {
            let free = |realm: &Value| realm["media_pairs_used"] == 0;
            status["calls"] == 0 && status["realms"].as_array().unwrap().iter().all(free)
        });
    }
}

/// The number of the call that a record is about.
pub fn number_of(record: &Value) -> u32 {
    let call_id = record["caller"]["call_id"].as_str().unwrap();
    let number: u32 = call_id.strip_prefix("INVITE-").unwrap().parse().unwrap();
    number - 1
}

/// The stream of RTP that one side sent, as a record has it.
pub fn stream(record: &Value, side: usize) -> &Value {
    let side = ["caller", "callee"][side];
    let mut streams = record["streams"].as_array().unwrap().iter();
    let found = streams.find(|it| it["side"] == side && it["component"] == "rtp");
    found.unwrap_or_else(|| panic!("no stream of the {side}: {record:#}"))
}
