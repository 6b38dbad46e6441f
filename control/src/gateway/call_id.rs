//! Call-IDs between realms: one that names a host is replaced by a keyed hash of itself, and the
//! replacement is given back its original form where it returns to the party that made it.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::io::{Flow, RealmIndex};
use super::keyed::{Key, Map, Purpose};
use super::limits::MAX_REPLACED_CALL_IDS;
use crate::sip::{Span, scan};

/// The Call-IDs replaced of late.
#[derive(Debug)]
pub struct CallIds {
    key: Key,
    originals: Map<u128, Original>,
    /// In the order they were replaced, so that the oldest makes room.
    order: VecDeque<u128>,
}

#[derive(Debug)]
struct Original {
    call_id: Box<[u8]>,
    maker: (RealmIndex, IpAddr),
}

impl CallIds {
    /// None replaced yet.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            key: Key::new(seed, Purpose::CallIds),
            originals: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            order: VecDeque::new(),
        }
    }

    /// `call_id`, heard on `flow`, as a realm sees it that hosts are to be hidden from.
    pub fn hide(&mut self, call_id: &[u8], flow: Flow) -> Box<[u8]> {
        if !names_host(call_id) {
            return call_id.into();
        }
        let hash = self.key.hash(&[call_id]);
        let original = Original {
            call_id: call_id.into(),
            maker: maker(flow),
        };
        if self.originals.insert(hash, original).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > MAX_REPLACED_CALL_IDS {
            let oldest = self
                .order
                .pop_front()
                .expect("there are more than the bound");
            self.originals.remove(&oldest);
        }
        format!("{hash:032x}").into_bytes().into()
    }

    /// What `call_id` replaced, where it is a replacement and goes back to the party on `flow`.
    pub fn restore(&self, call_id: &[u8], flow: Flow) -> Option<&[u8]> {
        if call_id.len() != 32 {
            return None;
        }
        let hash = u128::from_str_radix(std::str::from_utf8(call_id).ok()?, 16).ok()?;
        let original = self.originals.get(&hash)?;
        (original.maker == maker(flow)).then_some(&original.call_id)
    }
}

fn maker(flow: Flow) -> (RealmIndex, IpAddr) {
    (flow.realm, flow.remote.ip())
}

/// Whether a Call-ID has a host part, or is or holds an address.
fn names_host(call_id: &[u8]) -> bool {
    let whole = Span::new(0, call_id.len());
    memchr::memchr(b'@', call_id).is_some() || scan::addresses(call_id, whole).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::io::{ListenerIndex, Transport};

    fn flow(host: u8) -> Flow {
        Flow {
            realm: RealmIndex(0),
            listener: ListenerIndex(0),
            transport: Transport::Udp,
            remote: ([192, 0, 2, host], 5060).into(),
            connection: None,
        }
    }

    #[test]
    fn hosts_are_hidden_and_come_back_to_their_maker_alone() {
        let mut ids = CallIds::new(&[5; 32]);
        for call_id in ["abc@192.168.1.2", "7f3-10.0.0.1", "x_2001:db8::1", "a@host"] {
            let hidden = ids.hide(call_id.as_bytes(), flow(1));
            assert_eq!(hidden.len(), 32, "{call_id}");
            assert_eq!(ids.restore(&hidden, flow(1)), Some(call_id.as_bytes()));
            assert_eq!(ids.restore(&hidden, flow(2)), None);
            assert_eq!(ids.hide(call_id.as_bytes(), flow(1)), hidden);
            assert_eq!(
                ids.hide(&hidden, flow(1)),
                hidden,
                "a replacement names no host"
            );
        }
    }

    #[test]
    fn a_call_id_without_host_stays() {
        let mut ids = CallIds::new(&[5; 32]);
        for call_id in ["3848276298220188511", "f81d4fae-7dec-11d0-a765", "1.2.3"] {
            assert_eq!(*ids.hide(call_id.as_bytes(), flow(1)), *call_id.as_bytes());
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut ids = CallIds::new(&[5; 32]);
        let first = ids.hide(b"0@h", flow(1));
        for number in 1..=MAX_REPLACED_CALL_IDS {
            ids.hide(format!("{number}@h").as_bytes(), flow(1));
        }
        assert_eq!(ids.restore(&first, flow(1)), None);
        assert_eq!(ids.originals.len(), MAX_REPLACED_CALL_IDS);
    }
}
