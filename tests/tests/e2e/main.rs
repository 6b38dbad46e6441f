//! Calls through Strait between programs that are not ours, over networks that NATs divide.

#![allow(clippy::unwrap_used)]

mod bindings;
mod call_agent;
mod callers;
mod cancel;
mod crashes;
mod dual_stack;
mod environment;
mod failover;
mod families;
mod forking;
mod gateways;
mod hold_and_transfer;
mod limits;
mod methods;
mod nats;
mod operator;
mod scene;
mod spoofing;
