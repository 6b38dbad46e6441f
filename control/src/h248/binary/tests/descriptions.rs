//! Local and Remote descriptors: what groups of properties say, and what becomes of them.

use super::super::read;
use super::{actions, command, octets, rendered, text, transactions, vectors};
use crate::h248::model::{Content, Descriptor, ErrorCode, Mode, Pattern, Wildcard};
use crate::h248::{Edits, Replacement};

/// What a message has where `place` points is made to say these lines, and says them.
#[track_caller]
fn says_again(bytes: &[u8], lines: &str, place: fn(&Content) -> &Option<Descriptor>) {
    let (content, sites) = read(bytes).unwrap();
    let site = place(&content).as_ref().unwrap().site;
    let mut edits = Edits::new();
    edits.set(site, Replacement::Descriptor(lines.into()));
    let (content, _) = read(&rendered(bytes, &sites, &edits)).unwrap();
    assert_eq!(text(place(&content)), lines);
}

fn second_local(content: &Content) -> &Option<Descriptor> {
    let commands = &actions(&transactions(content)[0])[0].commands;
    &commands[1].streams[0].local
}

#[test]
fn native_properties_are_lines() {
    let vectors = vectors();
    let (content, sites) = read(&vectors["native"]).unwrap();
    let stream = &command(&content).streams[0];
    let choose = Wildcard::Choose(Pattern::Prefix { bits: 0 });
    assert_eq!(command(&content).terminations[0].wildcard, choose);
    assert_eq!((stream.id, stream.mode), (1, Some(Mode::SendReceive)));
    assert_eq!(
        text(&stream.local),
        "v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 8 18\r\n"
    );
    let remote = "v=0\r\nc=IN IP4 10.0.0.9\r\nm=video 40000 RTP/AVP 34\r\n\
                  v=0\r\nm=audio 5000 RTP/AVP -\r\nc=IN IP6 2001:db8::9\r\n";
    assert_eq!(text(&stream.remote), remote);
    let mut edits = Edits::new();
    let local = "v=0\r\nc=IN IP6 2001:db8::77\r\nm=audio 700 RTP/AVP 8\r\n";
    let remote = "v=0\r\nc=IN IP4 gw.example.net\r\nm=video $ RTP/AVP 34\r\na=x\r\n\
                  v=0\r\nm=audio 5000 RTP/AVP -\r\nc=IN IP4 192.0.2.9\r\n\
                  v=0\r\nc=IN IP4 192.0.2.8\r\n";
    let site = |descriptor: &Option<Descriptor>| descriptor.as_ref().unwrap().site;
    for (of, text) in [(&stream.local, local), (&stream.remote, remote)] {
        edits.set(site(of), Replacement::Descriptor(text.into()));
    }
    let bytes = rendered(&vectors["native"], &sites, &edits);
    let (content, _) = read(&bytes).unwrap();
    let stream = &command(&content).streams[0];
    assert_eq!(text(&stream.local), local);
    assert_eq!(text(&stream.remote), remote);
    // The address has become the other property, the port an INTEGER, in what surrounds them.
    let six = octets("301c800400006002a11404120410");
    let six = [six, octets("20010db8000000000000000000000077")].concat();
    assert!(bytes.windows(six.len()).any(|piece| piece == six));
    let port = octets("300e800400006003a1060404020202bc");
    assert!(bytes.windows(port.len()).any(|piece| piece == port));
}

#[test]
fn plain_values_stay_plain_and_wrapped_lines_wrapped() {
    let vectors = vectors();
    let (content, sites) = read(&vectors["native-plain"]).unwrap();
    let stream = &command(&content).streams[0];
    let lines = "v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 30000 RTP/AVP 8\r\n\
                 a=ptime:20\r\na=sendrecv\r\n";
    assert_eq!((stream.id, text(&stream.local)), (3, lines));
    let mut edits = Edits::new();
    let lines = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 513 RTP/AVP 0\r\na=sendonly\r\n";
    let site = stream.local.as_ref().unwrap().site;
    edits.set(site, Replacement::Descriptor(lines.into()));
    let bytes = rendered(&vectors["native-plain"], &sites, &edits);
    let (content, _) = read(&bytes).unwrap();
    assert_eq!(text(&command(&content).streams[0].local), lines);
    for piece in ["800400006001a1060404c0000201", "800400006003a10404020201"] {
        let piece = octets(piece);
        assert!(bytes.windows(piece.len()).any(|found| found == piece));
    }
    let (content, sites) = read(&vectors["wrapped-lines"]).unwrap();
    let remote = &command(&content).streams[0].remote;
    let lines = "v=0\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP4 10.0.0.9\r\na=$\r\n";
    assert_eq!(text(remote), lines);
    let mut edits = Edits::new();
    let lines = "v=0\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\n";
    let site = remote.as_ref().unwrap().site;
    edits.set(site, Replacement::Descriptor(lines.into()));
    let bytes = rendered(&vectors["wrapped-lines"], &sites, &edits);
    let (content, _) = read(&bytes).unwrap();
    assert_eq!(text(&command(&content).streams[0].remote), lines);
    let bandwidth = b"\x04\x07\x16\x05AS:64";
    assert!(
        bytes
            .windows(bandwidth.len())
            .any(|found| found == bandwidth)
    );
}

#[test]
fn descriptions_come_and_go_with_their_groups() {
    let vectors = vectors();
    let (content, _) = read(&vectors["add"]).unwrap();
    let local = second_local(&content);
    let first = "v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 4\r\na=ptime:30\r\n";
    let second = "v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 0\r\n";
    assert_eq!(text(local), [first, second].concat());
    for lines in ["", first, &[first, second, first].concat()] {
        says_again(&vectors["add"], lines, second_local);
    }
}

#[test]
fn values_that_look_like_elements_mean_what_they_meant() {
    let vectors = vectors();
    // As octets: an empty INTEGER or ENUMERATED, an OCTET STRING of two.
    for (ip, port) in [("4.2.0.1", 512), ("192.0.2.1", 2560), ("4.4.4.4", 2816)] {
        let lines = format!("v=0\r\nc=IN IP4 {ip}\r\nm=audio {port} RTP/AVP 0\r\n");
        says_again(&vectors["native-plain"], &lines, |content| {
            &command(content).streams[0].local
        });
    }
    let lines = "v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 4\r\na=\u{16}\u{2}no\r\n";
    says_again(&vectors["add"], lines, second_local);
}

#[test]
fn a_group_says_its_medium_once() {
    let mut bytes = vectors()["native-plain"].clone();
    let payload_types = [0x80, 4, 0, 0, 0x10, 0x0f];
    let mut places = bytes.windows(payload_types.len());
    let place = places.position(|piece| piece == payload_types).unwrap();
    bytes[place + payload_types.len() - 1] = 0x01;
    let error = read(&bytes).unwrap_err();
    assert_eq!(error.code, ErrorCode::BAD_PROPERTY_VALUE);
}
