//! What the terminals of the bench say.

use strait_digest::{Algorithm, Answer, Client, secret};

/// A realm that serves one domain in both versions; `SERVE` is the rest of its section.
pub const CONFIG: &str = r#"
realms:
  - name: home
    signalling:
      - { transport: udp, address: 192.0.2.1 }
      - { transport: udp, address: "2001:db8:a::1" }
    media:
      - { address: 192.0.2.1, ports: 10000-59999 }
      - { address: "2001:db8:a::1", ports: 10000-59999 }
    serve:
      domains: [ example.net ]
      SERVE
limits: { calls: 1000000, registrations: 2000000, calls_per_second: 100000 }
"#;

pub const PASSWORD: &str = "wonderland";

/// Where a terminal is.
pub fn address(number: u64) -> std::net::SocketAddr {
    let [.., a, b, c] = (number as u32).to_be_bytes();
    ([100, a, b, c], 5060).into()
}

pub fn register(number: u64, cseq: u32, credentials: &str) -> Vec<u8> {
    let at = address(number);
    format!(
        "REGISTER sip:example.net SIP/2.0\r\n\
         Via: SIP/2.0/UDP {at};branch=z9hG4bKr{number}x{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:u{number}@example.net>;tag=r{number}\r\n\
         To: <sip:u{number}@example.net>\r\nCall-ID: reg-{number}@{at}\r\n\
         CSeq: {cseq} REGISTER\r\nContact: <sip:u{number}@{at}>\r\n{credentials}\
         Expires: 3600\r\nUser-Agent: Phone/4.5.6\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The header that answers the challenge in `response`.
pub fn credentials(response: &str, number: u64) -> String {
    let between = |before: &str| {
        let rest = response.split_once(before).expect("a challenge has it").1;
        rest.split('"').next().expect("it is quoted").to_owned()
    };
    let (nonce, user) = (between("nonce=\""), format!("u{number}"));
    let own = secret(
        Algorithm::Sha256,
        user.as_bytes(),
        b"example.net",
        PASSWORD.as_bytes(),
    );
    let answer = Answer {
        method: b"REGISTER",
        uri: b"sip:example.net",
        nonce: nonce.as_bytes(),
        client: Some(Client {
            count: b"00000001",
            nonce: b"0a4f",
        }),
    };
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"example.net\", nonce=\"{nonce}\", \
         uri=\"sip:example.net\", qop=auth, nc=00000001, cnonce=\"0a4f\", algorithm=SHA-256, \
         response=\"{}\"\r\n",
        answer.response(&own)
    )
}

pub fn invite(caller: u64, callee: u64, number: u64) -> Vec<u8> {
    let ip = address(caller).ip();
    let body = format!(
        "v=0\r\no=alice 2890844526 2890844526 IN IP4 {ip}\r\ns=call\r\nc=IN IP4 {ip}\r\n\
         t=0 0\r\nm=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    );
    let uri = format!("sip:u{callee}@example.net");
    let head = request("INVITE", &uri, caller, callee, number, "");
    let rest = format!(
        "Contact: <sip:u{caller}@{}>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, INFO\r\n\
         Supported: replaces, 100rel, timer\r\nUser-Agent: Phone/4.5.6\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        address(caller),
        body.len()
    );
    (head + &rest).into_bytes()
}

/// ACK and BYE: to what the 200 gave as Contact.
pub fn within(method: &str, target: &str, caller: u64, callee: u64, number: u64) -> Vec<u8> {
    let head = request(method, target, caller, callee, number, ";tag=b");
    (head + "Content-Length: 0\r\n\r\n").into_bytes()
}

fn request(method: &str, uri: &str, caller: u64, callee: u64, number: u64, tag: &str) -> String {
    let cseq = 1 + u32::from(method == "BYE");
    format!(
        "{method} {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {};branch=z9hG4bK{method}{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:u{caller}@example.net>;tag=a{number}\r\n\
         To: <sip:u{callee}@example.net>{tag}\r\nCall-ID: {number}@host\r\n\
         CSeq: {cseq} {method}\r\n",
        address(caller)
    )
}

/// A response to `request`, with the callee's Contact and, where it answers an offer, an answer.
pub fn response(request: &str, status: &str, callee: u64, answers: bool) -> Vec<u8> {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n") {
        let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
        if kept.iter().any(|name| line.starts_with(name)) {
            text += &format!("{line}\r\n");
        } else if line.starts_with("To:") {
            let tag = if line.contains(";tag=") { "" } else { ";tag=b" };
            text += &format!("{line}{tag}\r\n");
        }
    }
    let at = address(callee);
    text += &format!("Contact: <sip:u{callee}@{at}>\r\n");
    let ip = at.ip();
    let body = match answers {
        true => format!(
            "v=0\r\no=bob 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 49172 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        ),
        false => String::new(),
    };
    if answers {
        text += "Content-Type: application/sdp\r\n";
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// A header's value.
pub fn line<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name))
}
