//! Digest authentication, the server's side (RFC 7616 and RFC 8760): pure.
//!
//! A challenge's nonce says itself when it was made and that we made it, so that challenges cost no
//! memory; only uses of nonces by users who proved themselves are remembered (`counts`).

mod counts;
mod credentials;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod nonce;

use std::borrow::Cow;
use std::time::Duration;

use strait_digest::{Algorithm, Hash};
use strait_shared::time::Instant;
use subtle::ConstantTimeEq;

use self::counts::Counts;
pub(crate) use self::credentials::unhex;
use self::credentials::{Credentials, Read};
use self::nonce::Nonces;
use crate::sip::{HeaderName, Message, Scheme, Uri};
use crate::users::Users;

/// Challenges requests, and knows whose answers are right.
pub struct Authenticator {
    /// Those that users may be checked by, the one preferred first.
    algorithms: Vec<Algorithm>,
    nonces: Nonces,
    counts: Counts,
}

/// Why a request is not authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    /// It answers no challenge of this realm.
    #[error("no credentials for this realm")]
    Missing,
    /// The secret is right; the nonce has expired, was used before, or is another process's. The
    /// client tries again by itself when it is challenged with `stale`.
    #[error("the nonce is stale")]
    Stale,
    /// There is no such user, or the secret is wrong: which of them, nobody is told.
    #[error("unknown user or wrong secret")]
    Wrong,
    /// The answer cannot be checked, or is to another request.
    #[error("malformed credentials")]
    Malformed,
}

impl Authenticator {
    /// An authenticator that checks by `algorithms`, the one preferred first, and whose nonces are
    /// good for `lifetime` and cannot be made without `seed`.
    pub fn new(seed: &[u8; 32], lifetime: Duration, algorithms: &[Algorithm]) -> Self {
        Self {
            algorithms: algorithms.to_vec(),
            nonces: Nonces::new(seed, lifetime),
            counts: Counts::new(),
        }
    }

    /// The values of WWW-Authenticate or Proxy-Authenticate, one for each algorithm that `users`
    /// can be checked by, in the order preferred (RFC 8760 §2.3). `stale` says that only the nonce
    /// was wrong.
    pub fn challenge(
        &mut self,
        now: Instant,
        realm: &str,
        stale: bool,
        users: &Users,
    ) -> Vec<String> {
        let nonce = self.nonces.make(now, realm);
        let stale = if stale { ", stale=true" } else { "" };
        let value = |algorithm: &Algorithm| {
            format!(
                "Digest realm={}, nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}",
                quoted(realm)
            )
        };
        let known = users.algorithms();
        let both = |algorithm: &&Algorithm| known.contains(algorithm);
        let values: Vec<String> = self.algorithms.iter().filter(both).map(value).collect();
        match values.is_empty() {
            false => values,
            // Nobody's secret fits: that is what they will be told.
            true => self.algorithms.iter().map(value).collect(),
        }
    }

    /// The user whom `header` (Authorization or Proxy-Authorization) of `request` proves, among the
    /// users of the domain `realm`.
    pub fn check(
        &mut self,
        now: Instant,
        method: &[u8],
        request: &Message<'_>,
        header: HeaderName,
        realm: &str,
        users: &Users,
    ) -> Result<Box<str>, Denied> {
        let mut outcome = Err(Denied::Missing);
        for header in request.headers_named(header) {
            match Read::of(&request.bytes()[header.value.start()..header.value.end()]) {
                Read::Digest(credentials)
                    if *credentials.realm == *realm.as_bytes()
                        && self.algorithms.contains(&credentials.algorithm) =>
                {
                    return self.prove(now, method, request, &credentials, realm, users);
                }
                Read::Broken(whose)
                    if whose
                        .as_deref()
                        .is_none_or(|whose| whose == realm.as_bytes()) =>
                {
                    outcome = Err(Denied::Malformed);
                }
                _ => {}
            }
        }
        outcome
    }

    fn prove(
        &mut self,
        now: Instant,
        method: &[u8],
        request: &Message<'_>,
        credentials: &Credentials<'_>,
        realm: &str,
        users: &Users,
    ) -> Result<Box<str>, Denied> {
        let user = std::str::from_utf8(&credentials.user).map_err(|_| Denied::Malformed)?;
        let target = request.request_uri().ok_or(Denied::Malformed)?;
        if !fits(&credentials.uri, &target) {
            return Err(Denied::Malformed);
        }
        let known = users.secret(realm, user, credentials.algorithm);
        // Whoever does not exist takes as long as whoever does.
        let nobody = Hash::kept(
            credentials.algorithm,
            &NOBODY[..credentials.algorithm.output_bytes()],
        );
        let expected = credentials
            .answer(method)
            .response(&known.unwrap_or(nobody));
        if !is_right(&expected, &credentials.response) || known.is_none() {
            return Err(Denied::Wrong);
        }
        let nonce = self.nonces.read(&credentials.nonce, realm);
        let nonce = nonce
            .filter(|nonce| self.nonces.is_fresh(nonce, now))
            .ok_or(Denied::Stale)?;
        // Without qop there is no count, and a nonce is good once.
        let count = credentials.client.as_ref().map_or(1, |client| client.count);
        if !self.counts.take(nonce.serial, count) {
            return Err(Denied::Stale);
        }
        Ok(user.into())
    }
}

/// The realm that the value of an Authorization or Proxy-Authorization header is for, where it is a
/// digest that names one.
pub fn realm_of(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    match Read::of(value) {
        Read::Digest(credentials) => Some(credentials.realm),
        Read::Broken(realm) => realm,
        Read::Other => None,
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator(secret)")
    }
}

const NOBODY: [u8; 32] = [0; 32];

/// Compares in a time that does not tell where the first difference is.
fn is_right(expected: &Hash, response: &[u8]) -> bool {
    let mut given = [0; 32];
    let given = &mut given[..expected.as_bytes().len()];
    unhex(response, given).is_some() && bool::from(expected.as_bytes().ct_eq(given))
}

/// Whether credentials for `uri` are for a request to `target` (RFC 7616 §3.4.6): the same bytes,
/// or the same user at the same place, since clients leave out ports and parameters.
fn fits(uri: &[u8], target: &[u8]) -> bool {
    if uri == target {
        return true;
    }
    let (Some(uri), Some(target)) = (Uri::parse(uri), Uri::parse(target)) else {
        return false;
    };
    let (Some(at), Some(target_at)) = (uri.host_port, target.host_port) else {
        return false;
    };
    let user = |uri: &Uri<'_>| uri.user.map(|user| user.to_vec());
    let own = if uri.scheme == Scheme::Sips {
        5061
    } else {
        5060
    };
    uri.scheme == target.scheme
        && user(&uri) == user(&target)
        && at.host.is_same(&target_at.host)
        && at.port_or(own) == target_at.port_or(own)
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests;
