//! Responses to what was sent on, and what happens where none come.

use strait_shared::time::Instant;

use super::exchange::{Exchange, ExchangeKey, PartOf};
use super::inbound::Inbound;
use super::io::Flow;
use super::mapping::{Crossing, Told};
use super::record::EndedBy;
use super::reply::Reply;
use super::transaction::{ClientId, Event, ResponseOutcome, ServerId};
use super::{Asked, Gateway};
use crate::sip::{HeaderName, Message, Splices, Status};

/// How a response is passed on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passing {
    /// What stands for its Contact; otherwise each is mapped by itself.
    pub contact: Option<super::token::Token>,
    /// Whether the request's Record-Routes belong into it.
    pub in_dialog: bool,
}

impl Gateway {
    pub(super) fn response(&mut self, now: Instant, flow: Flow, response: &Message) {
        let out = &mut self.outputs;
        match self
            .transactions
            .receive_response(now, response, &flow, out)
        {
            ResponseOutcome::Deliver(client) => self.deliver(now, flow, client, response),
            ResponseOutcome::Absorbed => {}
            ResponseOutcome::Stray => self.stray_response(flow, response),
        }
    }

    fn deliver(&mut self, now: Instant, flow: Flow, client: ClientId, response: &Message) {
        match self.asked.get(&client).cloned() {
            Some(Asked::Exchange(key)) => {
                self.bring_forward(key, client);
                self.exchange_response(now, key, flow, response);
            }
            Some(Asked::Success(dialog)) => {
                self.success_again(now, dialog, flow, client, response);
            }
            Some(Asked::Unwanted(_)) => self.unwanted_response(now, flow, client, response),
            Some(Asked::Probe(index)) => self.softswitch_answered(now, index),
            Some(Asked::KeepAlive(_)) => self.flow_heard(flow),
            Some(Asked::Inquiry(dialog, side)) => {
                let status = response.status().expect("it is a response");
                self.inquiry_answered(now, dialog, side, status);
            }
            Some(Asked::Farewell) | None => {}
        }
    }

    fn exchange_response(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        flow: Flow,
        response: &Message,
    ) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        exchange.heard = true;
        exchange.far = Flow {
            connection: flow.connection,
            ..exchange.far
        };
        let failover = exchange.failover.take();
        let softswitch = exchange.softswitch;
        failover.map(|timer| self.timers.cancel(timer));
        softswitch
            .into_iter()
            .for_each(|index| self.softswitch_answered(now, index));
        let status = response.status().expect("it is a response");
        if status == Status::TRYING || self.rings_on(now, key, status, response) {
            return;
        }
        match self.better_refusal(key, status) {
            Some(better) => self.conclude(now, key, flow, &better.message()),
            None => self.conclude(now, key, flow, response),
        }
    }

    /// A response for whoever asked: none of the places that the request is in has a better one.
    pub(super) fn conclude(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        flow: Flow,
        response: &Message,
    ) {
        let status = response.status().expect("it is a response");
        if status == Status::SERVICE_UNAVAILABLE && self.try_next(now, key) {
            return;
        }
        if self.tries_next_device(now, key, status) || self.breaks_circle(now, key, status) {
            return;
        }
        match self.exchanges.get(key).map(|exchange| &exchange.part_of) {
            Some(PartOf::Nothing) => {
                self.pass_back(now, key, response, Passing::default(), &mut Splices::new());
                self.finish_if_final(now, key, status);
            }
            Some(PartOf::Registration(_)) => self.registrar_response(now, key, response),
            Some(PartOf::Call(call)) => {
                let call = *call;
                self.call_response(now, key, call, flow, response);
            }
            Some(PartOf::Opening(opening)) => {
                let name = opening.name;
                self.opening_response(now, key, name, response);
            }
            Some(PartOf::Dialog { .. }) => self.dialog_response(now, key, response),
            None => {}
        }
    }

    /// Sends a response back to where the exchange's request came from; its bytes.
    pub(super) fn pass_back(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        response: &Message,
        passing: Passing,
        edits: &mut Splices,
    ) -> Option<Vec<u8>> {
        self.pass_back_holding(now, key, response, passing, edits, None)
    }

    /// The same, with the tokens it makes held in `held`.
    pub(super) fn pass_back_holding(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        response: &Message,
        passing: Passing,
        edits: &mut Splices,
        held: Option<&mut Vec<super::token::Token>>,
    ) -> Option<Vec<u8>> {
        let exchange = self.exchanges.get(key)?;
        let way = self.transactions.way_back(exchange.server)?;
        let mut crossing = Crossing {
            now,
            settings: &self.settings,
            tokens: &mut self.tokens,
            call_ids: &mut self.call_ids,
            dialogs: &self.dialogs,
            message: response,
            near: exchange.far,
            far: exchange.near,
            softswitch: self.settings.softswitch_at(exchange.near),
            told: Told::default(),
            keeps_body: exchange.direct,
            held,
        };
        let inbound = Inbound {
            request: &exchange.request,
            vias: &way.vias,
            contact: passing.contact,
            in_dialog: passing.in_dialog,
        };
        inbound.edit(response, &mut crossing, edits);
        if exchange.near.transport == super::io::Transport::Tcp {
            edits.declare_length();
        }
        let server = exchange.server;
        let mut bytes = Vec::with_capacity(response.bytes().len() + 256);
        response.render(edits, &mut bytes);
        self.send_back(now, server, response.status()?, bytes.clone());
        Some(bytes)
    }

    /// Gives a response to the transaction its request came in.
    pub(super) fn send_back(
        &mut self,
        now: Instant,
        server: ServerId,
        status: Status,
        bytes: Vec<u8>,
    ) {
        self.flush_media();
        self.counters.sent += 1;
        self.transactions
            .respond(now, server, status, bytes, &mut self.outputs);
    }

    /// Takes an exchange out once its final response has passed.
    pub(super) fn finish_if_final(&mut self, now: Instant, key: ExchangeKey, status: Status) {
        if status.is_final() {
            self.finish(now, key);
        }
    }

    /// Takes an exchange out: what it held is released.
    pub(super) fn finish(&mut self, now: Instant, key: ExchangeKey) -> Option<Exchange> {
        self.leave_beside(now, key, None);
        let mut exchange = self.exchanges.remove(key)?;
        exchange
            .failover
            .take()
            .map(|timer| self.timers.cancel(timer));
        exchange
            .contacts
            .iter()
            .for_each(|token| self.tokens.release(now, *token));
        if let PartOf::Registration(plan) = &exchange.part_of {
            plan.hops
                .iter()
                .for_each(|token| self.tokens.release(now, *token));
        }
        Some(exchange)
    }

    /// Ends an exchange with a response of our own.
    pub(super) fn fail(&mut self, now: Instant, key: ExchangeKey, reply: Reply) {
        let Some(exchange) = self.finish(now, key) else {
            return;
        };
        let status = reply.status;
        let message = exchange.request.message();
        match &exchange.part_of {
            PartOf::Nothing | PartOf::Registration(_) => {}
            PartOf::Call(call) => {
                let cancelled = exchange.cancelled && status == Status::REQUEST_TERMINATED;
                let by = if cancelled {
                    EndedBy::Caller
                } else {
                    EndedBy::Strait
                };
                self.call_failed(now, *call, by, status);
            }
            PartOf::Opening(opening) => {
                opening
                    .name
                    .into_iter()
                    .for_each(|name| self.close_opening(now, name));
            }
            PartOf::Dialog {
                dialog,
                from,
                offer,
            } => {
                self.in_dialog_failed(now, *dialog, *from, *offer, &message, status);
            }
        }
        self.flush_media();
        self.reply(now, exchange.server, &message, reply);
    }

    fn opening_response(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        name: Option<super::opening::OpeningName>,
        response: &Message,
    ) {
        let status = response.status().expect("it is a response");
        let mut passing = Passing {
            in_dialog: status.is_success(),
            ..Passing::default()
        };
        if let Some(name) = name {
            if status.is_success() {
                if let Some(dialog) = self.opened(now, name, response) {
                    self.accept_subscription(now, dialog, response);
                    passing.contact = self.contact_of(now, dialog, response);
                }
            } else if status.is_final() {
                self.close_opening(now, name);
            }
        }
        self.pass_back(now, key, response, passing, &mut Splices::new());
        self.finish_if_final(now, key, status);
    }

    /// What became of transactions.
    pub(super) fn transaction_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::ClientGivenUp(client) => {
                self.client_failed(now, client, false);
                self.asked.insert(client, Asked::Unwanted(Vec::new()));
            }
            Event::ClientTimeout(client) => self.client_failed(now, client, false),
            Event::ClientUnreachable(client) => self.client_failed(now, client, true),
            Event::ClientTerminated(client) => {
                if let Some(Asked::Success(dialog)) = self.asked.remove(&client) {
                    self.forget_handshake(dialog, client);
                }
            }
            Event::ServerTimeout(server) => self.sender_gone(now, server),
            Event::ServerTerminated(_) => {}
        }
    }

    /// Nobody waits for a response any more: the request is taken back.
    fn sender_gone(&mut self, now: Instant, server: ServerId) {
        let Some(key) = self.exchanges.of_server(server) else {
            return;
        };
        self.leave_all(now, key);
        self.fail(now, key, Status::REQUEST_TIMEOUT.into());
    }

    fn client_failed(&mut self, now: Instant, client: ClientId, unreachable: bool) {
        match self.asked.remove(&client) {
            Some(Asked::Exchange(key)) => {
                self.bring_forward(key, client);
                if !self.falls_silent(now, key) {
                    self.exchange_failed(now, key, unreachable);
                }
            }
            Some(Asked::Probe(index)) => self.softswitch_failed(now, index),
            Some(Asked::KeepAlive(name)) => self.keepalive_failed(name),
            Some(Asked::Inquiry(dialog, side)) => self.inquiry_unanswered(now, dialog, side),
            Some(Asked::Success(dialog)) => self.forget_handshake(dialog, client),
            Some(Asked::Unwanted(_) | Asked::Farewell) | None => {}
        }
    }

    fn exchange_failed(&mut self, now: Instant, key: ExchangeKey, unreachable: bool) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        exchange.client = None;
        let (heard, cancelled) = (exchange.heard, exchange.cancelled);
        let softswitch = exchange.softswitch.filter(|_| !heard);
        softswitch
            .into_iter()
            .for_each(|index| self.softswitch_failed(now, index));
        if !heard && self.try_next(now, key) {
            return;
        }
        let reply = match softswitch {
            _ if cancelled => Status::REQUEST_TERMINATED.into(),
            Some(_) => {
                self.counters.no_softswitch += 1;
                Reply::unavailable("No Softswitch Answers")
            }
            None if unreachable => Reply::unavailable("Destination Unreachable"),
            None => Status::REQUEST_TIMEOUT.into(),
        };
        self.fail(now, key, reply);
    }

    /// No response in the time that a place is given.
    pub(super) fn failover_due(&mut self, now: Instant, key: ExchangeKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        exchange.failover = None;
        let (softswitch, heard) = (exchange.softswitch, exchange.heard);
        if !heard {
            softswitch
                .into_iter()
                .for_each(|index| self.softswitch_failed(now, index));
            self.try_next(now, key);
        }
    }

    /// Something sent to a flow did not arrive.
    pub(super) fn send_failed(&mut self, now: Instant, flow: Flow, branch: Option<&[u8]>) {
        self.transactions.unreachable(&flow, branch);
        let index = self.settings.softswitch_at(flow);
        index
            .into_iter()
            .for_each(|index| self.softswitch_failed(now, index));
    }

    /// Gives up a client transaction. Its request is not repeated: the ports it offers may be
    /// another call's by the time it is heard.
    pub(super) fn leave(&mut self, now: Instant, client: ClientId) {
        self.asked.insert(client, Asked::Unwanted(Vec::new()));
        self.transactions.abandon(now, client, &mut self.outputs);
    }

    pub(super) fn flush_media(&mut self) {
        while let Some(command) = self.media.poll_command() {
            self.outputs.push_back(super::io::Output::Media(command));
        }
    }

    /// Whether a response names the tag of a dialog's other end.
    pub(super) fn to_tag<'a>(response: &Message<'a>) -> Option<&'a [u8]> {
        let tag = response.address(HeaderName::To).ok()?.tag()?;
        Some(tag.as_bytes())
    }
}
