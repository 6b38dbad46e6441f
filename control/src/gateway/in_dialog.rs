//! Requests within dialogs, from either party to the other (RFC 3261 §12.2).

use strait_shared::time::Instant;

use super::Gateway;
use super::describe::{Described, Role};
use super::dialogs::{DialogKey, Party};
use super::exchange::{Exchange, ExchangeKey, PartOf};
use super::inspect::Inspected;
use super::io::Flow;
use super::limits::RETRY_AFTER_SECONDS;
use super::mapping::{Crossing, Told};
use super::outbound::Outbound;
use super::received::Received;
use super::reply::Reply;
use super::token::{PARAMETER, Token};
use super::transaction::ServerId;
use crate::media::{OfferState, SessionId, Side};
use crate::sip::{HeaderName, Message, Method, Splices, Status, Uri};

impl Gateway {
    /// A request with a To tag came in.
    pub(super) fn in_dialog(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
        inspected: Inspected,
    ) {
        let method = request.method().expect("it is a request");
        let found = self.find_dialog(near, request).or_else(|| {
            let key = match method {
                Method::Notify => self.notified(now, near, request),
                _ => None,
            };
            key.map(|key| (key, Side::Callee))
        });
        let Some((key, from)) = found else {
            self.count_stranger(near, request);
            return self.reply(now, server, request, Status::CALL_DOES_NOT_EXIST);
        };
        if let Err(reply) = self.check_order(key, from, request) {
            return self.reply(now, server, request, reply);
        }
        self.party_heard(now, key, from, near);
        match method {
            Method::Invite => {
                self.reply(now, server, request, Status::TRYING);
                self.set_inviting(key, Some(from));
            }
            Method::Bye => self.note_end(now, key),
            _ => {}
        }
        let part_of = PartOf::Dialog {
            dialog: key,
            from,
            offer: false,
        };
        let exchange = self.exchanges.insert(Exchange {
            server,
            client: None,
            near,
            far: near,
            softswitch: None,
            beside: Vec::new(),
            refusal: None,
            others: Vec::new(),
            request: Received::new(request),
            passages: inspected.passages,
            contacts: Vec::new(),
            part_of,
            failover: None,
            heard: false,
            cancelled: false,
            direct: self.dialogs.get(key).is_some_and(|dialog| dialog.direct),
        });
        if let (Method::Invite, Some(dialog)) = (method, self.dialogs.get_mut(key)) {
            dialog.invite = Some(exchange);
        }
        if let Err(reply) = self.transmit_in_dialog(now, exchange, key, from, request) {
            self.fail(now, exchange, reply);
        }
    }

    /// The dialog a request belongs to, and the side it came from. Strangers belong to none.
    pub(super) fn find_dialog(&self, near: Flow, request: &Message) -> Option<(DialogKey, Side)> {
        let (key, from) = self.dialog_named(near, request)?;
        let dialog = self.dialogs.get(key)?;
        let (party, other) = (dialog.party(from), dialog.party(from.other()));
        is_known(near, request, party, other).then_some((key, from))
    }

    /// Counts a request for no dialog of its sender's where it names somebody else's.
    pub(super) fn count_stranger(&mut self, near: Flow, request: &Message) {
        let named = self.dialog_named(near, request);
        self.counters.strangers += u64::from(named.is_some());
    }

    fn dialog_named(&self, near: Flow, request: &Message) -> Option<(DialogKey, Side)> {
        let tag = |name| request.address(name).ok()?.tag();
        let from = tag(HeaderName::From);
        let from = from.as_ref().map_or(&b""[..], |tag| tag.as_bytes());
        let to = tag(HeaderName::To);
        let to = to.as_ref().map_or(&b""[..], |tag| tag.as_bytes());
        self.dialogs
            .find(near.realm, &request.call_id().ok()?, from, to)
    }

    /// Sets whose INVITE is under way.
    pub(super) fn set_inviting(&mut self, key: DialogKey, side: Option<Side>) {
        if let Some(dialog) = self.dialogs.get_mut(key) {
            dialog.inviting = side;
        }
    }

    /// A request of our own making went wrong for an in-dialog request.
    pub(super) fn in_dialog_failed(
        &mut self,
        now: Instant,
        key: DialogKey,
        from: Side,
        offer: bool,
        request: &Message,
        status: Status,
    ) {
        self.settle_refusal(now, key, offer.then_some(from), request.method());
        if request.method() == Some(Method::Bye) {
            let unheard = [Status::REQUEST_TIMEOUT, Status::TEMPORARILY_UNAVAILABLE];
            if unheard.contains(&status) {
                self.bye_unheard(now, key, from.other());
            }
            self.party_left(now, key, from, status);
        }
    }

    /// A request was refused: the offer it brought from one side is withdrawn, another INVITE may
    /// come.
    pub(super) fn settle_refusal(
        &mut self,
        now: Instant,
        key: DialogKey,
        offer: Option<Side>,
        method: Option<Method>,
    ) {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        if method == Some(Method::Invite) {
            dialog.inviting = None;
        }
        if let (Some(by), Some(session)) = (offer, dialog.session) {
            self.withdraw(now, session, by);
        }
    }

    /// Withdraws an offer where it still waits for its answer.
    pub(super) fn withdraw(&mut self, now: Instant, session: SessionId, by: Side) {
        if self.media.offer_state(session) == Some(OfferState::Offered(by)) {
            self.media.rollback(now, session);
        }
    }

    /// Who says something again may have moved since it was first said; unless more was said
    /// since, and this is a late copy from where its sender was before.
    pub(super) fn heard_again(
        &mut self,
        now: Instant,
        key: DialogKey,
        from: Side,
        near: Flow,
        request: &Message,
    ) {
        let last = self.dialogs.get(key).map(|dialog| dialog.party(from).cseq);
        if request.cseq().ok().map(|cseq| cseq.number) >= last {
            self.party_heard(now, key, from, near);
        }
    }

    /// Requests come in order (RFC 3261 §12.2.2), and one INVITE at a time (§14).
    fn check_order(&mut self, key: DialogKey, from: Side, request: &Message) -> Result<(), Reply> {
        let cseq = request
            .cseq()
            .map_err(|fault| Reply::from(Status::BAD_REQUEST).because(fault))?;
        let dialog = self
            .dialogs
            .get_mut(key)
            .ok_or(Status::CALL_DOES_NOT_EXIST)?;
        let party = dialog.party_mut(from);
        if cseq.number < party.cseq {
            return Err(Reply::from(Status::SERVER_INTERNAL_ERROR).because("Out of Order"));
        }
        party.cseq = cseq.number;
        match dialog.inviting {
            Some(side) if cseq.method == Method::Invite && side == from => {
                Err(Reply::from(Status::SERVER_INTERNAL_ERROR)
                    .because("INVITE Pending")
                    .with("Retry-After", RETRY_AFTER_SECONDS))
            }
            Some(_) if cseq.method == Method::Invite => Err(Status::REQUEST_PENDING.into()),
            _ => Ok(()),
        }
    }

    fn transmit_in_dialog(
        &mut self,
        now: Instant,
        exchange: ExchangeKey,
        key: DialogKey,
        from: Side,
        request: &Message,
    ) -> Result<(), Reply> {
        let mut edits = Splices::new();
        self.describe_request(now, exchange, key, from, request, &mut edits)?;
        let contact = self.refresh_target(now, key, from, request);
        let found = self.exchanges.get_mut(exchange).expect("it was just added");
        let (near, branch) = (found.near, found.passages.branch(self.unique.next()));
        let dialog = self.dialogs.get(key).ok_or(Status::CALL_DOES_NOT_EXIST)?;
        let (party, other) = (dialog.party(from), dialog.party(from.other()));
        let (uri, routes, far) = self.addressing(other);
        if self.is_cut_off(far) {
            return Err(Reply::from(Status::TEMPORARILY_UNAVAILABLE).because("Connection Lost"));
        }
        let via = self.via(far, &branch);
        let mut crossing = Crossing {
            now,
            settings: &self.settings,
            tokens: &mut self.tokens,
            call_ids: &mut self.call_ids,
            dialogs: &self.dialogs,
            message: request,
            near,
            far,
            softswitch: self.settings.softswitch_at(far),
            told: Told::default(),
            keeps_body: dialog.direct,
            held: None,
        };
        // A party may change what it calls itself (RFC 4916): only what is known is exchanged.
        let named = |name, known: &[u8], theirs: &[u8]| -> Box<[u8]> {
            match request.address(name) {
                Ok(address) if *address.uri.text == *known => theirs.into(),
                Ok(address) => crossing.identity_of(&address.uri, crossing.hosts_of_parties()),
                Err(_) => theirs.into(),
            }
        };
        let from_uri = named(HeaderName::From, &party.uri, &other.peer_uri);
        let to_uri = named(HeaderName::To, &party.peer_uri, &other.uri);
        let outbound = Outbound {
            uri: Some(&uri),
            routes: &routes,
            via: &via,
            call_id: &other.call_id,
            from: &from_uri,
            to: &to_uri,
            contacts: contact.as_slice(),
        };
        outbound.edit(request, &mut crossing, &mut edits);
        let found = self.exchanges.get_mut(exchange).expect("it was just added");
        found.far = far;
        self.flush_media();
        self.launch(now, exchange, request, &branch, &mut edits)
    }

    /// Gives the request's description to the dialog's media, in the role it has.
    fn describe_request(
        &mut self,
        now: Instant,
        exchange: ExchangeKey,
        key: DialogKey,
        by: Side,
        request: &Message,
        edits: &mut Splices,
    ) -> Result<(), Reply> {
        let Some(text) = request.session_description() else {
            return Ok(());
        };
        let Some(dialog) = self.dialogs.get(key) else {
            return Ok(());
        };
        let Some(session) = dialog.session else {
            return Ok(());
        };
        let source = dialog.party(by).flow.remote.ip();
        let state = self.media.offer_state(session);
        let answers = state == Some(OfferState::Offered(by.other()));
        let role = match request.method() {
            Some(Method::Prack) if answers => Role::Answer,
            Some(Method::Invite | Method::Update | Method::Prack) => Role::Offer,
            _ => return Ok(()),
        };
        let described = Described {
            session,
            by,
            role,
            source,
        };
        self.describe(now, request, text, described, edits)?;
        match role {
            Role::Answer => {
                if let Some(dialog) = self.dialogs.get_mut(key) {
                    dialog.agreed = true;
                }
            }
            Role::Offer => {
                if let Some(Exchange {
                    part_of: PartOf::Dialog { offer, .. },
                    ..
                }) = self.exchanges.get_mut(exchange)
                {
                    *offer = true;
                }
            }
        }
        Ok(())
    }

    /// A party hangs up: that is when the call ended, whatever the other one says to it.
    fn note_end(&mut self, now: Instant, key: DialogKey) {
        let call = self.dialogs.get(key).and_then(|dialog| dialog.call);
        if let Some(call) = call.and_then(|call| self.calls.get_mut(call)) {
            call.record.ended.get_or_insert(self.clock.timestamp(now));
        }
    }
}

/// Whether a request that names the dialog of `party` comes from it. Call-ID and tags are no
/// secret: both sides, and every proxy on the way, know them. Its address is heard to be its own; a
/// party that has moved shows the token that was given to it in place of the other's Contact.
pub(super) fn is_known(near: Flow, request: &Message, party: &Party, other: &Party) -> bool {
    let shown = || {
        let uri = request.request_uri()?;
        let uri = Uri::parse_at(request.bytes(), uri.span())?;
        Token::parse(&uri.params.value(PARAMETER)?)
    };
    near.remote.ip() == party.flow.remote.ip()
        || other.contact.is_some_and(|given| shown() == Some(given))
}
