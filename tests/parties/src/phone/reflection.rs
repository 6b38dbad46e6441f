//! Learning how the outside sees our media ports, before there is a call (RFC 8489).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use strait_shared::time::Instant;

use super::Phone;
use crate::net::reflector::{self, TransactionId};
use crate::party::Datagram;

/// What has been asked and answered.
#[derive(Default)]
pub(super) struct Reflection {
    asked: BTreeMap<TransactionId, SocketAddr>,
    seen: BTreeMap<SocketAddr, SocketAddr>,
}

impl Phone {
    /// Asks the reflector how it sees the ports of the next `calls` calls. The answers count for
    /// calls placed or taken after they have come.
    pub fn reflect(&mut self, _now: Instant, calls: u16) {
        let Some(reflector) = self.config.reflector else {
            return;
        };
        for offset in 0..calls * 2 {
            let port = self.config.first_media_port + offset;
            let source = SocketAddr::new(self.config.media, port);
            let mut transaction = TransactionId::default();
            self.random.fill(&mut transaction);
            self.reflection.asked.insert(transaction, source);
            let payload = reflector::request(transaction);
            self.out.push_back(Datagram {
                source,
                destination: reflector,
                payload,
            });
        }
    }
}

impl Reflection {
    /// Takes an answer; `false` if this is none.
    pub(super) fn receive(&mut self, datagram: &Datagram) -> bool {
        let Some((transaction, seen)) = reflector::reflected(&datagram.payload) else {
            return false;
        };
        if let Some(own) = self.asked.remove(&transaction) {
            self.seen.insert(own, seen);
        }
        true
    }

    /// How the outside sees an address of ours.
    pub(super) fn of(&self, own: SocketAddr) -> Option<SocketAddr> {
        self.seen.get(&own).copied()
    }
}
