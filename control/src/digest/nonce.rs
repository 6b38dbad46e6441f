//! Nonces that need not be remembered to be known again: when they were made, a serial number, and
//! a keyed hash over both and the realm.

use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use strait_shared::time::Instant;

/// Makes nonces and knows them again.
pub struct Nonces {
    mac: Hmac<Sha256>,
    lifetime: Duration,
    made: u64,
}

/// A nonce of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nonce {
    /// Its number, from 1, in the order they were made.
    pub serial: u64,
    /// When it was made.
    made_at: Instant,
}

/// Bytes of the hash that a nonce carries.
const MAC_BYTES: usize = 16;
/// Bytes of a nonce before they are written as hexadecimal digits.
const NONCE_BYTES: usize = 8 + 8 + MAC_BYTES;

impl Nonces {
    /// Nonces that nobody can make who does not know `seed`, good for `lifetime`.
    pub fn new(seed: &[u8; 32], lifetime: Duration) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(seed).expect("any key is long enough");
        // The seed serves other purposes too.
        mac.update(b"digest nonces");
        Self {
            mac,
            lifetime,
            made: 0,
        }
    }

    /// The next one, as it is written.
    pub fn make(&mut self, now: Instant, realm: &str) -> String {
        self.made += 1;
        let mut bytes = [0; NONCE_BYTES];
        bytes[..8].copy_from_slice(&now.as_nanos().to_be_bytes());
        bytes[8..16].copy_from_slice(&self.made.to_be_bytes());
        let mac = self.mac(&bytes[..16], realm).finalize().into_bytes();
        bytes[16..].copy_from_slice(&mac[..MAC_BYTES]);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads one; `None` where it is not ours, or another realm's.
    pub fn read(&self, text: &[u8], realm: &str) -> Option<Nonce> {
        let mut bytes = [0; NONCE_BYTES];
        super::credentials::unhex(text, &mut bytes)?;
        let (stated, mac) = bytes.split_at(16);
        self.mac(stated, realm).verify_truncated_left(mac).ok()?;
        let number = |from: usize| {
            let bytes = stated[from..from + 8].try_into();
            u64::from_be_bytes(bytes.expect("eight bytes are cut"))
        };
        Some(Nonce {
            serial: number(8),
            made_at: Instant::from_nanos(number(0)),
        })
    }

    /// True while it may be used.
    pub fn is_fresh(&self, nonce: &Nonce, now: Instant) -> bool {
        nonce.made_at <= now && now.since(nonce.made_at) <= self.lifetime
    }

    fn mac(&self, stated: &[u8], realm: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(stated);
        mac.update(realm.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Instant = Instant::from_millis(1_000_000);
    const LIFETIME: Duration = Duration::from_secs(300);

    #[test]
    fn ours_are_known_until_they_expire() {
        let mut nonces = Nonces::new(&[1; 32], LIFETIME);
        let text = nonces.make(NOW, "example.net");
        let nonce = nonces.read(text.as_bytes(), "example.net").unwrap();
        assert_eq!(nonce.serial, 1);
        assert!(nonces.is_fresh(&nonce, NOW));
        assert!(nonces.is_fresh(&nonce, NOW + LIFETIME));
        assert!(!nonces.is_fresh(&nonce, NOW + LIFETIME + Duration::from_nanos(1)));
        assert!(!nonces.is_fresh(&nonce, NOW - Duration::from_nanos(1)));
        assert_ne!(nonces.make(NOW, "example.net"), text);
    }

    #[test]
    fn another_realms_and_another_seeds_are_not_ours() {
        let mut nonces = Nonces::new(&[1; 32], LIFETIME);
        let text = nonces.make(NOW, "example.net");
        assert_eq!(nonces.read(text.as_bytes(), "example.org"), None);
        let others = Nonces::new(&[2; 32], LIFETIME);
        assert_eq!(others.read(text.as_bytes(), "example.net"), None);
    }

    proptest! {
        #[test]
        fn a_changed_one_is_not_ours(at in 0..2 * NONCE_BYTES, digit in "[0-9a-f]") {
            let mut nonces = Nonces::new(&[1; 32], LIFETIME);
            let text = nonces.make(NOW, "example.net");
            let mut changed = text.clone().into_bytes();
            changed[at] = digit.as_bytes()[0];
            let same = changed == text.as_bytes();
            prop_assert_eq!(nonces.read(&changed, "example.net").is_some(), same);
        }

        #[test]
        fn whatever_is_read_is_no_panic(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let nonces = Nonces::new(&[1; 32], LIFETIME);
            prop_assert_eq!(nonces.read(&text, "example.net"), None);
        }
    }
}
