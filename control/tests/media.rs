//! The media layer seen from outside: descriptions in, descriptions and commands out.

#[path = "media/bench.rs"]
mod bench;
#[path = "media/calls.rs"]
mod calls;
