//! Questions to the DNS, and the requests that wait for their answers.

use strait_shared::time::Instant;

use crate::gateway::Gateway;
use crate::gateway::due::Due;
use crate::gateway::exchange::ExchangeKey;
use crate::gateway::io::{Hop, Lookup, LookupError, LookupId, Output};
use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::reply::Reply;
use crate::gateway::route::{Name, Target};
use crate::gateway::timer::TimerId;
use crate::sip::{Status, Uri};

/// Requests that wait for the DNS; at most one question each.
#[derive(Debug)]
pub struct Lookups {
    waiting: Map<LookupId, (ExchangeKey, TimerId)>,
    last: u64,
}

impl Lookups {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            waiting: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            last: 0,
        }
    }
}

impl Gateway {
    /// Asks where an exchange's request is to go.
    pub(in crate::gateway) fn look_up(&mut self, now: Instant, key: ExchangeKey, name: Name) {
        self.counters.lookups += 1;
        self.serving.lookups.last += 1;
        let id = LookupId(self.serving.lookups.last);
        let timeout = self.settings.config.dns.timeout;
        let timer = self.timers.arm(now, timeout, Due::Lookup(id));
        self.serving.lookups.waiting.insert(id, (key, timer));
        self.outputs.push_back(Output::Resolve(Lookup {
            id,
            host: name.host,
            port: name.port,
            transport: name.transport,
        }));
    }

    /// The DNS took too long.
    pub(in crate::gateway) fn lookup_due(&mut self, now: Instant, id: LookupId) {
        self.looked_up(now, id, Err(LookupError::TimedOut));
    }

    /// The DNS has answered: the request leaves for the first place, the others are for when that
    /// one is silent.
    pub(in crate::gateway) fn looked_up(
        &mut self,
        now: Instant,
        id: LookupId,
        answer: Result<Vec<Hop>, LookupError>,
    ) {
        let Some((key, timer)) = self.serving.lookups.waiting.remove(&id) else {
            return;
        };
        self.timers.cancel(timer);
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let (near, received) = (exchange.near, exchange.request.clone());
        let request = received.message();
        let hops = match answer {
            Ok(hops) => hops,
            Err(error) => return self.fail(now, key, unresolved(error)),
        };
        let text = request.request_uri().expect("it is a request");
        let uri = Uri::parse_at(request.bytes(), text.span()).expect("it was inspected");
        let targets = hops
            .into_iter()
            .filter(|hop| !self.settings.is_ours(hop.address));
        let targets = targets
            .filter_map(|hop| {
                self.settings
                    .flow_to(near.realm, hop.transport, hop.address)
            })
            .map(Target::Server)
            .collect();
        let targets = self.fitting(near, &request, &uri, targets);
        if targets.is_empty() {
            return self.fail(now, key, unresolved(LookupError::NoServer));
        }
        self.send_to_first(now, key, &request, targets);
    }
}

/// What a caller is told of a domain that leads nowhere.
fn unresolved(error: LookupError) -> Reply {
    match error {
        LookupError::NoSuchDomain => Reply::from(Status::NOT_FOUND).because("No Such Domain"),
        LookupError::NoServer => Reply::from(Status::NOT_FOUND).because("No Server For The Domain"),
        LookupError::TimedOut => Reply::from(Status::SERVER_TIMEOUT).because("DNS Time-out"),
        LookupError::Failed => Reply::unavailable("DNS Failure"),
    }
}
