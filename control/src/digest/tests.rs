//! Whole requests, challenged and answered.

use proptest::prelude::*;
use strait_digest::{Algorithm, Answer, Client, secret};

use super::*;

const REALM: &str = "example.net";
const LIFETIME: Duration = Duration::from_secs(300);
const START: Instant = Instant::from_millis(5_000);

/// A client that does everything right unless told otherwise.
#[derive(Clone)]
struct Phone {
    user: &'static str,
    password: &'static str,
    method: &'static str,
    uri: &'static str,
    nonce: String,
    algorithm: Algorithm,
    count: Option<u32>,
}

impl Phone {
    fn answering(challenges: &[String], algorithm: Algorithm) -> Self {
        let wanted = format!("algorithm={algorithm},");
        let challenge = challenges
            .iter()
            .find(|challenge| challenge.contains(&wanted))
            .unwrap();
        let nonce = challenge
            .split("nonce=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        Self {
            user: "alice",
            password: "secret",
            method: "REGISTER",
            uri: "sip:example.net",
            nonce: nonce.to_owned(),
            algorithm,
            count: Some(1),
        }
    }

    fn header(&self) -> String {
        let secret = secret(
            self.algorithm,
            self.user.as_bytes(),
            REALM.as_bytes(),
            self.password.as_bytes(),
        );
        let count = self.count.map(|count| format!("{count:08x}"));
        let answer = Answer {
            method: self.method.as_bytes(),
            uri: self.uri.as_bytes(),
            nonce: self.nonce.as_bytes(),
            client: count.as_ref().map(|count| Client {
                count: count.as_bytes(),
                nonce: b"mine",
            }),
        };
        let quality = count.as_ref().map_or(String::new(), |count| {
            format!(", qop=auth, nc={count}, cnonce=\"mine\"")
        });
        format!(
            "Digest username=\"{}\", realm=\"{REALM}\", nonce=\"{}\", uri=\"{}\", algorithm={}, \
             response=\"{}\"{quality}",
            self.user,
            self.nonce,
            self.uri,
            self.algorithm,
            answer.response(&secret)
        )
    }
}

struct Server {
    authenticator: Authenticator,
    users: Users,
    now: Instant,
}

impl Server {
    fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("users.yaml");
        let users = "- {user: alice, domain: example.net, password: secret}\n";
        std::fs::write(&path, users).unwrap();
        Self {
            authenticator: Authenticator::new(
                &[9; 32],
                LIFETIME,
                &[Algorithm::Sha256, Algorithm::Md5],
            ),
            users: Users::load(&path).unwrap(),
            now: START,
        }
    }

    fn challenge(&mut self) -> Vec<String> {
        self.authenticator
            .challenge(self.now, REALM, false, &self.users)
    }

    fn phone(&mut self, algorithm: Algorithm) -> Phone {
        Phone::answering(&self.challenge(), algorithm)
    }

    fn check(&mut self, phone: &Phone) -> Result<Box<str>, Denied> {
        let target = "sip:example.net";
        self.check_headers(&format!("Authorization: {}\r\n", phone.header()), target)
    }

    fn check_headers(&mut self, headers: &str, target: &str) -> Result<Box<str>, Denied> {
        let request = format!("REGISTER {target} SIP/2.0\r\n{headers}\r\n");
        let request = Message::parse(request.as_bytes()).unwrap();
        let header = HeaderName::Authorization;
        let (now, users) = (self.now, &self.users);
        self.authenticator
            .check(now, b"REGISTER", &request, header, REALM, users)
    }
}

#[test]
fn the_strongest_algorithm_is_offered_first_and_each_is_understood() {
    let mut server = Server::new();
    let challenges = server.challenge();
    assert_eq!(challenges.len(), 2);
    assert!(challenges[0].starts_with("Digest realm=\"example.net\", nonce=\""));
    assert!(challenges[0].ends_with("\", algorithm=SHA-256, qop=\"auth\""));
    assert!(challenges[1].ends_with("\", algorithm=MD5, qop=\"auth\""));
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let phone = server.phone(algorithm);
        assert_eq!(server.check(&phone).as_deref(), Ok("alice"));
    }
    let stale = server
        .authenticator
        .challenge(START, REALM, true, &server.users);
    assert!(stale.iter().all(|value| value.ends_with(", stale=true")));
}

#[test]
fn nobody_else_is_let_in() {
    let mut server = Server::new();
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let right = server.phone(algorithm);
        let wrong = [
            Phone {
                password: "Secret",
                ..right.clone()
            },
            Phone {
                user: "bob",
                ..right.clone()
            },
            Phone {
                user: "bob",
                password: "",
                ..right.clone()
            },
            Phone {
                method: "INVITE",
                ..right.clone()
            },
        ];
        for phone in wrong {
            assert_eq!(server.check(&phone), Err(Denied::Wrong));
        }
        assert_eq!(server.check(&right).as_deref(), Ok("alice"));
    }
}

#[test]
fn what_was_heard_cannot_be_said_again() {
    let mut server = Server::new();
    let phone = server.phone(Algorithm::Sha256);
    assert!(server.check(&phone).is_ok());
    assert_eq!(server.check(&phone), Err(Denied::Stale));
    let next = Phone {
        count: Some(2),
        ..phone.clone()
    };
    assert!(server.check(&next).is_ok());
    assert_eq!(server.check(&phone), Err(Denied::Stale));
    // Another algorithm's answer to the same nonce with the same count is no new one.
    let other = Phone {
        algorithm: Algorithm::Md5,
        ..next
    };
    assert_eq!(server.check(&other), Err(Denied::Stale));
}

#[test]
fn without_qop_a_nonce_is_good_once() {
    let mut server = Server::new();
    let phone = Phone {
        count: None,
        ..server.phone(Algorithm::Md5)
    };
    assert!(server.check(&phone).is_ok());
    assert_eq!(server.check(&phone), Err(Denied::Stale));
}

#[test]
fn a_nonce_expires_and_anothers_is_stale_for_who_knows_the_secret() {
    let mut server = Server::new();
    let phone = server.phone(Algorithm::Md5);
    server.now = START + LIFETIME + Duration::from_millis(1);
    assert_eq!(server.check(&phone), Err(Denied::Stale));
    let forged = Phone {
        nonce: "00".repeat(32),
        ..phone.clone()
    };
    assert_eq!(server.check(&forged), Err(Denied::Stale));
    let wrong = Phone {
        password: "x",
        ..forged
    };
    assert_eq!(server.check(&wrong), Err(Denied::Wrong));
    let fresh = server.phone(Algorithm::Md5);
    assert!(server.check(&fresh).is_ok());
}

#[test]
fn the_uri_must_fit_the_request() {
    let mut server = Server::new();
    let mut check = |uri, target| {
        let phone = Phone {
            uri,
            ..server.phone(Algorithm::Md5)
        };
        server.check_headers(&format!("Authorization: {}\r\n", phone.header()), target)
    };
    let fitting = [
        ("sip:example.net", "sip:example.net"),
        ("sip:example.net:5060", "sip:EXAMPLE.net"),
        ("sip:example.net", "sip:example.net;transport=tcp"),
        ("sip:bob@[2001:db8::1]", "sip:bob@[2001:DB8:0::1]:5060"),
        ("tel:+123", "tel:+123"),
    ];
    for (uri, target) in fitting {
        assert!(check(uri, target).is_ok(), "{uri} {target}");
    }
    let other = [
        ("sip:example.org", "sip:example.net"),
        ("sip:bob@example.net", "sip:carol@example.net"),
        ("sip:example.net:5061", "sip:example.net"),
        ("sips:example.net", "sip:example.net"),
        ("tel:+123", "tel:+124"),
        ("*", "sip:example.net"),
    ];
    for (uri, target) in other {
        assert_eq!(check(uri, target), Err(Denied::Malformed), "{uri} {target}");
    }
}

#[test]
fn of_several_headers_ours_is_looked_at() {
    let mut server = Server::new();
    let ours = server.phone(Algorithm::Md5).header();
    let others = ours.replace("realm=\"example.net\"", "realm=\"example.org\"");
    let target = "sip:example.net";
    let headers = format!(
        "Authorization: {others}\r\nAuthorization: Basic eA==\r\nauthorization: {ours}\r\n"
    );
    assert_eq!(
        server.check_headers(&headers, target).as_deref(),
        Ok("alice")
    );
    let none = format!("Authorization: {others}\r\nAuthorization: Basic eA==\r\n");
    assert_eq!(server.check_headers(&none, target), Err(Denied::Missing));
    assert_eq!(server.check_headers("", target), Err(Denied::Missing));
    let broken = ours.replace("nc=00000001", "nc=1");
    let headers = format!("Authorization: {broken}\r\n");
    assert_eq!(
        server.check_headers(&headers, target),
        Err(Denied::Malformed)
    );
    let proxys = format!("Proxy-Authorization: {ours}\r\n");
    assert_eq!(server.check_headers(&proxys, target), Err(Denied::Missing));
}

proptest! {
    #[test]
    fn a_changed_answer_lets_nobody_in(at in 0usize..400, byte in 0x20u8..0x7f) {
        let mut server = Server::new();
        let header = server.phone(Algorithm::Sha256).header();
        let mut changed = header.clone().into_bytes();
        let at = at % changed.len();
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        let headers = format!("Authorization: {changed}\r\n");
        if server.check_headers(&headers, "sip:example.net").is_ok() {
            // Case, blanks and empty elements that mean nothing, and another spelling of the same
            // place.
            let plain = |text: &str| {
                let text = text.to_ascii_lowercase().replace(' ', "");
                text.replace(",,", ",")
            };
            prop_assert_eq!(plain(&changed), plain(&header));
        }
    }

    #[test]
    fn headers_of_any_bytes_are_no_panic(value in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::authorization(&value);
        fuzz::authorization(&[b"Digest ", value.as_slice()].concat());
    }
}

#[test]
fn only_what_is_configured_is_challenged_with_and_believed() {
    let mut server = Server::new();
    let phone = Phone::answering(&server.challenge(), Algorithm::Sha256);
    server.authenticator = Authenticator::new(&[9; 32], LIFETIME, &[Algorithm::Md5]);
    assert_eq!(server.check(&phone), Err(Denied::Missing));
    let challenges = server.challenge();
    assert_eq!(challenges.len(), 1, "{challenges:?}");
    let phone = Phone::answering(&challenges, Algorithm::Md5);
    assert_eq!(server.check(&phone).as_deref(), Ok("alice"));
    let (md5, sha) = (Algorithm::Md5, Algorithm::Sha256);
    server.authenticator = Authenticator::new(&[9; 32], LIFETIME, &[md5, sha]);
    assert!(server.challenge()[0].contains("algorithm=MD5"));
}
