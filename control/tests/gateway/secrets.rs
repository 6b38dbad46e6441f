//! What no message may tell the other side.

use std::net::IpAddr;

use strait_control::gateway::io::RealmIndex;
use strait_control::sip::{HeaderName, Message, escape};

/// What belongs to each side, by how its addresses begin.
const SIDES: [&[&str]; 2] = [
    &["192.0.2.", "203.0.113.", "192.168.", "2001:db8:a:"],
    &["198.51.100.", "10.", "2001:db8:c:"],
];

/// What Strait knows of each side without being told: its own addresses, the phones' public one,
/// the softswitches.
const KNOWN: [&[&str]; 2] = [
    &["192.0.2.1", "2001:db8:a::1", PUBLIC],
    &["198.51.100.1", "2001:db8:c::1", "10.0.0.1", "10.0.0.2"],
];

/// Where phones with IPv4 come from.
const PUBLIC: &str = "203.0.113.7";

/// Lines that leave as they came, whatever they hold: a digest would break.
const CREDENTIALS: [&str; 4] = [
    "authorization:",
    "proxy-authorization:",
    "www-authenticate:",
    "proxy-authenticate:",
];

/// Which addresses a message may not tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Secrets {
    /// All of the other side: whoever sends names his own where they belong.
    All,
    /// Those that Strait knows of its own accord, in headers and descriptions: whoever sends may
    /// name others anywhere, and nothing tells that they are his.
    Known,
    /// None: what is sent comes out of a journal that somebody has damaged.
    None,
}

/// Panics where a message to a realm tells of the other side.
#[track_caller]
pub fn check(realm: RealmIndex, bytes: &[u8], secrets: Secrets) {
    let text = String::from_utf8_lossy(bytes);
    let side = usize::from(1 - realm.0);
    let leaked = match secrets {
        Secrets::All => named(&text, |address| is_of(side, address)),
        Secrets::Known => told(bytes, side),
        Secrets::None => None,
    };
    assert_eq!(
        leaked, None,
        "of the other side in a message to realm {realm:?}:\n{text}"
    );
}

/// Whether a message names an address that nobody in its sender's place would know, or that
/// nothing tells to be his side's: what he says there is no secret of the other side's.
pub fn is_hearsay(realm: RealmIndex, source: IpAddr, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let side = usize::from(1 - realm.0);
    let another = |address: &str| address == PUBLIC && source.to_string() != PUBLIC;
    let foreign = |address: &str| is_of(side, address) || another(address);
    addresses(&unescaped(&text.to_ascii_lowercase()))
        .iter()
        .any(|address| foreign(address))
}

fn is_of(side: usize, address: &str) -> bool {
    SIDES[side].iter().any(|prefix| address.starts_with(prefix))
}

/// The first secret in a text, credentials left out.
fn named(text: &str, is_secret: impl Fn(&str) -> bool) -> Option<String> {
    let lines = text.split("\r\n").map(str::to_ascii_lowercase);
    let open = lines.filter(|line| !CREDENTIALS.iter().any(|name| line.starts_with(name)));
    open.flat_map(|line| addresses(&unescaped(&line)))
        .find(|address| is_secret(address))
}

/// The first known secret in the lines of a message that Strait reads.
fn told(bytes: &[u8], side: usize) -> Option<String> {
    let message = Message::parse(bytes).expect("what is sent is a message");
    let text = |span| String::from_utf8_lossy(&message.text(span)).into_owned();
    let request_uri = message.request_uri().map(|uri| text(uri.span()));
    let headers = message
        .headers()
        .iter()
        .filter(|header| is_read(header.name));
    let headers = headers.map(|header| text(header.value));
    let description = message
        .session_description()
        .map(|description| text(description.span()));
    let read = request_uri.into_iter().chain(headers).chain(description);
    let mut secrets = read.filter_map(|text| named(&text, |it| KNOWN[side].contains(&it)));
    secrets.next()
}

/// Whether a header is Strait's to read: credentials and signatures would break.
fn is_read(name: HeaderName) -> bool {
    use HeaderName::*;
    !matches!(
        name,
        Authorization
            | ProxyAuthorization
            | WwwAuthenticate
            | ProxyAuthenticate
            | AuthenticationInfo
            | Identity
    )
}

/// Everything that reads as an address and is not the tail of a longer number.
fn addresses(text: &str) -> Vec<String> {
    let literal = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let mut found = Vec::new();
    let address = |run: &&str| run.matches('.').count() > 2 || run.matches(':').count() > 1;
    for run in text.split(|c| !literal(c)).filter(address) {
        let number = |at: &usize| *at > 0 && run.as_bytes()[at - 1].is_ascii_digit();
        let starts = (0..run.len()).filter(|at| !number(at));
        for start in starts {
            for end in (start + 3..=run.len()).rev() {
                if let Ok(ip) = run[start..end].parse::<IpAddr>() {
                    found.push(ip.to_string());
                    break;
                }
            }
        }
    }
    found
}

/// Percent escapes undone.
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    escape::unescape(text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
