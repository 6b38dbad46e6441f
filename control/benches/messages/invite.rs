//! A typical INVITE with its description, and what a full proxy does to it.

use strait_control::sdp::Description;
use strait_control::sip::{HeaderName, Message, Splices};

/// As a phone behind a NAT sends it through one proxy.
pub const INVITE: &[u8] = b"INVITE sip:bob@switch.example.com;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1-5c1f;rport\r\n\
    Via: SIP/2.0/UDP 10.1.1.7:5060;branch=z9hG4bK776asdhds;received=203.0.113.4;rport=40000\r\n\
    Max-Forwards: 69\r\n\
    Record-Route: <sip:198.51.100.7;lr>\r\n\
    From: \"Alice\" <sip:alice@switch.example.com>;tag=9fxced76sl\r\n\
    To: <sip:bob@switch.example.com;user=phone>\r\n\
    Call-ID: 3848276298220188511@10.1.1.7\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:alice@10.1.1.7:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, INFO, PRACK, UPDATE\r\n\
    Supported: replaces, timer, 100rel\r\n\
    Session-Expires: 1800;refresher=uac\r\n\
    User-Agent: Phone/1.2.3\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 233\r\n\
    \r\n\
    v=0\r\n\
    o=alice 2890844526 2890844526 IN IP4 10.1.1.7\r\n\
    s=-\r\n\
    c=IN IP4 10.1.1.7\r\n\
    t=0 0\r\n\
    m=audio 4000 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=sendrecv\r\n";

/// Reads [`INVITE`], replaces every address of the caller's side by the proxy's, and writes the
/// result to `out`.
pub fn relay(edits: &mut Splices, out: &mut Vec<u8>) {
    edits.clear();
    out.clear();
    let message = Message::parse(INVITE).expect("it is well formed");
    message.check().expect("it makes sense");
    for header in message.headers() {
        if matches!(header.name, HeaderName::Via | HeaderName::RecordRoute) {
            edits.remove_header(header);
        }
    }
    let first = message.headers()[0].line.start();
    edits.insert_header(first, "Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport");
    let hops = message.value(HeaderName::MaxForwards).expect("it has one");
    edits.replace(hops.span(), "68");
    for contact in message.addresses(HeaderName::Contact) {
        let (_, contact) = contact.expect("it was checked");
        let host_port = contact.uri.host_port.expect("it is a SIP URI");
        edits.replace(host_port.whole, "192.0.2.1:5060");
    }
    let call_id = message.call_id().expect("it was checked");
    edits.replace(call_id.span(), "d41d8cd98f00b204");
    let body = message.session_description().expect("it has one");
    let description =
        Description::parse_at(message.bytes(), body.span()).expect("it is well formed");
    edits.replace(description.origin.expect("it has one").address, "192.0.2.1");
    edits.replace(
        description.connection.expect("it has one").address,
        "192.0.2.1",
    );
    for media in description.media() {
        edits.replace(media.port_span, "20000");
    }
    description
        .alternatives()
        .for_each(|line| edits.remove(line.whole));
    message.render(edits, out);
}
