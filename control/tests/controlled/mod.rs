//! Gateways that controllers command through Strait.

mod anything;
mod binary;
mod calls;
mod chaos;
mod controllers;
mod crashes;
mod endings;
mod scene;
mod strangers;
mod transactions;
