//! Who may register and call: digest authentication against the table of users (RFC 3261 §22).

use strait_shared::time::Instant;

use crate::gateway::Gateway;
use crate::gateway::io::{Flow, RealmIndex};
use crate::gateway::reply::Reply;
use crate::sip::{HeaderName, Message};

impl Gateway {
    /// Whether a realm knows its users.
    pub(super) fn has_users(&self, realm: RealmIndex) -> bool {
        let serve = self.settings.realm_config(realm).serve.as_ref();
        serve.is_some_and(|serve| serve.users.is_some())
    }

    /// Whether a user exists; none where nobody can tell.
    pub(super) fn knows_user(
        &self,
        _realm: RealmIndex,
        _user: &[u8],
        _domain: &[u8],
    ) -> Option<bool> {
        None
    }

    /// Whether a REGISTER for `user` comes from that user.
    pub(super) fn check_registrant(
        &mut self,
        _now: Instant,
        near: Flow,
        _request: &Message,
        _user: &[u8],
        _domain: &[u8],
    ) -> Result<(), Reply> {
        match self.has_users(near.realm) {
            false => Ok(()),
            true => Err(Reply::unavailable("Users Not Loaded")),
        }
    }

    /// Whether a request that says to come from a user of ours does.
    pub(super) fn check_caller(
        &mut self,
        _now: Instant,
        near: Flow,
        request: &Message,
    ) -> Result<(), Reply> {
        let from = request.address(HeaderName::From).ok();
        let ours = from.and_then(|from| self.served_domain(near.realm, &from.uri));
        match ours.is_some() && self.has_users(near.realm) {
            false => Ok(()),
            true => Err(Reply::unavailable("Users Not Loaded")),
        }
    }
}
