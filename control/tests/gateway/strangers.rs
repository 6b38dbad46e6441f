//! Somebody who is no party: what can be done with what is known of others' calls.

use crate::calls::{ANSWER, INVITE, answered, response, within};
use crate::registrations::{REGISTER, register};
use crate::world::{CORE, Party, World, between, header, start};
use strait_control::gateway::io::Transport;

const NO_CALL: &str = "SIP/2.0 481 Call/Transaction Does Not Exist";
const METHODS: [&str; 5] = ["BYE", "INVITE", "UPDATE", "INFO", "REFER"];

/// A call of a phone that only the parties should be able to touch.
struct Victims {
    world: World,
    phone: Party,
    softswitch: Party,
    /// The INVITE as the softswitch saw it, and the 200 as the phone did.
    invite: String,
    ok: String,
}

impl Victims {
    fn new() -> Self {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let (invite, ok) = answered(&mut world, phone);
        Self {
            world,
            phone,
            softswitch,
            invite,
            ok,
        }
    }

    /// Nobody but the stranger hears of it, and it hears that there is no such call.
    fn refuses(&mut self, stranger: Party, request: &str) {
        let outcome = self.world.send(stranger, request);
        assert_eq!(start(outcome.only(stranger)), NO_CALL);
        assert_eq!(outcome.sent.len(), 1, "{outcome:#?}");
        assert!(outcome.commands.is_empty() && outcome.records.is_empty());
    }

    /// The call stands, both parties are reached where they were, and each may end it.
    fn goes_on(mut self) {
        assert_eq!(self.world.open.len(), 4);
        let asked = from_core(&self.invite, "INFO", 1);
        let asked = self.world.send(self.softswitch, &asked);
        assert!(start(asked.only(self.phone)).starts_with("INFO "));
        let bye = within(&self.ok, "BYE", 2, "bye", "192.168.1.5:5060");
        let bye = self.world.send(self.phone, &bye);
        assert!(start(bye.only(self.softswitch)).starts_with("BYE "));
    }
}

/// A request within the dialog from the softswitch's side.
fn from_core(invite: &str, method: &str, cseq: u32) -> String {
    let value = |name| header(invite, name);
    let target = between(value("Contact"), "<", ">");
    let (from, to, call_id) = (value("From"), value("To"), value("Call-ID"));
    format!(
        "{method} {target} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKc{method};rport\n\
         Max-Forwards: 70\nFrom: {to};tag=b1\nTo: {from}\nCall-ID: {call_id}\n\
         CSeq: {cseq} {method}\nContent-Length: 0\n\n"
    )
}

/// The same request to a Request-URI without the token that stands in our Contact.
fn without_token(request: &str) -> String {
    let token = between(request, ";strait=", " SIP/2.0");
    request.replace(&format!(";strait={token}"), "")
}

#[test]
fn who_knows_call_id_and_tags_alone_touches_nothing() {
    let mut victims = Victims::new();
    let mallory = victims.world.phone("203.0.113.66:40001");
    for (number, method) in METHODS.into_iter().enumerate() {
        // A CSeq number that were taken over would shut the phone out.
        let branch = format!("m{number}");
        let forged = within(&victims.ok, method, 900, &branch, "203.0.113.66");
        let forged = match method {
            "INVITE" | "UPDATE" => with_contact(&forged),
            _ => forged,
        };
        victims.refuses(mallory, &without_token(&forged));
        let guessed = "strait=0123456789abc SIP/2.0";
        let token = between(&forged, "strait=", " SIP/2.0");
        let right = format!("strait={token} SIP/2.0");
        let guess = forged
            .replace(&right, guessed)
            .replace(&branch, &format!("g{number}"));
        victims.refuses(mallory, &guess);
    }
    assert_eq!(victims.world.gateway.counters().strangers, 10);
    victims.goes_on();
}

/// A Contact and a description that would draw the call to mallory.
fn with_contact(request: &str) -> String {
    let body = ANSWER.replace("10.0.0.50", "203.0.113.66");
    let extra = "Contact: <sip:mallory@203.0.113.66>\nContent-Type: application/sdp\n";
    request.replace(
        "Content-Length: 0\n\n",
        &format!("{extra}Content-Length: auto\n\n{body}"),
    )
}

#[test]
fn in_the_core_too() {
    let mut victims = Victims::new();
    let mallory = victims.world.party(CORE, Transport::Udp, "10.0.0.66:5060");
    for method in METHODS {
        let forged = without_token(&from_core(&victims.invite, method, 900));
        victims.refuses(mallory, &forged.replace("z9hG4bKc", "z9hG4bKm"));
    }
    victims.goes_on();
}

#[test]
fn a_guess_is_told_that_there_is_no_call() {
    let mut victims = Victims::new();
    let mallory = victims.world.phone("203.0.113.66:40001");
    let bye = within(&victims.ok, "BYE", 2, "m", "203.0.113.66");
    victims.refuses(mallory, &bye.replace("tag=b1", "tag=b2"));
    // The right names in the wrong realm are no dialog either.
    let mallory = victims.world.party(CORE, Transport::Udp, "10.0.0.66:5060");
    let bye = within(&victims.ok, "BYE", 2, "n", "10.0.0.66");
    let bye = bye
        .replace("192.0.2.1", "198.51.100.1")
        .replace("192.168.1.5", "10.0.0.66");
    victims.refuses(mallory, &bye);
    victims.goes_on();
}

#[test]
fn a_phone_that_moves_to_another_network_shows_its_token_and_is_followed() {
    let mut victims = Victims::new();
    let moved = victims.world.phone("203.0.113.99:40001");
    let info = within(&victims.ok, "INFO", 2, "i", "192.168.1.5");
    let info = victims.world.send(moved, &info);
    let done = response(info.only(victims.softswitch), "200 OK", "", "");
    assert_eq!(
        victims
            .world
            .send(victims.softswitch, &done)
            .to(moved)
            .len(),
        1
    );
    let asked = from_core(&victims.invite, "INFO", 1);
    let asked = victims.world.send(victims.softswitch, &asked);
    assert_eq!(asked.to(moved).len(), 1);
    assert!(asked.to(victims.phone).is_empty());
}

#[test]
fn a_forged_ack_ends_no_wait() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let mallory = world.phone("203.0.113.66:40001");
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ok = world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let ok = ok.only(phone).to_owned();
    let ack = without_token(&within(&ok, "ACK", 1, "m", "203.0.113.66"));
    assert!(world.send(mallory, &ack).sent.is_empty());
    let ack = within(&ok, "ACK", 1, "a", "192.168.1.5");
    assert_eq!(world.send(phone, &ack).to(softswitch).len(), 1);
}

#[test]
fn responses_without_our_branch_are_nobodys() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let mallory = world.party(CORE, Transport::Udp, "10.0.0.66:5060");
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ok = response(&invite, "200 OK", "m1", ANSWER);
    let branch = between(header(&invite, "Via"), "branch=", ";").to_owned();
    // 64 secret bits, then what it remembers of the request.
    let secret = branch.split('-').nth(1).unwrap();
    assert_eq!(secret.len(), 16);
    let wrong = ok.replace(secret, "0123456789abcdef");
    let double = ok.replacen(
        "Via: ",
        "Via: SIP/2.0/UDP 10.0.0.66;branch=z9hG4bKx\nVia: ",
        1,
    );
    let bye = ok.replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    let access = world.phone("203.0.113.66:40001");
    for (forged, from) in [
        (&wrong, mallory),
        (&double, mallory),
        (&bye, mallory),
        (&ok, access),
    ] {
        let from_there = forged.replace("10.0.0.", "203.0.113.");
        let forged = if from.flow.realm == CORE {
            forged
        } else {
            &from_there
        };
        assert!(world.send(from, forged).sent.is_empty(), "{forged}");
    }
    assert_eq!(world.gateway.counters().stray_responses, 4);
    assert_eq!(world.gateway.sizes().dialogs, 0);
    let ok = response(&invite, "200 OK", "b1", ANSWER);
    assert_eq!(world.send(softswitch, &ok).to(phone).len(), 1);
}

#[test]
fn a_register_of_a_stranger_is_the_registrars_to_refuse() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    register(&mut world, phone, REGISTER);
    let mallory = world.phone("203.0.113.66:40001");
    let refresh = REGISTER
        .replace("CSeq: 1 ", "CSeq: 2 ")
        .replace("Expires: 3600", "Expires: 60");
    let remove = refresh.replace("Expires: 60", "Expires: 0");
    for forged in [
        refresh.clone(),
        remove
            .replace("CSeq: 2 ", "CSeq: 3 ")
            .replace("reg1", "reg2"),
    ] {
        // The phone's own refresh would be answered here; a stranger's goes to the registrar.
        let asked = world.send(mallory, &forged);
        let asked = asked.only(softswitch);
        assert!(start(asked).starts_with("REGISTER "));
        let refused = response(asked, "403 Forbidden", "r", "");
        let told = world.send(softswitch, &refused);
        assert_eq!(start(told.only(mallory)), "SIP/2.0 403 Forbidden");
    }
    assert_eq!(world.gateway.sizes().registrations, 1);
    let call = "MESSAGE sip:alice@198.51.100.1 SIP/2.0\n\
        Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKm;rport\nMax-Forwards: 70\n\
        From: <sip:bob@10.0.0.1>;tag=b1\nTo: <sip:alice@10.0.0.1>\nCall-ID: m\n\
        CSeq: 1 MESSAGE\nContent-Length: 0\n\n";
    let called = world.send(softswitch, call);
    assert!(start(called.only(phone)).starts_with("MESSAGE "));
    assert!(called.to(mallory).is_empty());
}

#[test]
fn a_notify_nobody_asked_its_sender_for_begins_nothing() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let mallory = world.party(CORE, Transport::Udp, "10.0.0.66:5060");
    let body = INVITE.find("Content-Type").unwrap();
    let subscribe = INVITE[..body].replace("INVITE", "SUBSCRIBE")
        + "Event: presence\nExpires: 600\nContent-Length: 0\n\n";
    let seen = world.send(phone, &subscribe).only(softswitch).to_owned();
    let own = from_core(&seen, "NOTIFY", 1).replace(
        "Content-Length",
        "Event: presence\nSubscription-State: active;expires=600\nContent-Length",
    );
    let forged = without_token(&own).replace("tag=b1", "tag=m1");
    let forged = forged.replace("z9hG4bKc", "z9hG4bKm");
    let refused = world.send(mallory, &forged);
    assert_eq!(start(refused.only(mallory)), NO_CALL);
    assert!(refused.to(phone).is_empty());
    assert_eq!(world.gateway.sizes().dialogs, 0);
    let passed = world.send(softswitch, &own);
    assert!(start(passed.only(phone)).starts_with("NOTIFY "));
}
