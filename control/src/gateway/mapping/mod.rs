//! What a message says about one realm, said so that another may hear it: URIs, Call-IDs, and
//! addresses written anywhere else.
//!
//! | what a URI or text names            | what the far realm reads                              |
//! |-------------------------------------|-------------------------------------------------------|
//! | our near address with a token       | what the token leads to, or our far address with it   |
//! | our near address without            | the softswitch's domain or address, or our far address |
//! | a near address                      | the near realm's domain, or our far address           |
//! | a domain name                       | the same                                              |

mod body;
mod contact;
mod headers;
mod identity;
mod literals;
mod names;

use std::net::IpAddr;

use strait_config::SoftswitchIndex;
use strait_shared::time::Instant;

use super::call_id::CallIds;
use super::dialogs::Dialogs;
use super::io::{Flow, Transport};
use super::settings::{Listener, Settings};
use super::token::{self, Origin, Token, Tokens};
use crate::sip::{HostPort, Message, Uri};

pub use body::drop_description;
pub use identity::Hosts;
pub use literals::{Hidden, Told};

/// One message's way from one realm into another.
pub struct Crossing<'a> {
    /// When.
    pub now: Instant,
    /// The configuration.
    pub settings: &'a Settings,
    /// Tokens of every realm.
    pub tokens: &'a mut Tokens,
    /// Call-IDs replaced so far.
    pub call_ids: &'a mut CallIds,
    /// The dialogs that stand, which headers may name.
    pub dialogs: &'a Dialogs,
    /// The message.
    pub message: &'a Message<'a>,
    /// Where it was heard.
    pub near: Flow,
    /// Where it leaves.
    pub far: Flow,
    /// The softswitch it is for, where it is for one.
    pub softswitch: Option<SoftswitchIndex>,
    /// Addresses that the message tells of the near side, once somebody has asked.
    pub told: Told,
    /// Whether its body passes as it is.
    pub keeps_body: bool,
    /// Where tokens made on the way are kept by whoever holds them; leased where nobody does.
    pub held: Option<&'a mut Vec<Token>>,
}

impl Crossing<'_> {
    /// Our address on the far side.
    pub fn far_listener(&self) -> &Listener {
        self.settings.listener(self.far)
    }

    /// Whether it goes from parties to the realm that their softswitches are in.
    pub fn is_towards_softswitches(&self) -> bool {
        let is_core = |flow: Flow| self.settings.realm(flow.realm).is_core;
        is_core(self.far) && !is_core(self.near)
    }

    /// The token in a URI that is one of our near addresses.
    pub fn token(&self, uri: &Uri) -> Option<Token> {
        let value = uri.params.value(token::PARAMETER)?;
        let own = self.settings.realm(self.near.realm).is_own_uri(uri);
        own.then(|| Token::parse(&value)).flatten()
    }

    /// What a URI's token leads to on the far side.
    pub fn far_origin(&self, uri: &Uri) -> Option<&Origin> {
        self.tokens.origin_in(self.token(uri)?, self.far.realm)
    }

    /// A token for a near URI: held where somebody keeps it, else leased.
    fn make_token(&mut self, uri: &[u8]) -> Token {
        match &mut self.held {
            Some(held) => {
                let token = self.tokens.hold(self.now, self.near, uri);
                held.push(token);
                token
            }
            None => self.tokens.lease(self.now, self.near, uri),
        }
    }

    /// What stands for the far side where our near address stood.
    fn far_name(&self) -> &[u8] {
        match self.softswitch {
            Some(index) => &self.settings.softswitch(index).authority,
            None => self.name_of(self.far),
        }
    }

    /// What stands for the near side where one of its addresses stood.
    fn near_name(&self) -> &[u8] {
        self.name_of(self.near)
    }

    fn name_of(&self, side: Flow) -> &[u8] {
        match &self.settings.realm_config(side.realm).domain {
            Some(domain) => domain.as_str().as_bytes(),
            None => &self.far_listener().authority,
        }
    }

    fn is_own_near(&self, host_port: &HostPort) -> bool {
        self.settings.realm(self.near.realm).is_own(host_port)
    }

    /// Whether an address is none of the near side's business: the far side's own.
    fn is_far(&self, ip: IpAddr) -> bool {
        ip == self.far.remote.ip()
            || self.settings.is_softswitch(self.far.realm, ip)
            || ip == self.far_listener().address.ip()
    }

    /// `;transport=` for our far address, where it needs saying (RFC 3263 §4.1).
    fn far_transport(&self) -> &'static str {
        match self.far.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        }
    }
}
