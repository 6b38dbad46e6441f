//! What holds for every Authorization header whatsoever: the body of the fuzz target, which the
//! tests run over its corpus. It panics where a property is broken.

use std::time::Duration;

use strait_shared::time::Instant;

use super::credentials::{Credentials, Read};
use super::{Authenticator, Denied};
use crate::sip::{HeaderName, Message, Method};
use crate::users::Users;
use strait_digest::Algorithm;

/// A header's value: what is read is read the same when it is written anew, and it proves nobody.
pub fn authorization(value: &[u8]) {
    if let Read::Digest(credentials) = Read::of(value) {
        let written = written(&credentials);
        assert_eq!(Read::of(&written), Read::Digest(credentials));
    }
    proves_nobody(value);
}

/// Nobody is proved where there are no users, however the header reads.
fn proves_nobody(value: &[u8]) {
    let start = b"REGISTER sip:example.net SIP/2.0\r\nAuthorization: ";
    let request = [start, value, b"\r\n\r\n"].concat();
    let Ok(request) = Message::parse(&request) else {
        return;
    };
    if request.method() != Some(Method::Register) {
        return;
    }
    let mut authenticator = AUTHENTICATOR.with(std::cell::RefCell::take);
    let known = authenticator.get_or_insert_with(|| {
        Authenticator::new(
            &[1; 32],
            Duration::from_secs(60),
            &[Algorithm::Sha256, Algorithm::Md5],
        )
    });
    let (now, users) = (Instant::from_millis(1), Users::default());
    let header = HeaderName::Authorization;
    let outcome = known.check(now, b"REGISTER", &request, header, "example.net", &users);
    assert!(matches!(
        outcome,
        Err(Denied::Missing | Denied::Wrong | Denied::Malformed)
    ));
    AUTHENTICATOR.with(|place| place.replace(authenticator));
}

thread_local! {
    /// Its memory is large, and nobody who proves nothing leaves a trace in it.
    static AUTHENTICATOR: std::cell::RefCell<Option<Authenticator>> = const {
        std::cell::RefCell::new(None)
    };
}

fn written(credentials: &Credentials<'_>) -> Vec<u8> {
    let mut out = format!("Digest algorithm={}", credentials.algorithm).into_bytes();
    let mut add = |name: &str, value: &[u8]| {
        out.extend_from_slice(format!(", {name}=\"").as_bytes());
        for byte in value {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b'"');
    };
    add("username", &credentials.user);
    add("realm", &credentials.realm);
    add("nonce", &credentials.nonce);
    add("uri", &credentials.uri);
    add("response", &credentials.response);
    if let Some(client) = &credentials.client {
        add("qop", b"auth");
        add("nc", &client.digits);
        add("cnonce", &client.nonce);
    }
    out
}
