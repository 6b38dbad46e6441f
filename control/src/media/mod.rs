//! From calls to media: offer and answer (RFC 3264), ports, slots.
//!
//! Knows sides, descriptions and time, and nothing of SIP, so that other call signalling drives
//! it too. [`MediaPlane`] takes in what the parties describe, puts our own addresses in its place
//! and tells the dataplane, slot by slot, what to let through.
//!
//! * `terms`, `rewrite`: descriptions read and edited · `address`: which addresses are believed
//! * `session`, `negotiate`, `fork`: who has agreed on what with whom
//! * `controlled`: streams that somebody else than the parties speaks for · `capabilities`: what
//!   speaks of none
//! * `layout`, `ports`: where port pairs lie, and which are free
//! * `commands`, `events`: to and from the dataplane · `kept`, `kept_session`: over a restart

mod address;
mod capabilities;
mod commands;
mod controlled;
mod error;
mod events;
mod fork;
mod kept;
mod kept_session;
mod layout;
pub mod limits;
mod negotiate;
mod plane;
mod ports;
mod realm;
mod report;
mod rewrite;
mod session;
mod side;
mod terms;

pub use address::AddressFault;
pub use capabilities::name_capabilities;
pub use controlled::{Placed, withdraw};
pub use error::MediaError;
pub use kept::{SlotState, Slots, Unfit};
pub use kept_session::KeptSession;
pub use plane::{MediaPlane, Notice, OfferState};
pub use ports::PortUsage;
pub use report::{CounterReader, StreamReport};
pub use rewrite::Rewritten;
pub use side::{BySide, Component, Family, SessionId, Side, SideSetup};
pub use terms::Codec;
