//! Terminals of one user that are rung at once (RFC 3261 §16.7): the first that answers has the
//! call, the others' INVITEs are taken back. Where none answers, their best refusal is passed on.

use strait_shared::time::Instant;

use super::Gateway;
use super::calls::CallKey;
use super::dialogs::Party;
use super::exchange::{ExchangeKey, PartOf};
use super::io::Flow;
use super::limits::MAX_EARLY_DIALOGS;
use super::received::Received;
use super::reply::Reply;
use super::route::Target;
use super::transaction::ClientId;
use crate::media::{Family, Side};
use crate::sip::{Message, Status};

/// Tells a terminal that the call it did not take is not missed (RFC 3326).
const ELSEWHERE: &[u8] = b"SIP;cause=200;text=\"Call completed elsewhere\"";

/// One of the places where the INVITE of an exchange is.
#[derive(Debug)]
pub struct Branch {
    /// The transaction it went there in.
    pub client: ClientId,
    /// Where it went.
    pub far: Flow,
    /// What a dialog with whoever answers there begins with.
    callee: Party,
}

impl Gateway {
    /// Sends the request of an exchange to one place, and an INVITE at the same time to the user's
    /// other terminals that are liked as much.
    pub(super) fn send_on(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        request: &Message,
        first: Target,
    ) -> Result<(), Reply> {
        let others = self.rung_with(key, &first);
        self.transmit(now, key, request, first)?;
        for target in others {
            let front = self.front(key);
            match (self.transmit(now, key, request, target), front) {
                (Ok(()), Some(front)) => self.put_beside(key, front),
                (Err(_), Some(front)) => self.put_in_front(key, front),
                (_, None) => {}
            }
        }
        Ok(())
    }

    /// Takes out of the places to try next those that are rung along with `first`. Others than
    /// those of its realm and version need media of their own, and are tried later.
    fn rung_with(&mut self, key: ExchangeKey, first: &Target) -> Vec<Target> {
        let rank = |gateway: &Self, target: &Target| {
            let Target::Party { preference, .. } = target else {
                return None;
            };
            let flow = gateway.flow_of(target);
            Some((*preference, flow.realm, Family::from(flow.remote.ip())))
        };
        let first = rank(self, first);
        let exchange = self.exchanges.get_mut(key);
        let exchange = exchange.filter(|exchange| matches!(exchange.part_of, PartOf::Call(_)));
        let Some(exchange) = exchange.filter(|_| first.is_some()) else {
            return Vec::new();
        };
        let (mut along, mut later) = (Vec::new(), Vec::new());
        for target in std::mem::take(&mut exchange.others) {
            let rings = along.len() + 1 < MAX_EARLY_DIALOGS && rank(self, &target) == first;
            if rings { &mut along } else { &mut later }.push(target);
        }
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.others = later;
        }
        along
    }

    /// Something came from one of the places: from here on the exchange is with that one.
    pub(super) fn bring_forward(&mut self, key: ExchangeKey, client: ClientId) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let mut beside = exchange.beside.iter();
        let Some(position) = beside.position(|branch| branch.client == client) else {
            return;
        };
        let branch = exchange.beside.remove(position);
        if let Some(front) = self.front(key) {
            self.put_beside(key, front);
        }
        self.put_in_front(key, branch);
    }

    /// A final response other than a 2xx: whether it has to wait, for the INVITE is elsewhere too.
    pub(super) fn rings_on(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        status: Status,
        response: &Message,
    ) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key).filter(|_| refuses(status)) else {
            return false;
        };
        let Some(next) = exchange.beside.pop() else {
            return false;
        };
        let far = exchange.far;
        if rank(status) == FOR_ALL {
            exchange.others.clear();
            let rest = exchange.beside.iter().map(|branch| branch.client);
            for client in rest.chain([next.client]) {
                self.transactions
                    .cancel(now, client, None, &mut self.outputs);
            }
        }
        if !self.holds_better(key, status) {
            let refusal = Some((far, Received::new(response)));
            self.exchanges.hold_refusal(key, refusal);
        }
        self.drop_refused(now, key, response);
        self.put_in_front(key, next);
        true
    }

    /// The refusal to pass on in place of the last one, of that status, where one is better.
    pub(super) fn better_refusal(&mut self, key: ExchangeKey, status: Status) -> Option<Received> {
        if !refuses(status) || !self.holds_better(key, status) {
            return None;
        }
        self.held_refusal(key)
    }

    /// Nothing comes from the place in front any more: whether that is all there is to it, for the
    /// INVITE is elsewhere too, or was.
    pub(super) fn falls_silent(&mut self, now: Instant, key: ExchangeKey) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        if let Some(next) = exchange.beside.pop() {
            self.put_in_front(key, next);
            return true;
        }
        let Some(refusal) = self.held_refusal(key) else {
            return false;
        };
        let exchange = self.exchanges.get_mut(key).expect("it holds the refusal");
        exchange.client = None;
        let far = exchange.far;
        self.conclude(now, key, far, &refusal.message());
        true
    }

    /// The call is answered: it stops ringing elsewhere, and its record says who has answered.
    pub(super) fn stop_ringing(&mut self, now: Instant, key: ExchangeKey, call: CallKey) {
        self.leave_beside(now, key, Some(ELSEWHERE));
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let recorded = self
            .calls
            .get(call)
            .and_then(|call| call.record.callee.address);
        if recorded != Some(exchange.far.remote) {
            self.record_callee(call, exchange.softswitch);
        }
    }

    /// Takes a request back from wherever it is.
    pub(super) fn leave_all(&mut self, now: Instant, key: ExchangeKey) {
        self.leave_beside(now, key, None);
        self.exchanges.hold_refusal(key, None);
        let exchange = self.exchanges.get_mut(key);
        if let Some(client) = exchange.and_then(|exchange| exchange.client.take()) {
            self.leave(now, client);
        }
    }

    /// Takes an INVITE back from wherever it is beside the place in front.
    pub(super) fn leave_beside(&mut self, now: Instant, key: ExchangeKey, reason: Option<&[u8]>) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        for branch in std::mem::take(&mut exchange.beside) {
            self.transactions
                .cancel(now, branch.client, reason, &mut self.outputs);
            self.leave(now, branch.client);
        }
    }

    fn holds_better(&self, key: ExchangeKey, status: Status) -> bool {
        let held = self.exchanges.get(key).map(|found| found.refusal.as_ref());
        let held = held.flatten().and_then(|(_, held)| held.message().status());
        held.is_some_and(|held| rank(held) <= rank(status))
    }

    /// Takes out the refusal that an exchange holds; from here on it is with whoever gave it.
    fn held_refusal(&mut self, key: ExchangeKey) -> Option<Received> {
        let (far, refusal) = self.exchanges.hold_refusal(key, None)?;
        self.exchanges.get_mut(key)?.far = far;
        Some(refusal)
    }

    /// Whoever refused had an early dialog, perhaps; the port it rang with stays the others'.
    fn drop_refused(&mut self, now: Instant, key: ExchangeKey, response: &Message) {
        let call = match self.exchanges.get(key).map(|exchange| &exchange.part_of) {
            Some(PartOf::Call(call)) => *call,
            _ => return,
        };
        let dialogs = self.calls.get(call).map(|call| call.dialogs.clone());
        let tag = Self::to_tag(response).unwrap_or_default();
        for dialog in dialogs.into_iter().flatten() {
            let callee = self.dialogs.get(dialog);
            if callee.is_some_and(|dialog| *dialog.party(Side::Callee).tag == *tag) {
                self.early_over(now, call, dialog);
            }
        }
    }

    fn front(&self, key: ExchangeKey) -> Option<Branch> {
        let exchange = self.exchanges.get(key)?;
        let PartOf::Call(call) = exchange.part_of else {
            return None;
        };
        Some(Branch {
            client: exchange.client?,
            far: exchange.far,
            callee: self.calls.get(call)?.party(Side::Callee)?.clone(),
        })
    }

    fn put_beside(&mut self, key: ExchangeKey, branch: Branch) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.beside.push(branch);
        }
    }

    fn put_in_front(&mut self, key: ExchangeKey, branch: Branch) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        (exchange.client, exchange.far) = (Some(branch.client), branch.far);
        let PartOf::Call(call) = exchange.part_of else {
            return;
        };
        if let Some([_, callee]) = self
            .calls
            .get_mut(call)
            .and_then(|call| call.parties.as_mut())
        {
            *callee = branch.callee;
        }
    }
}

fn refuses(status: Status) -> bool {
    status.is_final() && !status.is_success()
}

/// What one refuses for all.
const FOR_ALL: (u16, bool) = (0, false);

/// Of refusals the one with the least is passed on (RFC 3261 §16.7 step 6): a 6xx, else one of the
/// lowest class, and of that one that tells the caller what to do about it.
fn rank(status: Status) -> (u16, bool) {
    match status.code() {
        600.. => FOR_ALL,
        401 | 407 | 415 | 420 | 484 => (4, false),
        code => (code / 100, true),
    }
}
