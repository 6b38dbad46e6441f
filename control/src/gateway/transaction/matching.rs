//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2), as byte keys.
//!
//! Server keys hold the realm and the sender's IP address beside what the RFC names: two networks
//! may use the same private addresses, and a stranger who guesses a branch must not be able to
//! cancel someone else's call. Who moves within a dialog shows more than a branch: its copies are
//! known wherever they come from.

use std::net::{IpAddr, SocketAddr};

use crate::gateway::io::{Flow, RealmIndex};
use crate::sip::{Fault, HeaderName, Message, Via};

/// The topmost Via.
pub(super) fn top_via<'a>(message: &Message<'a>) -> Result<Via<'a>, Fault> {
    message
        .vias()
        .next()
        .ok_or(Fault::Missing(HeaderName::Via))?
        .map(|(_, via)| via)
}

/// The key of the server transaction that a request with `method` would belong to. An ACK asks
/// for `INVITE`, a CANCEL for `CANCEL` (its own) and for `INVITE` (what it cancels).
pub(super) fn server_key(message: &Message, flow: &Flow, method: &[u8]) -> Result<Key, Fault> {
    let via = top_via(message)?;
    let mut key = KeyWriter::new(flow.realm);
    key.address(flow.remote);
    key.exact(method);
    match via.unique_branch() {
        Some(branch) => {
            key.folded(via.sent_by.host.text.as_bytes());
            key.number(u32::from(via.sent_by.port_or(DEFAULT_PORT)));
            key.folded(branch.as_bytes());
        }
        None => legacy(&mut key, message, &via)?,
    }
    Ok(key.finish())
}

/// RFC 2543 senders: Request-URI, From tag, Call-ID, CSeq number and the whole top Via. The To tag
/// is left out, since the ACK carries one that the INVITE did not, and a server transaction sends
/// one final response only.
fn legacy(key: &mut KeyWriter, message: &Message, via: &Via) -> Result<(), Fault> {
    key.exact(
        message
            .request_uri()
            .as_ref()
            .map_or(b"", |uri| uri.as_bytes()),
    );
    identity(key, message)?;
    key.exact(via.text.as_bytes());
    Ok(())
}

/// The key under which copies of one request that came by different paths meet. The Request-URI is
/// part of it: a softswitch that forks sends copies to several targets through us, and those are
/// calls of their own. Within a dialog the To tag and the whole top Via are part of it too: it is
/// that of the same request, sent again from another address.
pub(super) fn copy_key(message: &Message, flow: &Flow) -> Result<Copies, Fault> {
    let mut key = KeyWriter::new(flow.realm);
    identity(&mut key, message)?;
    key.exact(message.cseq()?.method.as_bytes());
    key.exact(
        message
            .request_uri()
            .as_ref()
            .map_or(b"", |uri| uri.as_bytes()),
    );
    let Some(tag) = message.address(HeaderName::To)?.tag() else {
        return Ok(Copies::Merge(key.finish()));
    };
    key.exact(tag.as_bytes());
    key.exact(top_via(message)?.text.as_bytes());
    Ok(Copies::Follow(key.finish()))
}

/// What copies of a request are that meet under a key.
pub(super) enum Copies {
    /// They came by different paths (RFC 3261 §8.2.2.2).
    Merge(Key),
    /// Its sender has moved meanwhile.
    Follow(Key),
}

/// From tag, Call-ID and CSeq number.
fn identity(key: &mut KeyWriter, message: &Message) -> Result<(), Fault> {
    let from = message.address(HeaderName::From)?;
    key.exact(from.tag().as_ref().map_or(b"", |tag| tag.as_bytes()));
    let call_id = message.value(HeaderName::CallId);
    key.exact(
        call_id
            .ok_or(Fault::Missing(HeaderName::CallId))?
            .as_bytes(),
    );
    key.number(message.cseq()?.number);
    Ok(())
}

/// The key of a client transaction: our branch and the method (RFC 3261 §17.1.3), in the realm the
/// request went to.
pub(super) fn client_key(realm: RealmIndex, branch: &[u8], method: &[u8]) -> Key {
    let mut key = KeyWriter::new(realm);
    key.exact(method);
    key.folded(branch);
    key.finish()
}

/// Length-prefixed pieces, so that no two lists of pieces give the same key.
pub(super) type Key = Box<[u8]>;

/// Where a Via without port listens.
const DEFAULT_PORT: u16 = 5060;

struct KeyWriter(Vec<u8>);

impl KeyWriter {
    fn new(realm: RealmIndex) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&realm.0.to_ne_bytes());
        Self(bytes)
    }

    fn exact(&mut self, piece: &[u8]) {
        self.number(u32::try_from(piece.len()).expect("messages are at most 64 KiB"));
        self.0.extend_from_slice(piece);
    }

    /// Hosts and branches compare without regard to case.
    fn folded(&mut self, piece: &[u8]) {
        let start = self.0.len() + 4;
        self.exact(piece);
        self.0[start..].make_ascii_lowercase();
    }

    fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_ne_bytes());
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => self.exact(&ip.octets()),
            IpAddr::V6(ip) => self.exact(&ip.octets()),
        }
    }

    fn finish(self) -> Key {
        self.0.into_boxed_slice()
    }
}
