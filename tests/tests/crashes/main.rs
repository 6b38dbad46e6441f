//! Strait's processes are killed, replaced and upgraded under live calls: real processes, real
//! signals, media in every call.
//!
//! For hours: `cargo test --release -p strait-tests --test crashes -- --ignored --nocapture`,
//! with `STRAIT_SOAK_KILLS` kills (1 000 without it).

#![allow(clippy::unwrap_used)]

mod call;
mod control;
mod crowd;
mod dataplane;
mod machine;
mod place;
mod processes;
mod registering;
mod scene;
#[path = "../greedy/sip.rs"]
#[allow(dead_code, reason = "shared with the tests of greedy peers")]
mod sip;
mod supervised;
mod supervisor;
mod table;
mod talk;
mod upgrade;
