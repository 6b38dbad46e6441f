//! The other people in a call: phones, a softswitch, and the networks between them.
//!
//! Everything here is pure: a party is told what arrived and what time it is, and answers with
//! what to send and when to wake it. No socket, no clock, no randomness but a seed. The same
//! parties therefore run in virtual time in a test ([`world`]), on real sockets in the
//! demonstration, and by the thousand in a load tester.
//!
//! * [`phone`] registers, calls, answers, holds, transfers, plays and *verifies* G.711.
//! * [`softswitch`] is a registrar with digest authentication and a record-routing proxy.
//! * [`net`] holds what lies between: NATs (RFC 4787), lossy links, a STUN reflector.
//! * [`rtp`] and [`sip`] are the two protocols as far as these parties speak them.
//! * [`cast`] is one type for all of them, so that a world can hold them together.
//! * [`world`] puts parties behind NATs and links and lets time pass.

#![forbid(unsafe_code)]

pub mod cast;
pub mod net;
pub mod party;
pub mod phone;
pub mod rtp;
pub mod sip;
pub mod softswitch;
pub mod world;
