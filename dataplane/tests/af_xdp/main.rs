//! The `af_xdp` port on veth pairs between network namespaces, natively and generically.
//!
//! The far ends are ports of the same kind, because they put any frame on the wire and take what
//! comes as it is; what they take is read by an independent parser. Without root or AF_XDP the
//! tests are skipped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../rig/mod.rs"]
mod rig;

mod faults;
mod interface;
mod limits;
mod neighbours;
mod process;
mod relaying;
mod stage;
