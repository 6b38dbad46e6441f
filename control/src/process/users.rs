//! The tables of users: read before anything is received, and again whenever they change.

use std::rc::Rc;
use std::sync::Arc;

use strait_config::{Config, RealmIndex};

use super::Process;
use crate::gateway::io::Input;
use crate::users::{Users, UsersError, Watch};

/// A realm's users and what looks after their file.
pub(super) type Tables = Vec<(RealmIndex, Arc<Users>, Watch)>;

/// Reads the tables of all realms.
pub(super) fn open(config: &Config) -> Result<Tables, UsersError> {
    let realms = (0..).map(RealmIndex).zip(&config.realms);
    let files = realms.filter_map(|(index, realm)| {
        let path = realm.serve.as_ref()?.users.as_ref()?;
        Some((index, path))
    });
    files
        .map(|(realm, path)| {
            let (users, watch) = Watch::open(path)?;
            tracing::info!("{}: {} users", path.display(), users.len());
            Ok((realm, users, watch))
        })
        .collect()
}

impl Process {
    /// Gives a realm its users.
    pub(super) fn know_users(&self, realm: RealmIndex, users: Arc<Users>) {
        self.step(|gateway, now| gateway.receive(now, Input::Users { realm, users }));
    }

    /// Gives a realm its users again whenever their file has changed.
    pub(super) async fn keep_users(self: Rc<Self>, realm: RealmIndex, mut watch: Watch) {
        loop {
            let users = watch.changed().await;
            self.know_users(realm, users);
        }
    }
}
