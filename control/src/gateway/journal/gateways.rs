//! Controlled gateways and their legs as entries, and taken up again. A leg that its gateway has
//! not answered for is not kept: whoever asked for it asks again.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use strait_config::ControlProtocol;
use strait_shared::time::Instant;

use super::entry::{KeptCall, KeptFlow};
use super::keep::keep_flow;
use super::places::Places;
use super::restore::Restoring;
use super::{CONTROL_RESTARTED, MEDIA_LOST};
use crate::gateway::Gateway;
use crate::gateway::calls::CallKey;
use crate::gateway::controlled::associations::{
    Association, AssociationKey, GatewayName, Speech as AnySpeech,
};
use crate::gateway::controlled::ended::{EndedLeg, EndedLegs};
use crate::gateway::controlled::legs::{Leg, LegKey, LegStream};
use crate::gateway::controlled::retracted::MakingOf;
use crate::gateway::due::Due;
use crate::gateway::h248::Speech as H248Speech;
use crate::gateway::limits::KEEPALIVE_PACE;
use crate::gateway::mgcp::{Entity, Speech as MgcpSpeech};
use crate::gateway::record::{EndedBy, Ending};
use crate::h248::{Encoding, MessageId};
use crate::media::BySide;
use crate::mgcp::LineEnd;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptGateway {
    realm: u16,
    name: String,
    behind: Option<IpAddr>,
    near: KeptFlow,
    controller: u16,
    far: KeptFlow,
    registered: bool,
    speech: KeptSpeech,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum KeptSpeech {
    H248 {
        encoding: Encoding,
        version: u16,
        gateway: MessageId,
        controller: Option<MessageId>,
        told: Option<u16>,
    },
    Mgcp {
        version: String,
        lone_feeds: bool,
        domain: String,
        endpoint: String,
        entities: Vec<(String, String, u16)>,
        told: Option<u16>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptLeg {
    association: u64,
    /// As the gateway writes it.
    name: ByteBuf,
    group: ByteBuf,
    streams: Vec<(u16, KeptLegStream)>,
    lines: u16,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptMaking {
    association: u64,
    number: u32,
    endpoint: ByteBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptLegStream {
    lines: Vec<u16>,
    from: BySide<bool>,
    remote: ByteBuf,
}

impl Gateway {
    pub(super) fn keep_gateway(&self, association: &Association) -> KeptGateway {
        let speech = match &association.speech {
            AnySpeech::H248(speech) => keep_h248(speech),
            AnySpeech::Mgcp(speech) => keep_mgcp(speech),
        };
        KeptGateway {
            realm: association.name.realm.0,
            name: association.name.name.to_string(),
            behind: association.name.behind,
            near: keep_flow(association.near),
            controller: association.controller.0,
            far: keep_flow(association.far),
            registered: association.registered,
            speech,
        }
    }

    pub(super) fn keep_leg(&self, key: LegKey) -> Option<KeptLeg> {
        let leg = self.controlled.legs.get(key)?;
        let association = self.controlled.associations.get(leg.association)?;
        let stream = |(number, stream): (&u16, &LegStream)| {
            let kept = KeptLegStream {
                lines: stream.lines.clone(),
                from: stream.from,
                remote: ByteBuf::from(stream.remote.clone()),
            };
            (*number, kept)
        };
        Some(KeptLeg {
            association: association.number,
            name: ByteBuf::from(leg.said.as_ref()?.to_vec()),
            group: ByteBuf::from(leg.group.to_vec()),
            streams: leg.streams.iter().map(stream).collect(),
            lines: leg.lines,
        })
    }

    pub(super) fn keep_making(&self, key: LegKey) -> Option<KeptMaking> {
        let leg = self.controlled.legs.get(key)?;
        let association = self.controlled.associations.get(leg.association)?;
        let making = leg.making.as_ref()?;
        Some(KeptMaking {
            association: association.number,
            number: making.number,
            endpoint: ByteBuf::from(making.endpoint.to_vec()),
        })
    }

    /// The gateway of a leg that was to be made is told that it is not.
    pub(super) fn restore_making(&mut self, now: Instant, kept: &KeptMaking) {
        let association = self.controlled.associations.numbered(kept.association);
        if let Some(association) = association {
            let making = MakingOf {
                number: kept.number,
                endpoint: kept.endpoint.to_vec().into(),
            };
            self.retract(now, association, &making);
        }
    }

    pub(super) fn restore_gateway(
        &mut self,
        now: Instant,
        number: u64,
        kept: KeptGateway,
        restoring: &mut Restoring,
    ) -> Option<bool> {
        let places = &restoring.places;
        let realm = places.realm(kept.realm)?;
        let (near, far) = (places.flow(kept.near)?, places.flow(kept.far)?);
        let controller = places.controller(kept.controller)?;
        let (protocol, speech) = kept.speech.speech(places);
        let name = GatewayName {
            realm,
            protocol,
            name: kept.name.into(),
            behind: kept.behind,
        };
        let mut candidates = self.settings.config.controllers_of(realm, name.protocol);
        candidates.retain(|(index, home)| *index == controller && *home == far.realm);
        let known = self.controlled.associations.named(&name).is_some();
        let taken = self.controlled.associations.on_port(far).is_some();
        let control = |flow, for_gateways| {
            let port = self.settings.control_port(flow);
            port.is_some_and(|port| port.for_gateways == for_gateways)
        };
        let fits = control(near, true) && control(far, false) && near.realm == realm;
        if candidates.is_empty() || known || taken || !fits {
            return None;
        }
        // It is asked soon: nobody knows how long ago it was, and its NAT may be about to forget.
        let soon = KEEPALIVE_PACE * (self.controlled.associations.len() as u32 + 1);
        let (associations, timers) = (&mut self.controlled.associations, &mut self.timers);
        associations.insert(number, |key| Association {
            number,
            name,
            near,
            controller,
            far,
            registered: kept.registered,
            speech,
            heard: now,
            unanswered: 0,
            timer: timers.arm(now, soon, Due::Gateway(key)),
            ended: EndedLegs::default(),
            own_number: 0,
        });
        restoring.restored.gateways += 1;
        Some(true)
    }

    /// Whether a leg goes on.
    pub(super) fn restore_leg(
        &mut self,
        now: Instant,
        call: KeptCall,
        kept: KeptLeg,
        restoring: &mut Restoring,
    ) -> Option<bool> {
        let mut record = call.record.record();
        let association = self.controlled.associations.numbered(kept.association);
        let (first, others) = call.sessions.split_first()?;
        self.add_reports(&mut record, others, restoring)?;
        let realm = |number| restoring.places.realm(number);
        let adopted = self
            .media
            .adopt(now, first, &realm, restoring.slots, false)
            .ok()?;
        match (adopted, association) {
            (Ok(session), Some(association)) => {
                let call = self.restore_answered(now, record, false, Some(session));
                self.restore_leg_of(association, call, kept);
                restoring.restored.calls += 1;
                Some(true)
            }
            (adopted, _) => {
                let lost = first.is_lost(restoring.slots);
                if let Ok(session) = adopted {
                    self.media.close(now, session);
                } else if let Err(report) = adopted {
                    record.add(report);
                }
                // The calendar may have been set back since.
                let ended = record.ended.unwrap_or(restoring.alive);
                let answered = record.answered.unwrap_or(ended);
                let ended = ended.max(answered);
                record.ended = Some(ended);
                record.duration_ms = ended.unix_ms.saturating_sub(answered.unix_ms);
                record.ending = Some(Ending {
                    ended_by: EndedBy::Strait,
                    reason: if lost { MEDIA_LOST } else { CONTROL_RESTARTED },
                    status: None,
                });
                self.outputs
                    .push_back(crate::gateway::io::Output::Record(Box::new(record)));
                if let Some(association) = association {
                    self.say_ended(now, &kept.ended(association));
                }
                restoring.restored.ended += 1;
                Some(false)
            }
        }
    }

    fn restore_leg_of(&mut self, association: AssociationKey, call: CallKey, kept: KeptLeg) {
        let Some(found) = self.calls.get(call) else {
            return;
        };
        let Some(session) = found.sessions.first().copied() else {
            return;
        };
        let stream = |(number, kept): (u16, KeptLegStream)| {
            let stream = LegStream {
                lines: kept.lines,
                from: kept.from,
                remote: kept.remote.into_vec(),
            };
            (number, stream)
        };
        let streams: BTreeMap<u16, LegStream> = kept.streams.into_iter().map(stream).collect();
        let said = kept.name.into_vec();
        let name = match self.control_protocol(association) {
            Some(ControlProtocol::Mgcp) => said.to_ascii_lowercase(),
            _ => said.clone(),
        };
        let leg = self.controlled.legs.insert(Leg {
            association,
            making: None,
            name: Some(name.into()),
            said: Some(said.into()),
            group: kept.group.into_vec().into(),
            call,
            session,
            streams,
            lines: kept.lines,
        });
        if let Some(call) = self.calls.get_mut(call) {
            call.leg = Some(leg);
        }
    }
}

impl KeptLeg {
    /// It is gone, and its gateway is there.
    fn ended(&self, association: AssociationKey) -> EndedLeg {
        EndedLeg {
            association,
            name: self.name.to_vec().into(),
            group: self.group.to_vec().into(),
            streams: self.streams.iter().map(|(number, _)| *number).collect(),
            by: EndedBy::Strait,
        }
    }
}

fn keep_h248(speech: &H248Speech) -> KeptSpeech {
    KeptSpeech::H248 {
        encoding: speech.encoding,
        version: speech.version,
        gateway: speech.gateway.clone(),
        controller: speech.controller.clone(),
        told: speech.told.map(|index| index.0),
    }
}

fn keep_mgcp(speech: &MgcpSpeech) -> KeptSpeech {
    let entity = |entity: &Entity| {
        let (shown, said) = (entity.shown.to_string(), entity.said.to_string());
        (shown, said, entity.controller.0)
    };
    KeptSpeech::Mgcp {
        version: speech.version.to_string(),
        lone_feeds: speech.line_end == LineEnd::Lf,
        domain: speech.domain.to_string(),
        endpoint: speech.endpoint.to_string(),
        entities: speech.entities.iter().map(entity).collect(),
        told: speech.told.map(|index| index.0),
    }
}

impl KeptSpeech {
    fn speech(self, places: &Places) -> (ControlProtocol, AnySpeech) {
        match self {
            Self::H248 {
                encoding,
                version,
                gateway,
                controller,
                told,
            } => {
                let speech = H248Speech {
                    encoding,
                    version,
                    gateway,
                    controller,
                    told: told.and_then(|kept| places.controller(kept)),
                };
                (ControlProtocol::H248, AnySpeech::H248(speech))
            }
            Self::Mgcp {
                version,
                lone_feeds,
                domain,
                endpoint,
                entities,
                told,
            } => {
                let entity = |(shown, said, kept): (String, String, u16)| {
                    let controller = places.controller(kept)?;
                    let (shown, said) = (shown.into(), said.into());
                    Some(Entity {
                        shown,
                        said,
                        controller,
                    })
                };
                let speech = MgcpSpeech {
                    version: version.into(),
                    line_end: if lone_feeds {
                        LineEnd::Lf
                    } else {
                        LineEnd::CrLf
                    },
                    domain: domain.into(),
                    endpoint: endpoint.into(),
                    entities: entities.into_iter().filter_map(entity).collect(),
                    told: told.and_then(|kept| places.controller(kept)),
                };
                (ControlProtocol::Mgcp, AnySpeech::Mgcp(speech))
            }
        }
    }
}
