//! Gateways that controllers command through Strait.

mod anything;
mod binary;
mod calls;
mod chaos;
mod controllers;
mod crashes;
mod scene;
mod strangers;
mod transactions;
