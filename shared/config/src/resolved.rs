//! Names resolved to indices, once the file is known to be valid.

use crate::{Config, Realm, RealmName, Softswitch, SoftswitchName};

/// Index of a realm in the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RealmIndex(pub u16);

/// Index of a softswitch in the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SoftswitchIndex(pub u16);

/// What names stand for, by the index of what uses them.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Resolved {
    /// Per realm, in order of preference.
    forward_to: Vec<Vec<SoftswitchIndex>>,
    /// Per softswitch.
    realm: Vec<RealmIndex>,
}

impl Resolved {
    /// Looks every name up; `None` when one is unknown, which validation has already said.
    pub(crate) fn new(config: &Config) -> Option<Resolved> {
        let softswitch = |name: &SoftswitchName| {
            let index = config.softswitches.iter().position(|s| &s.name == name)?;
            u16::try_from(index).ok().map(SoftswitchIndex)
        };
        let realm = |name: &RealmName| {
            let index = config.realms.iter().position(|r| &r.name == name)?;
            u16::try_from(index).ok().map(RealmIndex)
        };
        let routes = |realm: &Realm| realm.forward_to.iter().map(softswitch).collect();
        Some(Resolved {
            forward_to: config.realms.iter().map(routes).collect::<Option<_>>()?,
            realm: config
                .softswitches
                .iter()
                .map(|s| realm(&s.realm))
                .collect::<Option<_>>()?,
        })
    }
}

impl Config {
    /// The realm at `index`.
    ///
    /// # Panics
    /// When `index` is not from this configuration.
    pub fn realm(&self, index: RealmIndex) -> &Realm {
        &self.realms[usize::from(index.0)]
    }

    /// The softswitch at `index`.
    ///
    /// # Panics
    /// When `index` is not from this configuration.
    pub fn softswitch(&self, index: SoftswitchIndex) -> &Softswitch {
        &self.softswitches[usize::from(index.0)]
    }

    /// The softswitches that requests from `realm` go to, in order of preference.
    pub fn forward_to(&self, realm: RealmIndex) -> &[SoftswitchIndex] {
        &self.resolved.forward_to[usize::from(realm.0)]
    }

    /// The realm that `softswitch` lives in.
    pub fn realm_of(&self, softswitch: SoftswitchIndex) -> RealmIndex {
        self.resolved.realm[usize::from(softswitch.0)]
    }
}
