//! Everyone in a world, each behind the same seam, with the checkers listening at the phones.

use std::collections::VecDeque;
use std::time::Duration;

use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{CallHandle, Phone, State};
use strait_parties::rtp::packet::{Packet, Ssrc, is_rtcp};
use strait_parties::sip::description::Direction;
use strait_parties::softswitch::Softswitch;
use strait_shared::time::Instant;

use crate::checks::{FORGED, Listening, SharedChecks, is_media, ssrc};
use crate::controlled::{Controller, MediaGateway};
use crate::rogue::Rogue;
use crate::strait::Strait;
use crate::stranger::Stranger;
use crate::wire::Wire;

/// How long after a move a phone's packets have certainly come from the new place.
const LATCHED_AFTER: Duration = Duration::from_secs(3);
/// How long a telephone waits before it connects anew.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Somebody in a world.
pub enum Person {
    /// Strait itself.
    Strait(Box<Strait>),
    /// A telephone with the checkers at its ear.
    Phone(Box<Tapped>),
    /// A softswitch that may be out of order.
    Softswitch(Box<Server>),
    /// Somebody nobody invited.
    Stranger(Box<Stranger>),
    /// A softswitch that lies.
    Rogue(Box<Rogue>),
    /// A media gateway.
    Gateway(Box<MediaGateway>),
    /// Who commands such.
    Controller(Box<Controller>),
}

/// A telephone with the checkers at its ear.
pub struct Tapped {
    phone: Phone,
    /// What its messages travel by, where that is TCP.
    wire: Option<Wire>,
    user: String,
    checks: SharedChecks,
    off: bool,
    /// Its media, where its messages go another way.
    spoken: VecDeque<Datagram>,
    /// When it registers again: its connection is gone.
    known_anew_at: Option<Instant>,
    /// Whether it gives its registration up, however often that takes.
    leaves: bool,
}

/// A softswitch that may be out of order.
pub struct Server {
    softswitch: Softswitch,
    down_until: Instant,
}

impl Person {
    /// A telephone; with a seed, one that signals over TCP.
    pub fn phone(phone: Phone, checks: SharedChecks, wire: Option<u64>) -> Self {
        let (own, remote) = (phone.config().signalling, phone.config().proxy);
        Self::Phone(Box::new(Tapped {
            wire: wire.map(|seed| Wire::new(own, remote, seed)),
            user: phone.config().user.clone(),
            phone,
            checks,
            off: false,
            spoken: VecDeque::new(),
            known_anew_at: None,
            leaves: false,
        }))
    }

    /// A softswitch.
    pub fn softswitch(softswitch: Softswitch) -> Self {
        Self::Softswitch(Box::new(Server {
            softswitch,
            down_until: Instant::ZERO,
        }))
    }

    /// Strait; the caller knows that it is.
    pub fn strait(&self) -> &Strait {
        match self {
            Self::Strait(strait) => strait,
            _ => panic!("this is not Strait"),
        }
    }

    /// Strait; the caller knows that it is.
    pub fn strait_mut(&mut self) -> &mut Strait {
        match self {
            Self::Strait(strait) => strait,
            _ => panic!("this is not Strait"),
        }
    }

    /// A telephone; the caller knows that it is one.
    pub fn tapped(&self) -> &Tapped {
        match self {
            Self::Phone(tapped) => tapped,
            _ => panic!("this is no phone"),
        }
    }

    /// A telephone; the caller knows that it is one.
    pub fn tapped_mut(&mut self) -> &mut Tapped {
        match self {
            Self::Phone(tapped) => tapped,
            _ => panic!("this is no phone"),
        }
    }

    /// A softswitch is out of order for a while.
    pub fn fail(&mut self, now: Instant, time: Duration) {
        if let Self::Softswitch(server) = self {
            server.down_until = now + time;
        }
    }

    fn party(&mut self) -> &mut dyn Party {
        match self {
            Self::Strait(strait) => strait.as_mut(),
            Self::Phone(tapped) => tapped.as_mut(),
            Self::Softswitch(server) => server.as_mut(),
            Self::Stranger(stranger) => stranger.as_mut(),
            Self::Rogue(rogue) => rogue.as_mut(),
            Self::Gateway(gateway) => gateway.as_mut(),
            Self::Controller(controller) => controller.as_mut(),
        }
    }
}

impl Party for Person {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        self.party().receive(now, datagram);
    }

    fn timeout(&mut self, now: Instant) {
        self.party().timeout(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Strait(strait) => strait.next_timeout(),
            Self::Phone(tapped) => tapped.next_timeout(),
            Self::Softswitch(server) => server.next_timeout(),
            Self::Stranger(stranger) => stranger.next_timeout(),
            Self::Rogue(rogue) => rogue.next_timeout(),
            Self::Gateway(gateway) => gateway.next_timeout(),
            Self::Controller(controller) => controller.next_timeout(),
        }
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.party().poll_transmit()
    }
}

impl Tapped {
    /// The telephone.
    pub fn phone(&self) -> &Phone {
        &self.phone
    }

    /// It gives its registration up.
    pub fn leave(&mut self, now: Instant) {
        self.leaves = true;
        self.act(now, Phone::unregister);
    }

    /// Somebody uses the telephone.
    pub fn act<T>(&mut self, now: Instant, action: impl FnOnce(&mut Phone, Instant) -> T) -> T {
        let result = action(&mut self.phone, now);
        self.send_by_wire(now);
        result
    }

    /// Who it belongs to.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// It loses power, and with it everything it knew; `fresh` is what it is once switched on.
    pub fn power_cut(&mut self, fresh: Phone) {
        self.phone = fresh;
        self.off = true;
        if let Some(wire) = &mut self.wire {
            wire.cut();
        }
    }

    /// Power is back.
    pub fn switch_on(&mut self) {
        self.off = false;
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        !self.off
    }

    fn arrived(&self, now: Instant, datagram: &Datagram) {
        let at = datagram.destination;
        let rtp = at.port() & !1;
        let owner = self
            .phone
            .calls()
            .find(|call| call.stream().owns((at.ip(), rtp).into()));
        let left = owner.and_then(|call| call.stream().left());
        let left = left.filter(|(place, _)| *place == (at.ip(), rtp).into());
        let call = owner.map(|call| Listening {
            remote: call.remote_user(),
            ssrc: call.stream().ssrc().0,
            expects: call.stream().remote(),
        });
        let mut checks = self.checks.borrow_mut();
        checks.at(now);
        checks.media_arrived(&self.user, call, datagram);
        // A liar may say of its own call that its media is there.
        let lied = checks.media.is_of_liars(&datagram.payload);
        // Who has hung up says nothing more from its new place that could latch there, for as long
        // as its BYE gets lost.
        let speaks = owner.filter(|call| call.state() != State::Leaving);
        if let (Some((_, since)), Some(owner), false) = (left, speaks, lied) {
            let reports = at.port() != rtp || is_rtcp(&datagram.payload);
            checks.old_place_reached(&self.user, (owner.began(), since), reports);
        }
        if let (Some(call), true, None) = (call, at.port() == rtp, left) {
            checks.hearing.heard(now, &self.user, call.remote);
        }
    }

    /// A segment has come: whole messages are the telephone's. A telephone whose connection is
    /// gone makes itself known anew (RFC 5626 §4.4.1).
    fn wired(&mut self, now: Instant, datagram: &Datagram) {
        let Some(wire) = &mut self.wire else { return };
        for payload in wire.receive(now, datagram) {
            self.checks.borrow_mut().phone_told(&payload);
            let message = Datagram {
                source: datagram.source,
                destination: self.phone.config().signalling,
                payload,
            };
            self.phone.receive(now, &message);
        }
        self.rewire(now);
    }

    fn rewire(&mut self, now: Instant) {
        let broken = self.wire.as_mut().is_some_and(Wire::breaks);
        if broken && self.phone.registered_until().is_some() {
            self.known_anew_at.get_or_insert(now + RECONNECT_AFTER);
        }
        self.send_by_wire(now);
    }

    /// What the telephone says goes by its wire, where it has one.
    fn send_by_wire(&mut self, now: Instant) {
        let Some(wire) = &mut self.wire else { return };
        while let Some(datagram) = self.phone.poll_transmit() {
            if is_media(datagram.source) {
                self.spoken.push_back(datagram);
            } else {
                let mut checks = self.checks.borrow_mut();
                checks.phone_says(&datagram.payload);
                wire.send(now, &datagram.payload);
            }
        }
    }

    /// Somebody sends from where the media of a call was before it moved.
    pub fn haunt(&mut self, now: Instant, handle: CallHandle) {
        let call = self.phone.call_at(handle);
        let stream = call.map(|call| call.stream());
        let talks =
            stream.filter(|stream| stream.direction() == Direction::SendRecv && !stream.moves());
        let Some((stream, (left, since))) = talks.and_then(|stream| Some((stream, stream.left()?)))
        else {
            return;
        };
        // A worker that stands still latches nobody.
        let undisturbed = since.max(self.checks.borrow().hearing.disturbed());
        let latched = now.since(undisturbed) >= LATCHED_AFTER;
        let Some(to) = stream.remote().filter(|_| latched) else {
            return;
        };
        let forged = FORGED.repeat(20);
        let ghost = |sequence| Packet {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: Ssrc(!stream.ssrc().0),
            payload: &forged,
        };
        let ghosts = (0..5).map(|sequence| Datagram {
            source: left,
            destination: to,
            payload: ghost(sequence).to_bytes(),
        });
        self.spoken.extend(ghosts);
    }

    /// A stream that begins is made known to the checkers.
    fn speaks(&self, datagram: &Datagram) {
        if datagram.payload.ends_with(FORGED) {
            return;
        }
        let Some(ssrc) = ssrc(&datagram.payload) else {
            return;
        };
        let mut checks = self.checks.borrow_mut();
        if checks.media.knows(ssrc) {
            return;
        }
        let owner = self
            .phone
            .calls()
            .find(|call| call.stream().ssrc().0 == ssrc);
        if let Some(call) = owner {
            checks.stream_begun(ssrc, &self.user, call.remote_user(), call.began());
        }
    }
}

impl Party for Tapped {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if self.off {
            return;
        }
        if self.wire.as_ref().is_some_and(|wire| wire.owns(datagram)) {
            self.wired(now, datagram);
            return;
        }
        match is_media(datagram.destination) {
            true => self.arrived(now, datagram),
            false => self.checks.borrow_mut().phone_told(&datagram.payload),
        }
        self.phone.receive(now, datagram);
        self.send_by_wire(now);
    }

    fn timeout(&mut self, now: Instant) {
        if self.off {
            return;
        }
        self.phone.timeout(now);
        if let Some(wire) = &mut self.wire {
            wire.timeout(now);
        }
        if self.known_anew_at.take_if(|at| *at <= now).is_some() {
            match self.leaves {
                true => self.phone.unregister(now),
                false => self.phone.register(now),
            }
        }
        self.rewire(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let wire = self.wire.as_ref().and_then(Wire::next_timeout);
        let all = [self.phone.next_timeout(), wire, self.known_anew_at];
        all.into_iter().flatten().min().filter(|_| !self.off)
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        if self.off {
            return None;
        }
        let datagram = match &mut self.wire {
            Some(wire) => wire.poll_transmit().or_else(|| self.spoken.pop_front()),
            None => self
                .phone
                .poll_transmit()
                .or_else(|| self.spoken.pop_front()),
        }?;
        if is_media(datagram.source) {
            self.speaks(&datagram);
        } else if self.wire.is_none() {
            self.checks.borrow_mut().phone_says(&datagram.payload);
        }
        Some(datagram)
    }
}

impl Party for Server {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if self.down_until <= now {
            self.softswitch.receive(now, datagram);
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.softswitch.timeout(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.softswitch.next_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.softswitch.poll_transmit()
    }
}
