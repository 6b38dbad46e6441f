//! Calls taken up from the journal: answered ones go on, those being set up fail towards both
//! sides, those that are over leave their records.

use strait_shared::time::Instant;

use super::entry::{
    Change, EntryKey, KeptCall, KeptDialog, KeptHandshake, KeptParty, KeptRequest, Kind, Progress,
};
use super::keep::written;
use super::restore::Restoring;
use super::{CONTROL_RESTARTED, MEDIA_LOST};
use crate::gateway::branch::Passages;
use crate::gateway::calls::{Call, CallKey, CallState};
use crate::gateway::dialogs::{DialogKey, Handshake, Party};
use crate::gateway::due::Due;
use crate::gateway::exchange::{Exchange, PartOf};
use crate::gateway::io::{Flow, Output};
use crate::gateway::limits::{BYE_WAIT, SETUP_CLEARED};
use crate::gateway::received::Received;
use crate::gateway::record::{CallRecord, EndedBy, Ending};
use crate::gateway::reply::Reply;
use crate::gateway::token::Token;
use crate::gateway::transaction::{ClientId, Outgoing, RequestOutcome, ServerId, Standing};
use crate::gateway::{Asked, Gateway};
use crate::media::{KeptSession, SessionId, Side};
use crate::sip::{HeaderName, Message, Method, Via};

impl Gateway {
    /// Whether the call's entry stays; nothing where what is kept of it makes no sense.
    pub(super) fn restore_call(
        &mut self,
        now: Instant,
        kept: KeptCall,
        restoring: &mut Restoring,
    ) -> Option<bool> {
        let mut record = kept.record.record();
        self.calls.number_after(record.number);
        match kept.progress {
            Progress::Over => {
                self.add_reports(&mut record, &kept.sessions, restoring)?;
                self.outputs.push_back(Output::Record(Box::new(record)));
                restoring.restored.ended += 1;
                Some(false)
            }
            Progress::Calling(ref request) => {
                if let Some(request) = request {
                    self.fail_setup(now, request, restoring);
                }
                self.call_fails(now, kept, restoring)
            }
            Progress::Making(ref making) => {
                self.restore_making(now, making);
                self.call_fails(now, kept, restoring)
            }
            Progress::Leg(ref leg) => {
                let leg = (**leg).clone();
                self.restore_leg(now, kept, leg, restoring)
            }
            Progress::Answered(ref dialog) => {
                let parties = self.restore_parties(dialog, restoring)?;
                let (first, others) = kept.sessions.split_at(usize::from(dialog.has_session));
                self.add_reports(&mut record, others, restoring)?;
                let session = match first.first() {
                    None => Ok(None),
                    Some(first) => self.adopt(now, first, dialog, restoring)?.map(Some),
                };
                let lost = session.is_err();
                let leaving = record.ended.is_some();
                let session = session.unwrap_or_else(|report| {
                    record.add(report);
                    None
                });
                let key = self.restore_answered(now, record, kept.offered, session);
                self.restore_dialog(now, key, parties, dialog, session, restoring);
                if lost {
                    restoring.restored.ended += 1;
                    let lost = first.iter().any(|kept| kept.is_lost(restoring.slots));
                    let reason = if lost { MEDIA_LOST } else { CONTROL_RESTARTED };
                    self.lose_call(now, key, reason, restoring);
                    return Some(false);
                }
                if leaving {
                    self.timers.arm(now, BYE_WAIT, Due::ByeMissing(key));
                }
                restoring.restored.calls += 1;
                Some(true)
            }
        }
    }

    /// Takes over a call's media, or says what they have carried.
    fn adopt(
        &mut self,
        now: Instant,
        kept: &KeptSession,
        dialog: &KeptDialog,
        restoring: &Restoring,
    ) -> Option<Result<SessionId, Vec<crate::media::StreamReport>>> {
        let realm = |number| restoring.places.realm(number);
        let offers = dialog
            .inviting
            .as_ref()
            .is_some_and(|(_, request)| request.sent.is_some());
        self.media
            .adopt(now, kept, &realm, restoring.slots, offers)
            .ok()
    }

    /// Adds what sessions that are over have carried.
    pub(super) fn add_reports(
        &self,
        record: &mut CallRecord,
        kept: &[KeptSession],
        restoring: &Restoring,
    ) -> Option<()> {
        let realm = |number| restoring.places.realm(number);
        for session in kept {
            record.add(self.media.carried(session, &realm, restoring.slots).ok()?);
        }
        Some(())
    }

    pub(super) fn restore_answered(
        &mut self,
        now: Instant,
        record: CallRecord,
        offered: bool,
        session: Option<SessionId>,
    ) -> CallKey {
        let key = self.calls.insert(Call {
            state: CallState::Answered,
            invite: None,
            parties: None,
            offered,
            session: None,
            sessions: Vec::new(),
            dialogs: Vec::new(),
            direct: false,
            leg: None,
            record,
        });
        // A session that is over at once reports like any other.
        if let Some(session) = session {
            self.calls.own_session(session, key);
        }
        self.next_call = self.next_call.max(now);
        key
    }

    fn restore_parties(&self, kept: &KeptDialog, restoring: &Restoring) -> Option<[Party; 2]> {
        let party = |kept: &KeptParty| {
            Some(Party {
                flow: restoring.places.flow(kept.flow)?,
                call_id: boxed(&kept.call_id),
                uri: boxed(&kept.uri),
                peer_uri: boxed(&kept.peer_uri),
                tag: boxed(&kept.tag),
                target: boxed(&kept.target),
                route_set: boxed(&kept.route_set),
                contact: kept.contact.map(Token::numbered),
                cseq: kept.cseq,
            })
        };
        Some([party(&kept.parties[0])?, party(&kept.parties[1])?])
    }

    fn restore_dialog(
        &mut self,
        now: Instant,
        call: CallKey,
        parties: [Party; 2],
        kept: &KeptDialog,
        session: Option<SessionId>,
        restoring: &Restoring,
    ) {
        for party in &parties {
            if let Some(token) = party.contact {
                self.tokens.know(now, token, party.flow, &party.target);
            }
            self.call_ids.hide(&party.call_id, party.flow);
        }
        let key = self.begin_dialog(now, parties, Some(call));
        if let Some(until) = kept.subscribed_until_unix_ms {
            let left = self.left(now, until);
            self.extend_subscription(now, key, left);
        }
        let session_timer = kept.session_until_unix_ms.map(|until| {
            let left = self.left(now, until);
            self.timers.arm(now, left, Due::SessionExpired(call))
        });
        let handshakes = Side::BOTH.map(|side| {
            let kept = kept.handshakes[side as usize].as_ref()?;
            Some(self.restore_handshake(now, key, side, kept, restoring))
        });
        if let Some(dialog) = self.dialogs.get_mut(key) {
            (dialog.session, dialog.agreed) = (session, kept.agreed);
            dialog.direct = kept.direct;
            (dialog.handshakes, dialog.session_timer) = (handshakes, session_timer);
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.dialogs.push(key);
        }
        if let Some((side, request)) = &kept.inviting {
            let resumed = self.resume_invite(now, key, *side, request, restoring);
            if let (None, Some(session)) = (resumed, session) {
                self.media.rollback(now, session);
            }
        }
    }

    fn restore_handshake(
        &mut self,
        now: Instant,
        key: DialogKey,
        from: Side,
        kept: &KeptHandshake,
        restoring: &Restoring,
    ) -> Handshake {
        let ack = kept.ack.as_ref();
        let ack = ack.and_then(|(flow, sent)| Some((restoring.places.flow(*flow)?, sent.to_vec())));
        let left = self.left(now, kept.wait_until_unix_ms);
        let timer = self.timers.arm(now, left, Due::AckMissing(key));
        if ack.is_some() || kept.success.is_empty() {
            self.timers.cancel(timer);
        }
        Handshake {
            from,
            cseq: kept.cseq,
            server: None,
            client: None,
            offered: kept.offered,
            success: kept.success.to_vec(),
            ack,
            dismissed: Vec::new(),
            timer,
        }
    }

    /// An INVITE within a dialog goes on: whoever it was sent to hears it again, with the same
    /// branch, and says again what it said.
    fn resume_invite(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        from: Side,
        kept: &KeptRequest,
        restoring: &Restoring,
    ) -> Option<()> {
        let (near, far) = self.paths(kept, restoring)?;
        let request = Message::parse(&kept.received).ok()?;
        let sent = kept.sent.as_ref()?;
        let server = self.answerable(now, near, &request)?;
        let part_of = PartOf::Dialog {
            dialog,
            from,
            offer: kept.offer,
        };
        let exchange = self.exchanges.insert(Exchange {
            server,
            client: None,
            near,
            far,
            softswitch: None,
            beside: Vec::new(),
            refusal: None,
            others: Vec::new(),
            request: Received::new(&request),
            passages: Passages::default(),
            contacts: Vec::new(),
            part_of,
            failover: None,
            heard: false,
            cancelled: false,
            direct: self.dialogs.get(dialog).is_some_and(|dialog| dialog.direct),
        });
        self.set_inviting(dialog, Some(from));
        let client = self.ask_again(now, far, sent, Asked::Exchange(exchange));
        if let Some(found) = self.exchanges.get_mut(exchange) {
            found.client = client;
        }
        if let Some(found) = self.dialogs.get_mut(dialog) {
            found.invite = Some(exchange);
        }
        if client.is_none() {
            self.fail(now, exchange, Reply::unavailable("Control Restarted"));
        }
        Some(())
    }

    /// The caller is told; the callee hears its INVITE again, and that it is taken back.
    fn fail_setup(&mut self, now: Instant, kept: &KeptRequest, restoring: &Restoring) {
        let Some((near, far)) = self.paths(kept, restoring) else {
            return;
        };
        if let Ok(request) = Message::parse(&kept.received)
            && let Some(server) = self.answerable(now, near, &request)
        {
            let reply = Reply::unavailable("Control Restarted");
            self.reply(now, server, &request, reply);
        }
        let sent = kept.sent.iter().map(|sent| (far, sent));
        let beside = kept.beside.iter().filter_map(|(far, sent)| {
            let far = restoring.places.flow(*far)?;
            Some((far, sent))
        });
        for (far, sent) in sent.chain(beside) {
            if let Some(client) = self.ask_again(now, far, sent, Asked::Unwanted(Vec::new())) {
                self.transactions
                    .cancel(now, client, None, &mut self.outputs);
            }
        }
    }

    fn paths(&self, kept: &KeptRequest, restoring: &Restoring) -> Option<(Flow, Flow)> {
        let places = &restoring.places;
        Some((places.flow(kept.near)?, places.flow(kept.far)?))
    }

    /// A transaction to answer a request in that the earlier process took in.
    fn answerable(&mut self, now: Instant, near: Flow, request: &Message) -> Option<ServerId> {
        request.check().ok()?;
        let out = &mut self.outputs;
        let taken = self
            .transactions
            .receive_request(now, near, request, Standing::Known, out);
        match taken {
            Ok(RequestOutcome::New(server)) => Some(server),
            _ => None,
        }
    }

    /// Sends a request once more that the earlier process sent, in a transaction of the same name.
    fn ask_again(
        &mut self,
        now: Instant,
        far: Flow,
        sent: &[u8],
        asked: Asked,
    ) -> Option<ClientId> {
        let message = Message::parse(sent).ok()?;
        let via = message.header(HeaderName::Via)?;
        let via = Via::parse(message.bytes(), via.value)?;
        let branch = via.branch()?.as_bytes().to_vec();
        let (out, bytes) = (&mut self.outputs, sent.to_vec());
        let request = Outgoing {
            method: Method::Invite,
            branch: &branch,
            bytes,
            standing: Standing::Known,
        };
        let client = self.transactions.start(now, far, request, out)?;
        self.asked.insert(client, asked);
        Some(client)
    }

    /// A call whose media are gone, with the table or because they were closed as it ended: whoever
    /// still believes in it is told.
    fn lose_call(
        &mut self,
        now: Instant,
        key: CallKey,
        reason: &'static str,
        restoring: &Restoring,
    ) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let told = call.record.ended.is_some();
        for dialog in call.dialogs.clone() {
            for side in Side::BOTH.into_iter().filter(|_| !told) {
                self.say_bye(now, dialog, side, reason);
            }
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.record.ended.get_or_insert(restoring.alive);
        }
        let ending = Ending {
            ended_by: EndedBy::Strait,
            reason: if told { CONTROL_RESTARTED } else { reason },
            status: None,
        };
        self.close_call(now, key, ending);
    }

    /// A call that was being set up fails: its record is written, once. Its parties are told only
    /// now: its entry says so from here on, and stays until they have heard.
    fn call_fails(
        &mut self,
        now: Instant,
        kept: KeptCall,
        restoring: &mut Restoring,
    ) -> Option<bool> {
        let record = kept.record.record();
        if record.ended.is_none() {
            self.record_end(record, restoring);
            restoring.restored.failed += 1;
        }
        let key = EntryKey::new(Kind::Call, kept.record.number());
        let record = kept.record.hung_up(Some(restoring.alive));
        let value = Some(written(&KeptCall { record, ..kept }));
        restoring.changed.push(Change { key, value });
        self.timers.arm(now, SETUP_CLEARED, Due::Entry(key));
        Some(true)
    }

    /// Writes the record of a call that was never answered.
    fn record_end(&mut self, mut record: CallRecord, restoring: &Restoring) {
        record.ended.get_or_insert(restoring.alive);
        record.ending = Some(Ending {
            ended_by: EndedBy::Strait,
            reason: CONTROL_RESTARTED,
            status: Some(503),
        });
        self.outputs.push_back(Output::Record(Box::new(record)));
    }
}

fn boxed(bytes: &[u8]) -> Box<[u8]> {
    bytes.into()
}
