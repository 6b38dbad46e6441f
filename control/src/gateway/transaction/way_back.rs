//! The way a response goes back: the request's Vias with our observations, and where to send it
//! (RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4).
//!
//! `maddr` is not followed: it would let a stranger aim our responses at anyone.

use std::net::SocketAddr;

use crate::gateway::io::{Flow, Transport};
use crate::sip::{Elements, Header, HeaderName, Message, Via};

/// Where a sender listens that names no port (RFC 3261 §18.1.1).
const DEFAULT_PORT: u16 = 5060;

/// How much longer stamping makes a message at most: `;received=` and `;rport=`.
const STAMP_BYTES: usize = 72;

/// How responses to one request travel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WayBack {
    /// The Via header lines a response starts with, each with its line end; the topmost carries
    /// `received` and `rport` as far as they are owed.
    pub vias: Vec<u8>,
    /// Where responses go.
    pub flow: Flow,
    /// Where they go once the connection of `flow` is gone; `None` over UDP.
    pub fallback: Option<Flow>,
}

impl WayBack {
    /// The way back of a request that came by `flow`. With `symmetric`, UDP responses go to the
    /// source port whether the sender asked for that (`rport`) or not.
    pub fn of(message: &Message, flow: Flow, symmetric: bool) -> Self {
        Self::of_headers(
            message.bytes(),
            message.headers().iter().copied(),
            flow,
            symmetric,
        )
    }

    /// Whether the request came from its sender, by nobody else's way.
    pub fn is_direct(&self) -> bool {
        memchr::memmem::find_iter(&self.vias, b"Via: ").count() == 1 && !self.vias.contains(&b',')
    }

    /// The same for a message that could not be read as a whole. A top Via that makes no sense
    /// stays as it is, and the response goes to the source.
    pub fn of_headers(
        bytes: &[u8],
        headers: impl Iterator<Item = Header>,
        flow: Flow,
        symmetric: bool,
    ) -> Self {
        let mut way = Self {
            vias: Vec::new(),
            flow,
            fallback: None,
        };
        for (index, header) in headers
            .filter(|header| header.name == HeaderName::Via)
            .enumerate()
        {
            let value = &bytes[header.value.start()..header.value.end()];
            way.vias.extend_from_slice(b"Via: ");
            match top_via(bytes, &header).filter(|_| index == 0) {
                Some(via) => {
                    stamp(&via, flow.remote, &mut way.vias);
                    way.vias
                        .extend_from_slice(&bytes[via.text.span().end()..header.value.end()]);
                    way.route(&via, symmetric);
                }
                None => way.vias.extend_from_slice(value),
            }
            way.vias.extend_from_slice(b"\r\n");
        }
        way
    }

    /// `response` with these Vias in place of its own, as when it was built from the request.
    pub fn stamp(&self, response: &[u8]) -> Vec<u8> {
        let Ok(message) = Message::parse(response) else {
            return response.to_vec();
        };
        let mut out = Vec::with_capacity(response.len() + STAMP_BYTES);
        let first_line = message
            .headers()
            .first()
            .map_or(response.len(), |first| first.line.start());
        out.extend_from_slice(&response[..first_line]);
        out.extend_from_slice(&self.vias);
        for header in message
            .headers()
            .iter()
            .filter(|header| header.name != HeaderName::Via)
        {
            out.extend_from_slice(&message.text(header.line));
        }
        out.extend_from_slice(&response[message.headers_end()..]);
        out
    }

    fn route(&mut self, via: &Via, symmetric: bool) {
        let named = SocketAddr::new(self.flow.remote.ip(), via.sent_by.port_or(DEFAULT_PORT));
        match self.flow.transport {
            Transport::Udp if symmetric || via.rport().is_some() || named.port() == 0 => {}
            Transport::Udp => self.flow.remote = named,
            Transport::Tcp => {
                self.fallback = Some(Flow {
                    remote: named,
                    connection: None,
                    ..self.flow
                });
            }
        }
    }
}

fn top_via<'a>(bytes: &'a [u8], header: &Header) -> Option<Via<'a>> {
    let first = Elements::new(bytes, std::slice::from_ref(header), HeaderName::Via).next()?;
    Via::parse(bytes, first.text.span())
}

/// Writes the top Via with what we saw: `received` where sent-by does not say it or `rport` asks
/// for it, and `rport`'s value. What the sender claims in their place is dropped.
fn stamp(via: &Via, source: SocketAddr, out: &mut Vec<u8>) {
    let asks_rport = via.rport().is_some();
    let head_end = via.params.span().start() - via.text.span().start();
    out.extend_from_slice(&via.text[..head_end]);
    for param in via.params.iter() {
        if !param.name.is("received") && !param.name.is("rport") {
            let start = param.whole.start() - via.text.span().start();
            out.extend_from_slice(&via.text[start..start + param.whole.len()]);
        }
    }
    let ip = source.ip().to_canonical();
    if asks_rport || via.sent_by.host.ip.map(|host| host.to_canonical()) != Some(ip) {
        // An IPv6 address goes without brackets here (RFC 3261 §25.1).
        out.extend_from_slice(format!(";received={ip}").as_bytes());
    }
    if asks_rport {
        out.extend_from_slice(format!(";rport={}", source.port()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::io::{ConnectionId, ListenerIndex, RealmIndex};
    use crate::sip::{Builder, Status};

    fn flow(transport: Transport, remote: &str) -> Flow {
        let connection = (transport == Transport::Tcp).then_some(ConnectionId(7));
        let remote = remote.parse().unwrap();
        Flow {
            realm: RealmIndex(0),
            listener: ListenerIndex(0),
            transport,
            remote,
            connection,
        }
    }

    fn way(vias: &str, flow: Flow, symmetric: bool) -> (String, Flow, Option<Flow>) {
        let text = format!("OPTIONS sip:a@b SIP/2.0\r\n{vias}Call-ID: 1\r\n\r\n");
        let message = Message::parse(text.as_bytes()).unwrap();
        let way = WayBack::of(&message, flow, symmetric);
        (String::from_utf8(way.vias).unwrap(), way.flow, way.fallback)
    }

    /// The exchange of RFC 3581 §7, and its neighbours.
    #[test]
    fn vias_are_stamped_and_datagrams_routed() {
        let source = "192.0.2.1:9988";
        let cases = [
            // (top Via, symmetric, stamped, port responses go to)
            (
                "10.1.1.1:4540;rport;branch=z9hG4bKkjh",
                false,
                "10.1.1.1:4540;branch=z9hG4bKkjh;received=192.0.2.1;rport=9988",
                9988,
            ),
            (
                "10.1.1.1:4540;branch=z9hG4bKkjh",
                false,
                "10.1.1.1:4540;branch=z9hG4bKkjh;received=192.0.2.1",
                4540,
            ),
            (
                "10.1.1.1:4540;branch=z9hG4bKkjh",
                true,
                "10.1.1.1:4540;branch=z9hG4bKkjh;received=192.0.2.1",
                9988,
            ),
            (
                "phone.example;branch=z9hG4bKa",
                false,
                "phone.example;branch=z9hG4bKa;received=192.0.2.1",
                5060,
            ),
            (
                "192.0.2.1:5070;branch=z9hG4bKa",
                false,
                "192.0.2.1:5070;branch=z9hG4bKa",
                5070,
            ),
            (
                "192.0.2.1:5070;rport;branch=z9hG4bKa",
                false,
                "192.0.2.1:5070;branch=z9hG4bKa;received=192.0.2.1;rport=9988",
                9988,
            ),
            (
                "a:1;received=6.6.6.6;rport=1;branch=z9hG4bKa;maddr=6.6.6.6",
                false,
                "a:1;branch=z9hG4bKa;maddr=6.6.6.6;received=192.0.2.1;rport=9988",
                9988,
            ),
        ];
        for (sent, symmetric, stamped, port) in cases {
            let via = format!("Via: SIP/2.0/UDP {sent}\r\n");
            let (vias, to, fallback) = way(&via, flow(Transport::Udp, source), symmetric);
            assert_eq!(vias, format!("Via: SIP/2.0/UDP {stamped}\r\n"));
            assert_eq!(
                to.remote,
                format!("192.0.2.1:{port}").parse().unwrap(),
                "{sent}"
            );
            assert_eq!(fallback, None);
        }
    }

    #[test]
    fn lower_vias_stay_as_they_are() {
        let sent = "v: SIP/2.0/UDP a:1;branch=z9hG4bK1 , SIP/2.0/UDP b;received=1.2.3.4\r\n\
                    Via: SIP/2.0/TCP c;rport\r\n";
        let (vias, ..) = way(sent, flow(Transport::Udp, "[2001:db8::9]:5060"), false);
        let expected = "Via: SIP/2.0/UDP a:1;branch=z9hG4bK1;received=2001:db8::9 \
                        , SIP/2.0/UDP b;received=1.2.3.4\r\nVia: SIP/2.0/TCP c;rport\r\n";
        assert_eq!(vias, expected);
    }

    #[test]
    fn connections_are_used_while_they_last() {
        let came = flow(Transport::Tcp, "192.0.2.1:40000");
        let (_, to, fallback) = way("Via: SIP/2.0/TCP h:5061;branch=z9hG4bK1\r\n", came, false);
        assert_eq!(to, came);
        let fallback = fallback.unwrap();
        assert_eq!(fallback.connection, None);
        assert_eq!(fallback.remote, "192.0.2.1:5061".parse().unwrap());
    }

    #[test]
    fn a_response_built_from_its_request_is_stamped() {
        let request = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK1\r\n\
            From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
            v: SIP/2.0/UDP far\r\n\r\n";
        let request = Message::parse(request).unwrap();
        let way = WayBack::of(&request, flow(Transport::Udp, "192.0.2.1:9"), false);
        let mut response = Vec::new();
        Builder::response(&mut response, &request, Status::OK, Some(b"2")).finish();
        let stamped = String::from_utf8(way.stamp(&response)).unwrap();
        let expected = "SIP/2.0 200 OK\r\n\
            Via: SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1;rport=9\r\n\
            Via: SIP/2.0/UDP far\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
            Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(stamped, expected);
    }

    #[test]
    fn a_top_via_beyond_reading_is_echoed() {
        let (vias, to, _) = way(
            "Via: nonsense\r\n",
            flow(Transport::Udp, "192.0.2.1:9"),
            false,
        );
        assert_eq!(vias, "Via: nonsense\r\n");
        assert_eq!(to.remote.port(), 9);
    }
}
