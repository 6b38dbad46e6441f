//! Keyed hashing: hash tables that hostile keys cannot flood, identifiers that cannot be guessed,
//! and both the same for the same seed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher24};

/// A hash table whose order never reaches an output.
pub type Map<K, V> = HashMap<K, V, Key>;

/// What the gateway hashes for; each purpose has a key of its own.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Places in hash tables.
    Tables,
    /// Tokens in Contacts.
    Tokens,
    /// Replaced Call-IDs.
    CallIds,
    /// Names of dialogs in the dialog table.
    Dialogs,
    /// Passages remembered in branches.
    Passages,
    /// Branches, tags and Call-IDs of our own.
    Unique,
    /// Which port a gateway gets.
    Ports,
    /// What a gateway asked as it restarted.
    Requests,
}

/// A secret key for one purpose.
#[derive(Clone, Copy)]
pub struct Key {
    halves: (u64, u64),
}

impl Key {
    /// Derives the key for `purpose` from the process's seed.
    pub fn new(seed: &[u8; 32], purpose: Purpose) -> Self {
        let half = |from: usize| {
            let bytes = seed[from..from + 8]
                .try_into()
                .expect("eight bytes are cut");
            u64::from_le_bytes(bytes)
        };
        let root = Self {
            halves: (half(0), half(8)),
        };
        let mut hasher = root.hasher128();
        hasher.write(&seed[16..]);
        hasher.write_u8(purpose as u8);
        let derived = hasher.finish128();
        Self {
            halves: (derived.h1, derived.h2),
        }
    }

    /// 128 bits of `parts`; where one part ends and the next begins counts.
    pub fn hash(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = self.hasher128();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish128().as_u128()
    }

    fn hasher128(&self) -> SipHasher24 {
        SipHasher24::new_with_keys(self.halves.0, self.halves.1)
    }
}

impl BuildHasher for Key {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.halves.0, self.halves.1)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(secret)")
    }
}

/// Numbers nobody can guess and that do not repeat.
#[derive(Debug)]
pub struct Unique {
    key: Key,
    count: u64,
}

impl Unique {
    /// A generator; the same seed gives the same numbers.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            key: Key::new(seed, Purpose::Unique),
            count: 0,
        }
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.count += 1;
        self.key.hash(&[&self.count.to_le_bytes()]) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_and_purposes_differ() {
        let key = Key::new(&[7; 32], Purpose::Tokens);
        assert_ne!(key.hash(&[b"ab", b"c"]), key.hash(&[b"a", b"bc"]));
        assert_eq!(key.hash(&[b"ab", b"c"]), key.hash(&[b"ab", b"c"]));
        let other = Key::new(&[7; 32], Purpose::CallIds);
        assert_ne!(key.hash(&[b"a"]), other.hash(&[b"a"]));
    }

    #[test]
    fn every_byte_of_the_seed_counts() {
        let of = |index: usize| {
            let mut seed = [0; 32];
            seed[index] = 1;
            Key::new(&seed, Purpose::Tables).hash(&[])
        };
        let hashes: std::collections::BTreeSet<u128> = (0..32).map(of).collect();
        assert_eq!(hashes.len(), 32);
    }

    #[test]
    fn unique_numbers_do_not_repeat() {
        let mut unique = Unique::new(&[1; 32]);
        let numbers: std::collections::BTreeSet<u64> = (0..10_000).map(|_| unique.next()).collect();
        assert_eq!(numbers.len(), 10_000);
    }
}
