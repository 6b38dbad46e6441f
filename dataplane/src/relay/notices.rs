//! What the fast path has seen and control is to be told, in bounded queues of this worker's own.

use std::collections::VecDeque;

use strait_shared::net::Endpoint;
use strait_shared::slot::SlotIndex;
use strait_shared::time::Instant;

use crate::limits::{NOTICE_INTERVAL, NOTICES_MAX};

/// A source that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub slot: SlotIndex,
    /// The source.
    pub source: Endpoint,
    /// Packets refused there since the slot was opened.
    pub count: u64,
}

/// Notices not yet told.
pub struct Notices {
    latched: VecDeque<SlotIndex>,
    refused: VecDeque<Refusal>,
    late: VecDeque<SlotIndex>,
    /// For each slot the millisecond, plus one, of the last refusal or late packet noted.
    noted_ms: Box<[u32]>,
}

impl Notices {
    /// Room for the notices of a table of `slots` slots.
    pub(super) fn new(slots: u32) -> Self {
        Self {
            latched: VecDeque::with_capacity(NOTICES_MAX),
            refused: VecDeque::with_capacity(NOTICES_MAX),
            late: VecDeque::with_capacity(NOTICES_MAX),
            noted_ms: vec![0; slots as usize].into(),
        }
    }

    /// Notes a slot that has latched. One that finds no room is found by its owner's sweep.
    pub(super) fn latched(&mut self, slot: SlotIndex) {
        if self.latched.len() < NOTICES_MAX {
            self.latched.push_back(slot);
        }
    }

    /// Notes a refused source, at most once in [`NOTICE_INTERVAL`] for each slot. One that
    /// finds no room is noted with the slot's next refusal.
    pub(super) fn refused(&mut self, slot: SlotIndex, source: Endpoint, count: u64, now: Instant) {
        if self.refused.len() < NOTICES_MAX && self.is_due(slot, now) {
            self.refused.push_back(Refusal {
                slot,
                source,
                count,
            });
        }
    }

    /// Notes a packet to a slot that is not open any more from whom its last use was for, as
    /// seldom as refusals.
    pub(super) fn late(&mut self, slot: SlotIndex, now: Instant) {
        if self.late.len() < NOTICES_MAX && self.is_due(slot, now) {
            self.late.push_back(slot);
        }
    }

    /// Whether something may be noted of a slot again; it is taken to be noted then.
    fn is_due(&mut self, slot: SlotIndex, now: Instant) -> bool {
        let Some(last_ms) = self.noted_ms.get_mut(slot.0 as usize) else {
            return false;
        };
        let now_ms = now.as_millis() as u32;
        let interval_ms = NOTICE_INTERVAL.as_millis() as u32;
        let due = *last_ms == 0 || now_ms.wrapping_sub(*last_ms - 1) >= interval_ms;
        if due {
            *last_ms = now_ms.wrapping_add(1);
        }
        due
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.latched.is_empty() && self.refused.is_empty() && self.late.is_empty()
    }

    /// The slot that latched longest ago.
    pub fn next_latched(&mut self) -> Option<SlotIndex> {
        self.latched.pop_front()
    }

    /// The refusal noted longest ago.
    pub fn next_refused(&mut self) -> Option<Refusal> {
        self.refused.pop_front()
    }

    /// The closed slot whose late packet was noted longest ago.
    pub fn next_late(&mut self) -> Option<SlotIndex> {
        self.late.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(notices: &mut Notices, slot: u32, at_ms: u64) {
        let at = Instant::from_millis(at_ms);
        notices.refused(SlotIndex(slot), Endpoint::default(), 1, at);
    }

    #[test]
    fn a_slot_is_noted_once_a_second_and_others_beside_it() {
        let mut notices = Notices::new(4);
        for at_ms in [0, 1, 999, 1_000, 1_500, 2_000] {
            refuse(&mut notices, 1, at_ms);
        }
        refuse(&mut notices, 2, 2_000);
        let noted = std::iter::from_fn(|| notices.next_refused()).map(|refusal| refusal.slot.0);
        assert_eq!(noted.collect::<Vec<_>>(), [1, 1, 1, 2]);
    }

    #[test]
    fn what_finds_no_room_is_noted_later() {
        let slots = NOTICES_MAX as u32 + 1;
        let mut notices = Notices::new(slots);
        for slot in 0..slots {
            refuse(&mut notices, slot, 5);
        }
        while notices.next_refused().is_some() {}
        for slot in 0..slots {
            refuse(&mut notices, slot, 6);
        }
        assert_eq!(
            notices.next_refused().map(|refusal| refusal.slot.0),
            Some(slots - 1)
        );
        assert_eq!(notices.next_refused(), None);
    }
}
