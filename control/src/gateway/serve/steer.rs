//! The judge of IP versions: whether caller and callee share one, and what becomes of the call
//! where they do not.

use serde::{Deserialize, Serialize};
use strait_config::{Judge, MediaPath, Mismatch, Steering};
use strait_shared::time::Instant;

use super::families::{Families, offered};
use crate::gateway::Gateway;
use crate::gateway::exchange::{ExchangeKey, PartOf};
use crate::gateway::io::{Flow, RealmIndex};
use crate::gateway::reply::Reply;
use crate::gateway::route::Target;
use crate::media::Family;
use crate::sdp::Description;
use crate::sip::{Message, Uri};

/// How a call was steered, and why: for its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Steered {
    /// What was compared: `arrival`, `offer` or `terminal`.
    pub judge: Judge,
    /// The version its INVITE came by.
    pub arrived: Version,
    /// The version it left by, or would have.
    pub left: Version,
    /// The versions its session description offered; none where it had none.
    pub offered: Option<(bool, bool)>,
    /// What was done.
    pub decision: Decision,
}

/// A version of IP, as records name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum Version {
    IPv4,
    IPv6,
}

/// What was done with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Its parties share a version.
    Shared,
    /// It was forwarded as it was: the callee judges.
    Forwarded,
    /// Media is relayed between the versions.
    Relayed,
    /// Media is relayed, and the callee was offered both versions.
    Altc,
    /// The caller was told to call again in the other version.
    Redirected,
}

impl From<Family> for Version {
    fn from(family: Family) -> Self {
        match family {
            Family::V4 => Self::IPv4,
            Family::V6 => Self::IPv6,
        }
    }
}

/// What is known of the versions of one request before it leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versions {
    arrival: Family,
    offered: Option<Families>,
}

impl Versions {
    pub(super) fn of(near: Flow, request: &Message) -> Self {
        let description = request.session_description();
        let description =
            description.and_then(|text| Description::parse_at(request.bytes(), text.span()).ok());
        Self {
            arrival: near.remote.ip().into(),
            offered: description.map(|description| offered(&description)),
        }
    }

    /// Whether a request of these versions may leave in `leave`.
    pub(super) fn fit(self, judge: Judge, leave: Family) -> bool {
        match judge {
            Judge::Offer => self.offered.is_none_or(|offered| offered.has(leave)),
            Judge::Arrival | Judge::Terminal => self.arrival == leave,
        }
    }
}

impl Gateway {
    /// The steering of what goes from `near` to `far` and names `uri`; none where the realm is no
    /// server.
    pub(super) fn steering(
        &self,
        near: RealmIndex,
        far: RealmIndex,
        uri: Option<&Uri>,
    ) -> Option<Steering> {
        let serve = self.settings.realm_config(near).serve.as_ref()?;
        let host = uri.and_then(Uri::host).map(|host| host.text);
        let far = &self.settings.realm_config(far).name;
        let towards = serve.towards.iter().find(|towards| {
            let domain = towards.domain.as_ref();
            let named =
                domain.is_none_or(|domain| host.is_some_and(|host| host.is(domain.as_str())));
            named && towards.realm.as_ref().is_none_or(|realm| realm == far)
        });
        let base = serve.steering;
        Some(towards.map_or(base, |towards| Steering {
            media: towards.media.unwrap_or(base.media),
            judge: towards.judge.unwrap_or(base.judge),
            mismatch: towards.mismatch.or(base.mismatch),
            status: towards.status.unwrap_or(base.status),
        }))
    }

    /// Judges a request that is about to leave for `target` by `far`; an error is the answer to
    /// give in its place.
    pub(in crate::gateway) fn steer(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        target: &Target,
        far: Flow,
    ) -> Result<(), Reply> {
        let exchange = self.exchanges.get(key).expect("it is being sent");
        let near = exchange.near;
        if self.settings.realm_config(near.realm).serve.is_none() {
            return Ok(());
        }
        let call = match exchange.part_of {
            PartOf::Call(call) => Some(call),
            _ => None,
        };
        let uri = request.request_uri();
        let uri = uri.and_then(|uri| Uri::parse_at(request.bytes(), uri.span()));
        let Some(steering) = self.steering(near.realm, far.realm, uri.as_ref()) else {
            return Ok(());
        };
        let versions = Versions::of(near, request);
        let leave = Family::from(far.remote.ip());
        let decision = match call {
            None => Decision::Shared,
            Some(_) => decide(&steering, versions, leave),
        };
        let direct = match decision {
            Decision::Shared => steering.media == MediaPath::Direct,
            Decision::Forwarded => true,
            Decision::Relayed | Decision::Altc | Decision::Redirected => false,
        };
        self.exchanges.get_mut(key).expect("it was there").direct = direct;
        if let Some(call) = call.and_then(|call| self.calls.get_mut(call)) {
            call.direct = direct;
            call.record.steering = Some(Steered {
                judge: steering.judge,
                arrived: versions.arrival.into(),
                left: leave.into(),
                offered: versions.offered.map(|all| (all.ipv4, all.ipv6)),
                decision,
            });
        }
        match decision {
            Decision::Redirected => {
                Err(self.redirection(now, near, request, target, far, steering.status))
            }
            _ => Ok(()),
        }
    }
}

fn decide(steering: &Steering, versions: Versions, leave: Family) -> Decision {
    if steering.judge == Judge::Terminal {
        return Decision::Forwarded;
    }
    if versions.fit(steering.judge, leave) {
        return Decision::Shared;
    }
    let usual = match steering.media {
        MediaPath::Relayed => Mismatch::Relay,
        MediaPath::Direct => Mismatch::Redirect,
    };
    match steering.mismatch.unwrap_or(usual) {
        Mismatch::Redirect => Decision::Redirected,
        Mismatch::Relay => Decision::Relayed,
        Mismatch::Altc => Decision::Altc,
    }
}
