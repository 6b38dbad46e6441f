//! Strait's tables as text, for whoever looks into a failure.

use std::fmt::Write;

use strait_shared::slot::SlotIndex;

use crate::stage::Stage;

/// Open slots that are shown.
const SLOTS_MAX: usize = 400;

/// What Strait and the world hold.
pub fn tables(stage: &Stage) -> String {
    let mut text = String::new();
    let strait = stage.strait();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line("plan", format!("{:?}", stage.plan));
    line("now", format!("{:?}", stage.world.now()));
    line("host", format!("{:?}", strait.counters()));
    line("losses", format!("{:?}", stage.world.losses()));
    if let Some(gateway) = strait.gateway() {
        line("sizes", format!("{:?}", gateway.sizes()));
        line("gateway", format!("{:?}", gateway.counters()));
    }
    let link = strait.link().map(|link| link.link());
    line("link", format!("{:?}", link.map(|link| link.counters())));
    for statistics in link.map(|link| link.statistics()).unwrap_or_default() {
        let drops: Vec<_> = statistics.drops().filter(|(_, count)| *count > 0).collect();
        let (packets_in, packets_out) = (statistics.packets_in, statistics.packets_out);
        let applied = statistics.applied;
        line(
            "worker",
            format!("in {packets_in} out {packets_out} applied {applied:?} {drops:?}"),
        );
    }
    let table = strait.region().table();
    let slots = (0..table.len()).map(SlotIndex);
    let open = slots.filter_map(|slot| Some((slot, table.snapshot(slot).filter(|s| s.open)?)));
    for (slot, snapshot) in open.take(SLOTS_MAX) {
        let local = strait.region().geometry().local(slot);
        line("slot", format!("{slot:?} {local:?} {snapshot:?}"));
    }
    let reader = |slot| table.snapshot(slot).map(|snapshot| snapshot.counters);
    let calls = strait.gateway().map(|gateway| gateway.calls(&reader));
    for call in calls.unwrap_or_default() {
        line("call", format!("{call:?}"));
    }
    for (number, place) in stage.phones.iter().enumerate() {
        for call in stage.phone(number).calls() {
            let (state, stream) = (call.state(), call.stream());
            let what = format!(
                "{} with {}: {state:?} {:?} {:?} → {:?}, sent {:?}",
                place.user,
                call.remote_user(),
                stream.direction(),
                stream.local(),
                stream.remote(),
                stream.sent(),
            );
            line("phone", what);
        }
    }
    text
}
