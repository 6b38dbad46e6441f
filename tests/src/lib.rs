//! Real programs against Strait: network namespaces, NATs by nftables, SIPp, baresip, Kamailio,
//! Erlang's megaco.
//!
//! A scenario builds a [`topology::Topology`], starts Strait and its peers in it, lets them place
//! calls, and then compares what left one phone with what reached the other.

pub mod baresip;
pub mod capture;
pub mod figure;
pub mod kamailio;
pub mod megaco;
pub mod namespace;
pub mod nat;
pub mod nsd;
pub mod port;
pub mod program;
pub mod requirements;
pub mod sipp;
pub mod strait;
pub mod terminal;
pub mod topology;
