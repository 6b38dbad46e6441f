//! What came in, brought to whom it concerns.

use strait_shared::time::Instant;

use super::Gateway;
use super::due::Due;
use super::exchange::PartOf;
use super::inspect::{ALLOW, Inspected};
use super::io::{Flow, Input, OperatorCommand};
use super::journal::MEDIA_LOST;
use super::record::EndedBy;
use super::reply::Reply;
use super::send::Forward;
use super::transaction::{Refused, RequestOutcome, ServerId, Standing};
use crate::sip::{HeaderName, Message, Method, Status, Uri};

impl Gateway {
    pub(super) fn dispatch(&mut self, now: Instant, input: Input) {
        match input {
            Input::Message { flow, bytes } if self.settings.knows(flow) => {
                flow.connection
                    .map(|connection| self.connections.insert(connection, ()));
                match self.settings.control_port(flow) {
                    Some(port) => self.control_message(now, flow, port, bytes),
                    None => self.message(now, flow, bytes),
                }
            }
            Input::Message { .. } => self.counters.malformed_dropped += 1,
            Input::KeepAlive { flow } => self.flow_heard(flow),
            Input::Connected { flow } => {
                flow.connection
                    .map(|connection| self.connections.insert(connection, ()));
                self.transactions.connected(&flow);
            }
            Input::Disconnected { connection } => {
                self.connections.remove(&connection);
                self.controlled.associations.disconnected(connection);
                self.transactions.disconnected(connection);
            }
            Input::SendFailed { flow, branch } => match self.settings.control_port(flow) {
                Some(_) => self.control_send_failed(now, flow),
                None => self.send_failed(now, flow, branch.as_deref()),
            },
            Input::Media(event) => self.media.event(now, &event),
            Input::MediaRejected { command, reason } => {
                self.media.rejected(now, &command, reason);
            }
            Input::MediaLost => self.end_all(now, EndedBy::Strait, MEDIA_LOST),
            Input::Users { realm, users } => self.know_users(realm, users),
            Input::Resolved { id, answer } => self.looked_up(now, id, answer),
            Input::Operator(command) => self.operator(now, command),
        }
    }

    /// Something the gateway itself wanted to be woken for.
    pub(super) fn due(&mut self, now: Instant, due: Due) {
        match due {
            Due::Softswitch(index) => self.softswitch_due(now, index),
            Due::KeepAlive(name) => self.keepalive_due(now, name),
            Due::Failover(key) => self.failover_due(now, key),
            Due::Binding(key) => self.binding_expired(now, key),
            Due::AckMissing(key) => self.ack_missing(now, key),
            Due::SessionExpired(key) => self.session_expired(now, key),
            Due::ByeMissing(key) => self.bye_missing(now, key),
            Due::ByeChallenged(key, number) => self.bye_given_up(now, key, number),
            Due::Entry(key) => self.forget_entry(key),
            Due::Owed => self.forget_owed(now),
            Due::Inquiry(key) => self.inquiry_due(now, key),
            Due::Subscription(key) => self.subscription_expired(now, key),
            Due::Opening(name) => self.close_opening(now, name),
            Due::Location(key) => self.location_expired(key),
            Due::Lookup(id) => self.lookup_due(now, id),
            Due::Passage(key) => self.passage_due(now, key),
            Due::Gateway(key) => self.gateway_due(now, key),
        }
    }

    fn message(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        let parsed = Message::parse(bytes).and_then(|message| message.check().map(|()| message));
        let message = match parsed {
            Ok(message) => message,
            Err(error) => return self.refuse(flow, &error),
        };
        if message.status().is_some() {
            self.counters.responses += 1;
            return self.response(now, flow, &message);
        }
        self.counters.requests += 1;
        if bytes.len() > self.settings.config.limits.message_bytes as usize {
            if message.method() != Some(Method::Ack) {
                self.counters.malformed_answered += 1;
                self.reply_stateless(flow, &message, Status::MESSAGE_TOO_LARGE.into());
            }
            return;
        }
        self.request(now, flow, &message);
    }

    fn request(&mut self, now: Instant, flow: Flow, message: &Message) {
        let found = self.find_dialog(flow, message);
        let standing = match found {
            Some(_) => Standing::Known,
            None => Standing::New,
        };
        let out = &mut self.outputs;
        let outcome = self
            .transactions
            .receive_request(now, flow, message, standing, out);
        match outcome {
            Ok(RequestOutcome::New(server)) => {
                self.new_request(now, flow, message, server, standing);
            }
            Ok(RequestOutcome::Merged(server)) => {
                let merged = Reply::from(Status::LOOP_DETECTED).because("Request Merged");
                let reply = self.inspect(flow, message).err().unwrap_or(merged);
                self.counters.merged += 1;
                self.reply(now, server, message, reply);
            }
            Ok(RequestOutcome::Retransmission) => {
                if let Some((key, from)) = found {
                    self.heard_again(now, key, from, flow, message);
                }
            }
            Ok(RequestOutcome::AckAbsorbed(_)) => {}
            Ok(RequestOutcome::AckForSuccess) => self.ack(now, flow, message),
            Ok(RequestOutcome::Cancel { invite, cancel }) => {
                self.reply(now, cancel, message, Status::OK);
                self.cancelled(now, invite, message);
            }
            Ok(RequestOutcome::CancelUnmatched(cancel)) => {
                self.reply(now, cancel, message, Status::CALL_DOES_NOT_EXIST);
            }
            Err(Refused::Full) => {
                self.counters.overload += 1;
                let reply = Reply::unavailable("Too Many Transactions");
                self.reply_stateless(flow, message, reply);
            }
            Err(Refused::Malformed(fault)) => {
                self.counters.malformed_answered += 1;
                let reply = Reply::from(fault.status()).because(fault);
                self.reply_stateless(flow, message, reply);
            }
        }
    }

    fn new_request(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        server: ServerId,
        standing: Standing,
    ) {
        let inspected = match self.inspect(flow, request) {
            Ok(inspected) => inspected,
            Err(reply) => return self.reply(now, server, request, reply),
        };
        let to = request.address(HeaderName::To);
        let to_dialog = to.is_ok_and(|to| to.tag().is_some());
        if !self.has_room(standing) {
            self.counters.overload += 1;
            let reply = Reply::unavailable("Too Many Requests");
            return self.reply(now, server, request, reply);
        }
        if to_dialog {
            return self.in_dialog(now, flow, request, server, inspected);
        }
        match request.method() {
            Some(Method::Invite) => self.invite(now, flow, request, server, inspected),
            Some(Method::Register) => self.register(now, flow, request, server, inspected),
            Some(Method::Subscribe | Method::Refer) => {
                self.open(now, flow, request, server, inspected);
            }
            Some(Method::Options) if self.is_for_us(flow, request) => {
                let reply = Reply::from(Status::OK).with("Allow", ALLOW);
                self.reply(now, server, request, reply);
            }
            Some(Method::Bye | Method::Prack | Method::Update) => {
                self.reply(now, server, request, Status::CALL_DOES_NOT_EXIST);
            }
            _ => self.pass(now, flow, request, server, inspected),
        }
    }

    /// A request that stands alone, whatever it is called.
    fn pass(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
        inspected: Inspected,
    ) {
        match self.route(now, near, request) {
            Ok(route) => {
                let part_of = PartOf::Nothing;
                let contacts = Vec::new();
                let forward = Forward {
                    server,
                    near,
                    inspected,
                    route,
                    part_of,
                    contacts,
                };
                self.forward(now, request, forward);
            }
            Err(reply) => self.reply(now, server, request, reply),
        }
    }

    /// Whether an OPTIONS asks for Strait itself: it names our address and no user, or may go no
    /// further (RFC 3261 §16.3 item 3).
    fn is_for_us(&self, flow: Flow, request: &Message) -> bool {
        let uri = request
            .request_uri()
            .and_then(|uri| Uri::parse_at(request.bytes(), uri.span()));
        let own = uri.is_some_and(|uri| {
            let own = self.settings.realm(flow.realm).is_own_uri(&uri);
            own && uri.user.is_none() && !uri.params.has(super::token::PARAMETER)
        });
        own || request.max_forwards() == Ok(Some(0))
    }

    fn operator(&mut self, now: Instant, command: OperatorCommand) {
        match command {
            OperatorCommand::EndCall(number) => {
                if let Some(key) = self.calls.numbered(number) {
                    self.end_call(now, key, EndedBy::Operator, "ended by operator");
                }
            }
            OperatorCommand::Drain => self.draining = true,
            OperatorCommand::EndAllCalls => {
                self.end_all(now, EndedBy::Operator, "ended by operator");
            }
        }
    }

    fn end_all(&mut self, now: Instant, by: EndedBy, reason: &'static str) {
        let keys: Vec<_> = self.calls.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.end_call(now, key, by, reason);
        }
    }
}
