//! The words of the configuration that are more than a string or a number.

pub(crate) mod address;
pub(crate) mod duration;
mod name;
mod number;
mod ports;

pub use name::{
    ControllerName, Domain, InstanceName, NicName, RealmName, ScalarError, SoftswitchName,
};
pub use number::{Dscp, VlanId};
pub use ports::PortRange;
