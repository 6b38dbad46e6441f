//! A user with several terminals (RFC 3261 §16.7): those liked alike ring at once.

use std::time::Duration;

use strait_control::gateway::io::Transport;

use crate::serve::scene::{ALICE, BOB, HOME, Ip, last, registered, response, server};
use crate::world::{Outcome, Party, World, find, header, start};

/// Bob's terminals, each with a name of its own.
const TERMINALS: [(&str, &str); 3] = [
    ("desk", "198.51.100.61:5060"),
    ("mobile", "198.51.100.62:5060"),
    ("soft", "198.51.100.63:5060"),
];

/// A server with Alice's terminal, and as many of Bob's as there are preferences.
struct House {
    world: World,
    alice: Party,
    terminals: Vec<Party>,
}

/// What Alice's INVITE led to, and the INVITE that each of Bob's terminals has got.
fn house(preferences: &[&str]) -> (House, Vec<String>) {
    let mut world = server("");
    registered(&mut world, ALICE, Ip::V4, &[Ip::V4], 1);
    let contacts = TERMINALS.iter().zip(preferences);
    let contacts = contacts.map(|((name, at), q)| format!("<sip:{name}@{at}>{q}"));
    let contacts: Vec<String> = contacts.collect();
    let lines = format!("Contact: {}\n", contacts.join(", "));
    let bob = BOB.party(&world, Ip::V4);
    world.send(bob, &BOB.register_with(Ip::V4, &lines, 1));
    let (alice, at) = (ALICE.party(&world, Ip::V4), TERMINALS.iter());
    let terminals: Vec<Party> = at
        .take(preferences.len())
        .map(|(_, at)| world.party(HOME, Transport::Udp, at))
        .collect();
    let invite = ALICE.invite(Ip::V4, "sip:bob@example.net", Ip::V4, 1);
    let rung = world.send(alice, &invite);
    let invites = terminals.iter().map(|terminal| rung.to(*terminal));
    let invites = invites.map(|all| all.first().map_or(String::new(), |text| (*text).to_owned()));
    let invites = invites.collect();
    let house = House {
        world,
        alice,
        terminals,
    };
    (house, invites)
}

impl House {
    /// A terminal answers its INVITE; with a description where it answers for good or early.
    fn says(&mut self, terminal: usize, invite: &str, status: &str) -> Outcome {
        let (name, at) = TERMINALS[terminal];
        let (host, _) = at.split_once(':').unwrap();
        let described = status.starts_with('2') || status.starts_with("183");
        let (lines, body) = match described {
            true => (
                format!("Contact: <sip:{name}@{at}>\nContent-Type: application/sdp\n"),
                format!(
                    "v=0\no=- 1 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\n\
                     m=audio 400{terminal} RTP/AVP 0\n"
                ),
            ),
            false => (format!("Contact: <sip:{name}@{at}>\n"), String::new()),
        };
        let text = response(invite, status, &lines, &body);
        let tag = format!(";tag={name}");
        self.world
            .send(self.terminals[terminal], &text.replace(";tag=callee", &tag))
    }

    /// What Alice was told last.
    #[track_caller]
    fn told(&self, outcome: &Outcome) -> String {
        start(last(outcome, self.alice)).to_owned()
    }

    /// A request of Alice's transaction or dialog: CANCEL, ACK or BYE.
    fn alice_says(&mut self, method: &str, to: &str, cseq: u32) -> Outcome {
        let invite = ALICE.invite(Ip::V4, "sip:bob@example.net", Ip::V4, 1);
        let (head, _) = invite.split_once("Contact:").unwrap();
        let text = head
            .replace("INVITE", method)
            .replace("CSeq: 1", &format!("CSeq: {cseq}"));
        let text = match method {
            "CANCEL" => text,
            _ => text
                .replace("z9hG4bKi", &format!("z9hG4bK{method}"))
                .replace("To: <sip:bob@example.net>", &format!("To: {to}")),
        };
        self.world
            .send(self.alice, &format!("{text}Content-Length: 0\n\n"))
    }

    /// Nothing is left of the call.
    #[track_caller]
    fn is_over(&mut self) {
        self.world.wait(Duration::from_secs(200));
        assert_eq!(self.world.open, []);
        let sizes = self.world.gateway.sizes();
        assert_eq!((sizes.calls, sizes.dialogs, sizes.exchanges), (0, 0, 0));
    }
}

#[track_caller]
fn method(outcome: &Outcome, party: Party) -> String {
    let text = last(outcome, party);
    start(text).split(' ').next().unwrap().to_owned()
}

#[test]
fn all_ring_and_the_first_that_answers_has_the_call() {
    let (mut house, invites) = house(&["", "", ""]);
    for ((name, at), invite) in TERMINALS.iter().zip(&invites) {
        assert_eq!(start(invite), format!("INVITE sip:{name}@{at} SIP/2.0"));
    }
    house.says(0, &invites[0], "180 Ringing");
    let ringing = house.says(1, &invites[1], "180 Ringing");
    assert_eq!(house.told(&ringing), "SIP/2.0 180 Ringing");
    let taken = house.says(1, &invites[1], "200 OK");
    let ok = last(&taken, house.alice).to_owned();
    assert_eq!(start(&ok), "SIP/2.0 200 OK");
    assert!(header(&ok, "To").ends_with(";tag=mobile"), "{ok}");
    // The third has said nothing, so nothing is said to it yet (RFC 3261 §9.1).
    assert!(taken.to(house.terminals[2]).is_empty());
    let cancel = taken.only(house.terminals[0]);
    assert_eq!(start(cancel).split(' ').next(), Some("CANCEL"));
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(find(cancel, "Reason"), Some(reason));
    let late = house.says(2, &invites[2], "180 Ringing");
    assert_eq!(method(&late, house.terminals[2]), "CANCEL");
    assert!(late.to(house.alice).is_empty(), "the call is answered");
    for other in [0, 2] {
        let over = house.says(other, &invites[other], "487 Request Terminated");
        assert_eq!(method(&over, house.terminals[other]), "ACK");
        assert!(over.to(house.alice).is_empty());
    }
    let to = header(&ok, "To").to_owned();
    let acked = house.alice_says("ACK", &to, 1);
    assert_eq!(method(&acked, house.terminals[1]), "ACK");
    let over = house.alice_says("BYE", &to, 2);
    assert_eq!(method(&over, house.terminals[1]), "BYE");
    let bye = last(&over, house.terminals[1]).to_owned();
    let over = house.says(1, &bye, "200 OK");
    let record = &over.records[0];
    assert_eq!(
        record.callee.address,
        Some("198.51.100.62:5060".parse().unwrap())
    );
    house.is_over();
}

#[test]
fn who_answers_too_late_is_thanked_and_sent_away() {
    let (mut house, invites) = house(&["", ""]);
    house.says(0, &invites[0], "200 OK");
    let late = house.says(1, &invites[1], "200 OK");
    let said = late.to(house.terminals[1]);
    let said: Vec<_> = said
        .iter()
        .map(|text| start(text).split(' ').next())
        .collect();
    assert_eq!(said, [Some("ACK"), Some("BYE")]);
    assert!(late.to(house.alice).is_empty());
}

#[test]
fn one_that_refuses_leaves_the_others_ringing_and_its_port_to_them() {
    let (mut house, invites) = house(&["", ""]);
    let early = house.says(0, &invites[0], "183 Session Progress");
    assert_eq!(house.told(&early), "SIP/2.0 183 Session Progress");
    let refused = house.says(0, &invites[0], "486 Busy Here");
    assert!(refused.to(house.alice).is_empty(), "another one rings");
    let taken = house.says(1, &invites[1], "200 OK");
    let ok = last(&taken, house.alice).to_owned();
    assert!(ok.contains("m=audio 2"), "{ok}");
    let to = header(&ok, "To").to_owned();
    house.alice_says("ACK", &to, 1);
    assert!(!house.world.gates.is_empty(), "media may pass");
    house.alice_says("BYE", &to, 2);
    house.is_over();
}

#[test]
fn where_all_refuse_the_best_refusal_is_passed_on() {
    for (said, told) in [
        (["486 Busy Here", "404 Not Found"], "486 Busy Here"),
        (
            ["500 Server Internal Error", "486 Busy Here"],
            "486 Busy Here",
        ),
        (
            ["486 Busy Here", "500 Server Internal Error"],
            "486 Busy Here",
        ),
        (
            ["480 Temporarily Unavailable", "415 Unsupported Media Type"],
            "415 Unsupported Media Type",
        ),
        (
            ["415 Unsupported Media Type", "480 Temporarily Unavailable"],
            "415 Unsupported Media Type",
        ),
        (
            ["404 Not Found", "302 Moved Temporarily"],
            "302 Moved Temporarily",
        ),
    ] {
        let (mut house, invites) = house(&["", ""]);
        let first = house.says(0, &invites[0], said[0]);
        assert!(first.to(house.alice).is_empty());
        let second = house.says(1, &invites[1], said[1]);
        assert_eq!(house.told(&second), format!("SIP/2.0 {told}"));
        let record = &second.records[0];
        let status = told.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(record.ending.as_ref().unwrap().status, Some(status));
        house.alice_says("ACK", "<sip:bob@example.net>;tag=desk", 1);
        house.is_over();
    }
}

#[test]
fn one_that_declines_does_so_for_all() {
    let (mut house, invites) = house(&["", "", ";q=0.1"]);
    house.says(0, &invites[0], "180 Ringing");
    let declined = house.says(1, &invites[1], "603 Decline");
    assert_eq!(method(&declined, house.terminals[0]), "CANCEL");
    assert!(declined.to(house.alice).is_empty());
    let over = house.says(0, &invites[0], "487 Request Terminated");
    assert_eq!(house.told(&over), "SIP/2.0 603 Decline");
    assert!(over.to(house.terminals[2]).is_empty(), "declined for all");
    house.is_over();
}

#[test]
fn the_next_ones_are_rung_once_those_liked_better_have_all_refused() {
    let (mut house, invites) = house(&[";q=0.8", ";q=0.8", ";q=0.2"]);
    assert_eq!(invites[2], "");
    house.says(0, &invites[0], "180 Ringing");
    house.says(1, &invites[1], "180 Ringing");
    house.says(0, &invites[0], "486 Busy Here");
    let next = house.says(1, &invites[1], "486 Busy Here");
    assert!(next.to(house.alice).is_empty());
    let invite = next.last(house.terminals[2]).to_owned();
    assert!(invite.starts_with("INVITE sip:soft@"), "{invite}");
    let ok = house.says(2, &invite, "200 OK");
    assert_eq!(house.told(&ok), "SIP/2.0 200 OK");
}

#[test]
fn where_none_is_there_the_next_ones_are_rung() {
    let (mut house, invites) = house(&[";q=0.8", ";q=0.8", ";q=0.2"]);
    assert_eq!(invites[2], "");
    let later = house.world.wait(Duration::from_secs(5));
    let invites = later.to(house.terminals[2]);
    assert!(invites[0].starts_with("INVITE sip:soft@"), "{invites:?}");
    house.is_over();
}

#[test]
fn one_that_is_not_there_does_not_spoil_what_the_other_says() {
    let (mut house, invites) = house(&["", ""]);
    let refused = house.says(1, &invites[1], "486 Busy Here");
    assert!(refused.to(house.alice).is_empty());
    let over = house.world.wait(Duration::from_secs(40));
    let told = over.to(house.alice);
    assert_eq!(start(told[0]), "SIP/2.0 486 Busy Here");
    house.is_over();
}

#[test]
fn who_hangs_up_silences_them_all() {
    let (mut house, invites) = house(&["", ""]);
    house.says(0, &invites[0], "180 Ringing");
    house.says(1, &invites[1], "180 Ringing");
    let cancelled = house.alice_says("CANCEL", "", 1);
    for terminal in &house.terminals {
        assert_eq!(method(&cancelled, *terminal), "CANCEL");
    }
    house.says(0, &invites[0], "487 Request Terminated");
    let over = house.says(1, &invites[1], "487 Request Terminated");
    assert_eq!(house.told(&over), "SIP/2.0 487 Request Terminated");
    assert_eq!(over.records[0].ending.as_ref().unwrap().reason, "cancelled");
    house.is_over();
}

#[test]
fn an_operator_that_ends_the_call_silences_them_all() {
    use strait_control::gateway::io::{Input, OperatorCommand};
    let (mut house, invites) = house(&["", ""]);
    house.says(0, &invites[0], "180 Ringing");
    house.says(1, &invites[1], "180 Ringing");
    let ended = house
        .world
        .input(Input::Operator(OperatorCommand::EndAllCalls));
    for terminal in &house.terminals {
        assert_eq!(method(&ended, *terminal), "CANCEL");
    }
    house.is_over();
}

#[test]
fn a_successor_silences_them_all() {
    let (mut house, invites) = house(&["", ""]);
    house.says(0, &invites[0], "180 Ringing");
    house.says(1, &invites[1], "180 Ringing");
    let journal = house.world.journal.clone();
    let (_, told) = house.world.crash(journal);
    assert_eq!(
        start(told.last(house.alice)),
        "SIP/2.0 503 Control Restarted"
    );
    for (number, invite) in invites.iter().enumerate() {
        let terminal = house.terminals[number];
        assert!(
            told.last(terminal).starts_with("INVITE "),
            "it hears the INVITE again"
        );
        let said = house.says(number, invite, "180 Ringing");
        assert_eq!(method(&said, terminal), "CANCEL");
    }
    house.is_over();
}

#[test]
fn a_text_goes_to_one_terminal() {
    let (mut house, _) = house(&["", ""]);
    let text = "MESSAGE sip:bob@example.net SIP/2.0\n\
         Via: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKm\nMax-Forwards: 70\n\
         From: <sip:alice@example.net>;tag=m\nTo: <sip:bob@example.net>\nCall-ID: m\n\
         CSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: auto\n\nhello";
    let sent = house.world.send(house.alice, text);
    let texts = |terminal: &&Party| !sent.to(**terminal).is_empty();
    assert_eq!(house.terminals.iter().filter(texts).count(), 1);
}
