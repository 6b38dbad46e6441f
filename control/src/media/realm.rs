//! What a realm asks of media, in the dataplane's terms.

use strait_config::{Config, LatchPolicy as Configured, Realm};
use strait_shared::slot::{LatchPolicy, Policer};

/// What a realm asks of media.
#[derive(Clone, Copy, Debug)]
pub(super) struct RealmMedia {
    pub nat: bool,
    pub policy: LatchPolicy,
    pub dscp: u8,
    pub policer: Option<Policer>,
    /// 0 means that silence ends no call.
    pub silence_timeout_ms: u32,
}

impl RealmMedia {
    /// Every realm's, in the configuration's order.
    pub fn all(config: &Config) -> Vec<Self> {
        config.realms.iter().map(Self::new).collect()
    }

    fn new(realm: &Realm) -> Self {
        Self {
            nat: realm.nat,
            policy: match realm.latch {
                Configured::Signalled => LatchPolicy::Signalled,
                Configured::Restricted => LatchPolicy::Restricted,
                Configured::Symmetric => LatchPolicy::Symmetric,
            },
            dscp: realm.dscp.get(),
            policer: realm.police.map(|police| Policer {
                packets_per_second: police.packets_per_second,
                bytes_per_second: police.bytes_per_second,
                burst_ms: police.burst_ms,
            }),
            silence_timeout_ms: u32::try_from(realm.media_timeout.as_millis()).unwrap_or(u32::MAX),
        }
    }
}
