//! Who may register and call: digest authentication against the tables of users (RFC 3261 §22).

use std::sync::Arc;

use strait_config::{Config, DigestAlgorithm};
use strait_digest::Algorithm;
use strait_shared::time::Instant;

use crate::digest::{self, Authenticator, Denied};
use crate::gateway::Gateway;
use crate::gateway::io::{Flow, RealmIndex};
use crate::gateway::reply::Reply;
use crate::sip::{HeaderName, Message, Splices, Status};
use crate::users::Users;

/// The users of each realm that has some, and their challenges.
#[derive(Debug)]
pub struct Callers {
    /// By realm; nothing where nobody is asked who they are.
    realms: Vec<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    authenticator: Authenticator,
    /// Nothing until they have been read.
    users: Option<Arc<Users>>,
}

/// Which of the two ways of challenging a request is used (RFC 3261 §22.2, §22.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Challenge {
    Registrar,
    Proxy,
}

impl Callers {
    /// No users yet.
    pub fn new(config: &Config, seed: &[u8; 32]) -> Self {
        let known = |realm: &strait_config::Realm| {
            let serve = realm.serve.as_ref()?;
            serve.users.as_ref()?;
            let algorithms: Vec<Algorithm> = serve.digest.iter().map(algorithm).collect();
            let lifetime = serve.nonce_lifetime;
            Some(Known {
                authenticator: Authenticator::new(seed, lifetime, &algorithms),
                users: None,
            })
        };
        Self {
            realms: config.realms.iter().map(known).collect(),
        }
    }

    fn of(&self, realm: RealmIndex) -> Option<&Known> {
        self.realms[usize::from(realm.0)].as_ref()
    }
}

fn algorithm(configured: &DigestAlgorithm) -> Algorithm {
    match configured {
        DigestAlgorithm::Sha256 => Algorithm::Sha256,
        DigestAlgorithm::Md5 => Algorithm::Md5,
    }
}

impl Challenge {
    fn names(self) -> (Status, &'static str, HeaderName) {
        let status = |code| Status::new(code).expect("401 and 407 are statuses");
        match self {
            Self::Registrar => (status(401), "WWW-Authenticate", HeaderName::Authorization),
            Self::Proxy => (
                status(407),
                "Proxy-Authenticate",
                HeaderName::ProxyAuthorization,
            ),
        }
    }
}

impl Gateway {
    /// The users of a realm have been read, for the first time or again.
    pub(in crate::gateway) fn know_users(&mut self, realm: RealmIndex, users: Arc<Users>) {
        if let Some(known) = self.serving.callers.realms[usize::from(realm.0)].as_mut() {
            known.users = Some(users);
        }
    }

    /// Whether a realm asks its users who they are.
    pub(super) fn has_users(&self, realm: RealmIndex) -> bool {
        self.serving.callers.of(realm).is_some()
    }

    /// Whether a user exists; none where nobody can tell.
    pub(super) fn knows_user(&self, realm: RealmIndex, user: &[u8], domain: &[u8]) -> Option<bool> {
        let users = self.serving.callers.of(realm)?.users.as_ref()?;
        let (user, domain) = (std::str::from_utf8(user), std::str::from_utf8(domain));
        Some(users.has(domain.ok()?, user.ok()?))
    }

    /// Whether a REGISTER for `user` comes from that user.
    pub(super) fn check_registrant(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        user: &[u8],
        domain: &[u8],
    ) -> Result<(), Reply> {
        self.prove(now, near, request, user, domain, Challenge::Registrar)
    }

    /// Whether a request that says to come from a user of ours does. A softswitch is believed.
    pub(super) fn check_caller(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
    ) -> Result<(), Reply> {
        let softswitch = self.settings.is_softswitch(near.realm, near.remote.ip());
        let from = request
            .address(HeaderName::From)
            .map_err(|_| Status::BAD_REQUEST)?;
        match self.served_domain(near.realm, &from.uri) {
            Some(domain) if !softswitch => {
                let user = from.uri.user.map_or(&b""[..], |user| user.as_bytes());
                self.prove(now, near, request, user, &domain, Challenge::Proxy)
            }
            _ => Ok(()),
        }
    }

    /// Takes out the credentials that were meant for us (RFC 3261 §22.3).
    pub(in crate::gateway) fn drop_credentials(
        &self,
        near: Flow,
        request: &Message,
        edits: &mut Splices,
    ) {
        if !self.has_users(near.realm) {
            return;
        }
        let domains = &self.settings.realm(near.realm).domains;
        for header in request.headers_named(HeaderName::ProxyAuthorization) {
            let value = request.text(header.value);
            let ours = digest::realm_of(&value)
                .is_some_and(|realm| domains.iter().any(|domain| **domain == *realm));
            if ours {
                edits.remove_header(header);
            }
        }
    }

    fn prove(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        user: &[u8],
        domain: &[u8],
        challenge: Challenge,
    ) -> Result<(), Reply> {
        let Some(known) = &mut self.serving.callers.realms[usize::from(near.realm.0)] else {
            return Ok(());
        };
        let Some(users) = known.users.clone() else {
            return Err(Reply::unavailable("Users Not Read Yet"));
        };
        let domain = std::str::from_utf8(domain).expect("a domain of the configuration");
        let (status, name, header) = challenge.names();
        let method = request.method().ok_or(Status::BAD_REQUEST)?;
        let proven =
            known
                .authenticator
                .check(now, method.as_bytes(), request, header, domain, &users);
        let denied = match proven {
            Ok(proven) if proven.as_bytes() == user => return Ok(()),
            Ok(_) => {
                self.counters.denied += 1;
                return Err(Reply::from(Status::FORBIDDEN).because("Another User's Name"));
            }
            Err(Denied::Malformed) => {
                self.counters.denied += 1;
                return Err(Reply::from(Status::BAD_REQUEST).because("Malformed Credentials"));
            }
            Err(denied) => denied,
        };
        self.counters.denied += u64::from(denied == Denied::Wrong);
        self.counters.challenged += 1;
        let stale = denied == Denied::Stale;
        let values = known.authenticator.challenge(now, domain, stale, &users);
        let reply = Reply::from(status);
        Err(values
            .into_iter()
            .fold(reply, |reply, value| reply.with(name, value)))
    }
}
