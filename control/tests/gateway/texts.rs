//! Messages that most of the gateway's tests begin with.

use crate::world::header;

pub const INVITE: &str = "\
INVITE sip:bob@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKinv1;rport
Max-Forwards: 70
From: \"Alice\" <sip:alice@192.0.2.1>;tag=a1
To: <sip:bob@192.0.2.1>
Call-ID: call-1@192.168.1.5
CSeq: 1 INVITE
Contact: <sip:alice@192.168.1.5:5060>
Content-Type: application/sdp
Content-Length: auto

v=0
o=- 1 1 IN IP4 192.168.1.5
s=-
c=IN IP4 192.168.1.5
t=0 0
m=audio 4000 RTP/AVP 8 0
";

pub const ANSWER: &str = "\
v=0
o=- 9 9 IN IP4 10.0.0.50
s=-
c=IN IP4 10.0.0.50
t=0 0
m=audio 6000 RTP/AVP 8
";

/// A response to a request as it came out of the gateway.
pub fn response(request: &str, status: &str, tag: &str, body: &str) -> String {
    let value = |name| header(request, name);
    let (via, from, to) = (value("Via"), value("From"), value("To"));
    let to = if to.contains(";tag=") || tag.is_empty() {
        to.to_owned()
    } else {
        format!("{to};tag={tag}")
    };
    let (call_id, cseq) = (value("Call-ID"), value("CSeq"));
    let content = match body {
        "" => "",
        _ => "Content-Type: application/sdp\n",
    };
    format!(
        "SIP/2.0 {status}\nVia: {via}\nFrom: {from}\nTo: {to}\nCall-ID: {call_id}\n\
         CSeq: {cseq}\nContact: <sip:bob@10.0.0.1:5060>\n{content}Content-Length: auto\n\n{body}"
    )
}

pub const REGISTER: &str = "\
REGISTER sip:192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKreg1;rport
Max-Forwards: 70
From: \"Alice\" <sip:alice@192.0.2.1>;tag=a1
To: \"Alice\" <sip:alice@192.0.2.1>
Call-ID: reg-1@192.168.1.5
CSeq: 1 REGISTER
Contact: <sip:alice@192.168.1.5:5060;ob>;+sip.instance=\"<urn:uuid:1>\"
Expires: 3600
User-Agent: Phone/1.2 (192.168.1.5)
Content-Length: 0

";
