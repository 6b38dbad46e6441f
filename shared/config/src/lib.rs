//! Strait's configuration: one YAML file for both processes and the operator's command.
//!
//! A [`Config`] only comes from [`Config::load`] or [`Config::from_str`](std::str::FromStr), so
//! whoever holds one holds a valid one: names are resolved, ranges do not overlap, families match.
//! The doc comments of the types are the manual of the file's keys.

#![forbid(unsafe_code)]

mod config;
mod examples;
pub mod fuzz;
mod gateway_control;
mod geometry;
mod limits;
mod load;
pub mod machine;
mod manual;
mod meaning;
mod path;
mod realm;
mod report;
mod resolved;
mod runtime_directory;
mod scalar;
mod schema;
mod serve;
mod softswitch;
mod structure;
mod wording;
mod yaml;

pub use config::{
    Config, Dataplane, Dpdk, Idle, Journal, Limits, Log, LogLevel, Nic, PortKind, Records, Worker,
    XdpMode,
};
pub use gateway_control::{
    ControlAddress, ControlPort, ControlProtocol, Controller, ControllerIndex, GatewayControl,
};
pub use geometry::geometry;
pub use load::{Checked, check, check_file};
pub use manual::manual;
pub use realm::{
    Hide, KeepAlive, KeepAliveMethod, LatchPolicy, MediaAddress, Police, Realm, Registration,
    SignallingAddress, Transport,
};
pub use report::{Finding, Position, Report, Severity};
pub use resolved::{RealmIndex, SoftswitchIndex};
pub use runtime_directory::default_directory;
pub use scalar::{
    ControllerName, Domain, Dscp, InstanceName, NicName, PortRange, RealmName, ScalarError,
    SoftswitchName, VlanId,
};
pub use schema::schema;
pub use serve::{DigestAlgorithm, Dns, Judge, MediaPath, Mismatch, Serve, Steering, Towards};
pub use softswitch::Softswitch;
