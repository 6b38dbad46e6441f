//! A successor that finds any journal and any slots open.

use strait_control::gateway::io::{Input, OperatorCommand};
use strait_control::gateway::journal::{EntryKey, Kind, fuzz};
use strait_shared::fuzz::Bytes;
use strait_shared::slot::{Generation, SlotIndex};

use std::time::Duration;

use crate::anybody::usual;
use crate::world::secrets::Secrets;
use crate::world::{Journal, World};

/// Slots that may be open.
const SLOTS: usize = 32;

/// The body of the fuzz target: `data` says which slots are open, then what each entry holds.
/// Whatever that is, each entry is read or left out, and in the end nothing is left.
pub fn journal(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut world = World::of(usual());
    world.secrets = Secrets::None;
    for _ in 0..bytes.below(SLOTS) {
        let open = (SlotIndex(bytes.u16().into()), Generation(bytes.u32()));
        if world.open.iter().all(|(slot, _)| *slot != open.0) {
            world.open.push(open);
        }
    }
    let mut journal = Journal::new();
    while !bytes.is_empty() {
        let kind = Kind::numbered(bytes.byte() % 6).expect("there are six");
        let number = u64::from(bytes.byte());
        let length = usize::from(bytes.u16());
        let value = bytes.take(length).to_vec();
        let number = fuzz::entry(kind, &value).unwrap_or(number);
        let number = if kind == Kind::Identity { 0 } else { number };
        journal.insert(EntryKey::new(kind, number), value);
    }
    let entries = journal.len();
    let (restored, _) = world.crash(journal);
    assert!(restored.skipped <= entries);
    end(world);
}

/// Another successor finds what the first has left; then time runs out.
fn end(mut world: World) {
    let journal = world.journal.clone();
    let (again, _) = world.crash(journal);
    assert_eq!(again.skipped, 0, "what a successor keeps can be read");
    world.wait(Duration::from_secs(600));
    world.input(Input::Operator(OperatorCommand::EndAllCalls));
    world.wait(Duration::from_secs(600));
    let sizes = world.gateway.sizes();
    let left = [sizes.calls, sizes.exchanges, sizes.sessions];
    assert_eq!(left, [0; 3], "something is left: {sizes:?}");
    assert!(world.open.is_empty(), "media is left open");
}

/// A journal and the slots that are open, as `data` of [`journal`].
pub fn seed(world: &World) -> Vec<u8> {
    let mut data = vec![world.open.len() as u8];
    for (slot, generation) in &world.open {
        data.extend((slot.0 as u16).to_le_bytes());
        data.extend(generation.0.to_le_bytes());
    }
    for (key, value) in &world.journal {
        data.extend([key.kind as u8, key.number as u8]);
        data.extend((value.len() as u16).to_le_bytes());
        data.extend(value);
    }
    data
}
