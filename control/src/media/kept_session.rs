//! Sessions as they are kept over a restart of control.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use strait_shared::slot::{Counters, Generation};
use strait_shared::time::Instant;

use super::kept::{Slots, each};
use super::layout::PairId;
use super::ports::Aim;
use super::report::StreamReport;
use super::session::{Agreed, End, Offer, Party, Stream};
use super::side::{BySide, Component, Family, Side};
use super::terms::{Codec, Terms};

/// A session as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptSession {
    pub(super) setup: BySide<(u16, Family)>,
    pub(super) source: BySide<Option<IpAddr>>,
    pub(super) pending: Option<KeptOffer>,
    pub(super) answered: Option<KeptOffer>,
    pub(super) streams: Vec<KeptStream>,
    pub(super) report: Vec<KeptReport>,
    pub(super) live: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptOffer {
    pub(super) by: Side,
    pub(super) source: IpAddr,
    pub(super) terms: Vec<Terms>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptStream {
    pub(super) ends: BySide<Option<KeptEnd>>,
    pub(super) fresh: BySide<bool>,
    pub(super) party: BySide<Party>,
    pub(super) agreed: Option<Agreed>,
    pub(super) media: String,
    pub(super) codec: Option<Codec>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct KeptEnd {
    pub(super) pair: u32,
    pub(super) generation: u32,
    pub(super) local: SocketAddr,
    pub(super) open: [bool; 2],
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptReport {
    pub(super) line: u16,
    pub(super) media: String,
    pub(super) codec: Option<Codec>,
    pub(super) side: Side,
    pub(super) component: Component,
    pub(super) local: SocketAddr,
    pub(super) signalled: Option<SocketAddr>,
    pub(super) counted: [u64; 7],
    pub(super) ssrc: Option<u32>,
    pub(super) latched: Option<SocketAddr>,
}

impl KeptSession {
    /// Whether the table knows nothing of its slots: it is another one than they were opened in.
    pub fn is_lost(&self, slots: &dyn Slots) -> bool {
        let mut ends = self.streams.iter().flat_map(KeptStream::ends);
        ends.any(|end| {
            let state = slots.slot(PairId(end.pair).slot(Component::Rtp));
            state.is_none_or(|state| state.generation.0 != end.generation)
        })
    }
}

impl KeptStream {
    pub fn ends(&self) -> impl Iterator<Item = KeptEnd> + use<> {
        [self.ends.caller, self.ends.callee].into_iter().flatten()
    }

    /// Whether the dataplane has every slot of it as it was left.
    pub fn stands(&self, slots: &dyn Slots) -> bool {
        self.ends().all(|end| {
            let stands = |component: Component| {
                let state = slots.slot(PairId(end.pair).slot(component));
                state.is_some_and(|state| state.open && state.generation.0 == end.generation)
            };
            end.open == [true; 2] && Component::BOTH.into_iter().all(stands)
        })
    }

    /// The stream in a session; without its ports where they are gone.
    pub fn stream(&self, stands: bool, slots: &dyn Slots) -> Stream {
        let silent = |side: Side| {
            Component::BOTH.map(|component| {
                let end = self.ends[side].filter(|_| stands);
                let state = end.and_then(|end| slots.slot(PairId(end.pair).slot(component)));
                state.is_some_and(|state| state.silent)
            })
        };
        let end = |side: Side| {
            let end = self.ends[side].filter(|_| stands)?;
            Some(End {
                pair: PairId(end.pair),
                local: end.local,
                port_of: None,
                sent: None,
                aim: Aim::default(),
                rearm: false,
            })
        };
        Stream {
            ends: each(end),
            fresh: if stands {
                self.fresh
            } else {
                BySide::default()
            },
            replacement: None,
            alternative: None,
            party: self.party,
            agreed: self.agreed.filter(|_| stands),
            media: self.media.clone(),
            codec: self.codec.clone(),
            silent: each(silent),
        }
    }
}

impl KeptEnd {
    /// Whether the table has never seen its slots in use: it is another one than they were in.
    pub fn is_unknown(&self, slots: &dyn Slots) -> bool {
        let state = slots.slot(PairId(self.pair).slot(Component::Rtp));
        state.is_some_and(|state| state.generation == Generation::default())
    }

    pub fn open_slots(&self) -> u16 {
        self.open.iter().map(|open| u16::from(*open)).sum()
    }
}

impl KeptOffer {
    pub fn of(offer: &Offer) -> Self {
        Self {
            by: offer.by,
            source: offer.source,
            terms: offer.terms.to_vec(),
        }
    }

    pub fn offer(&self) -> Offer {
        Offer {
            by: self.by,
            source: self.source,
            terms: self.terms.clone().into(),
        }
    }
}

impl KeptReport {
    pub fn of(report: &StreamReport) -> Self {
        let counters = &report.counters;
        Self {
            line: report.line,
            media: report.media.clone(),
            codec: report.codec.clone(),
            side: report.side,
            component: report.component,
            local: report.local,
            signalled: report.signalled,
            counted: [
                counters.packets,
                counters.bytes,
                counters.refused,
                counters.policed,
                u64::from(counters.lost),
                u64::from(counters.disordered),
                counters.jitter_ns,
            ],
            ssrc: counters.ssrc,
            latched: counters.latched,
        }
    }

    pub fn report(&self) -> StreamReport {
        let [
            packets,
            bytes,
            refused,
            policed,
            lost,
            disordered,
            jitter_ns,
        ] = self.counted;
        StreamReport {
            line: self.line,
            media: self.media.clone(),
            codec: self.codec.clone(),
            side: self.side,
            component: self.component,
            local: self.local,
            signalled: self.signalled,
            counters: Counters {
                packets,
                bytes,
                refused,
                policed,
                lost: u32::try_from(lost).unwrap_or(u32::MAX),
                disordered: u32::try_from(disordered).unwrap_or(u32::MAX),
                jitter_ns,
                ssrc: self.ssrc,
                last_seen: Instant::ZERO,
                latched: self.latched,
            },
        }
    }
}
