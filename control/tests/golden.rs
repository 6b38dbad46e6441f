//! Golden calls: whole messages in and out, and the media commands between, one scenario a file
//! in `tests/golden/calls`. `UPDATE_GOLDEN=1` writes what comes out into the files.

#![allow(clippy::unwrap_used)]

#[path = "golden/play.rs"]
mod play;
#[path = "golden/scenario.rs"]
mod scenario;
#[allow(dead_code, reason = "the gateway's other tests use the rest")]
#[path = "gateway/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::path::PathBuf;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/calls")
}

fn check(name: &str) {
    let path = directory().join(format!("{name}.call"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    assert!(!text.contains('\r'), "{name}: lines end in LF alone");
    let played = play::play(&scenario::Scenario::read(&text));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, played).unwrap();
        return;
    }
    if let Some(at) = text
        .lines()
        .zip(played.lines())
        .position(|(old, new)| old != new)
    {
        let show = |text: &str| {
            let lines = text.lines().skip(at.saturating_sub(4)).take(12);
            lines.collect::<Vec<_>>().join("\n")
        };
        panic!(
            "{name}.call, line {}\n--- expected\n{}\n--- came out\n{}\n",
            at + 1,
            show(&text),
            show(&played)
        );
    }
    assert_eq!(
        text.lines().count(),
        played.lines().count(),
        "{name}.call: more or less came out"
    );
}

macro_rules! scenarios {
    ($($test:ident = $file:literal,)*) => {
        $(#[test] fn $test() { check($file); })*

        const FILES: &[&str] = &[$($file),*];
    };
}

scenarios! {
    registration = "registration",
    registration_challenged = "registration-challenged",
    registration_absorbed = "registration-absorbed",
    call_from_access = "call-from-access",
    call_to_access = "call-to-access",
    late_offer = "late-offer",
    early_media_and_prack = "early-media-and-prack",
    hold_and_resume = "hold-and-resume",
    cancel = "cancel",
    fork = "fork",
    transfer_with_replaces = "transfer-with-replaces",
    ipv6_to_ipv4 = "ipv6-to-ipv4",
    udp_to_tcp = "udp-to-tcp",
    subscription = "subscription",
    message = "message",
    failover = "failover",
    malformed = "malformed",
    h248_rfc3525_appendix_a = "h248-rfc3525-appendix-a",
}

/// A scenario nobody plays proves nothing.
#[test]
fn every_file_is_played() {
    let entries = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<String> = entries.map(|name| name.into_string().unwrap()).collect();
    let played: BTreeSet<String> = FILES.iter().map(|name| format!("{name}.call")).collect();
    assert_eq!(found, played);
}
