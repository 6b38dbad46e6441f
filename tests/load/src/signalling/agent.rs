//! A user agent's socket and transactions.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use rsip::Method;
use strait_parties::sip::message::Message;
use strait_parties::sip::transaction::{ClientId, Transactions};
use strait_parties::sip::uri::Uri;
use strait_shared::time::Instant;

/// Longest message.
const MESSAGE_BYTES_MAX: usize = 65_535;
/// Messages taken in one turn.
const BURST: usize = 64;

/// A user agent without opinions.
pub struct Agent {
    socket: UdpSocket,
    local: SocketAddr,
    /// Its transactions.
    pub transactions: Transactions,
    random: fastrand::Rng,
    space: Box<[u8; MESSAGE_BYTES_MAX]>,
}

impl Agent {
    /// An agent at this address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            transactions: Transactions::default(),
            random: fastrand::Rng::new(),
            space: Box::new([0; MESSAGE_BYTES_MAX]),
        })
    }

    /// Its own address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What has arrived.
    pub fn receive(&mut self) -> Vec<(SocketAddr, Message)> {
        let mut messages = Vec::new();
        for _ in 0..BURST {
            let Ok((length, source)) = self.socket.recv_from(&mut self.space[..]) else {
                break;
            };
            if let Ok(message) = Message::parse(&self.space[..length]) {
                messages.push((source, message));
            }
        }
        messages
    }

    /// Sends what is to be sent.
    pub fn flush(&mut self) {
        while let Some(datagram) = self.transactions.poll_transmit() {
            // What cannot be sent is repeated by its transaction.
            let _ = self.socket.send_to(&datagram.payload, datagram.destination);
        }
    }

    /// Sends a request on a transaction of its own.
    pub fn request(&mut self, now: Instant, hop: SocketAddr, request: &mut Message) -> ClientId {
        request.push_front("Via", self.via());
        self.transactions.request(now, self.local, hop, request)
    }

    /// Sends an ACK to a 2xx, which is no transaction.
    pub fn acknowledge(&mut self, hop: SocketAddr, mut ack: Message) {
        ack.push_front("Via", self.via());
        // The 2xx comes again if it is lost.
        let _ = self.socket.send_to(&ack.to_bytes(), hop);
    }

    /// An INVITE to begin a call with.
    pub fn invite(&mut self, from: &str, target: &Uri, body: String) -> Message {
        let mut invite = Message::request(Method::Invite, target);
        invite.push("Max-Forwards", "70");
        let tag = self.token();
        invite.push("From", format!("<{}>;tag={tag}", Uri::at(from, self.local)));
        invite.push("To", format!("<{target}>"));
        invite.push("Call-ID", self.token());
        invite.push("CSeq", "1 INVITE");
        invite.push("Contact", self.contact(from));
        invite.set_body("application/sdp", body);
        invite
    }

    /// A Contact of this agent.
    pub fn contact(&self, user: &str) -> String {
        format!("<{}>", Uri::at(user, self.local))
    }

    /// A word nobody else has.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.random.u64(..))
    }

    fn via(&mut self) -> String {
        let branch = self.token();
        format!("SIP/2.0/UDP {};branch=z9hG4bK{branch};rport", self.local)
    }
}
