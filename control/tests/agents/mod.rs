//! Gateways that call agents command through Strait by MGCP.

mod chaos;
mod connections;
mod endings;
mod flows;
mod restarts;
mod scene;
mod strangers;
mod transactions;
