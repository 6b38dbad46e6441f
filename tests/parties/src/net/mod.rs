//! What lies between the parties.

pub mod link;
pub mod nat;
pub mod reflector;
pub mod stream;
