//! Media reaches exactly the other party, and never a third.
//!
//! Every stream is known by its SSRC from the moment its phone first sends, together with the user
//! it is meant for. What Strait sends is checked against the addresses of that user; what a phone
//! receives, against the user its call is with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use strait_parties::party::Datagram;
use strait_parties::rtp::packet::is_rtcp;
use strait_shared::time::Instant;

use super::{Checker, Checks, Death, Side};

/// What strangers' packets hold, again and again.
pub const FORGED: &[u8; 8] = b"mallory!";

/// Who speaks to whom.
pub struct Media {
    latching_anywhere: bool,
    /// Whether the table may say anything.
    lawless: bool,
    streams: BTreeMap<u32, Stream>,
    /// Streams that nothing is known of any more.
    excused: BTreeSet<u32>,
    /// When control died: calls it had just changed may be forgotten.
    deaths: Vec<Death>,
    /// Under which addresses each user's phones are reached from outside.
    public: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Strait's own addresses, by side.
    own: BTreeMap<IpAddr, Side>,
    /// Where signalling is, and media never goes.
    signalling: BTreeSet<SocketAddr>,
    /// Users who name anybody's address as theirs, or deal with such.
    liars: BTreeSet<String>,
}

/// The call of a phone that a packet comes to.
#[derive(Clone, Copy, Debug)]
pub struct Listening<'a> {
    /// The user it is with.
    pub remote: &'a str,
    /// The phone's own stream in it.
    pub ssrc: u32,
    /// Where the phone expects what it hears from.
    pub expects: Option<SocketAddr>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Stream {
    from: String,
    to: String,
    /// When its first packet was sent.
    begun: Instant,
}

impl Media {
    pub(super) fn new(latching_anywhere: bool) -> Self {
        Self {
            latching_anywhere,
            lawless: false,
            streams: BTreeMap::new(),
            excused: BTreeSet::new(),
            deaths: Vec::new(),
            public: BTreeMap::new(),
            own: BTreeMap::new(),
            signalling: BTreeSet::new(),
            liars: BTreeSet::new(),
        }
    }

    /// Whether the table may say anything from now on.
    pub fn set_lawless(&mut self, lawless: bool) {
        self.lawless = lawless;
    }

    /// A phone of this user is reached under this address.
    pub fn reach(&mut self, user: &str, address: IpAddr) {
        let addresses = self.public.entry(user.to_owned()).or_default();
        addresses.insert(address);
    }

    /// Strait relays media at this address.
    pub fn relay(&mut self, address: IpAddr, side: Side) {
        self.own.insert(address, side);
    }

    /// Signalling is there, and no media may be sent to it.
    pub fn signal(&mut self, address: SocketAddr) {
        self.signalling.insert(address);
    }

    /// Media from and to this user goes wherever somebody says, short of where none may go.
    pub fn distrust(&mut self, user: &str) {
        self.liars.insert(user.to_owned());
    }

    /// Whether strangers may latch.
    pub fn latches_anywhere(&self) -> bool {
        self.latching_anywhere
    }

    /// Whether the table may say anything.
    pub fn is_lawless(&self) -> bool {
        self.lawless
    }

    /// Any stream of all there were.
    pub fn some_stream(&self, random: &mut fastrand::Rng) -> Option<u32> {
        let all = self.streams.len();
        let which = random.usize(..all.max(1));
        self.streams.keys().nth(which).copied()
    }

    /// Whether the stream is known.
    pub fn knows(&self, ssrc: u32) -> bool {
        self.streams.contains_key(&ssrc) || self.excused.contains(&ssrc)
    }

    /// Whether a packet is of a stream that a liar has to do with.
    pub fn is_of_liars(&self, payload: &[u8]) -> bool {
        let stream = ssrc(payload).and_then(|ssrc| self.streams.get(&ssrc));
        stream.is_some_and(|stream| self.lies_about(stream))
    }

    /// Nobody can tell a user's phone that its call with another one is over.
    pub(super) fn forget(&mut self, from: &str, to: &str) {
        let streams = self.streams.iter();
        let forgotten = streams.filter(|(_, stream)| stream.from == from && stream.to == to);
        let forgotten: Vec<u32> = forgotten.map(|(ssrc, _)| *ssrc).collect();
        for ssrc in forgotten {
            self.streams.remove(&ssrc);
            self.excused.insert(ssrc);
        }
    }

    /// Nobody tells the phones of calls that are forgotten, nor does a successor know which ports
    /// to keep clear of: where their packets get until they have hung up is not known.
    pub(super) fn control_died(&mut self, death: &Death) {
        let forgotten = |stream: &Stream| death.concerns(Instant::ZERO, stream.begun);
        let streams = std::mem::take(&mut self.streams).into_iter();
        let (excused, kept) = streams.partition(|(_, stream)| forgotten(stream));
        let excused: BTreeMap<u32, Stream> = excused;
        self.excused.extend(excused.into_keys());
        self.streams = kept;
        self.deaths.push(death.clone());
    }

    fn lies_about(&self, stream: &Stream) -> bool {
        self.liars.contains(&stream.from) || self.liars.contains(&stream.to)
    }

    fn departure(&self, side: Side, datagram: &Datagram) -> Result<(), String> {
        if self.lawless {
            return Ok(());
        }
        let source = datagram.source;
        if self.own.get(&source.ip()) != Some(&side) {
            return Err(format!("media leaves towards {side:?} from {source}"));
        }
        let to = datagram.destination;
        if is_nobody(to) || self.signalling.contains(&to) || self.own.contains_key(&to.ip()) {
            return Err(format!("media leaves for {to}"));
        }
        let ssrc = ssrc(&datagram.payload);
        if datagram.payload.ends_with(FORGED) && !self.latching_anywhere {
            return Err(format!("a forged packet is relayed: {datagram:?}"));
        }
        if ssrc.is_some_and(|ssrc| self.excused.contains(&ssrc)) {
            return Ok(());
        }
        let Some(stream) = ssrc.and_then(|ssrc| self.streams.get(&ssrc)) else {
            return match self.latching_anywhere {
                true => Ok(()),
                false => Err(format!("a stranger's packet is relayed: {datagram:?}")),
            };
        };
        let to = to.ip();
        let known = self.public.get(&stream.to);
        if self.latching_anywhere
            || self.lies_about(stream)
            || known.is_some_and(|known| known.contains(&to))
        {
            return Ok(());
        }
        Err(format!(
            "what {} says to {} goes to {}",
            stream.from, stream.to, datagram.destination
        ))
    }

    fn arrival(
        &self,
        user: &str,
        call: Option<Listening<'_>>,
        datagram: &Datagram,
    ) -> Result<(), String> {
        if self.lawless {
            return Ok(());
        }
        let ssrc = ssrc(&datagram.payload);
        // A call that is forgotten may hold a port that is another one's since.
        let own = call.map(|call| call.ssrc);
        let mut concerned = [ssrc, own].into_iter().flatten();
        if concerned.any(|ssrc| self.excused.contains(&ssrc)) {
            return Ok(());
        }
        let remote = call.map(|call| call.remote);
        let Some(stream) = ssrc.and_then(|ssrc| self.streams.get(&ssrc)) else {
            return match self.latching_anywhere || !self.own.contains_key(&datagram.source.ip()) {
                true => Ok(()),
                false => Err(format!("{user} is sent a stranger's packet")),
            };
        };
        // Its own call is where the phone listens; a liar's may be sent to any port.
        let from = datagram.source;
        let expected = call.and_then(|call| call.expects);
        let expected =
            expected.is_some_and(|at| at.ip() == from.ip() && at.port() | 1 == from.port() | 1);
        // Nor does it matter which of its own calls a liar joins to the one that it is in.
        let theirs = remote.is_some_and(|remote| self.liars.contains(remote));
        if self.lies_about(stream) && (!expected || theirs) {
            return Ok(());
        }
        let meant = stream.to == user && remote.is_none_or(|remote| remote == stream.from);
        if meant || self.latching_anywhere {
            return Ok(());
        }
        Err(format!(
            "{user}, in a call with {remote:?}, hears what {} says to {}, from {}",
            stream.from, stream.to, datagram.source
        ))
    }
}

impl Checks {
    /// A phone begins a stream in a call that began at `began`.
    pub fn stream_begun(&mut self, ssrc: u32, from: &str, to: &str, began: Instant) {
        let (from, to, begun) = (from.to_owned(), to.to_owned(), self.now);
        let mut deaths = self.media.deaths.iter();
        if deaths.any(|death| death.concerns(began, begun)) {
            self.media.excused.insert(ssrc);
        } else {
            self.media.streams.insert(ssrc, Stream { from, to, begun });
        }
    }

    /// A datagram leaves Strait's media plane towards a side.
    pub fn media_left(&mut self, side: Side, datagram: &Datagram) {
        let verdict = self.media.departure(side, datagram);
        self.note(Checker::Delivery, verdict);
    }

    /// A datagram reaches a media port of a user's phone, where there is that call.
    pub fn media_arrived(&mut self, user: &str, call: Option<Listening<'_>>, datagram: &Datagram) {
        let verdict = self.media.arrival(user, call, datagram);
        self.note(Checker::Delivery, verdict);
    }
}

/// Whether no media may ever be sent there.
fn is_nobody(address: SocketAddr) -> bool {
    let ip = address.ip();
    let none = match ip {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.octets()[0] == 0 || v4.octets()[0] >= 240,
        IpAddr::V6(v6) => v6.to_ipv4().is_some() || v6.is_unicast_link_local(),
    };
    none || ip.is_loopback() || ip.is_multicast() || ip.is_unspecified() || address.port() < 1024
}

/// Whose stream a packet belongs to (RFC 3550 §5.1, §6.4.1).
pub fn ssrc(payload: &[u8]) -> Option<u32> {
    let at = if is_rtcp(payload) { 4 } else { 8 };
    let octets = payload.get(at..at + 4)?.try_into().ok()?;
    (payload[0] >> 6 == 2).then(|| u32::from_be_bytes(octets))
}

/// Whether a port of a phone is one for media.
pub fn is_media(address: SocketAddr) -> bool {
    address.port() >= 40_000
}
