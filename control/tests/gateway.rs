//! The gateway from outside: messages in, messages out, by behaviour.

#[path = "gateway/world.rs"]
mod world;

#[path = "gateway/calls.rs"]
mod calls;
#[path = "gateway/chaos.rs"]
mod chaos;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/registrations.rs"]
mod registrations;
