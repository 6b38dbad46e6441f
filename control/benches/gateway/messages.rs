//! What the phone and the softswitch of the bench say.

/// Both networks, one phone behind a NAT, one softswitch.
pub const CONFIG: &str = r#"
realms:
  - name: access
    nat: true
    signalling: [ { transport: udp, address: 192.0.2.1, port: 5060 } ]
    media: [ { address: 192.0.2.1, ports: 10000-59999 } ]
    keepalive: { method: options, interval: 30m }
    registration: { absorb: false }
    forward_to: [core-1]
  - name: core
    signalling: [ { transport: udp, address: 198.51.100.1, port: 5060 } ]
    media: [ { address: 198.51.100.1, ports: 10000-59999 } ]
softswitches:
  - { name: core-1, realm: core, address: "10.0.0.1:5060", probe: null }
limits: { calls: 1000000, registrations: 1000000, calls_per_second: 100000 }
"#;

pub fn invite(number: u64) -> Vec<u8> {
    let body = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.168.1.5\r\ns=call\r\n\
        c=IN IP4 192.168.1.5\r\nt=0 0\r\nm=audio 49170 RTP/AVP 8 0 101\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    let head = request("INVITE", "sip:bob@192.0.2.1", number, 1, "");
    let contact = format!(
        "Contact: <sip:alice{number}@192.168.1.5:5060;transport=udp>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, INFO\r\n\
         Supported: replaces, 100rel, timer\r\nUser-Agent: Phone/4.5.6\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    (head + &contact).into_bytes()
}

/// ACK and BYE: to what the 200 gave as Contact.
pub fn within(method: &str, target: &str, number: u64, cseq: u32) -> Vec<u8> {
    let head = request(method, target, number, cseq, ";tag=b");
    (head + "Content-Length: 0\r\n\r\n").into_bytes()
}

pub fn register(number: u64, cseq: u32) -> Vec<u8> {
    format!(
        "REGISTER sip:192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKr{number}x{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:u{number}@192.0.2.1>;tag=r{number}\r\n\
         To: <sip:u{number}@192.0.2.1>\r\nCall-ID: reg-{number}@192.168.1.5\r\n\
         CSeq: {cseq} REGISTER\r\nContact: <sip:u{number}@192.168.1.5:5060>\r\n\
         Expires: 3600\r\nUser-Agent: Phone/4.5.6\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn request(method: &str, uri: &str, number: u64, cseq: u32, tag: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK{method}{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice{number}@192.0.2.1>;tag=a{number}\r\n\
         To: <sip:bob@192.0.2.1>{tag}\r\nCall-ID: {number}@192.168.1.5\r\n\
         CSeq: {cseq} {method}\r\n"
    )
}

/// The softswitch's response to what it was sent.
pub fn response(request: &str, status: &str, sdp: bool) -> Vec<u8> {
    let value = |name| line(request, name).unwrap_or_default();
    let to = value("To: ");
    let tag = if to.contains(";tag=") { "" } else { ";tag=b" };
    let body = if sdp {
        "v=0\r\no=bob 1 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\n\
         m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    } else {
        ""
    };
    let content = if sdp {
        "Content-Type: application/sdp\r\n"
    } else {
        ""
    };
    let contact = match line(request, "Contact: ") {
        Some(contact) if request.starts_with("REGISTER") => format!("{contact};expires=3600"),
        _ => "<sip:bob@10.0.0.1:5060>".to_owned(),
    };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\n\
         CSeq: {}\r\nContact: {contact}\r\nServer: Softswitch\r\n{content}\
         Content-Length: {}\r\n\r\n{body}",
        value("Via: "),
        value("From: "),
        value("Call-ID: "),
        value("CSeq: "),
        body.len()
    )
    .into_bytes()
}

/// The value of a header line.
pub fn line<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name))
}
