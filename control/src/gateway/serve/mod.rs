//! Strait as a SIP server: a realm that serves domains of its own.
//!
//! * `locations`, `registrar`, `sources`: who registers where, and how often
//! * `callers`: whether they are who they say
//! * `locate`, `lookup`: where a request goes: a registered terminal, the softswitch that has the
//!   domain, the DNS
//! * `families`, `steer`, `redirect`: which IP versions two parties share, and what is done where
//!   they share none

mod callers;
mod families;
mod locate;
pub mod locations;
mod lookup;
mod redirect;
mod registrar;
mod sources;
pub mod steer;

use strait_config::Config;
use strait_shared::time::Instant;

use self::callers::Callers;
use self::locations::Locations;
use self::lookup::Lookups;
use self::redirect::Redirections;
use self::sources::Sources;
use crate::gateway::Gateway;
use crate::gateway::io::RealmIndex;
use crate::sip::Uri;

/// What the server knows.
#[derive(Debug)]
pub struct Serving {
    pub(in crate::gateway) locations: Locations,
    lookups: Lookups,
    sources: Sources,
    callers: Callers,
    redirections: Redirections,
}

impl Serving {
    /// Nobody is registered, nobody's secret is known.
    pub fn new(config: &Config, seed: &[u8; 32]) -> Self {
        Self {
            locations: Locations::new(seed),
            lookups: Lookups::new(seed),
            sources: Sources::new(seed),
            callers: Callers::new(config, seed),
            redirections: Redirections::new(seed),
        }
    }

    /// Forgets what matters no more.
    pub fn expire(&mut self, now: Instant) {
        self.sources.expire(now);
        self.redirections.expire(now);
    }
}

impl Gateway {
    /// The domain of `realm` that a URI's host names: one it serves, or the first one where it is
    /// our own address.
    pub(super) fn served_domain(&self, realm: RealmIndex, uri: &Uri) -> Option<Box<[u8]>> {
        let domains = &self.settings.realm(realm).domains;
        let host = uri.host()?.text;
        let named = domains
            .iter()
            .find(|domain| host.eq_ignore_ascii_case(domain));
        let own = || {
            domains
                .first()
                .filter(|_| self.settings.realm(realm).is_own_uri(uri))
        };
        named.or_else(own).cloned()
    }
}
