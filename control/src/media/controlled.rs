//! Streams without offers: somebody who commands one of the parties says of each, in whichever
//! order, where it receives (H.248.1 §7.1.8, RFC 3435 §2.3.5), and which way media may flow.
//!
//! A stream has its ends from the first word about either party on.

use std::net::{IpAddr, Ipv4Addr};

use strait_shared::time::Instant;

use super::error::MediaError;
use super::plane::MediaPlane;
use super::rewrite::{Place, Rewritten, rewrite};
use super::session::{Agreed, End, Session, Stream};
use super::side::{BySide, SessionId, Side, SideSetup};
use super::terms::{self, Terms, Transport};
use crate::sdp::Description;
use crate::sip::Splices;

/// Whose description it is, and which streams it is about.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The party that receives there.
    pub by: Side,
    /// Where the signalling of that party comes from.
    pub source: IpAddr,
    /// The session's lines that its `m=` lines are, one for one.
    pub lines: &'a [u16],
    /// Whose media flows on them.
    pub from: BySide<bool>,
}

/// Records in `edits` what makes a description name no address at all, and refuse its media.
pub fn withdraw(description: &Description, edits: &mut Splices) {
    let nowhere = |_| Place::Nowhere(Transport::Rtp);
    let places: Vec<Place> = description.media().iter().map(nowhere).collect();
    rewrite(description, &places, Ipv4Addr::UNSPECIFIED.into(), edits);
}

impl MediaPlane {
    /// Begins a session whose streams are told by [`place`](Self::place). It stands, and silence
    /// is noticed, from its first packet on. Whoever begins one closes it.
    pub fn begin_controlled(&mut self, sides: BySide<SideSetup>) -> SessionId {
        let session = Session {
            controlled: true,
            ..Session::new(sides)
        };
        self.sessions.insert(session)
    }

    /// Takes in where a party receives. Records in `edits` what makes the description name our
    /// ports on the other side.
    ///
    /// On an error nothing has changed.
    pub fn place(
        &mut self,
        now: Instant,
        id: SessionId,
        placed: Placed,
        description: &Description,
        edits: &mut Splices,
    ) -> Result<Rewritten, MediaError> {
        let Placed {
            by,
            source,
            lines,
            from,
        } = placed;
        self.live(id)?;
        let terms = terms::read(description, self.max_lines)?;
        let last = lines.iter().copied().max().unwrap_or(0);
        if usize::from(last) >= self.max_lines || lines.len() < terms.len() {
            return Err(MediaError::TooManyLines {
                max: self.max_lines,
            });
        }
        self.check(id, by, &terms)?;
        self.sessions[id].prepare(usize::from(last) + 1);
        for (line, terms) in lines.iter().zip(&terms) {
            let provided = self.provide(now, id, usize::from(*line), by, terms);
            if let Err(error) = provided {
                self.sessions[id].drop_fresh();
                self.flush(now, &[id]);
                return Err(error);
            }
        }
        let session = &mut self.sessions[id];
        session.source[by] = Some(source);
        for (line, terms) in lines.iter().zip(&terms) {
            let retired = session.streams[usize::from(*line)].learn(by, terms, from);
            session.retired.extend(retired);
        }
        self.flush(now, &[id]);
        let places = self.ends_of(id, by.other(), lines, &terms);
        let anchor = self.anchor(id, by.other());
        Ok(rewrite(description, &places, anchor, edits))
    }

    /// Says whose media flows on these lines: what each party sends.
    pub fn let_flow(&mut self, now: Instant, id: SessionId, lines: &[u16], from: BySide<bool>) {
        if self.live(id).is_err() {
            return;
        }
        for line in lines {
            let stream = self.sessions[id].streams.get_mut(usize::from(*line));
            if let Some(agreed) = stream.and_then(|stream| stream.agreed.as_mut()) {
                agreed.media_flows = from;
            }
        }
        self.flush(now, &[id]);
    }

    /// Records in `edits` what makes a description that names our ports towards the party `of`
    /// name that party itself again, as far as it is known.
    pub fn name_party(
        &self,
        id: SessionId,
        of: Side,
        lines: &[u16],
        description: &Description,
        edits: &mut Splices,
    ) -> Result<Rewritten, MediaError> {
        let session = self.live(id)?;
        let terms = terms::read(description, self.max_lines)?;
        let place = |(number, terms): (usize, &Terms)| {
            let stream = lines.get(number).map(|line| usize::from(*line));
            let stream = stream.and_then(|line| session.streams.get(line));
            match stream.and_then(|stream| stream.party[of].rtp) {
                Some(rtp) if terms.wanted => Place::At(rtp),
                _ => Place::Nowhere(terms.transport),
            }
        };
        let places: Vec<Place> = terms.iter().enumerate().map(place).collect();
        let known = places.iter().find_map(|place| match place {
            Place::At(rtp) => Some(rtp.ip()),
            _ => None,
        });
        let anchor = known.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        Ok(rewrite(description, &places, anchor, edits))
    }

    /// Whether the party `of` has said where it receives this line.
    pub fn knows_party(&self, id: SessionId, of: Side, line: u16) -> bool {
        let stream = self.live(id).ok();
        let stream = stream.and_then(|session| session.streams.get(usize::from(line)));
        stream.is_some_and(|stream| stream.party[of].rtp.is_some())
    }

    fn ends_of(&self, id: SessionId, side: Side, lines: &[u16], terms: &[Terms]) -> Vec<Place> {
        let session = &self.sessions[id];
        let place = |(line, terms): (&u16, &Terms)| {
            let end = session.streams[usize::from(*line)].ends[side].as_ref();
            match end.filter(|_| terms.wanted) {
                Some(end) => Place::At(end.local),
                None => Place::Nowhere(terms.transport),
            }
        };
        lines.iter().zip(terms).map(place).collect()
    }
}

impl Stream {
    /// Takes in what a party says, and gives up the end that this replaces.
    fn learn(&mut self, by: Side, terms: &Terms, from: BySide<bool>) -> Option<End> {
        self.fresh = BySide::default();
        let replacement = self.replacement.take();
        let retired = replacement.and_then(|(side, end)| self.ends[side].replace(end));
        if !terms.wanted {
            self.agreed = None;
            return retired;
        }
        self.party[by].learn(terms);
        let separate = terms.transport == Transport::Rtp;
        self.agreed = Some(Agreed {
            media_flows: from,
            rtcp_flows: BySide::new(by, separate, separate),
            mux: terms.mux,
            timed: terms.is_timed(),
        });
        self.media.clone_from(&terms.media);
        if terms.codec.is_some() {
            self.codec.clone_from(&terms.codec);
        }
        retired
    }
}
