//! What makes a realm a SIP server: the domains it serves, and how it steers calls between parties
//! of different IP versions.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    examples,
    scalar::{Domain, RealmName, address, duration},
};

/// Makes a realm a SIP server for domains of its own: registrar, location service and judge of IP
/// versions. Requests for other domains go to the softswitch that has the domain, else to
/// `forward_to`, else where the DNS says (RFC 3263).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::SERVE))]
pub struct Serve {
    /// The domains whose users register here; the first one is meant where a request names
    /// Strait's own address. Realms that serve the same domain share its users.
    #[schemars(length(min = 1, max = 64))]
    pub domains: Vec<Domain>,
    /// The users who may register and call from these domains, with their secrets: YAML, a list of
    /// `{ user, domain, password }` where `md5` and `sha-256` (hashes of `user:domain:password`,
    /// RFC 7616 §3.4.2) may stand for the password; or a table exported as CSV (`.csv`), with the
    /// columns `username`, `domain`, `password`, `ha1`, `ha1_sha256`. Read again when it changes.
    /// Without it nobody is asked who they are.
    #[serde(default)]
    pub users: Option<PathBuf>,
    /// The digest algorithms that users are challenged with, the one preferred first (RFC 8760
    /// §2.3). Some older phones give up unless `md5` stands first or alone.
    #[serde(default = "default_digest")]
    #[schemars(length(min = 1, max = 2))]
    pub digest: Vec<DigestAlgorithm>,
    /// How long an answer to a digest challenge may be used again (RFC 7616 §3.3). A duration.
    #[serde(with = "duration::required", default = "default_nonce_lifetime")]
    #[schemars(with = "duration::Text")]
    pub nonce_lifetime: Duration,
    /// Contacts one user may have registered at once, 1 to 16; more are answered 503.
    #[serde(default = "default_contacts_per_user")]
    #[schemars(range(min = 1, max = 16))]
    pub contacts_per_user: u16,
    /// REGISTERs a second taken from one IPv4 address or one IPv6 /64, 1 to 100000; more are
    /// answered 503 with Retry-After.
    #[serde(default = "default_registers_per_second")]
    #[schemars(range(min = 1, max = 100_000))]
    pub registers_per_second: u32,
    /// Whether the DNS is asked for domains that no softswitch has.
    #[serde(default = "yes")]
    pub dns: bool,
    /// How calls are steered.
    #[serde(default)]
    pub steering: Steering,
    /// What is steered otherwise, by where it goes. The first one that fits counts.
    #[serde(default)]
    pub towards: Vec<Towards>,
}

/// How calls are steered between parties of the same or of different IP versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::STEERING))]
pub struct Steering {
    /// Where the media of calls go whose parties share a version.
    pub media: MediaPath,
    /// What is compared to judge whether they do.
    pub judge: Judge,
    /// What is done where they do not. Without it: `relay` where media is relayed, else
    /// `redirect`.
    pub mismatch: Option<Mismatch>,
    /// The status of a redirection, 300 to 699.
    #[schemars(range(min = 300, max = 699))]
    pub status: u16,
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            media: MediaPath::Relayed,
            judge: Judge::Offer,
            mismatch: None,
            status: 380,
        }
    }
}

/// Calls towards a realm or a domain, steered otherwise than the others: what is given counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::TOWARDS))]
pub struct Towards {
    /// The realm that the call leaves by.
    #[serde(default)]
    pub realm: Option<RealmName>,
    /// The domain that its Request-URI names.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// In place of `steering.media`.
    #[serde(default)]
    pub media: Option<MediaPath>,
    /// In place of `steering.judge`.
    #[serde(default)]
    pub judge: Option<Judge>,
    /// In place of `steering.mismatch`.
    #[serde(default)]
    pub mismatch: Option<Mismatch>,
    /// In place of `steering.status`.
    #[serde(default)]
    #[schemars(range(min = 300, max = 699))]
    pub status: Option<u16>,
}

/// A hash that digest authentication is made with (RFC 7616 §3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub enum DigestAlgorithm {
    /// SHA-256.
    #[serde(rename = "sha-256")]
    Sha256,
    /// MD5.
    #[serde(rename = "md5")]
    Md5,
}

/// Where media goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaPath {
    /// Through Strait.
    #[default]
    Relayed,
    /// From party to party: bodies are left as they are, addresses in them included.
    Direct,
}

/// What is compared to judge whether two parties share an IP version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// The version a request came by, and the one it would leave by.
    Arrival,
    /// The versions its session description offers, and the one it would leave by.
    #[default]
    Offer,
    /// Nothing: it is forwarded in the other version with its body untouched, and the callee
    /// judges. Only with `media: direct`.
    Terminal,
}

/// What is done with a call whose parties share no IP version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mismatch {
    /// The caller is told to call again in the other version: 380 Alternative Service.
    Redirect,
    /// Media is relayed between the versions; each party keeps its own.
    Relay,
    /// Media is relayed, and the callee is offered both versions (RFC 6947).
    Altc,
}

/// Who is asked for other domains' servers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::DNS))]
pub struct Dns {
    /// Servers of the DNS, address and port, the best first. None: those of `/etc/resolv.conf`.
    #[schemars(with = "Vec<address::Socket>", length(max = 8))]
    pub servers: Vec<SocketAddr>,
    /// How long a request waits for the DNS before it is answered 504. A duration, 100ms to 6s.
    #[serde(with = "duration::required")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
        }
    }
}

fn default_digest() -> Vec<DigestAlgorithm> {
    vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5]
}

fn default_nonce_lifetime() -> Duration {
    Duration::from_secs(300)
}

fn default_contacts_per_user() -> u16 {
    10
}

fn default_registers_per_second() -> u32 {
    100
}

fn yes() -> bool {
    true
}
