//! The slots that a worker has open, in a list that a sweep goes round in.

use strait_shared::slot::SlotIndex;
use strait_shared::time::Instant;

/// What a sweep knows of an open slot without looking into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenSlot {
    pub(super) slot: SlotIndex,
    /// How long nothing may arrive before silence is reported; 0 for ever.
    pub(super) silence_timeout_ms: u32,
    /// When the slot was opened or changed last.
    pub(super) armed: Instant,
}

/// Open slots. Every operation takes constant time.
pub(super) struct OpenSlots {
    list: Vec<OpenSlot>,
    /// For every slot its place in the list, plus one; 0 for none.
    places: Box<[u32]>,
    cursor: usize,
}

impl OpenSlots {
    /// Room for `owned` open slots of a table of `slots`.
    pub(super) fn new(slots: u32, owned: usize) -> Self {
        Self {
            list: Vec::with_capacity(owned),
            places: vec![0; slots as usize].into(),
            cursor: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a slot of the table, or replaces what is known of one that is there.
    pub(super) fn insert(&mut self, open: OpenSlot) {
        let place = &mut self.places[open.slot.0 as usize];
        if *place == 0 {
            self.list.push(open);
            *place = self.list.len() as u32;
        } else {
            self.list[*place as usize - 1] = open;
        }
    }

    /// Takes a slot of the table out, if it is there.
    pub(super) fn remove(&mut self, slot: SlotIndex) {
        let place = std::mem::take(&mut self.places[slot.0 as usize]);
        if place != 0 {
            self.list.swap_remove(place as usize - 1);
            if let Some(moved) = self.list.get(place as usize - 1) {
                self.places[moved.slot.0 as usize] = place;
            }
        }
    }

    /// The next slot of the round.
    pub(super) fn next(&mut self) -> Option<OpenSlot> {
        if self.cursor >= self.list.len() {
            self.cursor = 0;
        }
        let next = self.list.get(self.cursor).copied();
        self.cursor += 1;
        next
    }

    /// The slot that comes `distance` after the next one, unless the round ends before.
    pub(super) fn ahead(&self, distance: usize) -> Option<SlotIndex> {
        self.list.get(self.cursor + distance).map(|open| open.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_agrees_with_a_map(
            steps in proptest::collection::vec((0u32..8, any::<bool>()), 0..64),
        ) {
            let mut open = OpenSlots::new(8, 8);
            let mut oracle = BTreeMap::new();
            for (number, (slot, insert)) in steps.into_iter().enumerate() {
                let slot_now = OpenSlot {
                    slot: SlotIndex(slot),
                    silence_timeout_ms: slot,
                    armed: Instant::from_millis(number as u64),
                };
                if insert {
                    open.insert(slot_now);
                    oracle.insert(SlotIndex(slot), slot_now);
                } else {
                    open.remove(SlotIndex(slot));
                    oracle.remove(&SlotIndex(slot));
                }
                open.next();
            }
            open.cursor = 0;
            let round: BTreeMap<_, _> = (0..open.len())
                .filter_map(|_| open.next())
                .map(|open| (open.slot, open))
                .collect();
            prop_assert_eq!(round, oracle);
        }
    }
}
