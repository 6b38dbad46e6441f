//! The registrar (RFC 3261 §10.3): who is where, for the domains a realm serves.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use strait_shared::time::Instant;

use super::locations::{Contact, ContactKey, address_of_record};
use crate::gateway::Gateway;
use crate::gateway::due::Due;
use crate::gateway::io::{Flow, Transport};
use crate::gateway::limits::MAX_KEPT_BYTES;
use crate::gateway::outbound::joined;
use crate::gateway::reply::Reply;
use crate::gateway::settings::SIP_PORT;
use crate::gateway::transaction::ServerId;
use crate::sip::{self, HeaderName, Message, NameAddr, Status, Uri};

/// What a REGISTER asks for one Contact.
struct Asked<'a> {
    address: NameAddr<'a>,
    flow: Flow,
    /// 0 removes.
    seconds: u32,
    /// The Contact it refreshes.
    known: Option<ContactKey>,
}

/// A REGISTER that passed all checks.
struct Plan<'a> {
    user: Box<[u8]>,
    /// `Contact: *`.
    all: bool,
    contacts: Vec<Asked<'a>>,
    path: Box<[u8]>,
    call_id: u64,
    cseq: u32,
}

impl Gateway {
    /// Takes a REGISTER for a domain that is served here.
    pub(in crate::gateway) fn register_here(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        server: ServerId,
    ) {
        let done = self.plan_locations(now, near, request);
        let reply = match done {
            Ok(plan) => {
                let user = plan.user.clone();
                let path = plan.path.clone();
                self.apply(now, plan);
                self.counters.registered += 1;
                self.registered(now, &user, &path)
            }
            Err(reply) => reply,
        };
        self.reply(now, server, request, reply);
    }

    /// A registration ran out.
    pub(in crate::gateway) fn location_expired(&mut self, key: ContactKey) {
        self.forget_location(key);
    }

    /// Checks everything before anything is changed (RFC 3261 §10.3 step 7).
    fn plan_locations<'a>(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message<'a>,
    ) -> Result<Plan<'a>, Reply> {
        self.check_source(now, near)?;
        let to = request
            .address(HeaderName::To)
            .map_err(|_| Status::BAD_REQUEST)?;
        let named = self.served_domain(near.realm, &to.uri);
        let (Some(user), Some(named)) = (to.uri.user, named) else {
            return Err(Reply::from(Status::NOT_FOUND).because("Not A User Of This Domain"));
        };
        self.check_registrant(now, near, request, &user, &named)?;
        let mut plan = Plan {
            user: address_of_record(&user, &named),
            all: false,
            contacts: Vec::new(),
            path: path(request)?,
            call_id: self
                .serving
                .locations
                .call_id(request.call_id().map_or(b"", |id| id.as_bytes())),
            cseq: request.cseq().map_or(0, |cseq| cseq.number),
        };
        for (contact, seconds) in self.read_contacts(near, request)? {
            match contact {
                sip::Contact::Any => plan.all = true,
                sip::Contact::Address(address) => {
                    let asked = self.ask_location(near, &plan, address, seconds)?;
                    plan.contacts.extend(asked);
                }
            }
        }
        let named_any = request.elements(HeaderName::Contact).next().is_some();
        if named_any && !plan.all && plan.contacts.is_empty() {
            let unusable = Reply::from(Status::NOT_ACCEPTABLE_HERE).because("Contact Unreachable");
            return Err(unusable.with(
                "Warning",
                "301 strait \"No Contact has a version used here\"",
            ));
        }
        self.check_age(&plan)?;
        self.check_location_room(near, &plan)?;
        Ok(plan)
    }

    fn check_source(&mut self, now: Instant, near: Flow) -> Result<(), Reply> {
        let serve = self.settings.realm_config(near.realm).serve.as_ref();
        let rate = serve.map_or(u32::MAX, |serve| serve.registers_per_second);
        match self.serving.sources.take(now, near.remote.ip(), rate) {
            true => Ok(()),
            false => {
                self.counters.registrations_over_rate += 1;
                Err(Reply::unavailable("Too Many Registrations A Second"))
            }
        }
    }

    /// What one Contact asks for; nothing where it is of a version that we do not reach.
    fn ask_location<'a>(
        &self,
        near: Flow,
        plan: &Plan,
        address: NameAddr<'a>,
        seconds: u32,
    ) -> Result<Option<Asked<'a>>, Reply> {
        let text = address.uri.text;
        if std::str::from_utf8(&text).is_err() {
            return Err(Reply::from(Status::BAD_REQUEST).because("Malformed Contact Header"));
        }
        let uri = &address.uri;
        if self.settings.realm(near.realm).is_own_uri(uri) {
            return Err(Reply::from(Status::FORBIDDEN).because("Contact Names This Server"));
        }
        let twice = |asked: &Asked| asked.address.uri.is_equivalent(uri);
        if plan.contacts.iter().any(twice) {
            return Err(Reply::from(Status::BAD_REQUEST).because("Contact Given Twice"));
        }
        let mut known = self.serving.locations.of(&plan.user);
        let known = known.find(|(_, known)| {
            *known.uri == *text
                || Uri::parse(&known.uri).is_some_and(|known| known.is_equivalent(uri))
        });
        let known = known.map(|(key, _)| key);
        let flow = self.location_flow(near, uri, plan.path.is_empty());
        let seconds = self.near_expiry(near, seconds, seconds);
        let asked = |flow| Asked {
            address,
            flow,
            seconds,
            known,
        };
        // What cannot be reached can still be removed.
        Ok(flow.or((seconds == 0).then_some(near)).map(asked))
    }

    /// How a Contact is reached: where its owner was heard; a Contact of the other version, which
    /// a dual terminal registers beside, at its own address.
    fn location_flow(&self, near: Flow, uri: &Uri, direct: bool) -> Option<Flow> {
        let ip = uri.host().and_then(|host| host.ip);
        let Some(ip) = ip.filter(|ip| direct && ip.is_ipv4() != near.remote.is_ipv4()) else {
            return Some(near);
        };
        if !is_reachable(ip) {
            return None;
        }
        let transport = Transport::of(uri).unwrap_or(near.transport);
        let port = uri
            .host_port
            .map_or(SIP_PORT, |host_port| host_port.port_or(SIP_PORT));
        let remote = SocketAddr::new(ip, port);
        self.settings.flow_to(near.realm, transport, remote)
    }

    /// A request that is older than what is known changes nothing (RFC 3261 §10.3 steps 6 and 7).
    fn check_age(&self, plan: &Plan) -> Result<(), Reply> {
        let of_user = self.serving.locations.of(&plan.user);
        let old = |known: &Contact| known.call_id == plan.call_id && plan.cseq <= known.cseq;
        let asked = |key: ContactKey| {
            plan.all || plan.contacts.iter().any(|asked| asked.known == Some(key))
        };
        for (key, known) in of_user {
            if asked(key) && old(known) {
                return Err(Reply::from(Status::BAD_REQUEST).because("CSeq Out Of Order"));
            }
        }
        Ok(())
    }

    fn check_location_room(&mut self, near: Flow, plan: &Plan) -> Result<(), Reply> {
        let new = plan.contacts.iter();
        let new = new
            .filter(|asked| asked.known.is_none() && asked.seconds > 0)
            .count();
        if new == 0 {
            return Ok(());
        }
        if self.draining {
            return Err(Reply::unavailable("Shutting Down"));
        }
        let gone = plan.contacts.iter();
        let gone = gone
            .filter(|asked| asked.known.is_some() && asked.seconds == 0)
            .count();
        let serve = self.settings.realm_config(near.realm).serve.as_ref();
        let most = serve.map_or(0, |serve| usize::from(serve.contacts_per_user));
        let has = self.serving.locations.of(&plan.user).count();
        let all = self.registrations.len() + self.serving.locations.len();
        let limit = self.settings.config.limits.registrations as usize;
        let reason = match () {
            () if has + new > most + gone => "Too Many Contacts",
            () if all + new > limit => "Too Many Registrations",
            () => return Ok(()),
        };
        self.counters.registrations_over_limit += 1;
        Err(Reply::unavailable(reason))
    }

    fn apply(&mut self, now: Instant, plan: Plan) {
        if plan.all {
            let of_user = self.serving.locations.of(&plan.user);
            let keys: Vec<ContactKey> = of_user.map(|(key, _)| key).collect();
            keys.into_iter().for_each(|key| self.forget_location(key));
        }
        for asked in &plan.contacts {
            match asked.seconds {
                0 => asked
                    .known
                    .into_iter()
                    .for_each(|key| self.forget_location(key)),
                _ => self.locate(now, &plan, asked),
            }
        }
    }

    /// Adds a Contact, or puts it in the place of what it refreshes.
    fn locate(&mut self, now: Instant, plan: &Plan, asked: &Asked) {
        let lifetime = Duration::from_secs(asked.seconds.into());
        let uri = asked.address.uri.text.as_bytes();
        let number = match asked.known.and_then(|key| self.serving.locations.get(key)) {
            Some(known) => known.number,
            None => self.serving.locations.next_number(),
        };
        let contact = Contact {
            number,
            user: plan.user.clone(),
            uri: uri.into(),
            path: plan.path.clone(),
            flow: asked.flow,
            call_id: plan.call_id,
            cseq: plan.cseq,
            preference: preference(&asked.address),
            registered: now,
            until: now + lifetime,
            expiry: None,
        };
        self.keep_flow(now, asked.flow, uri);
        let key = match asked.known {
            Some(key) => {
                let place = self.serving.locations.get_mut(key).expect("it was found");
                let old = std::mem::replace(place, contact);
                self.drop_location(old);
                key
            }
            None => self.serving.locations.insert(contact),
        };
        self.watch_location(now, key, lifetime);
        self.say_what_is_owed(now, asked.flow, None);
    }

    /// Arms the timer of a Contact that is new.
    pub(in crate::gateway) fn watch_location(
        &mut self,
        now: Instant,
        key: ContactKey,
        lifetime: Duration,
    ) {
        let timer = self.timers.arm(now, lifetime, Due::Location(key));
        if let Some(contact) = self.serving.locations.get_mut(key) {
            contact.expiry = Some(timer);
        }
    }

    fn forget_location(&mut self, key: ContactKey) {
        if let Some(contact) = self.serving.locations.remove(key) {
            self.drop_location(contact);
        }
    }

    fn drop_location(&mut self, contact: Contact) {
        contact.expiry.map(|timer| self.timers.cancel(timer));
        self.drop_flow(contact.flow);
    }

    /// 200 with all Contacts that a user has now (RFC 3261 §10.3 step 8).
    fn registered(&self, now: Instant, user: &[u8], path: &[u8]) -> Reply {
        let mut reply = Reply::from(Status::OK);
        for (_, contact) in self.serving.locations.of(user) {
            let uri = String::from_utf8_lossy(&contact.uri);
            let seconds = contact.until.since(now).as_secs();
            let mut value = format!("<{uri}>;expires={seconds}");
            if contact.preference != 1000 {
                let (whole, rest) = (contact.preference / 1000, contact.preference % 1000);
                write!(value, ";q={whole}.{rest:03}").expect("strings take all that is written");
            }
            reply = reply.with("Contact", value);
        }
        if !path.is_empty() {
            reply = reply.with("Path", String::from_utf8_lossy(path));
        }
        reply.with("Date", self.clock.timestamp(now).http_date())
    }
}

/// The Path of a REGISTER (RFC 3327 §5.3): only where its sender knows what that is.
fn path(request: &Message) -> Result<Box<[u8]>, Reply> {
    let path = joined(request, HeaderName::Path, false);
    if path.is_empty() {
        return Ok(path);
    }
    if path.len() > MAX_KEPT_BYTES {
        return Err(Reply::from(Status::BAD_REQUEST).because("Path Too Long"));
    }
    let mut supported = request.elements(HeaderName::Supported);
    let known = supported.any(|tag| tag.text.eq_ignore_ascii_case(b"path"));
    match known && std::str::from_utf8(&path).is_ok() {
        true => Ok(path),
        false => Err(Reply::from(Status::BAD_EXTENSION).with("Unsupported", "path")),
    }
}

/// The q-value in thousandths; 1 where none is given.
fn preference(address: &NameAddr) -> u16 {
    let q = address.params.value("q");
    let q = q.and_then(|q| q.as_str()?.parse::<f32>().ok());
    let q = q
        .filter(|q| q.is_finite())
        .map_or(1.0, |q| q.clamp(0.0, 1.0));
    (q * 1000.0).round() as u16
}

/// Whether somebody can be at an address that a Contact names and nobody was heard from.
fn is_reachable(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() || broadcast)
}
