//! The arithmetic of digest access authentication (RFC 7616, and RFC 8760 for SIP), which the
//! server and whoever answers it share. Reading and writing headers is theirs.

#![forbid(unsafe_code)]

use std::fmt;

use md5::Md5;
use sha2::Sha256;

/// The hash a challenge asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// RFC 2617's only hash, still the most common.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// Reads the value of `algorithm`; `None` for one that is not known here.
    pub fn named(name: &[u8]) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|known| name.eq_ignore_ascii_case(known.name().as_bytes()))
    }

    /// As headers name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Bytes of its output.
    pub fn output_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 => 32,
        }
    }

    /// The hash of `parts` joined by colons.
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        let mut bytes = [0; 32];
        match self {
            Self::Md5 => bytes[..16].copy_from_slice(&joined::<Md5>(parts)),
            Self::Sha256 => bytes.copy_from_slice(&joined::<Sha256>(parts)),
        }
        Hash {
            algorithm: self,
            bytes,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an algorithm makes of its input; written in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash {
    algorithm: Algorithm,
    bytes: [u8; 32],
}

impl Hash {
    /// A hash that was kept.
    ///
    /// # Panics
    /// When `bytes` are not as many as the algorithm's output has.
    pub fn kept(algorithm: Algorithm, kept: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes[..algorithm.output_bytes()].copy_from_slice(kept);
        Self { algorithm, bytes }
    }

    /// As many bytes as the algorithm's output has.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.output_bytes()]
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Hexadecimal::of(self);
        f.write_str(std::str::from_utf8(text.as_bytes()).expect("hexadecimal digits are ASCII"))
    }
}

/// H(A1): the user's secret, as servers keep it instead of the password (RFC 7616 §3.4.2).
pub fn secret(algorithm: Algorithm, user: &[u8], realm: &[u8], password: &[u8]) -> Hash {
    algorithm.hash(&[user, realm, password])
}

/// What a request answers a challenge with, but for the secret.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The request's method.
    pub method: &'a [u8],
    /// The value of `uri`: the Request-URI as the client wrote it.
    pub uri: &'a [u8],
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// The client's part, with qop `auth`; `None` is the older form without qop.
    pub client: Option<Client<'a>>,
}

/// The client's own part in an answer with qop `auth`.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// How often the server's nonce has been used, this time included: eight hexadecimal digits.
    pub count: &'a [u8],
    /// The client's nonce.
    pub nonce: &'a [u8],
}

impl Answer<'_> {
    /// The value of `response` that `secret` makes (RFC 7616 §3.4.1).
    pub fn response(&self, secret: &Hash) -> Hash {
        let algorithm = secret.algorithm;
        let a1 = Hexadecimal::of(secret);
        let a2 = Hexadecimal::of(&algorithm.hash(&[self.method, self.uri]));
        let (a1, a2) = (a1.as_bytes(), a2.as_bytes());
        match self.client {
            Some(client) => {
                algorithm.hash(&[a1, self.nonce, client.count, client.nonce, b"auth", a2])
            }
            None => algorithm.hash(&[a1, self.nonce, a2]),
        }
    }
}

fn joined<D: sha2::Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hasher.finalize()
}

/// A hash in hexadecimal digits, on the stack.
struct Hexadecimal {
    digits: [u8; 64],
    length: usize,
}

impl Hexadecimal {
    fn of(hash: &Hash) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash.as_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        let length = 2 * hash.as_bytes().len();
        Self { digits, length }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1: Mufasa fetches a page.
    fn mufasa(algorithm: Algorithm) -> String {
        let secret = secret(
            algorithm,
            b"Mufasa",
            b"http-auth@example.org",
            b"Circle of Life",
        );
        let answer = Answer {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            client: Some(Client {
                count: b"00000001",
                nonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            }),
        };
        answer.response(&secret).to_string()
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        assert_eq!(mufasa(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            mufasa(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn without_qop_the_older_form_comes_out() {
        // RFC 2069 §2.4 as corrected by its errata.
        let secret = secret(
            Algorithm::Md5,
            b"Mufasa",
            b"testrealm@host.com",
            b"CircleOfLife",
        );
        let answer = Answer {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            client: None,
        };
        assert_eq!(
            answer.response(&secret).to_string(),
            "1949323746fe6a43ef61f9606e7febea"
        );
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(Algorithm::named(b"md5"), Some(Algorithm::Md5));
        assert_eq!(Algorithm::named(b"sha-256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::named(b"SHA-256-sess"), None);
    }

    #[test]
    fn what_was_kept_is_the_same_secret() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let secret = secret(algorithm, b"alice", b"example.net", b"");
            assert_eq!(Hash::kept(algorithm, secret.as_bytes()), secret);
        }
    }
}
