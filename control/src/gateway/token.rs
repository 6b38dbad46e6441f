//! Tokens: what stands in our Contacts towards one side and leads back to a URI and a flow of
//! the other.
//!
//! A token is a keyed hash of what it leads to, so that a party that registers again, or calls
//! while registered, is known by the same Contact. It lives as long as a registration or a dialog
//! holds it, and lingers a while after.

use std::collections::VecDeque;
use std::fmt;

use strait_shared::time::Instant;

use super::io::{Flow, RealmIndex};
use super::keyed::{Key, Map, Purpose};
use super::limits::{MAX_LEASED_TOKENS, TOKEN_LINGER};

/// The name of the URI parameter that carries a token.
pub const PARAMETER: &str = "strait";

/// What stands in `;strait=`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u64);

/// Digits and letters that cannot be confused with others, in either case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 64 bits at 5 bits a letter.
const LETTERS: usize = 13;

impl Token {
    /// The token as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The token of that number.
    pub const fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// Reads what [`Display`](fmt::Display) wrote; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != LETTERS {
            return None;
        }
        let digit = |byte: &u8| ALPHABET.iter().position(|letter| letter == byte);
        let value = text
            .iter()
            .try_fold(0u128, |sum, byte| Some(sum << 5 | digit(byte)? as u128));
        u64::try_from(value?).ok().map(Self)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..LETTERS).rev().try_for_each(|place| {
            let letter = ALPHABET[(self.0 >> (5 * place) & 31) as usize];
            fmt::Write::write_char(f, char::from(letter))
        })
    }
}

/// What a token leads to.
#[derive(Debug)]
pub struct Origin {
    /// The URI as its owner wrote it.
    pub uri: Box<[u8]>,
    /// Where its owner was last heard.
    pub flow: Flow,
    /// Its owner has registered from another flow than it was heard on before.
    moved: bool,
    holders: u32,
    linger_until: Instant,
    queued: bool,
}

impl Origin {
    fn new(now: Instant, flow: Flow, uri: &[u8]) -> Self {
        Self {
            uri: uri.into(),
            flow,
            moved: false,
            holders: 0,
            linger_until: now,
            queued: false,
        }
    }
}

/// All tokens.
#[derive(Debug)]
pub struct Tokens {
    key: Key,
    origins: Map<Token, Origin>,
    /// Tokens that may be let go, by when they were queued; each at most once.
    lingering: VecDeque<(Instant, Token)>,
}

impl Tokens {
    /// No tokens.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            key: Key::new(seed, Purpose::Tokens),
            origins: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            lingering: VecDeque::new(),
        }
    }

    /// A token for `uri` heard on `flow`, held until it is released as often as it was held.
    pub fn hold(&mut self, now: Instant, flow: Flow, uri: &[u8]) -> Token {
        let token = self.intern(now, flow, uri);
        self.hold_again(token)
    }

    /// Holds a token that exists once more.
    pub fn hold_again(&mut self, token: Token) -> Token {
        if let Some(origin) = self.origins.get_mut(&token) {
            origin.holders += 1;
        }
        token
    }

    /// Takes in what a token leads to that an earlier control process gave out and that somebody
    /// is about to hold.
    pub fn know(&mut self, now: Instant, token: Token, flow: Flow, uri: &[u8]) {
        self.origins
            .entry(token)
            .or_insert_with(|| Origin::new(now, flow, uri));
    }

    /// A token for `uri` heard on `flow` that nobody holds: it lingers, then it is gone.
    pub fn lease(&mut self, now: Instant, flow: Flow, uri: &[u8]) -> Token {
        let token = self.intern(now, flow, uri);
        self.linger(now, token);
        token
    }

    /// Ends one holding.
    pub fn release(&mut self, now: Instant, token: Token) {
        if let Some(origin) = self.origins.get_mut(&token) {
            origin.holders = origin.holders.saturating_sub(1);
        }
        self.linger(now, token);
    }

    /// The owner of a token was heard on another flow.
    pub fn heard(&mut self, token: Token, flow: Flow) {
        if let Some(origin) = self.origins.get_mut(&token) {
            origin.flow = flow;
        }
    }

    /// The owner of a token has registered on a flow: it is there in all its dialogs.
    pub fn registered(&mut self, token: Token, flow: Flow) {
        if let Some(origin) = self.origins.get_mut(&token) {
            origin.moved |= origin.flow != flow;
            origin.flow = flow;
        }
    }

    /// Where the owner of a token is, if it has registered from elsewhere since it was given out.
    pub fn moved_to(&self, token: Token) -> Option<Flow> {
        let origin = self.origins.get(&token)?;
        origin.moved.then_some(origin.flow)
    }

    /// What a token leads to.
    pub fn origin(&self, token: Token) -> Option<&Origin> {
        self.origins.get(&token)
    }

    /// What a token leads to, where its owner is in `realm`.
    pub fn origin_in(&self, token: Token, realm: RealmIndex) -> Option<&Origin> {
        self.origin(token)
            .filter(|origin| origin.flow.realm == realm)
    }

    /// Lets go of what has lingered long enough.
    pub fn expire(&mut self, now: Instant) {
        while let Some((due, token)) = self.lingering.front().copied() {
            let crowded = self.lingering.len() > MAX_LEASED_TOKENS;
            if due > now && !crowded {
                break;
            }
            self.lingering.pop_front();
            self.let_go(now, token, crowded);
        }
    }

    /// When [`Tokens::expire`] has something to do.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.lingering.front().map(|(due, _)| *due)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    fn intern(&mut self, now: Instant, flow: Flow, uri: &[u8]) -> Token {
        let token = self.name(flow, uri);
        self.origins
            .entry(token)
            .or_insert_with(|| Origin::new(now, flow, uri));
        token
    }

    fn name(&self, flow: Flow, uri: &[u8]) -> Token {
        let realm = flow.realm.0.to_le_bytes();
        let port = flow.remote.port().to_le_bytes();
        let hash = match flow.remote.ip() {
            std::net::IpAddr::V4(ip) => self.key.hash(&[&realm, &ip.octets(), &port, uri]),
            std::net::IpAddr::V6(ip) => self.key.hash(&[&realm, &ip.octets(), &port, uri]),
        };
        Token(hash as u64)
    }

    fn linger(&mut self, now: Instant, token: Token) {
        let Some(origin) = self.origins.get_mut(&token) else {
            return;
        };
        origin.linger_until = now + TOKEN_LINGER;
        if !origin.queued {
            origin.queued = true;
            self.lingering.push_back((origin.linger_until, token));
        }
    }

    fn let_go(&mut self, now: Instant, token: Token, crowded: bool) {
        let Some(origin) = self.origins.get_mut(&token) else {
            return;
        };
        if origin.holders > 0 {
            origin.queued = false;
        } else if origin.linger_until > now && !crowded {
            self.lingering.push_back((origin.linger_until, token));
        } else {
            self.origins.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::io::{ListenerIndex, Transport};

    fn flow(port: u16) -> Flow {
        Flow {
            realm: RealmIndex(0),
            listener: ListenerIndex(0),
            transport: Transport::Udp,
            remote: ([192, 0, 2, 9], port).into(),
            connection: None,
        }
    }

    #[test]
    fn a_token_reads_as_it_is_written() {
        for value in [0, 1, 31, 32, u64::MAX, 0x0123_4567_89ab_cdef] {
            let text = Token(value).to_string();
            assert_eq!(Token::parse(text.as_bytes()), Some(Token(value)), "{text}");
        }
        for text in ["", "0", "zzzzzzzzzzzzz", "000000000000i", "00000000000000"] {
            assert_eq!(Token::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_same_uri_behind_two_nats_is_two_tokens() {
        let mut tokens = Tokens::new(&[3; 32]);
        let uri = b"sip:100@192.168.1.2";
        let first = tokens.hold(Instant::ZERO, flow(1), uri);
        assert_eq!(tokens.hold(Instant::ZERO, flow(1), uri), first);
        assert_ne!(tokens.hold(Instant::ZERO, flow(2), uri), first);
    }

    #[test]
    fn a_held_token_stays_and_a_released_one_lingers() {
        let mut tokens = Tokens::new(&[3; 32]);
        let later = Instant::ZERO + TOKEN_LINGER;
        let token = tokens.hold(Instant::ZERO, flow(1), b"sip:a@h");
        tokens.lease(Instant::ZERO, flow(1), b"sip:a@h");
        tokens.expire(later);
        assert!(tokens.origin(token).is_some(), "held");
        tokens.release(later, token);
        tokens.expire(later);
        assert!(tokens.origin(token).is_some(), "lingers");
        tokens.expire(later + TOKEN_LINGER);
        assert!(tokens.origin(token).is_none());
        assert_eq!(tokens.next_expiry(), None);
    }

    #[test]
    fn leases_are_bounded() {
        let mut tokens = Tokens::new(&[3; 32]);
        for number in 0..=MAX_LEASED_TOKENS as u32 + 10 {
            tokens.lease(Instant::ZERO, flow(1), &number.to_le_bytes());
            tokens.expire(Instant::ZERO);
        }
        assert_eq!(tokens.len(), MAX_LEASED_TOKENS);
    }
}
