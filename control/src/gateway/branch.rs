//! The branches of our own Vias: unique, and remembering the request's earlier passages through
//! us, so that a loop shows (RFC 3261 §16.3 item 4, §16.6 item 8).
//!
//! `z9hG4bK` `-` unique number `-` passage { `-` passage }. A passage is a hash of everything in
//! the request that decides where it goes next. Since Vias stop at us, a branch carries the
//! passages of the Via it stands for.

use std::fmt::Write;

use super::io::RealmIndex;
use super::keyed::Key;
use super::limits::MAX_REMEMBERED_PASSAGES;
use super::settings::Settings;
use crate::sip::{HeaderName, Message, Via};

/// The passages of one request so far, the latest last.
#[derive(Clone, Debug, Default)]
pub struct Passages {
    hashes: [u32; MAX_REMEMBERED_PASSAGES],
    count: usize,
}

impl Passages {
    /// Reads those that the Vias of a request from `realm` remember.
    pub fn of(message: &Message, realm: RealmIndex, settings: &Settings) -> Self {
        let mut passages = Self::default();
        let vias = message.vias().flatten();
        let own = vias.filter(|(_, via)| settings.realm(realm).is_own(&via.sent_by));
        own.for_each(|(_, via)| passages.read(&via));
        passages
    }

    /// Whether `hash` is among them: the request loops.
    pub fn contain(&self, hash: u32) -> bool {
        self.hashes[..self.count].contains(&hash)
    }

    /// Adds the passage that happens now; the oldest is forgotten where there is no room.
    pub fn push(&mut self, hash: u32) {
        if self.count == MAX_REMEMBERED_PASSAGES {
            self.hashes.rotate_left(1);
            self.count -= 1;
        }
        self.hashes[self.count] = hash;
        self.count += 1;
    }

    /// The branch of the request as it goes on.
    pub fn branch(&self, unique: u64) -> String {
        let mut branch = String::with_capacity(24 + 9 * self.count);
        write!(branch, "z9hG4bK-{unique:016x}").expect("strings take all that is written");
        for hash in &self.hashes[..self.count] {
            write!(branch, "-{hash:08x}").expect("strings take all that is written");
        }
        branch
    }

    fn read(&mut self, via: &Via) {
        let Some(branch) = via.branch() else { return };
        let Some(rest) = branch
            .as_str()
            .and_then(|text| text.strip_prefix("z9hG4bK-"))
        else {
            return;
        };
        let hashes = rest.split('-').skip(1);
        let hashes = hashes.filter_map(|text| u32::from_str_radix(text, 16).ok());
        hashes
            .take(MAX_REMEMBERED_PASSAGES)
            .for_each(|hash| self.push(hash));
    }
}

/// What decides where a request from `realm` goes: Request-URI, tags, Call-ID, CSeq, routes and
/// credentials.
pub fn passage(key: &Key, message: &Message, realm: RealmIndex) -> u32 {
    let value = |name| {
        message
            .value(name)
            .map_or(&b""[..], |value| value.as_bytes())
    };
    let tag = |name| {
        let tag = message.address(name).ok().and_then(|address| address.tag());
        tag.map_or(&b""[..], |tag| tag.as_bytes())
    };
    let hash = key.hash(&[
        &realm.0.to_le_bytes(),
        message.request_uri().map_or(&b""[..], |uri| uri.as_bytes()),
        tag(HeaderName::From),
        tag(HeaderName::To),
        value(HeaderName::CallId),
        value(HeaderName::CSeq),
        value(HeaderName::Route),
        value(HeaderName::ProxyRequire),
        value(HeaderName::ProxyAuthorization),
    ]);
    hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_passages_are_remembered() {
        let mut passages = Passages::default();
        (1..=MAX_REMEMBERED_PASSAGES as u32 + 1).for_each(|hash| passages.push(hash));
        assert!(!passages.contain(1));
        assert!(passages.contain(2));
        let branch = passages.branch(0xabc);
        assert!(
            branch.starts_with("z9hG4bK-0000000000000abc-00000002-00000003"),
            "{branch}"
        );
    }
}
