//! Models of everything two workers or two processes do to the same words, run by loom over every
//! interleaving and every value a weakly ordered machine may show.
//!
//! ```text
//! scripts/model.sh
//! ```
//!
//! The one command runs the models as they are, then once more with each memory ordering of
//! [`Site`] weakened in turn, and fails when a weakened ordering goes unnoticed:
//!
//! | weakened | noticed by |
//! |---|---|
//! | `RingPublish`, `RingSeePublished` | `ring`: a record read while it is written |
//! | `RingRelease`, `RingSeeReleased` | `ring`: a record overwritten while it is read |
//! | `ConfigureBegin`, `ConfigureEnd`, `ViewBegin`, `ViewEnd` | `configure`: half old, half new |
//! | `LatchPublish`, `LatchSee` | `latch`: a remote seen before its address |
//! | `LatchClaim` | `rebind`: the old remote's word with the new one's address |
//! | `MendEnd` | `restart`: a half-written slot seen open |
//! | `MagicPublish`, `MagicSee` | `announcement`: a magic number without its header |
//! | `AppliedPublish`, `AppliedSee` | `application`: a command applied, its effect not seen |
//! | `EndTake`, `EndLetGo` | `succession`: an end taken over at an old index |
//!
//! Ring indices, the sequence and the latch's epoch begin so that they wrap within a model.
//! `tests/models` does the same for the frame ring of the dataplane's memory port.
//!
//! Not modelled: the system calls around the region, which order everything themselves (a
//! descriptor sent, a process dead, a lock taken), and a peer that breaks the protocol, which
//! `tests/hostile.rs` plays.
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::time::Instant;

use crate::handover::models::{announcement, application, succession};
use crate::ring::models::{consumer_restart, producer_restart, ring};
use crate::sync::{Site, WEAKENED};
use crate::table::models::restart::{claim_restart, restart, reuse};
use crate::table::models::{announcing, configure, latch, rearm, rebind};

/// Switches between threads that loom tries within one run; more finds nothing new here.
const PREEMPTIONS: usize = 3;

type Model = (&'static str, fn());
const MODELS: [Model; 14] = [
    ("ring", ring),
    ("consumer_restart", consumer_restart),
    ("producer_restart", producer_restart),
    ("configure", configure),
    ("latch", latch),
    ("rebind", rebind),
    ("rearm", rearm),
    ("announcing", announcing),
    ("restart", restart),
    ("claim_restart", claim_restart),
    ("reuse", reuse),
    ("announcement", announcement),
    ("application", application),
    ("succession", succession),
];

/// The model that must fail when an ordering is weakened.
fn teeth(site: Site) -> &'static str {
    match site {
        Site::RingPublish | Site::RingSeePublished => "ring",
        Site::RingRelease | Site::RingSeeReleased => "ring",
        Site::ConfigureBegin | Site::ConfigureEnd => "configure",
        Site::ViewBegin | Site::ViewEnd => "configure",
        Site::LatchPublish | Site::LatchSee => "latch",
        Site::LatchClaim => "rebind",
        Site::MendEnd => "restart",
        Site::MagicPublish | Site::MagicSee => "announcement",
        Site::AppliedPublish | Site::AppliedSee => "application",
        Site::EndTake | Site::EndLetGo => "succession",
    }
}

#[test]
fn every_model_holds() {
    for (name, model) in MODELS {
        let begin = Instant::now();
        assert!(holds(model), "{name}");
        println!("{name}: holds ({:.1?})", begin.elapsed());
    }
}

#[test]
fn every_weakened_ordering_is_noticed() {
    // The panics that follow are looked for, and would hide others. The first model of all hooks
    // loom's own on; taken off and put back, it stays on.
    loom::model(|| {});
    let loud = take_hook();
    set_hook(Box::new(|_| {}));
    let noticed = Site::ALL.map(|site| (site, notices(site)));
    set_hook(loud);
    for (site, noticed) in noticed {
        assert!(noticed, "{site:?} may be weakened and no model says so");
        println!("{site:?} weakened: noticed by {}", teeth(site));
    }
}

/// Whether the model that should notice a weakened ordering does.
fn notices(site: Site) -> bool {
    let named = MODELS.iter().find(|(name, _)| *name == teeth(site));
    let (_, model) = named.expect("a model of this name");
    WEAKENED.set(Some(site));
    let unnoticed = holds(*model);
    WEAKENED.set(None);
    !unnoticed
}

fn holds(model: fn()) -> bool {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    catch_unwind(AssertUnwindSafe(|| builder.check(model))).is_ok()
}
