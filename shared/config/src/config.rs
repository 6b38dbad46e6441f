//! The whole configuration, and what is not a realm or a softswitch.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    examples,
    gateway_control::Controller,
    realm::Realm,
    resolved::Resolved,
    scalar::{InstanceName, NicName, duration},
    serve::Dns,
    softswitch::Softswitch,
};

/// Strait's configuration: one YAML file that serves both processes and the operator's command.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names this running Strait where several share a machine: part of the names of its runtime
    /// files. Letters, digits, `-`, `_` and `.`, at most 32.
    #[serde(default = "default_instance")]
    pub instance: InstanceName,
    /// Where the sockets of this instance lie: `control.sock` for the operator's command and
    /// `region.sock` for the shared memory. Without it: `/run/strait` as root,
    /// `$XDG_RUNTIME_DIR/strait` where that is set, else `/tmp/strait-<uid>`; an instance that is
    /// not called `strait` gets a directory of its own name beside it.
    #[serde(default)]
    pub runtime_directory: Option<PathBuf>,
    /// The networks Strait stands between. At least one.
    #[schemars(length(min = 1))]
    pub realms: Vec<Realm>,
    /// The softswitches, SIP servers and trunks that signalling is forwarded to.
    #[serde(default)]
    pub softswitches: Vec<Softswitch>,
    /// The controllers that command gateways by H.248 or MGCP.
    #[serde(default)]
    pub controllers: Vec<Controller>,
    /// Who is asked for other domains' servers.
    #[serde(default)]
    pub dns: Dns,
    /// Bounds on what Strait holds at once.
    #[serde(default)]
    pub limits: Limits,
    /// The media relay: its NICs and workers.
    #[serde(default)]
    pub dataplane: Dataplane,
    /// Where the records of calls go.
    #[serde(default)]
    pub records: Records,
    /// What survives a crash.
    #[serde(default)]
    pub journal: Journal,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// How long a drain waits for the calls that stand before they are ended. A duration; `0s`
    /// ends them at once.
    #[serde(with = "duration::required", default = "default_drain_timeout")]
    #[schemars(with = "duration::Text")]
    pub drain_timeout: Duration,
    /// The names, resolved to indices once the file is known to be valid.
    #[serde(skip)]
    pub(crate) resolved: Resolved,
}

/// Bounds on what Strait holds at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::LIMITS))]
pub struct Limits {
    /// Calls at once, 1 to 1000000; more are answered 503 with Retry-After.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub calls: u32,
    /// Registrations at once, 0 to 10000000; more are answered 503 with Retry-After.
    #[schemars(range(max = 10_000_000))]
    pub registrations: u32,
    /// The longest SIP message in bytes, 1500 to 65535; a longer one is answered 513
    /// (RFC 3261 §21.5.7).
    #[schemars(range(min = 1_500, max = 65_535))]
    pub message_bytes: u32,
    /// The most `m=` lines of one session description, 1 to 64; more are answered 488.
    #[schemars(range(min = 1, max = 64))]
    pub media_lines: u16,
    /// New calls a second, 1 to 100000; more are answered 503 with Retry-After.
    #[schemars(range(min = 1, max = 100_000))]
    pub calls_per_second: u32,
    /// TCP connections at once, both directions together, 1 to 1000000; the ones idle longest are
    /// closed to make room.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tcp_connections: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            calls: 1_000,
            registrations: 100_000,
            message_bytes: 65_535,
            media_lines: 16,
            calls_per_second: 200,
            tcp_connections: 10_000,
        }
    }
}

/// The media relay: its NICs and workers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::DATAPLANE))]
pub struct Dataplane {
    /// The NICs packets arrive and leave by, 1 to 16.
    #[schemars(length(min = 1, max = 16))]
    pub nics: Vec<Nic>,
    /// The workers, 1 to 64: each is a thread that relays its share of the packets.
    #[schemars(length(min = 1, max = 64))]
    pub workers: Vec<Worker>,
    /// What a worker does while no packet comes.
    pub idle: Idle,
    /// What the NICs with `port: dpdk` share.
    pub dpdk: Dpdk,
    /// Spare slots, an even number from 0 to 65536. Each pair lets one further callee of a forked
    /// INVITE send a stream to the port that all of them were given (RFC 3261 §16.6).
    #[schemars(range(max = 65_536))]
    pub fork_slots: u32,
}

impl Default for Dataplane {
    fn default() -> Dataplane {
        Dataplane {
            nics: vec![Nic {
                name: default_nic(),
                port: PortKind::Udp,
                interface: None,
                device: None,
                mode: None,
                read: None,
                write: None,
                capture: None,
            }],
            workers: vec![Worker { core: None }],
            idle: Idle::Adaptive,
            dpdk: Dpdk::default(),
            fork_slots: 64,
        }
    }
}

/// One NIC of the dataplane.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::NIC))]
pub struct Nic {
    /// What media addresses call it by.
    pub name: NicName,
    /// How packets get in and out.
    #[serde(default)]
    pub port: PortKind,
    /// `af_xdp`: the interface, as `ip link` lists it. `dpdk`: the TAP device through which the
    /// kernel takes part. Without it the one of the NIC's name.
    #[serde(default)]
    pub interface: Option<String>,
    /// `dpdk` only, and always there: the PCI address of a NIC that is bound to vfio-pci, or a
    /// virtual device with its arguments, such as `net_af_packet0,iface=eth0`.
    #[serde(default)]
    pub device: Option<String>,
    /// `af_xdp` only: the mode that is required; without it the best that the driver has. `strait
    /// top` and the log show which one was got.
    #[serde(default)]
    pub mode: Option<XdpMode>,
    /// `pcap` only: the capture whose frames arrive; without it none do.
    #[serde(default)]
    pub read: Option<PathBuf>,
    /// `pcap` only: the capture that frames leave to.
    #[serde(default)]
    pub write: Option<PathBuf>,
    /// Copies every frame that passes into this file, pcap or by its ending pcapng, until it
    /// holds 1 GiB: for whoever looks for a fault. With several workers, each has a file of its
    /// own: `tap.pcap`, `tap-1.pcap` and so on.
    #[serde(default)]
    pub capture: Option<PathBuf>,
}

/// How packets get in and out of the relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortKind {
    /// Ordinary sockets with batched system calls: any machine, no privileges.
    #[default]
    Udp,
    /// Frames over rings in memory: tests and benches inside one process.
    Memory,
    /// Frames from and to capture files.
    Pcap,
    /// Frames straight from the queues of a Linux interface, past the kernel's network stack; all
    /// but media still goes to the kernel. Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and
    /// CAP_PERFMON.
    #[serde(rename = "af_xdp")]
    AfXdp,
    /// A NIC that DPDK drives, the kernel having given it up; all but media goes through a TAP
    /// device that has the addresses. Needs the program `strait-dataplane-dpdk`.
    Dpdk,
}

impl PortKind {
    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            PortKind::Udp => "udp",
            PortKind::Memory => "memory",
            PortKind::Pcap => "pcap",
            PortKind::AfXdp => "af_xdp",
            PortKind::Dpdk => "dpdk",
        }
    }

    /// Whether an interface of the kernel's has the addresses, and with them the routes and
    /// neighbours.
    pub const fn is_with_kernel(self) -> bool {
        matches!(self, PortKind::AfXdp | PortKind::Dpdk)
    }
}

/// How much of the way past the kernel a driver goes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum XdpMode {
    /// The driver puts frames into the relay's memory and takes them from there.
    ZeroCopy,
    /// The driver hands frames over before the kernel makes packets of them; they are copied.
    Native,
    /// Works with every driver, and costs about as much as sockets do.
    Generic,
}

impl Nic {
    /// The interface of an `af_xdp` NIC, or the TAP device of a `dpdk` one.
    pub fn interface(&self) -> &str {
        let named = self.interface.as_deref();
        named.unwrap_or_else(|| self.name.as_str())
    }
}

/// What the NICs with `port: dpdk` share.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::DPDK))]
pub struct Dpdk {
    /// Options for DPDK's environment, each word an item of its own: where its memory comes from,
    /// which drivers it loads, how much it logs. Cores and devices come from `workers` and `nics`.
    pub options: Vec<String>,
}

/// One worker of the dataplane.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// The core this worker is pinned to, as Linux numbers it; `null` leaves it to the kernel.
    #[serde(default)]
    pub core: Option<u16>,
}

/// What a worker does while no packet comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// Sleep until one comes: for a machine shared with others.
    #[default]
    Adaptive,
    /// Look again at once: the lowest latency, for a core of the worker's own.
    Poll,
}

/// Where the records of calls go.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::RECORDS))]
pub struct Records {
    /// The file that gets one line of JSON a call, at its end. A relative path starts at the
    /// working directory.
    pub file: PathBuf,
}

impl Default for Records {
    fn default() -> Records {
        Records {
            file: "calls.jsonl".into(),
        }
    }
}

/// What survives a crash: registrations, calls and resting media ports are kept in a file, so that
/// signalling that was killed goes on with them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::JOURNAL))]
pub struct Journal {
    /// Whether the journal is kept. Without it a restart of `strait-control` ends every call and
    /// forgets every registration.
    pub enabled: bool,
    /// The file. Without it: `<instance>.journal` in `$STATE_DIRECTORY` where that is set (systemd
    /// does), else in `runtime_directory` where that is given, else in `/var/lib/strait` as root,
    /// else in the default runtime directory, which does not outlive a restart of the machine.
    pub file: Option<PathBuf>,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal {
            enabled: true,
            file: None,
        }
    }
}

/// What is logged, on standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::LOG))]
pub struct Log {
    /// The least serious lines still written.
    pub level: LogLevel,
}

/// How serious a log line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something stopped working.
    Error,
    /// Someone should look.
    Warn,
    /// A state changed.
    #[default]
    Info,
    /// For whoever looks for a fault: every message of signalling.
    Debug,
    /// Everything there is.
    Trace,
}

impl LogLevel {
    /// The level as the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

pub(crate) fn default_nic() -> NicName {
    "default".parse().expect("`default` is a name")
}

fn default_instance() -> InstanceName {
    "strait".parse().expect("`strait` is a name")
}

fn default_drain_timeout() -> Duration {
    Duration::from_secs(60)
}
