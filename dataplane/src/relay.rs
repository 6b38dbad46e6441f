//! The relay: what happens to a burst of frames. Pure: no clock, no socket, no allocation.
//!
//! One pass has three stages, each over the whole burst, so that the memory one stage asks for
//! arrives while the others work:
//!
//! 1. `arrival`: headers are read and checked, the local address becomes a slot, its lines are
//!    asked for.
//! 2. `admission`: the slot's gate, source, latch and policer decide; statistics are kept; the
//!    peer's line is asked for.
//! 3. `departure`: new headers are built in place of the old ones, and the frame joins the others
//!    that leave by the same port. A frame whose remote is one of our own addresses joins the next
//!    pass instead.

mod admission;
mod arrival;
mod departure;
pub(crate) mod intervals;
pub(crate) mod locals;
mod notices;
mod open_slots;
mod outbox;
mod owner;
pub(crate) mod routes;
mod tally;

use std::sync::Arc;

use strait_shared::adjacency::AdjacencyTable;
use strait_shared::drops::DropReason;
use strait_shared::geometry::Geometry;
use strait_shared::slot::EgressPort;
use strait_shared::table::Table;
use strait_shared::time::Instant;

use self::arrival::Arrival;
use self::departure::Exit;
use self::locals::Locals;
pub use self::notices::{Notices, Refusal};
pub use self::owner::{Owner, Turn};
pub use self::routes::Routes;
pub use self::tally::Tally;
use crate::frame::Frame;
use crate::limits::{BURST, PASSES_MAX, PORTS_MAX};
use crate::port::FrameIndex;
use crate::wire::MacAddress;

/// What the relay knows of a port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Egress {
    /// The hardware address frames leave with.
    pub mac: MacAddress,
    /// Longest frame the port takes.
    pub frame_bytes_max: u16,
}

/// The relay of one worker.
pub struct Relay {
    table: Table,
    locals: Locals,
    next_hops: AdjacencyTable,
    routes: Arc<Routes>,
    egress: Box<[Egress]>,
    arrivals: Box<[Arrival; BURST]>,
    again: Picks,
    departing: Box<[Picks]>,
    notices: Notices,
    tally: Tally,
}

impl Relay {
    /// A relay over `table` whose ports are `egress`.
    ///
    /// # Panics
    /// When there are more than [`PORTS_MAX`] ports.
    pub fn new(
        table: Table,
        next_hops: AdjacencyTable,
        geometry: &Geometry,
        egress: &[Egress],
    ) -> Self {
        assert!(egress.len() <= PORTS_MAX, "bounded by the configuration");
        Self {
            locals: Locals::new(geometry),
            notices: Notices::new(table.len()),
            table,
            next_hops,
            routes: Arc::default(),
            egress: egress.into(),
            arrivals: Box::new([Arrival::default(); BURST]),
            again: Picks::default(),
            departing: vec![Picks::default(); egress.len()].into(),
            tally: Tally::default(),
        }
    }

    /// Decides about every frame of a burst. Each is then dropped and counted, or rewritten and
    /// among the [departing](Self::departing).
    ///
    /// # Panics
    /// When there are more than [`BURST`] frames.
    pub fn process(&mut self, frames: &mut [Frame], now: Instant) {
        assert!(frames.len() <= BURST, "a burst is bounded");
        self.tally.received += frames.len() as u64;
        let mut picks = Picks::all(frames.len());
        self.tally.received_bytes += frames.iter().map(Frame::len).sum::<u64>();
        for _ in 0..PASSES_MAX {
            self.pass(frames, &picks, now);
            picks = std::mem::take(&mut self.again);
            if picks.is_empty() {
                return;
            }
        }
        self.tally
            .drop(DropReason::HairpinLimit, picks.as_slice().len() as u64);
    }

    /// From now on the next hops of remotes are looked up in `routes`.
    pub fn follow(&mut self, routes: Arc<Routes>) {
        self.routes = routes;
    }

    /// The frames that leave by `port`, in order.
    pub fn departing(&self, port: EgressPort) -> &[FrameIndex] {
        self.departing[usize::from(port.0)].as_slice()
    }

    /// Notes that `port` took the first `sent` of its departing frames.
    pub fn departed(&mut self, port: EgressPort, sent: usize, frames: &[Frame]) {
        let picks = &mut self.departing[usize::from(port.0)];
        let (gone, lost) = picks.as_slice().split_at(sent.min(picks.as_slice().len()));
        self.tally.sent += gone.len() as u64;
        self.tally.sent_bytes += bytes(frames, gone);
        self.tally.drop(DropReason::TransmitFull, lost.len() as u64);
        picks.clear();
    }

    /// What happened to the frames so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What control is to be told.
    pub fn notices(&mut self) -> &mut Notices {
        &mut self.notices
    }

    fn pass(&mut self, frames: &mut [Frame], picks: &Picks, now: Instant) {
        let arrived = self.arrive(frames, picks);
        let admitted = self.admit(frames, arrived, now);
        self.depart(frames, admitted);
    }

    /// Stage 1; returns how many arrivals there are.
    #[inline(never)]
    fn arrive(&mut self, frames: &[Frame], picks: &Picks) -> usize {
        let mut arrived = 0;
        for &index in picks.as_slice() {
            let frame = &frames[usize::from(index)];
            match self.arrivals[arrived].parse(frame, index, &self.locals) {
                Ok(()) => arrived += 1,
                Err(reason) => self.tally.drop(reason, 1),
            }
        }
        // In a loop of its own, so that many misses are under way at once: a prefetch whose page
        // is unknown holds up what comes after it.
        for arrival in &self.arrivals[..arrived] {
            if let Some(slot) = self.table.slot(arrival.slot) {
                slot.prefetch();
            }
        }
        arrived
    }

    /// Stage 2; moves the admitted arrivals to the front, their slot now the one they leave from.
    #[inline(never)]
    fn admit(&mut self, frames: &[Frame], arrived: usize, now: Instant) -> usize {
        let mut admitted = 0;
        for at in 0..arrived {
            let arrival = &self.arrivals[at];
            let payload = arrival.payload(&frames[usize::from(arrival.frame)]);
            let mut door = admission::Door {
                table: &self.table,
                locals: &self.locals,
                notices: &mut self.notices,
                now,
            };
            match door.admit(arrival, payload) {
                Ok(peer) => {
                    self.arrivals[admitted] = *arrival;
                    self.arrivals[admitted].slot = peer;
                    admitted += 1;
                }
                Err(reason) => self.tally.drop(reason, 1),
            }
        }
        for arrival in &self.arrivals[..admitted] {
            if let Some(slot) = self.table.slot(arrival.slot) {
                slot.prefetch_forwarding();
            }
        }
        admitted
    }

    /// Stage 3.
    #[inline(never)]
    fn depart(&mut self, frames: &mut [Frame], admitted: usize) {
        let exit = Exit {
            table: &self.table,
            locals: &self.locals,
            next_hops: &self.next_hops,
            routes: &self.routes,
            egress: &self.egress,
        };
        for arrival in &self.arrivals[..admitted] {
            let frame = &mut frames[usize::from(arrival.frame)];
            let plan = exit.plan(arrival.slot);
            match plan.and_then(|way| way.rewrite(arrival, frame).map(|()| way)) {
                Ok(way) if way.hairpin => self.again.push(arrival.frame),
                Ok(way) => self.departing[usize::from(way.port().0)].push(arrival.frame),
                Err(reason) => self.tally.drop(reason, 1),
            }
        }
    }
}

fn bytes(frames: &[Frame], picks: &[FrameIndex]) -> u64 {
    let length = |index: &FrameIndex| frames[usize::from(*index)].len();
    picks.iter().map(length).sum()
}

/// Some frames of a burst, in order.
#[derive(Clone, Copy)]
struct Picks {
    frames: [FrameIndex; BURST],
    count: u8,
}

impl Picks {
    fn all(count: usize) -> Self {
        Self {
            frames: std::array::from_fn(|index| index as FrameIndex),
            count: count as u8,
        }
    }

    fn push(&mut self, frame: FrameIndex) {
        self.frames[usize::from(self.count)] = frame;
        self.count += 1;
    }

    fn as_slice(&self) -> &[FrameIndex] {
        &self.frames[..usize::from(self.count)]
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn clear(&mut self) {
        self.count = 0;
    }
}

impl Default for Picks {
    fn default() -> Self {
        Self {
            frames: [0; BURST],
            count: 0,
        }
    }
}
