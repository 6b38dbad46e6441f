//! Sending a received request on, outside of dialogs: to a party, or to one softswitch after the
//! other.

use strait_shared::time::Instant;

use super::dialogs::Party;
use super::due::Due;
use super::exchange::{Exchange, ExchangeKey, PartOf};
use super::inspect::Inspected;
use super::io::Flow;
use super::limits::{
    EXCHANGES_BESIDE_CALLS, EXCHANGES_PER_CALL, MAX_EXCHANGE_BYTES, NEXT_TARGET_AFTER,
};
use super::mapping::{Crossing, Told};
use super::outbound::{Outbound, joined, preloaded_routes};
use super::received::Received;
use super::reply::Reply;
use super::route::{Route, Target};
use super::token::Token;
use super::transaction::{Outgoing, ServerId, Standing};
use super::{Asked, Gateway};
use crate::sip::{HeaderName, Message, Splices, Status};

/// A request to be sent on.
pub struct Forward {
    /// The transaction it came in.
    pub server: ServerId,
    /// Where it came from.
    pub near: Flow,
    /// What its inspection found.
    pub inspected: Inspected,
    /// Where it goes.
    pub route: Route,
    /// What it is part of.
    pub part_of: PartOf,
    /// What stands for its Contacts.
    pub contacts: Vec<Token>,
}

impl Gateway {
    /// Sends a request on; where that cannot be, it is answered and what it is part of ends.
    pub(super) fn forward(&mut self, now: Instant, request: &Message, forward: Forward) {
        let key = self.exchanges.insert(Exchange {
            server: forward.server,
            client: None,
            near: forward.near,
            far: forward.near,
            softswitch: None,
            beside: Vec::new(),
            refusal: None,
            others: Vec::new(),
            request: Received::new(request),
            passages: forward.inspected.passages,
            contacts: forward.contacts,
            part_of: forward.part_of,
            failover: None,
            heard: false,
            cancelled: false,
            direct: false,
        });
        if let Some(&PartOf::Call(call)) = self.exchange_part(key)
            && let Some(call) = self.calls.get_mut(call)
        {
            call.invite = Some(key);
        }
        match forward.route {
            Route::Targets(targets) => self.send_to_first(now, key, request, targets),
            Route::Name(name) => self.look_up(now, key, name),
        }
    }

    /// Sends the request of an exchange to the first of `targets`, at least one, and keeps the
    /// others to be tried next.
    pub(in crate::gateway) fn send_to_first(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        mut targets: Vec<Target>,
    ) {
        let first = targets.remove(0);
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.others = targets;
        }
        if let Err(reply) = self.send_on(now, key, request, first) {
            self.fail(now, key, reply);
        }
    }

    /// Whether a further request fits.
    pub(super) fn has_room(&self, standing: Standing) -> bool {
        let calls = self.settings.config.limits.calls as usize;
        let per_call = match standing {
            Standing::Known => EXCHANGES_PER_CALL,
            Standing::New => 1,
        };
        self.exchanges.len() < calls * per_call + EXCHANGES_BESIDE_CALLS
            && self.exchanges.bytes() < standing.share(MAX_EXCHANGE_BYTES)
    }

    /// Tries the next place; false where there is none.
    pub(super) fn try_next(&mut self, now: Instant, key: ExchangeKey) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        if exchange.cancelled {
            return false;
        }
        let up = |target: &Target| match target {
            Target::Softswitch(index) => self.health[usize::from(index.0)].up,
            _ => true,
        };
        let Some(position) = exchange.others.iter().position(up) else {
            return false;
        };
        let next = exchange.others.drain(..=position).next_back();
        let next = next.expect("its place was just found");
        exchange.heard = false;
        let request = exchange.request.clone();
        self.counters.failovers += 1;
        self.leave_all(now, key);
        let message = request.message();
        match self.send_on(now, key, &message, next) {
            Ok(()) => true,
            Err(reply) => {
                self.fail(now, key, reply);
                true
            }
        }
    }

    /// Sends the request of an exchange to one place; an error is the answer owed.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        target: Target,
    ) -> Result<(), Reply> {
        let exchange = self
            .exchanges
            .get(key)
            .expect("it was just added or is being retried");
        let (near, contacts) = (exchange.near, exchange.contacts.clone());
        let branch = exchange.passages.branch(self.unique.next());
        let far = self.flow_of(&target);
        let (uri, softswitch) = match &target {
            Target::Party { uri, .. } => (Some(&**uri), None),
            Target::Softswitch(index) => (None, Some(*index)),
            Target::Server(_) => (None, None),
        };
        let via = self.via(far, &branch);
        let mut edits = Splices::new();
        self.steer(now, key, request, &target, far)?;
        self.offer_onward(now, key, request, far, &mut edits)?;
        let keeps_body = self
            .exchanges
            .get(key)
            .is_some_and(|exchange| exchange.direct);
        let mut hops = Vec::new();
        let keeps_hops = matches!(self.exchange_part(key), Some(PartOf::Registration(_)));
        let mut crossing = Crossing {
            now,
            settings: &self.settings,
            tokens: &mut self.tokens,
            call_ids: &mut self.call_ids,
            dialogs: &self.dialogs,
            message: request,
            near,
            far,
            softswitch: softswitch.or_else(|| self.settings.softswitch_at(far)),
            told: Told::default(),
            held: keeps_hops.then_some(&mut hops),
            keeps_body,
        };
        let callee = callee(request, &mut crossing)?;
        let routes = match &target {
            Target::Party { path, .. } if !path.is_empty() => path.to_vec(),
            _ => preloaded_routes(request, &crossing),
        };
        let outbound = Outbound {
            uri,
            routes: &routes,
            via: &via,
            call_id: &callee.call_id,
            from: &callee.peer_uri,
            to: &callee.uri,
            contacts: &contacts,
        };
        outbound.edit(request, &mut crossing, &mut edits);
        self.drop_credentials(near, request, &mut edits);
        self.keep(now, key, request, callee, hops);
        let exchange = self.exchanges.get_mut(key).expect("it is still there");
        (exchange.far, exchange.softswitch) = (far, softswitch);
        if let PartOf::Call(call) = exchange.part_of {
            self.record_callee(call, softswitch);
        }
        self.flush_media();
        self.launch(now, key, request, &branch, &mut edits)
    }

    /// Starts the client transaction of an exchange whose request is ready.
    pub(super) fn launch(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        branch: &str,
        edits: &mut Splices,
    ) -> Result<(), Reply> {
        let exchange = self
            .exchanges
            .get_mut(key)
            .expect("its request is being sent");
        let (far, softswitch) = (exchange.far, exchange.softswitch);
        let standing = match exchange.part_of {
            PartOf::Dialog { .. } => Standing::Known,
            _ => Standing::New,
        };
        if far.transport == super::io::Transport::Tcp {
            edits.declare_length();
        }
        let mut bytes = Vec::with_capacity(request.bytes().len() + 256);
        request.render(edits, &mut bytes);
        let method = request.method().expect("it is a request");
        let out = &mut self.outputs;
        let outgoing = Outgoing {
            method,
            branch: branch.as_bytes(),
            bytes,
            standing,
        };
        let client = self.transactions.start(now, far, outgoing, out);
        let Some(client) = client else {
            self.counters.overload += 1;
            return Err(Reply::unavailable("Too Many Transactions"));
        };
        self.counters.sent += 1;
        exchange.client = Some(client);
        self.asked.insert(client, Asked::Exchange(key));
        if !exchange.others.is_empty() {
            let configured = |index| self.settings.config.softswitch(index).failover_after;
            let delay = softswitch.map_or(NEXT_TARGET_AFTER, configured);
            let timer = self.timers.arm(now, delay, Due::Failover(key));
            let old = exchange.failover.replace(timer);
            old.map(|old| self.timers.cancel(old));
        }
        Ok(())
    }

    /// Keeps what dialogs and registrations need of the request as it leaves.
    fn keep(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        callee: Party,
        hops: Vec<Token>,
    ) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let contact = exchange.contacts.first().copied();
        let (near, direct) = (exchange.near, exchange.direct);
        match &mut exchange.part_of {
            PartOf::Registration(plan) => plan.hops.extend(hops),
            PartOf::Call(call) => {
                if let Some(call) = self.calls.get_mut(*call) {
                    call.parties = Some([caller(request, near, contact), callee]);
                }
            }
            PartOf::Opening(_) => {
                let parties = [caller(request, near, contact), callee];
                let name = self.await_notifiers(now, parties, direct);
                if let Some(Exchange {
                    part_of: PartOf::Opening(opening),
                    ..
                }) = self.exchanges.get_mut(key)
                {
                    opening.name = Some(name);
                }
            }
            PartOf::Nothing | PartOf::Dialog { .. } => {}
        }
    }

    fn exchange_part(&self, key: ExchangeKey) -> Option<&PartOf> {
        self.exchanges.get(key).map(|exchange| &exchange.part_of)
    }
}

/// What a dialog will know of the party whose request begins it (RFC 3261 §12.1.1).
fn caller(request: &Message, flow: Flow, contact: Option<Token>) -> Party {
    let uri = |name| {
        let address = request.address(name);
        address.map_or(Box::default(), |address| address.uri.text.as_bytes().into())
    };
    let tag = request
        .address(HeaderName::From)
        .ok()
        .and_then(|from| from.tag());
    let target = request.addresses(HeaderName::Contact).flatten().next();
    Party {
        flow,
        call_id: request
            .call_id()
            .map_or(Box::default(), |call_id| call_id.as_bytes().into()),
        uri: uri(HeaderName::From),
        peer_uri: uri(HeaderName::To),
        tag: tag.map_or(Box::default(), |tag| tag.as_bytes().into()),
        target: target.map_or(Box::default(), |(_, to)| to.uri.text.as_bytes().into()),
        route_set: joined(request, HeaderName::RecordRoute, false),
        contact,
        cseq: request.cseq().map_or(0, |cseq| cseq.number),
    }
}

/// What is known of the other party so far: where it is and what it is told.
fn callee(request: &Message, crossing: &mut Crossing) -> Result<Party, Reply> {
    let call_id = request.call_id().map_err(|_| Status::BAD_REQUEST)?;
    let hosts = crossing.hosts_of_parties();
    let uri = |name| {
        let address = request.address(name).map_err(|_| Status::BAD_REQUEST)?;
        Ok::<_, Reply>(crossing.identity_of(&address.uri, hosts))
    };
    let (peer_uri, uri) = (uri(HeaderName::From)?, uri(HeaderName::To)?);
    Ok(Party {
        flow: crossing.far,
        call_id: crossing.call_id(call_id.as_bytes()),
        uri,
        peer_uri,
        tag: Box::default(),
        target: Box::default(),
        route_set: Box::default(),
        contact: None,
        cseq: 0,
    })
}
