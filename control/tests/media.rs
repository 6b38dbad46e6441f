//! The media layer seen from outside: descriptions in, descriptions and commands out.

#![allow(clippy::unwrap_used)]

#[path = "media/bench.rs"]
mod bench;
#[path = "media/calls.rs"]
mod calls;
#[path = "media/descriptions.rs"]
mod descriptions;
#[path = "media/forks.rs"]
mod forks;
#[path = "media/hostile.rs"]
mod hostile;
#[path = "media/inherited.rs"]
mod inherited;
#[path = "media/ports.rs"]
mod ports;
#[path = "media/random.rs"]
mod random;
#[path = "media/watching.rs"]
mod watching;
