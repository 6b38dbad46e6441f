//! Sends a message and sees what becomes of it: what reaches the softswitch, what comes back.
//!
//! Nothing waits for silence: a request that is known to pass, the mark, follows every message.
//! What has not come before the mark's answer will not come.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use strait_control::sip::{HeaderName, Message, Method};

use crate::live::{Live, PATIENCE};

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The methods of the requests that reached the softswitch.
    pub forwarded: Vec<String>,
    /// Final responses of Strait's own: status and reason.
    pub answers: Vec<String>,
    /// Strait closed the connection.
    pub closed: bool,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// The softswitch's answer to everything but marks, which end there and then.
const DECLINED: &str = "486 Busy Here";
const MARK: &str = "mark-";

impl Seen {
    /// The status Strait answered with, where it answered once.
    pub fn status(&self) -> Option<u16> {
        match &self.answers[..] {
            [one] => one.get(..3)?.parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match self.forwarded.len() {
            0 => {}
            1 => parts.push("forwarded".to_owned()),
            more => parts.push(format!("{more} forwarded")),
        }
        parts.extend(self.answers.iter().cloned());
        if parts.is_empty() {
            parts.push("dropped".to_owned());
        }
        if self.closed {
            parts.push("connection closed".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}

impl Live {
    /// Sends a message as a phone nobody has heard of and sees what becomes of it.
    pub fn send(&mut self, bytes: &[u8], over: Over, to: SocketAddr) -> Seen {
        let mut seen = Seen::default();
        let mut phone = Phone::new(over, to);
        // On a stream the first mark may be taken for the end of a message that lacks its own.
        let marks = match over {
            Over::Udp => self.mark(over),
            Over::Tcp => self.mark(over) + &self.mark(over),
        };
        phone.send(bytes, marks.as_bytes());
        if !self.watch(&mut phone, &mut seen) {
            seen.closed = true;
            let mut other = Phone::new(Over::Udp, self.access);
            other.send(b"", self.mark(Over::Udp).as_bytes());
            assert!(
                self.watch(&mut other, &mut seen),
                "a mark over UDP is answered"
            );
        }
        let declined = seen
            .answers
            .iter()
            .filter(|answer| *answer == DECLINED)
            .count();
        let reached = seen.forwarded.len();
        assert!(
            declined == reached || seen.closed,
            "{reached} forwarded: {seen:?}"
        );
        seen.answers.retain(|answer| answer != DECLINED);
        seen
    }

    /// A phone's request is answered by the softswitch with `answer`: what the phone gets to see.
    pub fn answer(&mut self, answer: impl Fn(&Message) -> Vec<u8>) -> Vec<String> {
        let mut phone = Phone::new(Over::Udp, self.access);
        let request = self.mark(Over::Udp).replace(MARK, "asked-");
        phone.send(request.as_bytes(), b"");
        let mut got = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        let mut marked = false;
        loop {
            assert!(
                Instant::now() < deadline,
                "no answer to the mark; so far {got:?}"
            );
            while let Some((bytes, from)) = receive(&self.switch) {
                let request = Message::parse(&bytes).unwrap();
                let is_mark = is_mark(&request);
                let response = if is_mark {
                    respond(&request, "200 OK")
                } else {
                    answer(&request)
                };
                self.switch.send_to(&response, from).unwrap();
                if !is_mark && !marked {
                    phone.send(b"", self.mark(Over::Udp).as_bytes());
                    marked = true;
                }
            }
            for bytes in phone.receive().expect("it is UDP") {
                let response = Message::parse(&bytes).unwrap();
                if is_mark(&response) {
                    return got;
                }
                got.push(start_line(&bytes));
            }
        }
    }

    /// Plays the softswitch until the phone has the last mark's answer; false if it lost its
    /// connection.
    fn watch(&mut self, phone: &mut Phone, seen: &mut Seen) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(
                Instant::now() < deadline,
                "no answer to the mark; so far {seen:?}"
            );
            self.play(seen);
            let Some(messages) = phone.receive() else {
                return false;
            };
            for bytes in messages {
                let status = start_line(&bytes)["SIP/2.0 ".len()..].to_owned();
                let response = Message::parse(&bytes).unwrap();
                let last = format!("{MARK}{}", self.marks);
                if response
                    .call_id()
                    .is_ok_and(|call_id| *call_id == *last.as_bytes())
                {
                    return true;
                }
                let marked = is_mark(&response);
                if !marked && !status.starts_with('1') && seen.answers.last() != Some(&status) {
                    seen.answers.push(status);
                }
            }
        }
    }

    fn play(&mut self, seen: &mut Seen) {
        while let Some((bytes, from)) = receive(&self.switch) {
            let Ok(request) = Message::parse(&bytes) else {
                panic!("the softswitch got {:?}", String::from_utf8_lossy(&bytes));
            };
            let method = request.method();
            if method.is_none_or(|method| method == Method::Ack) {
                assert!(method.is_some(), "a response nobody waits for: {request:?}");
                continue;
            }
            let status = if is_mark(&request) {
                "200 OK"
            } else {
                DECLINED
            };
            self.switch
                .send_to(&respond(&request, status), from)
                .unwrap();
            let method = start_line(&bytes).split(' ').next().unwrap().to_owned();
            if !is_mark(&request) && seen.forwarded.last() != Some(&method) {
                seen.forwarded.push(method);
            }
        }
    }

    fn mark(&mut self, over: Over) -> String {
        self.marks += 1;
        let (number, transport) = (self.marks, if over == Over::Tcp { "TCP" } else { "UDP" });
        format!(
            "MESSAGE sip:mark@example.org SIP/2.0\r\n\
             Via: SIP/2.0/{transport} phone.example.org;branch=z9hG4bK{MARK}{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@example.org>;tag=1\r\nTo: <sip:mark@example.org>\r\n\
             Call-ID: {MARK}{number}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
        )
    }
}

/// A response of the softswitch's, with what every response repeats.
pub fn respond(request: &Message, status: &str) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status}\r\n").into_bytes();
    repeat(request, &mut out);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    out
}

/// Copies the lines of a request that its response repeats.
pub fn repeat(request: &Message, out: &mut Vec<u8>) {
    use HeaderName::{CSeq, CallId, From, To, Via};
    for name in [Via, From, To, CallId, CSeq] {
        let lines = request.headers_named(name);
        lines.for_each(|header| out.extend_from_slice(&request.text(header.line)));
    }
}

fn is_mark(message: &Message) -> bool {
    let call_id = message.call_id();
    call_id.is_ok_and(|call_id| call_id.starts_with(MARK.as_bytes()))
}

fn start_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap();
    String::from_utf8_lossy(line).into_owned()
}

fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 65_535];
    let (len, from) = socket.recv_from(&mut buffer).ok()?;
    buffer.truncate(len);
    Some((buffer, from))
}

enum Phone {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

impl Phone {
    fn new(over: Over, to: SocketAddr) -> Self {
        if over == Over::Tcp {
            let stream = TcpStream::connect(to).unwrap();
            return Self::Tcp(stream, Vec::new());
        }
        let any = if to.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(to).unwrap();
        Self::Udp(socket)
    }

    fn send(&mut self, message: &[u8], mark: &[u8]) {
        match self {
            Self::Udp(socket) => {
                for datagram in [message, mark]
                    .into_iter()
                    .filter(|bytes| !bytes.is_empty())
                {
                    socket.send(datagram).unwrap();
                }
            }
            Self::Tcp(stream, _) => stream.write_all(&[message, mark].concat()).unwrap(),
        }
    }

    /// The messages that came meanwhile; `None` when the connection is gone.
    fn receive(&mut self) -> Option<Vec<Vec<u8>>> {
        let (stream, buffer) = match self {
            Self::Udp(socket) => {
                std::thread::sleep(Duration::from_micros(300));
                let messages = std::iter::from_fn(|| receive(socket));
                return Some(messages.map(|(bytes, _)| bytes).collect());
            }
            Self::Tcp(stream, buffer) => (stream, buffer),
        };
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let mut piece = [0; 4_096];
        match stream.read(&mut piece) {
            Ok(0) => return None,
            Ok(len) => buffer.extend_from_slice(&piece[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
        // No response that comes has a body.
        let mut messages = Vec::new();
        while let Some(end) = buffer.windows(4).position(|end| end == b"\r\n\r\n") {
            messages.push(buffer.drain(..end + 4).collect());
        }
        Some(messages)
    }
}
