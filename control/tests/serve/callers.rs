//! Who may register and call, where a realm knows its users.

use std::sync::Arc;
use std::time::Duration;

use strait_control::gateway::io::Input;
use strait_control::users::Users;
use strait_digest::{Algorithm, Answer, Client, secret};

use crate::serve::scene::{ALICE, BOB, HOME, Ip, Terminal, last, server};
use crate::world::{World, between, find, header, start};

const USERS: &str = "- { user: alice, domain: example.net, password: wonderland }\n\
                     - { user: bob, domain: example.net, password: builder }\n";

/// A server that knows Alice and Bob.
fn guarded(serve: &str) -> World {
    let mut world = server(&format!("users: users.yaml\n      {serve}"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), USERS).unwrap();
    let users = Arc::new(Users::load(file.path()).unwrap());
    world.input(Input::Users { realm: HOME, users });
    world
}

/// What answers a challenge, for the `count`th time.
fn credentials(
    challenge: &str,
    who: Terminal,
    password: &str,
    request: &str,
    count: u32,
) -> String {
    let mut words = request.split(' ');
    let (method, uri) = (words.next().unwrap(), words.next().unwrap());
    let sha = challenge.contains("algorithm=SHA-256");
    let algorithm = if sha {
        Algorithm::Sha256
    } else {
        Algorithm::Md5
    };
    let nonce = between(challenge, "nonce=\"", "\"");
    let realm = between(challenge, "realm=\"", "\"");
    let (user, count) = (who.user, format!("{count:08x}"));
    let own = secret(
        algorithm,
        user.as_bytes(),
        realm.as_bytes(),
        password.as_bytes(),
    );
    let answer = Answer {
        method: method.as_bytes(),
        uri: uri.as_bytes(),
        nonce: nonce.as_bytes(),
        client: Some(Client {
            count: count.as_bytes(),
            nonce: b"0a4f",
        }),
    };
    let response = answer.response(&own);
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         qop=auth, nc={count}, cnonce=\"0a4f\", algorithm={}, response=\"{response}\"",
        algorithm.name()
    )
}

/// A REGISTER with these header lines besides.
fn register(world: &mut World, who: Terminal, lines: &str, cseq: u32) -> String {
    let contact = format!("Contact: <{}>\n{lines}", who.contact(Ip::V4));
    let from = who.party(world, Ip::V4);
    let outcome = world.send(from, &who.register_with(Ip::V4, &contact, cseq));
    outcome.only(from).to_owned()
}

/// Registers with a password; the answer.
fn prove(world: &mut World, who: Terminal, password: &str, cseq: u32) -> String {
    let challenge = register(world, who, "", cseq);
    assert_eq!(start(&challenge), "SIP/2.0 401 Unauthorized");
    let challenge = header(&challenge, "WWW-Authenticate");
    let line = credentials(challenge, who, password, "REGISTER sip:example.net", 1);
    register(world, who, &format!("Authorization: {line}\n"), cseq + 1)
}

#[test]
fn who_has_the_secret_registers_and_nobody_else() {
    let mut world = guarded("");
    assert_eq!(
        start(&prove(&mut world, ALICE, "wonderland", 1)),
        "SIP/2.0 200 OK"
    );
    let refused = prove(&mut world, BOB, "wonderland", 1);
    assert_eq!(start(&refused), "SIP/2.0 401 Unauthorized");
    let challenges = refused.matches("\r\nWWW-Authenticate: Digest ").count();
    assert!(
        challenges >= 1 && !refused.contains("stale=true"),
        "{refused}"
    );
    // Alice's secret for Bob's name.
    let challenge = register(&mut world, BOB, "", 10);
    let challenge = header(&challenge, "WWW-Authenticate");
    let line = credentials(
        challenge,
        ALICE,
        "wonderland",
        "REGISTER sip:example.net",
        1,
    );
    let other = register(&mut world, BOB, &format!("Authorization: {line}\n"), 11);
    assert_eq!(start(&other), "SIP/2.0 403 Another User's Name");
    let broken = register(&mut world, BOB, "Authorization: Digest username=\n", 12);
    assert_eq!(start(&broken), "SIP/2.0 400 Malformed Credentials");
    assert_eq!(world.gateway.registrations(world.now).len(), 1);
    assert_eq!(world.gateway.counters().denied, 3);
}

#[test]
fn an_answer_counts_once_and_not_for_ever() {
    let mut world = guarded("nonce_lifetime: 10s");
    let challenge = register(&mut world, ALICE, "", 1);
    let challenge = header(&challenge, "WWW-Authenticate").to_owned();
    let try_with = |world: &mut World, count, cseq| {
        let line = credentials(
            &challenge,
            ALICE,
            "wonderland",
            "REGISTER sip:example.net",
            count,
        );
        register(world, ALICE, &format!("Authorization: {line}\n"), cseq)
    };
    assert_eq!(start(&try_with(&mut world, 1, 2)), "SIP/2.0 200 OK");
    assert!(try_with(&mut world, 1, 3).contains("stale=true"));
    assert_eq!(start(&try_with(&mut world, 2, 4)), "SIP/2.0 200 OK");
    world.wait(Duration::from_secs(11));
    assert!(try_with(&mut world, 3, 5).contains("stale=true"));
}

#[test]
fn callers_from_here_prove_themselves_and_their_proof_goes_no_further() {
    let mut world = guarded("");
    prove(&mut world, BOB, "builder", 1);
    let (alice, bob) = (ALICE.party(&world, Ip::V4), BOB.party(&world, Ip::V4));
    let invite = |lines: &str, cseq| {
        let invite = ALICE.invite(Ip::V4, "sip:bob@example.net", Ip::V4, cseq);
        invite.replace("Max-Forwards", &format!("{lines}Max-Forwards"))
    };
    let outcome = world.send(alice, &invite("", 1));
    let challenge = last(&outcome, alice).to_owned();
    assert_eq!(
        start(&challenge),
        "SIP/2.0 407 Proxy Authentication Required"
    );
    let challenge = header(&challenge, "Proxy-Authenticate").to_owned();
    let line = credentials(
        &challenge,
        ALICE,
        "wonderland",
        "INVITE sip:bob@example.net",
        1,
    );
    let others = "Proxy-Authorization: Digest realm=\"far.example\", username=\"a\"\n";
    let lines = format!("Proxy-Authorization: {line}\n{others}");
    let outcome = world.send(alice, &invite(&lines, 2));
    let request = outcome.only(bob);
    assert!(
        start(request).starts_with("INVITE sip:bob@198.51.100.6"),
        "{request}"
    );
    assert!(
        header(request, "Proxy-Authorization").contains("far.example"),
        "{request}"
    );
    assert!(!request.contains("cnonce"), "{request}");
    // The same where the realm stands without quotes, as some write it.
    let challenge = header(
        last(&world.send(alice, &invite("", 5)), alice),
        "Proxy-Authenticate",
    )
    .to_owned();
    let line = credentials(
        &challenge,
        ALICE,
        "wonderland",
        "INVITE sip:bob@example.net",
        1,
    );
    let line = line.replace("realm=\"example.net\"", "realm=example.net");
    let outcome = world.send(alice, &invite(&format!("Proxy-Authorization: {line}\n"), 6));
    let request = outcome.only(bob);
    assert!(find(request, "Proxy-Authorization").is_none(), "{request}");
    // Nobody vouches for those from elsewhere; they reach our users all the same.
    let stranger = invite("", 3).replace("sip:alice@example.net>;tag", "sip:x@far.example>;tag");
    let outcome = world.send(alice, &stranger);
    assert_eq!(outcome.to(bob).len(), 1);
    let unknown = ALICE.invite(Ip::V4, "sip:nobody@example.net", Ip::V4, 4);
    let unknown = unknown.replace("sip:alice@example.net>;tag", "sip:x@far.example>;tag");
    let outcome = world.send(alice, &unknown.replace("call-alice", "call-4"));
    assert_eq!(start(last(&outcome, alice)), "SIP/2.0 404 No Such User");
}

#[test]
fn nobody_is_let_in_before_the_users_are_read() {
    let mut world = server("users: users.yaml");
    let answer = register(&mut world, ALICE, "", 1);
    assert_eq!(start(&answer), "SIP/2.0 503 Users Not Read Yet");
    assert!(find(&answer, "Retry-After").is_some());
}
