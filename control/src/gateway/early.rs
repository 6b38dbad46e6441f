//! Early dialogs of a call (RFC 3261 §12.1): one for each callee that its INVITE has reached, each
//! with media of its own.

use strait_shared::time::Instant;

use super::Gateway;
use super::calls::{CallKey, CallState};
use super::describe::{Described, Role};
use super::dialogs::DialogKey;
use super::exchange::ExchangeKey;
use super::limits::MAX_EARLY_DIALOGS;
use super::mapping::drop_description;
use super::outbound::joined;
use super::reply::Reply;
use super::responses::Passing;
use crate::media::{SessionId, Side};
use crate::sip::{HeaderName, Message, Splices, Status};

/// An early dialog is over before the call is (RFC 6228).
const EARLY_DIALOG_TERMINATED: u16 = 199;

impl Gateway {
    /// A provisional response: an early dialog begins, goes on, or is over.
    pub(super) fn early_response(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        call: CallKey,
        response: &Message,
    ) {
        let mut passing = Passing::default();
        let mut edits = Splices::new();
        if Self::to_tag(response).is_some() {
            let Some(dialog) = self.dialog_of(now, call, response) else {
                return;
            };
            passing.in_dialog = true;
            passing.contact = self.contact_of(now, dialog, response);
            let described = self.describe_answer(now, call, dialog, response, &mut edits);
            if let (Err(_), Some(text)) = (described, response.session_description()) {
                drop_description(response, text, &mut edits);
            }
            if response.status() == Status::new(EARLY_DIALOG_TERMINATED) {
                self.early_over(now, call, dialog);
            }
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.state = CallState::Early;
        }
        self.pass_back(now, key, response, passing, &mut edits);
    }

    /// The dialog of a call that a response belongs to; begun where it is new.
    pub(super) fn dialog_of(
        &mut self,
        now: Instant,
        key: CallKey,
        response: &Message,
    ) -> Option<DialogKey> {
        let tag = Self::to_tag(response).unwrap_or_default();
        let call = self.calls.get(key)?;
        let [caller, callee] = call.parties.clone()?;
        let found = self
            .dialogs
            .find(callee.flow.realm, &callee.call_id, tag, &caller.tag);
        if let Some((dialog, _)) = found {
            return Some(dialog);
        }
        if call.dialogs.len() >= MAX_EARLY_DIALOGS {
            return None;
        }
        let direct = call.direct;
        let session = match direct {
            true => None,
            false => Some(self.session_of_next(key)?),
        };
        let contact = response.addresses(HeaderName::Contact).flatten().next();
        let mut callee = callee;
        callee.tag = tag.into();
        callee.target = contact.map_or(Box::default(), |(_, contact)| {
            contact.uri.text.as_bytes().into()
        });
        callee.route_set = joined(response, HeaderName::RecordRoute, true);
        let dialog = self.begin_dialog(now, [caller, callee], Some(key));
        let begun = self.dialogs.get_mut(dialog)?;
        (begun.session, begun.direct) = (session, direct);
        self.calls.get_mut(key)?.dialogs.push(dialog);
        Some(dialog)
    }

    /// Gives a response's description to its dialog's media.
    pub(super) fn describe_answer(
        &mut self,
        now: Instant,
        call: CallKey,
        key: DialogKey,
        response: &Message,
        edits: &mut Splices,
    ) -> Result<(), Reply> {
        let Some(text) = response.session_description() else {
            return Ok(());
        };
        let offered = self.calls.get(call).is_some_and(|call| call.offered);
        let Some(dialog) = self.dialogs.get(key) else {
            return Ok(());
        };
        let Some(session) = dialog.session else {
            return Ok(());
        };
        let source = dialog.party(Side::Callee).flow.remote.ip();
        let role = if offered || dialog.agreed {
            Role::Answer
        } else {
            Role::Offer
        };
        let described = Described {
            session,
            by: Side::Callee,
            role,
            source,
        };
        self.describe(now, response, text, described, edits)?;
        if let (Role::Answer, Some(dialog)) = (role, self.dialogs.get_mut(key)) {
            dialog.agreed = true;
        }
        Ok(())
    }

    /// The session of a further dialog: the one the offer was made in for the first, forks of it
    /// for the others.
    fn session_of_next(&mut self, key: CallKey) -> Option<SessionId> {
        let call = self.calls.get_mut(key)?;
        if let Some(session) = call.session.take() {
            return Some(session);
        }
        let mut sessions = call.sessions.iter();
        let alive = |session: &&SessionId| self.media.offer_state(**session).is_some();
        let shared = *sessions.find(alive)?;
        let session = self.media.fork(shared).ok()?;
        self.calls.own_session(session, key);
        Some(session)
    }

    /// An early dialog is over while its call goes on. The last one leaves its session, and so
    /// the port that was offered, to whoever rings next.
    pub(super) fn early_over(&mut self, now: Instant, key: CallKey, dialog: DialogKey) {
        let session = self.dialogs.get(dialog).and_then(|dialog| dialog.session);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.dialogs.retain(|other| *other != dialog);
        match session {
            Some(session) if call.dialogs.is_empty() => call.session = Some(session),
            Some(session) => self.media.close(now, session),
            None => {}
        }
        self.leave_call(now, dialog);
    }

    /// An early dialog has lost: another one was answered.
    pub(super) fn drop_early(&mut self, now: Instant, key: CallKey, dialog: DialogKey) {
        let session = self.dialogs.get(dialog).and_then(|dialog| dialog.session);
        session
            .into_iter()
            .for_each(|session| self.media.close(now, session));
        if let Some(call) = self.calls.get_mut(key) {
            call.dialogs.retain(|other| *other != dialog);
        }
        self.leave_call(now, dialog);
    }
}
