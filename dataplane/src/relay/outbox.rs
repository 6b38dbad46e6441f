//! A worker's end of the event ring.

use strait_shared::command::{Event, EventId};
use strait_shared::ring::{Producer, RingError};
use strait_shared::slot::SlotIndex;
use strait_shared::table::{ForwardingView, SlotRef};
use strait_shared::time::Instant;

use super::notices::Refusal;

/// Numbers events and puts them on the ring.
pub(super) struct Outbox {
    events: Producer,
    next: EventId,
    broken: Option<RingError>,
}

impl Outbox {
    /// Numbers rise over restarts too, because the clock does.
    pub(super) fn new(events: Producer, now: Instant) -> Self {
        Self {
            events,
            next: EventId(now.as_nanos()),
            broken: None,
        }
    }

    /// Whether an event can be emitted now.
    pub(super) fn has_room(&mut self) -> bool {
        match self.events.room() {
            Ok(room) => room > 0,
            Err(error) => {
                self.broken = Some(error);
                false
            }
        }
    }

    /// Puts an event on the ring; the caller has seen that there is room.
    pub(super) fn emit(&mut self, event: &Event) {
        let pushed = self.events.push(&event.encode(self.next));
        debug_assert!(
            pushed.is_ok(),
            "an event is emitted only where there is room"
        );
        self.next.0 += 1;
    }

    /// Tells of a slot's remote, unless that has been done.
    pub(super) fn announce(&mut self, index: SlotIndex, slot: &SlotRef<'_>, view: &ForwardingView) {
        if view.latch.is_announced() {
            return;
        }
        let source = view.remote().and_then(|remote| remote.socket_addr());
        if let (Some(source), Some(usage)) = (source, slot.usage(view)) {
            self.emit(&Event::Latched {
                slot: index,
                generation: usage.generation,
                source,
            });
            slot.mark_announced(view.latch);
        }
    }

    /// Tells of a source that was refused.
    pub(super) fn refuse(&mut self, refusal: Refusal, slot: &SlotRef<'_>, view: &ForwardingView) {
        let source = refusal.source.socket_addr();
        if let (Some(source), Some(usage)) = (source, slot.usage(view)) {
            self.emit(&Event::Refused {
                slot: refusal.slot,
                generation: usage.generation,
                source,
                count: refusal.count,
            });
        }
    }

    /// What control has done to the ring, if it has.
    pub(super) fn broken(&self) -> Option<RingError> {
        self.broken
    }
}
