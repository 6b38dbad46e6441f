//! Digest access authentication as SIP uses it (RFC 3261 §22.4, RFC 8760), qop `auth`.

use std::fmt;

use rsip::Method;
pub use strait_digest::Algorithm;
use strait_digest::{Answer, Client, secret};

/// What a registrar or proxy sends in WWW-Authenticate or Proxy-Authenticate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The protection space the password belongs to.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// The hash.
    pub algorithm: Algorithm,
    /// Whether qop `auth` is offered; without it the old RFC 2069 form is answered.
    pub qop: bool,
    /// To be returned unchanged.
    pub opaque: Option<String>,
    /// Whether only the nonce was wrong in what this answers.
    pub stale: bool,
}

/// One attempt to answer a challenge.
pub struct Attempt<'a> {
    /// Who answers.
    pub user: &'a str,
    /// The shared secret.
    pub password: &'a str,
    /// The method of the request.
    pub method: Method,
    /// The digest-uri: the Request-URI as written.
    pub uri: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
    /// How often the server's nonce has been used, this time included.
    pub count: u32,
}

impl Challenge {
    /// Reads a challenge; `None` if it is not Digest or asks for a hash unknown here.
    pub fn parse(value: &str) -> Option<Self> {
        let parameters = digest_parameters(value)?;
        let find = |name| find(&parameters, name);
        let algorithm = match find("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::named(name.as_bytes())?,
        };
        Some(Self {
            realm: find("realm")?.to_owned(),
            nonce: find("nonce")?.to_owned(),
            algorithm,
            qop: find("qop").is_some_and(|list| list.split(',').any(|qop| qop.trim() == "auth")),
            opaque: find("opaque").map(str::to_owned),
            stale: find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The Authorization or Proxy-Authorization value that answers this challenge.
    pub fn answer(&self, attempt: &Attempt<'_>) -> String {
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", algorithm={}",
            attempt.user, self.realm, self.nonce, attempt.uri, self.algorithm
        );
        if self.qop {
            value += &format!(
                ", qop=auth, nc={:08x}, cnonce=\"{}\"",
                attempt.count, attempt.cnonce
            );
        }
        if let Some(opaque) = &self.opaque {
            value += &format!(", opaque=\"{opaque}\"");
        }
        value + &format!(", response=\"{}\"", self.response(attempt))
    }

    /// Whether `authorization` answers this challenge with the right password.
    pub fn accepts(&self, authorization: &str, password: &str, method: Method) -> bool {
        let Some(parameters) = digest_parameters(authorization) else {
            return false;
        };
        let find = |name| find(&parameters, name);
        let (Some(user), Some(uri), Some(response)) =
            (find("username"), find("uri"), find("response"))
        else {
            return false;
        };
        let count = find("nc").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let cnonce = find("cnonce").unwrap_or_default();
        let attempt = Attempt {
            user,
            password,
            method,
            uri,
            cnonce,
            count: count.unwrap_or_default(),
        };
        find("nonce") == Some(&self.nonce)
            && find("realm") == Some(&self.realm)
            && find("qop").is_some() == self.qop
            && self.response(&attempt).eq_ignore_ascii_case(response)
    }

    fn response(&self, attempt: &Attempt<'_>) -> String {
        let (user, realm) = (attempt.user.as_bytes(), self.realm.as_bytes());
        let secret = secret(self.algorithm, user, realm, attempt.password.as_bytes());
        let method = attempt.method.to_string();
        let count = format!("{:08x}", attempt.count);
        let answer = Answer {
            method: method.as_bytes(),
            uri: attempt.uri.as_bytes(),
            nonce: self.nonce.as_bytes(),
            client: self.qop.then_some(Client {
                count: count.as_bytes(),
                nonce: attempt.cnonce.as_bytes(),
            }),
        };
        answer.response(&secret).to_string()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest realm=\"{}\", nonce=\"{}\", algorithm={}",
            self.realm, self.nonce, self.algorithm
        )?;
        if self.qop {
            f.write_str(", qop=\"auth\"")?;
        }
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        f.write_str(if self.stale { ", stale=true" } else { "" })
    }
}

/// The MD5 hash of a text in hexadecimal digits, for names that nobody is to guess by chance.
pub fn md5(text: &str) -> String {
    Algorithm::Md5.hash(&[text.as_bytes()]).to_string()
}

/// The user name an Authorization value claims.
pub fn user_name(authorization: &str) -> Option<String> {
    find(&digest_parameters(authorization)?, "username").map(str::to_owned)
}

fn digest_parameters(value: &str) -> Option<Vec<(&str, &str)>> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    super::uri::split_list(rest)
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim(), value.trim().trim_matches('"')))
        })
        .collect()
}

fn find<'a>(parameters: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

    fn attempt(password: &str) -> Attempt<'_> {
        Attempt {
            user: "bob",
            password,
            method: Method::Register,
            uri: "sip:example.org",
            cnonce: "0a4f113b",
            count: 1,
        }
    }

    #[test]
    fn the_hash_chain_is_the_one_of_rfc_2617() {
        // H(user:realm:password) and H(nonce parts) recomputed step by step with the bare hash.
        let challenge = Challenge::parse(CHALLENGE).unwrap();
        let hash = |text: &str| Algorithm::Md5.hash(&[text.as_bytes()]).to_string();
        let a1 = hash("bob:testrealm@host.com:zanzibar");
        let a2 = hash("REGISTER:sip:example.org");
        let joined = format!("{a1}:{}:00000001:0a4f113b:auth:{a2}", challenge.nonce);
        let expected = format!("response=\"{}\"", hash(&joined));
        assert!(challenge.answer(&attempt("zanzibar")).ends_with(&expected));
        assert_eq!(hash("abc"), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn only_the_right_password_method_and_nonce_are_accepted() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            for qop in [true, false] {
                let challenge = Challenge {
                    realm: "example.org".into(),
                    nonce: "n1".into(),
                    algorithm,
                    qop,
                    opaque: None,
                    stale: qop,
                };
                let read = Challenge::parse(&challenge.to_string()).unwrap();
                assert_eq!(read, challenge);
                let answer = read.answer(&attempt("right"));
                assert_eq!(user_name(&answer).as_deref(), Some("bob"));
                assert!(challenge.accepts(&answer, "right", Method::Register));
                assert!(!challenge.accepts(&answer, "wrong", Method::Register));
                assert!(!challenge.accepts(&answer, "right", Method::Invite));
                let other = Challenge {
                    nonce: "n2".into(),
                    ..challenge
                };
                assert!(!other.accepts(&answer, "right", Method::Register));
            }
        }
    }

    #[test]
    fn what_is_not_digest_is_not_answered() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(
            Challenge::parse("Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512"),
            None
        );
    }
}
