//! The registrar's answers, the bindings they make, and refreshes answered in its place.

use std::sync::Arc;
use std::time::Duration;

use strait_shared::time::Instant;

use super::Gateway;
use super::due::Due;
use super::exchange::{Exchange, ExchangeKey, PartOf};
use super::io::Flow;
use super::limits::MAX_BINDING_SECONDS;
use super::mapping::{Crossing, Hosts, Told};
use super::register::{Asked, expiry};
use super::registrations::{Aor, Binding, BindingKey};
use super::responses::Passing;
use super::token::Token;
use super::transaction::ServerId;
use crate::sip::{Contact, HeaderName, Message, NameAddr, Splices, Status, Uri};

/// One Contact as the registrar granted it.
struct Granted {
    token: Token,
    far_seconds: u32,
    near_seconds: u32,
}

impl Gateway {
    /// The registrar answered.
    pub(super) fn registrar_response(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        response: &Message,
    ) {
        let status = response.status().expect("it is a response");
        let mut edits = Splices::new();
        if !status.is_success() {
            self.pass_back(now, key, response, Passing::default(), &mut edits);
            self.finish_if_final(now, key, status);
            return;
        }
        let granted = self.granted(key, response, &mut edits);
        let mut hops = Vec::new();
        let passing = Passing::default();
        let answer =
            self.pass_back_holding(now, key, response, passing, &mut edits, Some(&mut hops));
        let Some(mut exchange) = self.exchanges.remove(key) else {
            return;
        };
        exchange
            .failover
            .take()
            .map(|timer| self.timers.cancel(timer));
        let answer: Arc<[u8]> = answer.unwrap_or_default().into();
        self.store(now, &mut exchange, granted, hops, answer);
        exchange
            .contacts
            .iter()
            .for_each(|token| self.tokens.release(now, *token));
    }

    /// A registration ran out at the registrar.
    pub(super) fn binding_expired(&mut self, now: Instant, key: BindingKey) {
        self.remove_binding(now, key);
    }

    /// Answers a refresh in the registrar's place.
    pub(super) fn absorb(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
        key: BindingKey,
    ) {
        let Some(binding) = self.registrations.get_mut(key) else {
            return;
        };
        let granted = Duration::from_secs(binding.granted_seconds.into());
        binding.near_until = now + granted;
        binding.cseq = request.cseq().map_or(binding.cseq, |cseq| cseq.number);
        let answer = binding.answer.clone();
        let Some(way) = self.transactions.way_back(server) else {
            return;
        };
        let bytes = repeated(&answer, &way.vias, request);
        self.counters.absorbed += 1;
        self.flow_heard(near);
        self.send_back(now, server, Status::OK, bytes);
    }

    /// What was granted to each Contact that was asked for, and what its owner is told of it.
    fn granted(
        &mut self,
        key: ExchangeKey,
        response: &Message,
        edits: &mut Splices,
    ) -> Vec<Granted> {
        let Some(exchange) = self.exchanges.get(key) else {
            return Vec::new();
        };
        let PartOf::Registration(plan) = &exchange.part_of else {
            return Vec::new();
        };
        let header = response.seconds(HeaderName::Expires).ok().flatten();
        let mut granted = Vec::with_capacity(plan.contacts.len());
        for (_, contact) in response.addresses(HeaderName::Contact).flatten() {
            let token = contact.uri.params.value(super::token::PARAMETER);
            let token = token.and_then(|token| Token::parse(&token));
            let asked = plan
                .contacts
                .iter()
                .find(|asked| Some(asked.token) == token);
            let Some(asked) = asked else { continue };
            let own = expiry(&Contact::Address(contact));
            let far_seconds = own.or(header).unwrap_or(asked.seconds);
            // A registrar may grant less than it is asked for, not more (RFC 3261 §10.2.1.1): what
            // lies would be kept here for ever.
            let far_seconds = far_seconds.min(asked.seconds).min(MAX_BINDING_SECONDS);
            let near_seconds = self.near_expiry(exchange.near, asked.seconds, far_seconds);
            tell_expiry(&contact, near_seconds, own, edits);
            granted.push(Granted {
                token: asked.token,
                far_seconds,
                near_seconds,
            });
        }
        let told = granted.iter().map(|granted| granted.near_seconds).min();
        if let (Some(header), Some(told), Some(line)) =
            (header, told, response.header(HeaderName::Expires))
            && told < header
        {
            edits.replace_fmt(line.value, format_args!("{told}"));
        }
        granted
    }

    /// Makes, refreshes and removes bindings as the registrar has.
    fn store(
        &mut self,
        now: Instant,
        exchange: &mut Exchange,
        granted: Vec<Granted>,
        hops: Vec<Token>,
        answer: Arc<[u8]>,
    ) {
        let PartOf::Registration(plan) = &mut exchange.part_of else {
            return;
        };
        let mut hops = [std::mem::take(&mut plan.hops), hops].concat();
        let (contacts, all) = (std::mem::take(&mut plan.contacts), plan.all);
        let message = exchange.request.message();
        let aor = self.aor(now, exchange, &message);
        if all {
            let keys: Vec<BindingKey> = self.registrations.of(&aor).map(|(key, _)| key).collect();
            keys.into_iter()
                .for_each(|key| self.remove_binding(now, key));
        }
        for asked in contacts {
            let found = granted.iter().find(|granted| granted.token == asked.token);
            let found = found.filter(|granted| granted.far_seconds > 0 && asked.seconds > 0);
            match found {
                Some(granted) => {
                    let hops = std::mem::take(&mut hops);
                    let known = asked.binding.and_then(|key| self.registrations.get(key));
                    let number = known.map(|known| known.number);
                    let number = number.unwrap_or_else(|| self.registrations.next_number());
                    let binding = Binding {
                        number,
                        aor: aor.clone(),
                        uri: asked.uri.clone(),
                        token: asked.token,
                        hops,
                        flow: exchange.near,
                        call_id: exchange.request.call_id().into(),
                        cseq: message.cseq().map_or(0, |cseq| cseq.number),
                        softswitch: exchange.softswitch,
                        registered: now,
                        near_until: now + Duration::from_secs(granted.near_seconds.into()),
                        far_until: now + Duration::from_secs(granted.far_seconds.into()),
                        granted_seconds: granted.near_seconds,
                        answer: answer.clone(),
                        expiry: None,
                    };
                    self.bind(now, &asked, binding);
                }
                None => asked
                    .binding
                    .into_iter()
                    .for_each(|key| self.remove_binding(now, key)),
            }
        }
        hops.into_iter()
            .for_each(|token| self.tokens.release(now, token));
    }

    /// Puts a binding in its predecessor's place, or adds it.
    fn bind(&mut self, now: Instant, asked: &Asked, binding: Binding) {
        let (flow, token, uri) = (binding.flow, binding.token, binding.uri.clone());
        let far_until = binding.far_until;
        self.counters.registered += 1;
        self.tokens.hold_again(token);
        self.keep_flow(now, flow, &uri);
        let key = match asked
            .binding
            .filter(|key| self.registrations.get(*key).is_some())
        {
            Some(key) => {
                let place = self.registrations.get_mut(key).expect("it was just there");
                let old = std::mem::replace(place, binding);
                self.drop_binding(now, old);
                key
            }
            None => self.registrations.insert(binding),
        };
        self.tokens.registered(token, flow);
        let timer = self
            .timers
            .arm(now, far_until.since(now), Due::Binding(key));
        if let Some(binding) = self.registrations.get_mut(key) {
            binding.expiry = Some(timer);
        }
        self.registrations.touch(key);
        self.say_what_is_owed(now, flow, Some(token));
    }

    fn remove_binding(&mut self, now: Instant, key: BindingKey) {
        if let Some(binding) = self.registrations.remove(key) {
            self.drop_binding(now, binding);
        }
    }

    /// Releases what a binding held.
    fn drop_binding(&mut self, now: Instant, binding: Binding) {
        binding.expiry.map(|timer| self.timers.cancel(timer));
        self.tokens.release(now, binding.token);
        binding
            .hops
            .iter()
            .for_each(|token| self.tokens.release(now, *token));
        self.drop_flow(binding.flow);
    }

    /// The address-of-record of a registration, in its registrar's terms.
    fn aor(&mut self, now: Instant, exchange: &Exchange, request: &Message) -> Aor {
        let crossing = Crossing {
            now,
            settings: &self.settings,
            tokens: &mut self.tokens,
            call_ids: &mut self.call_ids,
            dialogs: &self.dialogs,
            message: request,
            near: exchange.near,
            far: exchange.far,
            softswitch: exchange.softswitch,
            told: Told::default(),
            keeps_body: false,
            held: None,
        };
        let to = request
            .address(HeaderName::To)
            .expect("it was checked for To");
        let uri = crossing.identity_of(&to.uri, Hosts::Hidden);
        Aor::of(exchange.far.realm, &Uri::parse(&uri).unwrap_or(to.uri))
    }
}

/// Writes the expiry its owner is told into a Contact of the answer.
fn tell_expiry(contact: &NameAddr, seconds: u32, written: Option<u32>, edits: &mut Splices) {
    match contact.params.value("expires") {
        Some(value) if written != Some(seconds) => {
            edits.replace_fmt(value.span(), format_args!("{seconds}"));
        }
        Some(_) => {}
        None => {
            let at = crate::sip::Span::at(contact.params.span().end());
            edits.replace_fmt(at, format_args!(";expires={seconds}"));
        }
    }
}

/// An earlier answer, made the answer to `request`.
fn repeated(answer: &[u8], vias: &[u8], request: &Message) -> Vec<u8> {
    let Ok(message) = Message::parse(answer) else {
        return Vec::new();
    };
    let mut edits = Splices::new();
    let mut first = true;
    for header in message.headers() {
        match header.name {
            HeaderName::Via => {
                edits.replace(header.line, if first { vias } else { b"" });
                first = false;
            }
            HeaderName::From | HeaderName::CSeq => {
                let own = request.value(header.name);
                own.into_iter()
                    .for_each(|own| edits.replace(header.value, &*own));
            }
            HeaderName::Date => edits.remove_header(header),
            _ => {}
        }
    }
    let mut bytes = Vec::with_capacity(answer.len() + 64);
    message.render(&mut edits, &mut bytes);
    bytes
}
