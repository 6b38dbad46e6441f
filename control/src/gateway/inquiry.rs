//! Whether anybody is still there. Nobody hears a call whose media is on hold fall silent: its
//! parties are asked from time to time, each in the other one's name (RFC 3261 §11), and who knows
//! nothing of the call says so (§12.2.1.2).

use std::time::Duration;

use slotmap::SecondaryMap;
use strait_shared::time::Instant;

use super::dialogs::DialogKey;
use super::due::Due;
use super::keepalive::spread;
use super::limits::{INQUIRY_INTERVAL, UNANSWERED_INQUIRIES};
use super::own_requests::Spoken;
use super::record::EndedBy;
use super::timer::TimerId;
use super::{Asked, Gateway};
use crate::media::{BySide, Side};
use crate::sip::{Method, Status};

/// By dialog.
pub type Inquiries = SecondaryMap<DialogKey, Inquiry>;

/// When the parties of a dialog are asked next, and how often in a row either has not answered.
#[derive(Debug)]
pub struct Inquiry {
    timer: TimerId,
    unanswered: BySide<u8>,
}

impl Gateway {
    /// A call has a dialog that its parties may have to be asked about.
    pub(super) fn begin_inquiry(&mut self, now: Instant, key: DialogKey) {
        let later = match self.taking_up {
            true => spread(self.inquiries.len(), INQUIRY_INTERVAL),
            false => Duration::ZERO,
        };
        let due = INQUIRY_INTERVAL + later;
        let timer = self.timers.arm(now, due, Due::Inquiry(key));
        let unanswered = BySide::default();
        self.inquiries.insert(key, Inquiry { timer, unanswered });
    }

    /// The call is over.
    pub(super) fn end_inquiry(&mut self, key: DialogKey) {
        if let Some(inquiry) = self.inquiries.remove(key) {
            self.timers.cancel(inquiry.timer);
        }
    }

    /// It is time to ask, where nothing else would tell.
    pub(super) fn inquiry_due(&mut self, now: Instant, key: DialogKey) {
        let session = self.dialogs.get(key).and_then(|dialog| dialog.session);
        let unwatched = session.is_some_and(|session| self.media.stands_unwatched(session));
        let Some(inquiry) = self.inquiries.get_mut(key) else {
            return;
        };
        inquiry.timer = self.timers.arm(now, INQUIRY_INTERVAL, Due::Inquiry(key));
        if !unwatched {
            inquiry.unanswered = BySide::default();
            return;
        }
        for side in Side::BOTH {
            self.inquire(now, key, side);
        }
    }

    /// A party has answered, or a proxy for it.
    pub(super) fn inquiry_answered(
        &mut self,
        now: Instant,
        key: DialogKey,
        side: Side,
        status: Status,
    ) {
        match status.code() {
            100..200 => {}
            481 => {
                let call = self.dialogs.get(key).and_then(|dialog| dialog.call);
                call.into_iter()
                    .for_each(|call| self.deny_call(now, key, call));
            }
            // What is said of whoever is not there.
            408 | 480 | 503 | 504 => self.inquiry_unanswered(now, key, side),
            _ => {
                if let Some(inquiry) = self.inquiries.get_mut(key) {
                    inquiry.unanswered[side] = 0;
                }
            }
        }
    }

    /// A party has not answered. Where the other one does not either, nobody is there.
    pub(super) fn inquiry_unanswered(&mut self, now: Instant, key: DialogKey, side: Side) {
        let call = self.dialogs.get(key).and_then(|dialog| dialog.call);
        let (Some(inquiry), Some(call)) = (self.inquiries.get_mut(key), call) else {
            return;
        };
        let unanswered = &mut inquiry.unanswered;
        unanswered[side] = unanswered[side].saturating_add(1);
        let gone = |side: Side| unanswered[side] >= UNANSWERED_INQUIRIES;
        if Side::BOTH.into_iter().all(gone) {
            self.end_call(now, call, EndedBy::Strait, "party gone");
        }
    }

    /// Asks one party under the number of the other one's last request, which so stays free to go
    /// on with the next.
    fn inquire(&mut self, now: Instant, key: DialogKey, side: Side) {
        let Some(dialog) = self.dialogs.get(key) else {
            return;
        };
        let (party, other) = (dialog.party(side).clone(), dialog.party(side.other()));
        let (from_tag, number) = (other.tag.clone(), other.cseq);
        let (uri, routes, flow) = self.addressing(&party);
        if self.is_cut_off(flow) {
            return self.inquiry_unanswered(now, key, side);
        }
        let spoken = Spoken {
            method: Method::Options,
            party: &party,
            from_tag: &from_tag,
            number,
            reason: None,
        };
        self.speak(
            now,
            flow,
            (&uri, &routes),
            &spoken,
            Asked::Inquiry(key, side),
        );
    }
}
