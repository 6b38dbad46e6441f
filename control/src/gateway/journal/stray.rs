//! Responses that belong to no transaction: an answer that comes again, to an INVITE that an
//! earlier process sent on, still gets the ACK or brings the answer to the caller (RFC 6026 §8.8).

use crate::gateway::Gateway;
use crate::gateway::io::{Flow, Output};
use crate::media::Side;
use crate::sip::{HeaderName, Message, Method, Status};

impl Gateway {
    /// A response nobody waits for.
    pub(in crate::gateway) fn stray_response(&mut self, flow: Flow, response: &Message) {
        match self.for_successor(flow, response) {
            Some((flow, bytes)) => self.outputs.push_back(Output::Send { flow, bytes }),
            None => self.counters.stray_responses += 1,
        }
    }

    /// What a 2xx that comes again leads to, and where that goes.
    fn for_successor(&mut self, flow: Flow, response: &Message) -> Option<(Flow, Vec<u8>)> {
        let cseq = response.cseq().ok()?;
        let answers = response.status().is_some_and(Status::is_success);
        if !answers || cseq.method != Method::Invite {
            return None;
        }
        let from_tag = response.address(HeaderName::From).ok()?.tag()?;
        let to_tag = Self::to_tag(response)?;
        let call_id = response.call_id().ok()?;
        let found = self.dialogs.find(flow.realm, &call_id, to_tag, &from_tag);
        let (key, side): (_, Side) = found?;
        let dialog = self.dialogs.get_mut(key)?;
        let asker = dialog.party(side.other()).flow;
        let handshake = dialog.handshake_mut(side.other())?;
        if handshake.client.is_some() || handshake.cseq != cseq.number {
            return None;
        }
        let pending = (!handshake.success.is_empty()).then(|| (asker, handshake.success.clone()));
        handshake.ack.clone().or(pending)
    }
}
