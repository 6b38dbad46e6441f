//! Session descriptions in messages, given to the media plane by their role in offer and answer.

use std::net::IpAddr;

use strait_shared::time::Instant;

use super::Gateway;
use super::limits::RETRY_AFTER_SECONDS;
use super::reply::Reply;
use crate::media::{MediaError, SessionId, Side};
use crate::sdp::Description;
use crate::sip::{Message, Splices, Status, Text};

/// What a description is in the exchange of offer and answer (RFC 3264).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It proposes.
    Offer,
    /// It agrees.
    Answer,
}

/// Whose description it is, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// The session it is about.
    pub session: SessionId,
    /// The party that wrote it.
    pub by: Side,
    /// Its role.
    pub role: Role,
    /// Where that party's signalling comes from.
    pub source: IpAddr,
}

impl Gateway {
    /// Puts our own media addresses into the description that `text` of `message` is. An error
    /// is the answer owed to a request that carries it.
    pub(super) fn describe(
        &mut self,
        now: Instant,
        message: &Message,
        text: Text,
        described: Described,
        edits: &mut Splices,
    ) -> Result<(), Reply> {
        let description = Description::parse_at(message.bytes(), text.span());
        let description = description.map_err(|error| {
            let refused = Reply::from(Status::BAD_REQUEST).because("Bad Session Description");
            refused.with("Warning", format_args!("399 strait \"{error}\""))
        })?;
        let Described {
            session,
            by,
            role,
            source,
        } = described;
        if let Some(call) = self.calls.of_session(session) {
            self.calls.touch(call);
        }
        let done = match role {
            Role::Offer => self
                .media
                .offer(now, session, by, &description, source, edits),
            Role::Answer => self
                .media
                .answer(now, session, by, &description, source, edits),
        };
        done.map(|_| ()).map_err(|error| self.media_refusal(error))
    }

    fn media_refusal(&mut self, error: MediaError) -> Reply {
        match error {
            MediaError::Glare => Status::REQUEST_PENDING.into(),
            MediaError::OfferPending => Reply::from(Status::SERVER_INTERNAL_ERROR)
                .because("Offer Pending")
                .with("Retry-After", RETRY_AFTER_SECONDS),
            MediaError::Exhausted { .. } => {
                self.counters.media_exhausted += 1;
                Reply::unavailable("No Media Port Left")
            }
            MediaError::Gone => Status::CALL_DOES_NOT_EXIST.into(),
            other => {
                let warning = format!("399 strait \"{other}\"");
                Reply::from(Status::NOT_ACCEPTABLE_HERE).with("Warning", warning)
            }
        }
    }
}
