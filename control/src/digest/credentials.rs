//! The value of an Authorization or Proxy-Authorization header (RFC 3261 §25.1 `credentials`).

use std::borrow::Cow;

use strait_digest::{Algorithm, Answer, Client};

use super::limits::MAX_PARAMETERS;

/// An answer to a digest challenge, as far as it can be checked here: texts without their quotes
/// and escapes.
#[derive(PartialEq, Eq, Debug)]
pub struct Credentials<'a> {
    /// Who answers.
    pub user: Cow<'a, [u8]>,
    /// The protection space.
    pub realm: Cow<'a, [u8]>,
    /// The server's nonce.
    pub nonce: Cow<'a, [u8]>,
    /// The Request-URI as the client knew it.
    pub uri: Cow<'a, [u8]>,
    /// The answer proper, in hexadecimal digits.
    pub response: Cow<'a, [u8]>,
    /// The hash.
    pub algorithm: Algorithm,
    /// With qop `auth`; `None` without qop.
    pub client: Option<Counted<'a>>,
}

/// What comes with qop `auth`.
#[derive(PartialEq, Eq, Debug)]
pub struct Counted<'a> {
    /// The nonce count as written, eight digits.
    pub digits: Cow<'a, [u8]>,
    /// And as a number, from 1.
    pub count: u32,
    /// The client's nonce.
    pub nonce: Cow<'a, [u8]>,
}

/// What a header's value is.
#[derive(PartialEq, Eq, Debug)]
pub enum Read<'a> {
    /// An answer to a digest challenge.
    Digest(Credentials<'a>),
    /// A digest that nobody can check: malformed, or by an algorithm that was not offered. With the
    /// realm it names, where it names one.
    Broken(Option<Cow<'a, [u8]>>),
    /// Another scheme.
    Other,
}

impl<'a> Read<'a> {
    /// Reads a value.
    pub fn of(value: &'a [u8]) -> Self {
        let value = trim(value);
        let blank = value.iter().position(|byte| is_blank(*byte));
        let (scheme, rest) = value.split_at(blank.unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return Self::Other;
        }
        let mut parameters = Parameters::default();
        let sound = parameters.read(rest);
        let credentials = sound.and_then(|()| parameters.credentials());
        match credentials {
            Some(credentials) => Self::Digest(credentials),
            None => Self::Broken(parameters.take(b"realm")),
        }
    }
}

impl Credentials<'_> {
    /// The numbers the answer is made of, with the method of the request it stands in.
    pub fn answer<'c>(&'c self, method: &'c [u8]) -> Answer<'c> {
        Answer {
            method,
            uri: &self.uri,
            nonce: &self.nonce,
            client: self.client.as_ref().map(|client| Client {
                count: &client.digits,
                nonce: &client.nonce,
            }),
        }
    }
}

/// Fills `bytes` from as many pairs of hexadecimal digits; `None` where `text` is anything else.
pub fn unhex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    if text.len() != 2 * bytes.len() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(())
}

/// Names and values in the order they stand.
#[derive(Default)]
struct Parameters<'a>(Vec<(&'a [u8], Cow<'a, [u8]>)>);

impl<'a> Parameters<'a> {
    /// Reads `name = value` pairs parted by commas; `None` where something else stands there. A
    /// name that comes twice could be read in two ways.
    fn read(&mut self, mut rest: &'a [u8]) -> Option<()> {
        loop {
            rest = trim(rest);
            // Some write a comma too many.
            while let [b',', more @ ..] = rest {
                rest = trim(more);
            }
            if rest.is_empty() {
                return Some(());
            }
            let name_end = rest.iter().position(|byte| !is_token(*byte))?;
            let (name, more) = rest.split_at(name_end);
            let [b'=', more @ ..] = trim(more) else {
                return None;
            };
            let (value, more) = value(trim(more))?;
            rest = trim(more);
            let twice = self
                .0
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name));
            let parted = rest.is_empty() || rest[0] == b',';
            if name.is_empty() || twice || !parted || self.0.len() == MAX_PARAMETERS {
                return None;
            }
            self.0.push((name, value));
        }
    }

    fn credentials(&mut self) -> Option<Credentials<'a>> {
        let hashed = self.take(b"userhash");
        if hashed.is_some_and(|value| !value.eq_ignore_ascii_case(b"false")) {
            return None;
        }
        let algorithm = match self.take(b"algorithm") {
            // RFC 7616 §3.3: MD5 where it is not said.
            None => Algorithm::Md5,
            Some(name) => Algorithm::named(&name)?,
        };
        let client = match self.take(b"qop") {
            None => None,
            Some(quality) if quality.eq_ignore_ascii_case(b"auth") => Some(self.counted()?),
            Some(_) => return None,
        };
        // Whoever fails later on leaves the realm for the complaint.
        let (user, nonce) = (self.take(b"username")?, self.take(b"nonce")?);
        let (uri, response) = (self.take(b"uri")?, self.take(b"response")?);
        Some(Credentials {
            user,
            nonce,
            uri,
            response,
            realm: self.take(b"realm")?,
            algorithm,
            client,
        })
    }

    fn counted(&mut self) -> Option<Counted<'a>> {
        let digits = self.take(b"nc")?;
        let mut bytes = [0; 4];
        unhex(&digits, &mut bytes)?;
        let count = u32::from_be_bytes(bytes);
        let nonce = self.take(b"cnonce")?;
        (count > 0).then_some(Counted {
            digits,
            count,
            nonce,
        })
    }

    fn take(&mut self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        let wanted = |(known, _): &(&[u8], _)| known.eq_ignore_ascii_case(name);
        let index = self.0.iter().position(wanted)?;
        Some(self.0.swap_remove(index).1)
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let [b'"', quoted @ ..] = text else {
        let end = text.iter().position(|byte| !is_token(*byte));
        let (token, rest) = text.split_at(end.unwrap_or(text.len()));
        return (!token.is_empty()).then_some((Cow::Borrowed(token), rest));
    };
    let special = memchr::memchr2(b'"', b'\\', quoted)?;
    if quoted[special] == b'"' {
        return Some((Cow::Borrowed(&quoted[..special]), &quoted[special + 1..]));
    }
    let (mut plain, mut at) = (quoted[..special].to_vec(), special);
    loop {
        match quoted.get(at)? {
            b'"' => return Some((Cow::Owned(plain), &quoted[at + 1..])),
            b'\\' => {
                plain.push(*quoted.get(at + 1)?);
                at += 2;
            }
            byte => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
}

/// A token's characters (RFC 3261 §25.1), and what some write without quotes: URIs and base64.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~:/@;?&$#".contains(&byte)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "Digest username=\"al\\\"ice\", realm=\"example.net\",\r\n \
        nonce=\"4e6f\" , uri=\"sip:example.net\",algorithm=sha-256, qop=auth, nc=0000000a, \
        cnonce=\"c,n\", response=\"00ff\", opaque=\"\"";

    fn digest(value: &str) -> Credentials<'_> {
        match Read::of(value.as_bytes()) {
            Read::Digest(credentials) => credentials,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_answer_is_taken_apart() {
        let credentials = digest(FULL);
        assert_eq!(&*credentials.user, b"al\"ice");
        assert_eq!(&*credentials.realm, b"example.net");
        assert_eq!(&*credentials.uri, b"sip:example.net");
        assert_eq!(credentials.algorithm, Algorithm::Sha256);
        let client = credentials.client.unwrap();
        assert_eq!((client.count, &*client.nonce), (10, &b"c,n"[..]));
    }

    #[test]
    fn the_older_form_and_missing_quotes_are_understood() {
        let credentials = digest(
            "DIGEST username=bob,realm=example.net,nonce=4e6f,uri=sip:example.net:5060,response=00",
        );
        assert_eq!(credentials.algorithm, Algorithm::Md5);
        assert_eq!(credentials.client, None);
        assert_eq!(&*credentials.uri, b"sip:example.net:5060");
    }

    #[test]
    fn what_cannot_be_checked_is_broken_and_says_for_whom() {
        let broken = [
            FULL.replace("nc=0000000a", "nc=00000000"),
            FULL.replace("nc=0000000a", "nc=a"),
            FULL.replace("qop=auth", "qop=auth-int"),
            FULL.replace("sha-256", "MD5-sess"),
            FULL.replace("cnonce", "other"),
            FULL.replace("response", "answer"),
            FULL.replace("opaque", "userhash=true, opaque"),
            format!("{FULL}, nonce=\"again\""),
            format!("{FULL} trailing"),
        ];
        for value in broken {
            let read = Read::of(value.as_bytes());
            let realm = Some(Cow::Borrowed(&b"example.net"[..]));
            assert_eq!(read, Read::Broken(realm), "{value}");
        }
        assert_eq!(Read::of(b"Digest realm=\"exam"), Read::Broken(None));
        assert_eq!(Read::of(b"Digest"), Read::Broken(None));
    }

    #[test]
    fn other_schemes_are_somebody_elses() {
        assert_eq!(Read::of(b"Basic QWxhZGRpbg=="), Read::Other);
        assert_eq!(Read::of(b"DigestX realm=\"a\""), Read::Other);
        assert_eq!(Read::of(b""), Read::Other);
    }
}
