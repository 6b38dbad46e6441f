//! Softswitches: what a realm's signalling is forwarded to.

use std::{net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    examples,
    realm::Transport,
    scalar::{Domain, RealmName, SoftswitchName, address, duration},
};

/// A softswitch, SIP server or trunk that signalling is forwarded to. It lives in a realm itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::SOFTSWITCH))]
pub struct Softswitch {
    /// What `forward_to` calls it by; also its name in records and metrics.
    pub name: SoftswitchName,
    /// The realm it is reached in.
    pub realm: RealmName,
    /// Its address and port: `"10.0.0.1:5060"` or `"[2001:db8::1]:5060"`, quoted in YAML. The
    /// realm needs a signalling address of the same family and transport.
    #[schemars(with = "address::Socket")]
    pub address: SocketAddr,
    /// What requests to it are sent over.
    #[serde(default)]
    pub transport: Transport,
    /// The domain it serves: stands in the request URIs and From/To sent to it where the other
    /// side named Strait's own address. Without it, its address does.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// How often it is asked with OPTIONS whether it lives (RFC 3261 §11); `null` never asks and
    /// takes it to be up until a request to it fails. A duration, 1s or more.
    #[serde(with = "duration::optional", default = "default_probe")]
    #[schemars(with = "Option<duration::Text>")]
    pub probe: Option<Duration>,
    /// How long a request may stay without any response before the next softswitch is tried. A
    /// duration, 500ms (T1 of RFC 3261 §17.1.1.1) to 32s (64 × T1).
    #[serde(with = "duration::required", default = "default_failover_after")]
    #[schemars(with = "duration::Text")]
    pub failover_after: Duration,
    /// How long a softswitch found dead is left alone before it is tried again. A duration, 1s or
    /// more.
    #[serde(with = "duration::required", default = "default_retry_after")]
    #[schemars(with = "duration::Text")]
    pub retry_after: Duration,
}

fn default_probe() -> Option<Duration> {
    Some(Duration::from_secs(10))
}

fn default_failover_after() -> Duration {
    Duration::from_secs(4)
}

fn default_retry_after() -> Duration {
    Duration::from_secs(30)
}
