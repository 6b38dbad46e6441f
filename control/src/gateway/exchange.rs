//! Exchanges: a request taken in on one side and sent on to the other, until its final response
//! is back (RFC 3261 §16.6 to §16.9).

use slotmap::{SlotMap, new_key_type};
use strait_config::SoftswitchIndex;

use super::branch::Passages;
use super::calls::CallKey;
use super::dialogs::DialogKey;
use super::fork::Branch;
use super::io::Flow;
use super::keyed::{Key, Map, Purpose};
use super::opening::Opening;
use super::received::Received;
use super::register::Registering;
use super::route::Target;
use super::timer::TimerId;
use super::token::Token;
use super::transaction::{ClientId, ServerId};
use crate::media::Side;

new_key_type! {
    /// An exchange; never means another one later.
    pub struct ExchangeKey;
}

/// A request on its way.
#[derive(Debug)]
pub struct Exchange {
    /// The transaction it came in.
    pub server: ServerId,
    /// The transaction it went out in: the last one where several were tried, the one heard last
    /// where it is in several places.
    pub client: Option<ClientId>,
    /// Where it came from.
    pub near: Flow,
    /// Where it went.
    pub far: Flow,
    /// Where it is beside that.
    pub beside: Vec<Branch>,
    /// The best refusal of the places that it was in beside those, and where it came from.
    pub refusal: Option<(Flow, Received)>,
    /// The softswitch it went to, where one was chosen for it.
    pub softswitch: Option<SoftswitchIndex>,
    /// Where to try next, in order.
    pub others: Vec<Target>,
    /// The request as it came.
    pub request: Received,
    /// Its passages through us.
    pub passages: Passages,
    /// What stands for its Contacts on the far side.
    pub contacts: Vec<Token>,
    /// What it is part of.
    pub part_of: PartOf,
    /// Runs until the first response: then the next softswitch is tried.
    pub failover: Option<TimerId>,
    /// Whether a response came from where it is now.
    pub heard: bool,
    /// Whether its sender has cancelled it.
    pub cancelled: bool,
    /// Whether bodies pass as they are: media does not go through us.
    pub direct: bool,
}

/// What a request is part of.
#[derive(Debug)]
pub enum PartOf {
    /// Nothing: it stands alone.
    Nothing,
    /// A registration.
    Registration(Box<Registering>),
    /// A call, which it begins.
    Call(CallKey),
    /// Dialogs, which it begins: SUBSCRIBE and REFER.
    Opening(Opening),
    /// A dialog.
    Dialog {
        /// Which one.
        dialog: DialogKey,
        /// Whose request it is.
        from: Side,
        /// Whether it carried an offer that waits for an answer.
        offer: bool,
    },
}

/// All exchanges.
#[derive(Debug)]
pub struct Exchanges {
    table: SlotMap<ExchangeKey, Exchange>,
    by_server: Map<ServerId, ExchangeKey>,
    bytes: usize,
}

impl Exchanges {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        let by_server = Map::with_hasher(Key::new(seed, Purpose::Tables));
        Self {
            table: SlotMap::with_key(),
            by_server,
            bytes: 0,
        }
    }

    /// Adds one, which holds no refusal yet.
    pub fn insert(&mut self, exchange: Exchange) -> ExchangeKey {
        let server = exchange.server;
        self.bytes += exchange.request.len();
        let key = self.table.insert(exchange);
        self.by_server.insert(server, key);
        key
    }

    /// Takes one out.
    pub fn remove(&mut self, key: ExchangeKey) -> Option<Exchange> {
        let exchange = self.table.remove(key)?;
        self.by_server.remove(&exchange.server);
        self.bytes -= exchange.request.len() + refusal_len(&exchange.refusal);
        Some(exchange)
    }

    /// Has an exchange hold this refusal, or none; the one that it held.
    pub fn hold_refusal(
        &mut self,
        key: ExchangeKey,
        refusal: Option<(Flow, Received)>,
    ) -> Option<(Flow, Received)> {
        let exchange = self.table.get_mut(key)?;
        self.bytes += refusal_len(&refusal);
        let old = std::mem::replace(&mut exchange.refusal, refusal);
        self.bytes -= refusal_len(&old);
        old
    }

    /// One of them.
    pub fn get(&self, key: ExchangeKey) -> Option<&Exchange> {
        self.table.get(key)
    }

    /// One of them, to be changed.
    pub fn get_mut(&mut self, key: ExchangeKey) -> Option<&mut Exchange> {
        self.table.get_mut(key)
    }

    /// The one whose request came in a server transaction.
    pub fn of_server(&self, server: ServerId) -> Option<ExchangeKey> {
        self.by_server.get(&server).copied()
    }

    /// How long their requests and refusals are together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }
}

fn refusal_len(refusal: &Option<(Flow, Received)>) -> usize {
    refusal.as_ref().map_or(0, |(_, refusal)| refusal.len())
}
