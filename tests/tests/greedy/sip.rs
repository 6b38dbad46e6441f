//! Just enough SIP for a phone, a softswitch and an attacker.

use std::net::{SocketAddr, UdpSocket};

/// A description of one voice stream at `media`.
pub fn description(media: SocketAddr) -> String {
    let (ip, port) = (media.ip(), media.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8\r\n"
    )
}

/// A request outside of dialogs, `number` making it one of its own.
pub fn request(method: &str, from: SocketAddr, number: u32, extra: &str, body: &str) -> String {
    let kind = match body.is_empty() {
        true => "",
        false => "Content-Type: application/sdp\r\n",
    };
    format!(
        "{method} sip:bob@example.org SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};rport;branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.org>;tag=a{number}\r\nTo: <sip:bob@example.org>\r\n\
         Call-ID: {method}-{number}\r\nCSeq: {number} {method}\r\nContact: <sip:alice@{from}>\r\n\
         {extra}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request within the dialog that a 2xx set up, from whoever got it.
pub fn within(response: &str, method: &str, cseq: u32, extra: &str, body: &str) -> String {
    let contact = header(response, "Contact");
    let target = contact.split(['<', '>']).nth(1).unwrap();
    let (from, to) = (header(response, "From"), header(response, "To"));
    let call_id = header(response, "Call-ID");
    format!(
        "{method} {target} SIP/2.0\r\n\
         Via: SIP/2.0/UDP h;rport;branch=z9hG4bK{method}{call_id}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A response with the headers every response repeats, the far tag where there is none.
pub fn answer(request: &str, status: &str, tag: &str, extra: &str, body: &str) -> String {
    let repeated = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().take_while(|line| !line.is_empty()) {
        if repeated.iter().any(|name| line.starts_with(name)) {
            let untagged = line.starts_with("To:") && !line.contains(";tag=");
            text += line;
            text += &match untagged {
                true => format!(";tag={tag}\r\n"),
                false => "\r\n".to_owned(),
            };
        }
    }
    format!("{text}{extra}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The next message at a socket for which `wanted` holds, and whence it came.
pub fn receive(socket: &UdpSocket, wanted: impl Fn(&str) -> bool) -> (String, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("a message in time");
        let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if wanted(&text) {
            return (text, from);
        }
    }
}

/// The value of a header.
pub fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix(start.as_str()));
    line.unwrap_or_else(|| panic!("no {name} in\n{message}"))
}
