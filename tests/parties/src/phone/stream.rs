//! The media of one call: a player, a listener, and RTCP about both.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use strait_shared::time::Instant;

use crate::party::Datagram;
use crate::rtp::g711::Law;
use crate::rtp::heard::{Heard, Listener};
use crate::rtp::packet::{Packet, Ssrc, is_rtcp};
use crate::rtp::player::{Player, Sent};
use crate::rtp::rtcp::{self, Block, SenderInfo};
use crate::rtp::voice::Voice;
use crate::sip::description::{Direction, Line};
use crate::sip::version::Version;

/// A call's media.
pub struct Stream {
    rtp: SocketAddr,
    rtcp: SocketAddr,
    signalled_rtp: SocketAddr,
    signalled_rtcp: SocketAddr,
    origin: IpAddr,
    /// Where it is going to be, once the other side has agreed.
    next: Option<Next>,
    /// Where it was before, and until when.
    left: Option<(SocketAddr, Instant)>,
    /// Where we also receive RTP, in the other IP version, until one has been agreed on.
    alternative: Option<SocketAddr>,
    offers_mux: bool,
    symmetric: bool,
    cname: String,
    remote: Option<Remote>,
    direction: Direction,
    mux: bool,
    player: Player,
    listener: Listener,
    interval: Duration,
    next_report: Option<Instant>,
    born: Option<Instant>,
    seen: RtcpSeen,
    last_sender: Option<(u32, Instant)>,
    random: fastrand::Rng,
    out: VecDeque<Datagram>,
}

/// What came over RTCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RtcpSeen {
    /// Compound packets sent.
    pub sent: u64,
    /// Compound packets received.
    pub received: u64,
    /// Packets on the RTCP path that are not RTCP.
    pub broken: u64,
    /// Packets of ours the other side says it has not received.
    pub remote_lost: i64,
    /// The last round trip measured (RFC 3550 §6.4.1).
    pub round_trip: Option<Duration>,
    /// Whether the other side said BYE.
    pub goodbye: bool,
}

#[derive(Clone, Copy)]
struct Remote {
    rtp: SocketAddr,
    rtcp: SocketAddr,
}

/// Another place for our media.
#[derive(Clone, Copy)]
struct Next {
    rtp: SocketAddr,
    offered: bool,
}

/// What a stream is made of.
pub(super) struct Parts {
    pub rtp: SocketAddr,
    /// RTP and RTCP as the outside sees them, where that is known.
    pub reflected: (Option<SocketAddr>, Option<SocketAddr>),
    /// Our address in the other IP version, where both are offered.
    pub alternative: Option<SocketAddr>,
    pub own_voice: Voice,
    pub expected: Option<Voice>,
    pub interval: Duration,
    pub mux: bool,
    pub symmetric: bool,
    pub cname: String,
    pub seed: u64,
}

impl Stream {
    pub(super) fn new(parts: Parts) -> Self {
        let mut random = fastrand::Rng::with_seed(parts.seed);
        let rtcp = SocketAddr::new(parts.rtp.ip(), parts.rtp.port() + 1);
        let (ssrc, sequence, timestamp) = (Ssrc(random.u32(..)), random.u16(..), random.u32(..));
        Self {
            rtp: parts.rtp,
            rtcp,
            signalled_rtp: parts.reflected.0.unwrap_or(parts.rtp),
            signalled_rtcp: parts.reflected.1.unwrap_or(rtcp),
            origin: parts.reflected.0.unwrap_or(parts.rtp).ip(),
            next: None,
            left: None,
            alternative: parts.alternative,
            offers_mux: parts.mux,
            symmetric: parts.symmetric,
            cname: parts.cname,
            remote: None,
            direction: Direction::Inactive,
            mux: false,
            player: Player::new(parts.own_voice, ssrc, sequence, timestamp),
            listener: Listener::new(parts.expected),
            interval: parts.interval,
            next_report: None,
            born: None,
            seen: RtcpSeen::default(),
            last_sender: None,
            random,
            out: VecDeque::new(),
        }
    }

    /// What has been heard.
    pub fn heard(&self) -> Heard {
        self.listener.heard()
    }

    /// What has been sent.
    pub fn sent(&self) -> Sent {
        self.player.sent()
    }

    /// What came over RTCP.
    pub fn rtcp(&self) -> RtcpSeen {
        self.seen
    }

    /// Whose stream we send.
    pub fn ssrc(&self) -> Ssrc {
        self.player.ssrc()
    }

    /// Our own RTP address.
    pub fn local(&self) -> SocketAddr {
        self.rtp
    }

    /// Where our RTP goes.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote.map(|remote| remote.rtp)
    }

    /// What we may do as of the last offer and answer.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Whether media for this stream may come to that address: where we are, will be, or were.
    pub fn owns(&self, address: SocketAddr) -> bool {
        let (next, left) = (
            self.next.map(|next| next.rtp),
            self.left.map(|(rtp, _)| rtp),
        );
        let others = [self.alternative, next, left].into_iter().flatten();
        address == self.rtp
            || address == self.rtcp
            || others
                .flat_map(|rtp| [rtp, above(rtp)])
                .any(|at| at == address)
    }

    /// Where our media was before it moved, and when the other side agreed.
    pub fn left(&self) -> Option<(SocketAddr, Instant)> {
        self.left
    }

    /// Whether our media is about to move.
    pub fn moves(&self) -> bool {
        self.next.is_some()
    }

    /// Our media is to be at another place.
    pub(super) fn move_to(&mut self, rtp: SocketAddr) {
        let offered = false;
        self.next = Some(Next { rtp, offered });
    }

    /// An offer is made, with where our media is to be.
    pub(super) fn offer_place(&mut self) {
        self.next.iter_mut().for_each(|next| next.offered = true);
    }

    /// What was offered is agreed on.
    pub(super) fn take_place(&mut self, now: Instant) {
        if let Some(next) = self.next.take_if(|next| next.offered) {
            self.left = Some((self.rtp, now));
            (self.rtp, self.rtcp) = (next.rtp, above(next.rtp));
            (self.signalled_rtp, self.signalled_rtcp) = (self.rtp, self.rtcp);
        }
    }

    /// What was offered is refused.
    pub(super) fn stay(&mut self) {
        self.next.take_if(|next| next.offered);
    }

    /// The IP version of our own address.
    pub(super) fn version(&self) -> Version {
        Version::of(self.rtp.ip())
    }

    /// The other side has chosen a version; the address of the other one is given up.
    pub(super) fn turn_to(&mut self, version: Version) {
        let Some(rtp) = self.alternative.take() else {
            return;
        };
        if Version::of(rtp.ip()) == version {
            (self.rtp, self.rtcp) = (rtp, above(rtp));
            (self.signalled_rtp, self.signalled_rtcp) = (self.rtp, self.rtcp);
            self.origin = self.rtp.ip();
        }
    }

    /// The address in `o=`: it stays, whatever moves (RFC 3264 §8).
    pub(super) fn origin(&self) -> IpAddr {
        self.origin
    }

    /// Our `m=` line.
    pub(super) fn line(&self, direction: Direction, formats: Vec<String>, zero: bool) -> Line {
        let (rtp, rtcp) = match self.next.filter(|next| next.offered) {
            Some(next) => (next.rtp, above(next.rtp)),
            None => (self.signalled_rtp, self.signalled_rtcp),
        };
        let next = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
        Line {
            media: "audio".to_owned(),
            rtp: if zero {
                SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), rtp.port())
            } else {
                rtp
            },
            protocol: "RTP/AVP".to_owned(),
            formats,
            direction,
            rtcp: (rtcp != next).then_some(rtcp),
            rtcp_mux: self.offers_mux,
            alternatives: match self.alternative {
                Some(other) => vec![rtp, other],
                None => Vec::new(),
            },
        }
    }

    /// Offer and answer completed: `remote` is the other side's line.
    pub(super) fn agree(
        &mut self,
        now: Instant,
        law: Law,
        direction: Direction,
        remote: &Line,
        mux: bool,
    ) {
        let rtcp = if mux {
            remote.rtp
        } else {
            remote.rtcp_address()
        };
        self.remote = Some(Remote {
            rtp: remote.rtp,
            rtcp,
        });
        self.mux = mux;
        self.direction = direction;
        self.listener.expect_from(Some(remote.rtp));
        self.listener.set_paused(direction != Direction::SendRecv);
        if direction.sends() && !remote.rtp.ip().is_unspecified() {
            self.player.start(now, law);
        } else {
            self.player.stop();
        }
        self.born.get_or_insert(now);
        self.next_report.get_or_insert(now + self.interval / 2);
    }

    pub(super) fn stop(&mut self, now: Instant) {
        self.player.stop();
        if self.next_report.take().is_some() {
            self.report(now, true);
        }
    }

    pub(super) fn receive(&mut self, now: Instant, datagram: &Datagram) {
        let bytes = &datagram.payload;
        if is_rtcp(bytes) || datagram.destination.port() & 1 == 1 {
            self.receive_rtcp(now, datagram);
        } else if let Some(packet) = Packet::parse(bytes) {
            self.listener.receive(now, datagram.source, &packet);
            if let (true, Some(remote)) = (self.symmetric, &mut self.remote) {
                remote.rtp = datagram.source;
            }
        }
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        while let Some(payload) = self.player.packet(now) {
            if let Some(remote) = self.remote {
                self.out.push_back(Datagram {
                    source: self.rtp,
                    destination: remote.rtp,
                    payload,
                });
            }
        }
        if self.next_report.is_some_and(|at| at <= now) {
            // Randomised, so that reports of many do not fall together (RFC 3550 §6.3.1).
            self.next_report = Some(now + self.interval.mul_f64(0.5 + self.random.f64()));
            self.report(now, false);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.player.next(), self.next_report]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }

    fn report(&mut self, now: Instant, goodbye: bool) {
        let Some(remote) = self
            .remote
            .filter(|remote| !remote.rtcp.ip().is_unspecified())
        else {
            return;
        };
        let sent = self.player.sent();
        let sender = (sent.packets > 0).then(|| SenderInfo {
            ntp: self.clock(now),
            timestamp: self.player.timestamp(now),
            packets: sent.packets,
            bytes: sent.bytes as u32,
        });
        let block = self.listener.report().map(|reception| {
            let (last_report, delay) = match self.last_sender {
                Some((middle, at)) => (middle, (now.since(at).as_nanos() * 65_536 / NANOS) as u32),
                None => (0, 0),
            };
            Block {
                reception,
                last_report,
                delay,
            }
        });
        let payload = rtcp::build(
            self.player.ssrc(),
            &self.cname,
            sender.as_ref(),
            block.as_ref(),
            goodbye,
        );
        let source = if self.mux { self.rtp } else { self.rtcp };
        self.seen.sent += 1;
        self.out.push_back(Datagram {
            source,
            destination: remote.rtcp,
            payload,
        });
    }

    fn receive_rtcp(&mut self, now: Instant, datagram: &Datagram) {
        let Some(report) = rtcp::parse(&datagram.payload) else {
            self.seen.broken += 1;
            return;
        };
        self.seen.received += 1;
        self.seen.goodbye |= report.goodbye;
        if let Some(sender) = report.sender {
            self.last_sender = Some(((sender.ntp >> 16) as u32, now));
        }
        for block in report
            .blocks
            .iter()
            .filter(|b| b.reception.ssrc == self.player.ssrc())
        {
            self.seen.remote_lost = block.reception.lost;
            if block.last_report != 0 {
                let middle = (self.clock(now) >> 16) as u32;
                let trip = middle
                    .wrapping_sub(block.last_report)
                    .wrapping_sub(block.delay);
                // Rounding may make a very short trip negative.
                let trip = if trip > u32::MAX / 2 { 0 } else { trip };
                self.seen.round_trip = Some(Duration::from_nanos(
                    (u128::from(trip) * NANOS / 65_536) as u64,
                ));
            }
        }
        if let (true, Some(remote)) = (self.symmetric, &mut self.remote) {
            remote.rtcp = datagram.source;
        }
    }

    /// 32.32 seconds on a clock that began an hour before the stream, so that 0 means "never".
    fn clock(&self, now: Instant) -> u64 {
        let since = self.born.map_or(Duration::ZERO, |born| now.since(born));
        let ns = (since + Duration::from_secs(3600)).as_nanos();
        ((ns << 32) / NANOS) as u64
    }
}

/// RTCP's address beside RTP's.
fn above(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
}

const NANOS: u128 = 1_000_000_000;
