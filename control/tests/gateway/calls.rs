//! Calls from offer to BYE.

pub use crate::texts::{ANSWER, INVITE, response};
use crate::world::{Party, World, between, header, start};

/// A request within the dialog that a response has set up, from whoever got the response.
pub fn within(response: &str, method: &str, cseq: u32, branch: &str, via: &str) -> String {
    let value = |name| header(response, name);
    let target = between(value("Contact"), "<", ">");
    let (from, to, call_id) = (value("From"), value("To"), value("Call-ID"));
    format!(
        "{method} {target} SIP/2.0\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{branch};rport\n\
         Max-Forwards: 70\nFrom: {from}\nTo: {to}\nCall-ID: {call_id}\nCSeq: {cseq} {method}\n\
         Content-Length: 0\n\n"
    )
}

/// An answered call: what the softswitch was asked and what the phone was told.
pub fn answered(world: &mut World, phone: Party) -> (String, String) {
    let softswitch = world.softswitch(1);
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let ok = world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let ok = ok.only(phone).to_owned();
    let ack = within(&ok, "ACK", 1, "ack1", "192.168.1.5:5060");
    let passed = world.send(phone, &ack);
    assert!(start(passed.only(softswitch)).starts_with("ACK sip:bob@10.0.0.1:5060 "));
    (invite, ok)
}

#[test]
fn a_call_passes_with_its_media() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let outcome = world.send(phone, INVITE);
    assert_eq!(start(outcome.only(phone)), "SIP/2.0 100 Trying");
    let invite = outcome.only(softswitch);
    assert_eq!(start(invite), "INVITE sip:bob@10.0.0.1 SIP/2.0");
    assert!(invite.contains("c=IN IP4 198.51.100.1\r\n"));
    let (_, ok) = answered_from(&mut world, phone, invite);
    assert_eq!(start(&ok), "SIP/2.0 200 OK");
    assert!(ok.contains("c=IN IP4 192.0.2.1\r\n"));
    assert!(header(&ok, "Contact").starts_with("<sip:bob@192.0.2.1:5060;strait="));
    assert_eq!(world.open.len(), 4, "RTP and RTCP on both sides");

    let bye = within(&ok, "BYE", 2, "bye1", "192.168.1.5:5060");
    let bye = world.send(phone, &bye).only(softswitch).to_owned();
    assert!(start(&bye).starts_with("BYE sip:bob@10.0.0.1:5060 "));
    let over = world.send(softswitch, &response(&bye, "200 OK", "", ""));
    assert_eq!(start(over.only(phone)), "SIP/2.0 200 OK");
    assert!(world.open.is_empty());
    let record = &over.records[0];
    assert_eq!(record.caller.realm, "access");
    assert_eq!(record.callee.from, "sip:alice@10.0.0.1");
    assert_eq!(record.ending.as_ref().unwrap().reason, "bye");
    assert_eq!(record.streams.len(), 4);
    world.wait(std::time::Duration::from_secs(200));
    let sizes = world.gateway.sizes();
    assert_eq!(
        (
            sizes.calls,
            sizes.dialogs,
            sizes.exchanges,
            sizes.tokens,
            sizes.sessions,
            sizes.timers
        ),
        (0, 0, 0, 0, 0, 0)
    );
}

fn answered_from(world: &mut World, phone: Party, invite: &str) -> (String, String) {
    let softswitch = world.softswitch(1);
    let ringing = world.send(softswitch, &response(invite, "180 Ringing", "b1", ""));
    assert_eq!(start(ringing.only(phone)), "SIP/2.0 180 Ringing");
    let ok = world.send(softswitch, &response(invite, "200 OK", "b1", ANSWER));
    let ok = ok.only(phone).to_owned();
    let ack = within(&ok, "ACK", 1, "ack1", "192.168.1.5:5060");
    let passed = world.send(phone, &ack).only(softswitch).to_owned();
    (passed, ok)
}

#[test]
fn an_answer_we_refuse_is_not_quoted_to_the_caller() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    // The world reads whatever is sent to either side for addresses of the other.
    let ours = ANSWER
        .replace("10.0.0.50", "198.51.100.1")
        .replace("6000", "30998");
    let refused = world.send(softswitch, &response(&invite, "200 OK", "b1", &ours));
    let last = refused.last(phone);
    assert_eq!(start(last), "SIP/2.0 488 Not Acceptable Here");
    let warning = header(last, "Warning");
    assert!(warning.contains("one of our media ports"), "{warning}");
}
