//! Gateways that controllers command through Strait.

mod calls;
mod controllers;
mod crashes;
mod scene;
mod strangers;
mod transactions;
