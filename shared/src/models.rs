//! Models of everything two workers or two processes do to the same words, run by loom over every
//! interleaving and every value a weakly ordered machine may show.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p strait-shared --lib --release --target-dir target/loom
//! ```
//!
//! The one command runs the models as they are, then once more with each memory ordering of
//! [`Site`] weakened in turn, and fails when a weakened ordering goes unnoticed.
//! The violations it prints are the ones it looks for:
//!
//! | weakened | noticed by |
//! |---|---|
//! | `RingPublish`, `RingSeePublished` | `ring`: a record read while it is written |
//! | `RingRelease`, `RingSeeReleased` | `ring`: a record overwritten while it is read |
//! | `ConfigureBegin`, `ConfigureEnd`, `ViewBegin`, `ViewEnd` | `configure`: half old, half new |
//! | `LatchPublish`, `LatchSee` | `latch`: a remote seen before its address |
//! | `LatchClaim` | `rebind`: the old remote's word with the new one's address |
//!
//! Not modelled: the system calls around the region, and a peer that breaks the protocol, which
//! `tests/hostile.rs` plays.
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ring::models::{consumer_restart, producer_restart, ring};
use crate::sync::{Site, WEAKENED};
use crate::table::models::{configure, latch, rearm, rebind};

/// Switches between threads that loom tries within one run; more finds nothing new here.
const PREEMPTIONS: usize = 3;

type Model = fn();
const MODELS: [(&str, Model); 7] = [
    ("ring", ring),
    ("consumer_restart", consumer_restart),
    ("producer_restart", producer_restart),
    ("configure", configure),
    ("latch", latch),
    ("rebind", rebind),
    ("rearm", rearm),
];

/// The model that must fail when an ordering is weakened.
fn teeth(site: Site) -> Model {
    match site {
        Site::RingPublish | Site::RingSeePublished => ring,
        Site::RingRelease | Site::RingSeeReleased => ring,
        Site::ConfigureBegin | Site::ConfigureEnd => configure,
        Site::ViewBegin | Site::ViewEnd => configure,
        Site::LatchPublish | Site::LatchSee => latch,
        Site::LatchClaim => rebind,
    }
}

#[test]
fn every_model_holds() {
    for (name, model) in MODELS {
        assert!(holds(model), "{name}");
    }
}

#[test]
fn every_weakened_ordering_is_noticed() {
    for site in Site::ALL {
        WEAKENED.set(Some(site));
        let unnoticed = holds(teeth(site));
        WEAKENED.set(None);
        assert!(!unnoticed, "{site:?} may be weakened and no model says so");
    }
}

fn holds(model: Model) -> bool {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    catch_unwind(AssertUnwindSafe(|| builder.check(model))).is_ok()
}
