//! The link to the dataplane, against a worker that does nothing but apply and report.

mod commands;
mod restarts;
mod worker;
