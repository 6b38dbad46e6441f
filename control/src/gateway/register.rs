//! REGISTER on its way to the registrar: checks, refreshes answered here, and what is to become
//! of the Contacts (RFC 3261 §10).

use strait_config::KeepAliveMethod;
use strait_shared::time::Instant;

use super::Gateway;
use super::exchange::PartOf;
use super::inspect::Inspected;
use super::io::Flow;
use super::limits::{MAX_CONTACTS, MAX_KEPT_BYTES};
use super::registrations::{Binding, BindingKey};
use super::reply::Reply;
use super::route::Route;
use super::send::Forward;
use super::token::Token;
use super::transaction::ServerId;
use crate::sip::{Contact, HeaderName, Message, NameAddr, Status, Uri};

/// The expiry of Contacts that name none (RFC 3261 §10.2.1.1 leaves it to the registrar).
const DEFAULT_EXPIRY_SECONDS: u32 = 3600;

/// What a REGISTER asks for.
#[derive(Debug)]
pub struct Registering {
    /// The Contacts in order; none in a query.
    pub contacts: Vec<Asked>,
    /// `Contact: *`: all are to go.
    pub all: bool,
    /// Tokens held for Path until the answer is there.
    pub hops: Vec<Token>,
}

/// One Contact of a REGISTER.
#[derive(Debug)]
pub struct Asked {
    /// The Contact's URI as written.
    pub uri: Box<[u8]>,
    /// What stands for it towards the registrar; held.
    pub token: Token,
    /// The expiry asked for; 0 removes.
    pub seconds: u32,
    /// The binding it refreshes.
    pub binding: Option<BindingKey>,
}

impl Gateway {
    /// A REGISTER came in.
    pub(super) fn register(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
        inspected: Inspected,
    ) {
        let uri = request
            .request_uri()
            .and_then(|uri| Uri::parse_at(request.bytes(), uri.span()));
        if uri.is_some_and(|uri| self.served_domain(near.realm, &uri).is_some()) {
            return self.register_here(now, near, request, server);
        }
        if let Some(binding) = self.absorbable(now, near, request) {
            self.absorb(now, near, request, server, binding);
            return;
        }
        match self.plan_registration(now, near, request) {
            Ok((route, plan)) => {
                let tokens: Vec<Token> = plan.contacts.iter().map(|asked| asked.token).collect();
                let part_of = PartOf::Registration(Box::new(plan));
                let forward = Forward {
                    server,
                    near,
                    inspected,
                    route,
                    part_of,
                    contacts: tokens,
                };
                self.forward(now, request, forward);
            }
            Err(reply) => self.reply(now, server, request, reply),
        }
    }

    /// What a Contact, or all of them, ask for in seconds.
    fn plan_registration(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
    ) -> Result<(Route, Registering), Reply> {
        let route = self.route(now, near, request)?;
        let mut plan = Registering {
            contacts: Vec::new(),
            all: false,
            hops: Vec::new(),
        };
        let asked = self.read_contacts(near, request)?;
        self.check_registration_room(near, request, &asked)?;
        for (contact, seconds) in asked {
            match contact {
                Contact::Any => plan.all = true,
                Contact::Address(address) => {
                    let asked = self.plan_contact(now, near, request, &address, seconds);
                    plan.contacts.push(asked);
                }
            }
        }
        Ok((route, plan))
    }

    pub(super) fn read_contacts<'a>(
        &self,
        near: Flow,
        request: &Message<'a>,
    ) -> Result<Vec<(Contact<'a>, u32)>, Reply> {
        let bad = |reason: &str| Reply::from(Status::BAD_REQUEST).because(reason);
        let header = request.seconds(HeaderName::Expires);
        let header = header.map_err(|fault| bad(&fault.to_string()))?;
        let minimum = self
            .settings
            .realm_config(near.realm)
            .registration
            .minimum_expiry
            .as_secs();
        let mut contacts = Vec::new();
        for element in request.elements(HeaderName::Contact) {
            let contact = Contact::parse(request.bytes(), element.text.span());
            let contact = contact.ok_or_else(|| bad("Malformed Contact Header"))?;
            let seconds = expiry(&contact)
                .or(header)
                .unwrap_or(DEFAULT_EXPIRY_SECONDS);
            if matches!(contact, Contact::Any) && seconds != 0 {
                return Err(bad("Contact * Without Expires 0"));
            }
            if seconds > 0 && u64::from(seconds) < minimum {
                let brief = Status::new(423).expect("423 is a status");
                return Err(Reply::from(brief).with("Min-Expires", minimum));
            }
            if element.text.len() > MAX_KEPT_BYTES {
                return Err(bad("Contact Too Long"));
            }
            contacts.push((contact, seconds));
        }
        let any = contacts
            .iter()
            .any(|(contact, _)| matches!(contact, Contact::Any));
        if contacts.len() > MAX_CONTACTS || (any && contacts.len() > 1) {
            return Err(bad("Too Many Contacts"));
        }
        Ok(contacts)
    }

    /// New registrations need room and are not taken while Strait empties itself.
    fn check_registration_room(
        &mut self,
        near: Flow,
        request: &Message,
        asked: &[(Contact, u32)],
    ) -> Result<(), Reply> {
        let adds = asked.iter().filter(|(contact, seconds)| {
            let Contact::Address(address) = contact else {
                return false;
            };
            *seconds > 0 && self.known_binding(near, request, &address.uri).is_none()
        });
        let adds = adds.count();
        if adds > 0 && self.draining {
            return Err(Reply::unavailable("Shutting Down"));
        }
        let all = self.registrations.len() + self.serving.locations.len();
        let room = (self.settings.config.limits.registrations as usize).saturating_sub(all);
        if adds > room {
            self.counters.registrations_over_limit += 1;
            return Err(Reply::unavailable("Too Many Registrations"));
        }
        Ok(())
    }

    fn plan_contact(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        address: &NameAddr,
        seconds: u32,
    ) -> Asked {
        let binding = self.known_binding(near, request, &address.uri);
        let uri = address.uri.text.as_bytes();
        let known = binding
            .and_then(|key| self.registrations.get(key))
            .map(|known| known.token);
        let token = match known {
            Some(token) => self.tokens.hold_again(token),
            None => self.tokens.hold(now, near, uri),
        };
        Asked {
            uri: uri.into(),
            token,
            seconds,
            binding,
        }
    }

    /// The binding a Contact refreshes: same URI, and same registration or same path.
    fn known_binding(&self, near: Flow, request: &Message, uri: &Uri) -> Option<BindingKey> {
        let to = request.address(HeaderName::To).ok()?;
        let call_id = request.call_id().ok()?;
        let same = |binding: &Binding| {
            *binding.uri == *uri.text
                && binding.flow.realm == near.realm
                && (*binding.call_id == *call_id || binding.flow.remote == near.remote)
        };
        let user = to.uri.user.map_or(&b""[..], |user| user.as_bytes());
        let registrars = self.settings.config.forward_to(near.realm);
        let realms = registrars
            .iter()
            .map(|index| self.settings.softswitch(*index).realm);
        let mut bindings = realms.flat_map(|realm| self.registrations.of_user(realm, user));
        bindings
            .find(|(_, binding)| same(binding))
            .map(|(key, _)| key)
    }

    /// The binding of a refresh that the registrar need not see: one Contact, heard as before,
    /// and kept by the registrar for longer than its owner is granted now.
    fn absorbable(&self, now: Instant, near: Flow, request: &Message) -> Option<BindingKey> {
        if !self.settings.realm_config(near.realm).registration.absorb {
            return None;
        }
        let mut contacts = request.elements(HeaderName::Contact);
        let only = contacts.next().filter(|_| contacts.next().is_none())?;
        let Contact::Address(address) = Contact::parse(request.bytes(), only.text.span())? else {
            return None;
        };
        let key = self.known_binding(near, request, &address.uri)?;
        let binding = self.registrations.get(key)?;
        let header = request.seconds(HeaderName::Expires).ok()?;
        let seconds = expiry(&Contact::Address(address)).or(header);
        let granted = std::time::Duration::from_secs(binding.granted_seconds.into());
        // Twice what is granted leaves the owner one more chance before the registrar forgets.
        let kept = binding.far_until.since(now) > granted * 2;
        let same = *binding.call_id == *request.call_id().ok()?
            && binding.flow == near
            && request.cseq().ok()?.number > binding.cseq;
        (kept && same && seconds.unwrap_or(DEFAULT_EXPIRY_SECONDS) >= binding.granted_seconds)
            .then_some(key)
    }

    /// What the registrar granted, as a party of `near` is told.
    pub(super) fn near_expiry(&self, near: Flow, asked: u32, granted: u32) -> u32 {
        let settings = self.settings.realm_config(near.realm);
        let keepalive = match settings.keepalive.method {
            KeepAliveMethod::Register => settings.keepalive.interval.as_secs() as u32,
            _ => u32::MAX,
        };
        let maximum = settings.registration.maximum_expiry.as_secs() as u32;
        granted.min(asked).min(keepalive).min(maximum)
    }
}

/// The expiry that a Contact names itself.
pub(super) fn expiry(contact: &Contact) -> Option<u32> {
    let Contact::Address(address) = contact else {
        return None;
    };
    let value = address.params.value("expires")?;
    value.as_str()?.parse().ok()
}
