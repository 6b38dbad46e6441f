//! Descriptions that are no offer or answer, in whatever carries them.

use crate::calls::{INVITE, answered, response, within};
use crate::world::{World, find, header, start};

/// What a callee could have done, had it wanted to.
const CAPABLE: &str = "\
v=0
o=- 7 7 IN IP4 core.example
s=-
c=IN IP4 core.example
t=0 0
a=x-real:10.0.0.50
m=audio 6000 RTP/AVP 8
c=IN IP4 10.0.0.50
a=rtpmap:8 PCMA/8000
a=rtcp:6007 IN IP4 10.0.0.51
a=candidate:1 1 UDP 9 10.0.0.52 6000 typ host
m=message 7000 TCP/MSRP *
a=path:msrp://core.example:7000/x;tcp
";

/// The same as the caller may read it.
const READ: &str = "\
v=0
o=- 7 7 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
a=x-real:192.0.2.1
m=audio 0 RTP/AVP 8
c=IN IP4 192.0.2.1
a=rtpmap:8 PCMA/8000
m=message 0 TCP/MSRP *
";

/// Nobody can tell what these name, but anybody can read it.
const CUT_OFF: [&str; 5] = [
    "v=0\no=- 7 7 IN IP6 2001:db8:c:1",
    "v=0\no=- 7 7 IN IP4\n",
    "v=0\no=10.0.0\n",
    "v=0\no=- 7 7 IN IP4 10.0.0.50\ns=-\nc=IN 10.0.1\n",
    "v=0\no=- 7 7 IN IP4 10.0.0.50\ns=-\nm=10.0.1",
];

fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").unwrap().1
}

/// An INVITE refused with a description, as the caller reads the refusal.
fn refused(status: &str, description: &str) -> String {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let refusal = response(&invite, status, "b1", description);
    let outcome = world.send(softswitch, &refusal);
    assert_eq!(outcome.records.len(), 1, "the call is over");
    outcome.last(phone).to_owned()
}

#[test]
fn capabilities_pass_without_a_place() {
    for status in ["302 Moved", "486 Busy Here", "488 Not Acceptable Here"] {
        let refusal = refused(status, CAPABLE);
        assert_eq!(start(&refusal), format!("SIP/2.0 {status}"));
        assert_eq!(body(&refusal), READ.replace('\n', "\r\n"));
        assert_eq!(header(&refusal, "Content-Type"), "application/sdp");
    }
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (_, ok) = answered(&mut world, phone);
    let options = within(&ok, "OPTIONS", 2, "opt", "192.168.1.5");
    let asked = world.send(phone, &options).only(softswitch).to_owned();
    let told = world.send(softswitch, &response(&asked, "200 OK", "", CAPABLE));
    assert_eq!(body(told.only(phone)), READ.replace('\n', "\r\n"));
    assert_eq!(world.open.len(), 4, "the call's media is as it was");
}

#[test]
fn what_nobody_can_read_stays_behind() {
    for description in CUT_OFF {
        for status in ["302 Moved", "486 Busy Here", "603 Decline"] {
            let refusal = refused(status, description);
            assert_eq!(start(&refusal), format!("SIP/2.0 {status}"));
            let told = ["10.0.", "2001:db8:c"]
                .iter()
                .any(|begin| refusal.contains(begin));
            assert!(!told, "{description:?} comes across in\n{refusal}");
        }
    }
    let refusal = refused("486 Busy Here", CUT_OFF[1]);
    assert_eq!(
        (body(&refusal), header(&refusal, "Content-Length")),
        ("", "0")
    );
    assert_eq!(find(&refusal, "Content-Type"), None);
}

#[test]
fn what_would_be_taken_for_an_answer_stays_behind() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    // Without a tag it begins no dialog whose media it could be about.
    let ringing = world.send(softswitch, &response(&invite, "183 Progress", "", CAPABLE));
    assert_eq!(start(ringing.only(phone)), "SIP/2.0 183 Progress");
    assert_eq!(body(ringing.only(phone)), "");

    let mut world = World::new();
    let (_, ok) = answered(&mut world, phone);
    let update = within(&ok, "UPDATE", 2, "up", "192.168.1.5");
    let asked = world.send(phone, &update).only(softswitch).to_owned();
    let told = world.send(softswitch, &response(&asked, "200 OK", "", CAPABLE));
    assert_eq!(start(told.only(phone)), "SIP/2.0 200 OK");
    assert_eq!(body(told.only(phone)), "");
}
