//! The users of the domains we serve, and what proves each of them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use siphasher::sip128::{Hasher128, SipHasher24};
use strait_digest::{Algorithm, Hash, secret};

use super::error::Problem;
use super::limits::{MAX_TEXT_BYTES, MAX_USERS};

/// A table of users. Holds neither names nor passwords, only hashes of both: 66 bytes a user.
#[derive(Default)]
pub struct Users {
    key: (u64, u64),
    /// By place.
    entries: Vec<Entry>,
    offered: Vec<Algorithm>,
}

/// Both algorithms, the stronger first.
const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

#[derive(Clone, Copy)]
struct Entry {
    /// A keyed hash of domain and user, which stands for them.
    place: [u8; 16],
    md5: Option<[u8; 16]>,
    sha256: Option<[u8; 32]>,
}

impl Users {
    /// The hash of `user`, `domain` and password by `algorithm`: `None` where there is no such
    /// user, or the table has no such hash of theirs.
    pub fn secret(&self, domain: &str, user: &str, algorithm: Algorithm) -> Option<Hash> {
        let place = place(self.key, domain, user);
        let found = self
            .entries
            .binary_search_by_key(&place, |entry| entry.place);
        let entry = &self.entries[found.ok()?];
        match algorithm {
            Algorithm::Md5 => entry.md5.map(|hash| Hash::kept(algorithm, &hash)),
            Algorithm::Sha256 => entry.sha256.map(|hash| Hash::kept(algorithm, &hash)),
        }
    }

    /// True where the table has this user.
    pub fn has(&self, domain: &str, user: &str) -> bool {
        ALL.iter()
            .any(|algorithm| self.secret(domain, user, *algorithm).is_some())
    }

    /// The algorithms users can be challenged with, the strongest first; never none. Whoever is
    /// offered several takes the strongest they know, so that one is offered only where every user
    /// has its hash, unless none is that common.
    pub fn algorithms(&self) -> &[Algorithm] {
        if self.offered.is_empty() {
            &ALL
        } else {
            &self.offered
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Users({})", self.len())
    }
}

/// One user as a file describes them. Empty texts are as none.
#[derive(Default)]
pub(super) struct Record<'a> {
    pub user: &'a str,
    pub domain: &'a str,
    pub password: &'a str,
    pub md5: &'a str,
    pub sha256: &'a str,
}

/// What the two hashes are called in the file at hand.
#[derive(Clone, Copy)]
pub(super) struct HashNames {
    pub md5: &'static str,
    pub sha256: &'static str,
}

/// A table in the making.
pub(super) struct Making {
    key: (u64, u64),
    entries: Vec<(Entry, u64)>,
    names: HashNames,
}

impl Making {
    /// An empty one, for a file that calls the hashes so.
    pub fn new(names: HashNames) -> Self {
        let secret = RandomState::new();
        let half = |number: u8| {
            let mut hasher = secret.build_hasher();
            hasher.write_u8(number);
            hasher.finish()
        };
        Self {
            key: (half(0), half(1)),
            entries: Vec::new(),
            names,
        }
    }

    /// Adds the user that stands on `line`.
    pub fn add(&mut self, record: &Record<'_>, line: u64) -> Result<(), Problem> {
        if self.entries.len() == MAX_USERS {
            return Err(Problem::TooMany(MAX_USERS));
        }
        let entry = self.entry(record)?;
        self.entries.push((entry, line));
        Ok(())
    }

    /// The table; else the line of a user who was there before, with what is wrong with it.
    pub fn finish(mut self) -> Result<Users, (u64, Problem)> {
        self.entries
            .sort_unstable_by_key(|(entry, line)| (entry.place, *line));
        let twice = self
            .entries
            .windows(2)
            .filter(|pair| pair[0].0.place == pair[1].0.place);
        if let Some(pair) = twice.min_by_key(|pair| pair[1].1) {
            return Err((pair[1].1, Problem::Duplicate(pair[0].1)));
        }
        let entries: Vec<Entry> = self.entries.into_iter().map(|(entry, _)| entry).collect();
        let everybodys = |algorithm: &Algorithm| {
            entries.iter().all(|entry| match algorithm {
                Algorithm::Md5 => entry.md5.is_some(),
                Algorithm::Sha256 => entry.sha256.is_some(),
            })
        };
        let offered = ALL.into_iter().filter(everybodys).collect();
        Ok(Users {
            key: self.key,
            entries,
            offered,
        })
    }

    fn entry(&self, record: &Record<'_>) -> Result<Entry, Problem> {
        let Record {
            user,
            domain,
            password,
            ..
        } = *record;
        for (name, text) in [("user", user), ("domain", domain)] {
            if text.is_empty() {
                return Err(Problem::Missing(name));
            }
        }
        if [user, domain, password]
            .iter()
            .any(|text| text.len() > MAX_TEXT_BYTES)
        {
            return Err(Problem::TooLong(MAX_TEXT_BYTES));
        }
        let realm = domain.to_ascii_lowercase();
        let of_password = |algorithm| {
            let hash = || {
                secret(
                    algorithm,
                    user.as_bytes(),
                    realm.as_bytes(),
                    password.as_bytes(),
                )
            };
            (!password.is_empty()).then(hash)
        };
        let mut md5 = hash(record.md5, self.names.md5)?;
        if let Some(hash) = of_password(Algorithm::Md5) {
            md5.get_or_insert(hash.as_bytes().try_into().expect("MD5 has sixteen bytes"));
        }
        let mut sha256 = hash(record.sha256, self.names.sha256)?;
        if let Some(hash) = of_password(Algorithm::Sha256) {
            sha256.get_or_insert(hash.as_bytes().try_into().expect("SHA-256 has 32 bytes"));
        }
        if md5.is_none() && sha256.is_none() {
            return Err(Problem::NoSecret);
        }
        Ok(Entry {
            place: place(self.key, domain, user),
            md5,
            sha256,
        })
    }
}

fn hash<const N: usize>(text: &str, name: &'static str) -> Result<Option<[u8; N]>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0; N];
    let digits = 2 * N;
    let read = crate::digest::unhex(text.as_bytes(), &mut bytes);
    read.ok_or(Problem::NotAHash { name, digits })
        .map(|()| Some(bytes))
}

/// What stands for a user: nobody who does not know the key can find another name for the same.
fn place(key: (u64, u64), domain: &str, user: &str) -> [u8; 16] {
    let mut hasher = SipHasher24::new_with_keys(key.0, key.1);
    // Case does not tell domains apart; no user's name holds the zero that parts the two.
    for byte in domain.bytes() {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    hasher.write_u8(0);
    hasher.write(user.as_bytes());
    hasher.finish128().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: HashNames = HashNames {
        md5: "md5",
        sha256: "sha-256",
    };

    fn record<'a>(user: &'a str, password: &'a str) -> Record<'a> {
        Record {
            user,
            domain: "Example.NET",
            password,
            ..Record::default()
        }
    }

    #[test]
    fn users_are_found_by_name_and_domain_alone() {
        let mut making = Making::new(NAMES);
        making.add(&record("alice", "one"), 1).unwrap();
        making.add(&record("bob", "two"), 2).unwrap();
        let users = making.finish().unwrap();
        for algorithm in ALL {
            let expected = secret(algorithm, b"alice", b"example.net", b"one");
            assert_eq!(
                users.secret("example.net", "alice", algorithm),
                Some(expected)
            );
            assert_eq!(
                users.secret("EXAMPLE.net", "alice", algorithm),
                Some(expected)
            );
            assert_eq!(users.secret("example.org", "alice", algorithm), None);
            assert_eq!(users.secret("example.net", "Alice", algorithm), None);
        }
        assert!(users.has("example.net", "bob"));
        assert_eq!(users.algorithms(), ALL);
    }

    #[test]
    fn a_user_of_one_hash_is_offered_no_other() {
        let md5 = "00112233445566778899aabbccddeeff";
        let only = Record {
            md5,
            ..record("carol", "")
        };
        let mut making = Making::new(NAMES);
        making.add(&record("alice", "one"), 1).unwrap();
        making.add(&only, 2).unwrap();
        let users = making.finish().unwrap();
        assert_eq!(users.algorithms(), [Algorithm::Md5]);
        let kept = users
            .secret("example.net", "carol", Algorithm::Md5)
            .unwrap();
        assert_eq!(kept.to_string(), md5);
        assert_eq!(
            users.secret("example.net", "carol", Algorithm::Sha256),
            None
        );
    }

    #[test]
    fn a_given_hash_goes_before_a_password() {
        let md5 = "00112233445566778899aabbccddeeff";
        let both = Record {
            md5,
            ..record("carol", "secret")
        };
        let mut making = Making::new(NAMES);
        making.add(&both, 1).unwrap();
        let users = making.finish().unwrap();
        let kept = users
            .secret("example.net", "carol", Algorithm::Md5)
            .unwrap();
        assert_eq!(kept.to_string(), md5);
        assert_eq!(users.algorithms(), ALL);
    }

    #[test]
    fn what_is_no_user_is_refused() {
        let mut making = Making::new(NAMES);
        let bad = Record {
            sha256: "00ff",
            ..record("carol", "")
        };
        assert!(matches!(
            making.add(&bad, 1),
            Err(Problem::NotAHash {
                name: "sha-256",
                ..
            })
        ));
        assert!(matches!(
            making.add(&record("", "x"), 1),
            Err(Problem::Missing("user"))
        ));
        assert!(matches!(
            making.add(&record("x", ""), 1),
            Err(Problem::NoSecret)
        ));
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        assert!(matches!(
            making.add(&record("x", &long), 1),
            Err(Problem::TooLong(_))
        ));
        assert!(making.finish().unwrap().is_empty());
    }

    #[test]
    fn a_user_stands_there_once() {
        let mut making = Making::new(NAMES);
        for (line, user) in ["a", "b", "a", "b"].into_iter().enumerate() {
            making.add(&record(user, "x"), line as u64).unwrap();
        }
        assert!(matches!(making.finish(), Err((2, Problem::Duplicate(0)))));
    }
}
