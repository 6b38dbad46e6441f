//! The transaction layer in virtual time.

mod bounds;
mod cancelling;
mod client_figures;
mod failures;
mod matching;
mod server_figures;
mod timers;

use std::time::Duration;

use strait_shared::time::Instant;

use super::*;
use crate::gateway::io::{ListenerIndex, RealmIndex, Transport};
use crate::gateway::transaction::step::{Rearm, Step};

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn start(ms: u64) -> Rearm {
    Rearm::Start(Duration::from_millis(ms))
}

fn status(code: u16) -> Status {
    Status::new(code).unwrap()
}

fn udp() -> Flow {
    Flow {
        realm: RealmIndex(0),
        listener: ListenerIndex(0),
        transport: Transport::Udp,
        remote: "192.0.2.1:5060".parse().unwrap(),
        connection: None,
    }
}

fn tcp() -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(1)),
        ..udp()
    }
}

/// A request as a peer sends it, or as we do.
fn request(method: &str, branch: &str) -> String {
    format!(
        "{method} sip:bob@example.org SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n\
         From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\n\
         Call-ID: call\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\r\n"
    )
}

/// A response to a request of ours.
fn response(code: u16, method: &str, branch: &str) -> String {
    format!(
        "SIP/2.0 {code} X\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n\
         From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>;tag=2\r\n\
         Call-ID: call\r\nCSeq: 1 {method}\r\n\r\n"
    )
}

/// Things with the millisecond each happened in.
type Timed<T> = Vec<(u64, T)>;

/// The layer with everything it sends, and when.
struct Bench {
    layer: Transactions,
    out: Outputs,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let layer = Transactions::new(config);
        Self {
            layer,
            out: Outputs::new(),
            now: Instant::ZERO,
        }
    }

    fn receive(&mut self, flow: Flow, text: &str) -> Result<RequestOutcome, Refused> {
        self.receive_as(Standing::New, flow, text)
    }

    fn receive_as(
        &mut self,
        standing: Standing,
        flow: Flow,
        text: &str,
    ) -> Result<RequestOutcome, Refused> {
        let message = Message::parse(text.as_bytes()).unwrap();
        self.layer
            .receive_request(self.now, flow, &message, standing, &mut self.out)
    }

    fn new_request(&mut self, flow: Flow, text: &str) -> ServerId {
        match self.receive(flow, text).unwrap() {
            RequestOutcome::New(id) => id,
            other => panic!("not a new request: {other:?}"),
        }
    }

    fn respond(&mut self, id: ServerId, code: u16) -> bool {
        let bytes = code.to_string().into_bytes();
        self.layer
            .respond(self.now, id, status(code), bytes, &mut self.out)
    }

    fn start(&mut self, flow: Flow, method: &str, branch: &str) -> ClientId {
        let bytes = request(method, branch).into_bytes();
        let method = Method::new(method.as_bytes());
        let branch = branch.as_bytes();
        let standing = Standing::New;
        let request = Outgoing {
            method,
            branch,
            bytes,
            standing,
        };
        let out = &mut self.out;
        self.layer.start(self.now, flow, request, out).unwrap()
    }

    fn answer(&mut self, code: u16, method: &str, branch: &str) -> ResponseOutcome {
        let text = response(code, method, branch);
        let message = Message::parse(text.as_bytes()).unwrap();
        self.layer
            .receive_response(self.now, &message, &udp(), &mut self.out)
    }

    /// What was sent since the last look: first words, in order.
    fn sent(&mut self) -> Vec<String> {
        self.out
            .drain(..)
            .map(|output| match output {
                Output::Send { bytes, .. } => first_word(&bytes),
                other => panic!("the layer only sends: {other:?}"),
            })
            .collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.layer.poll_event()).collect()
    }

    /// Lets time pass until `until`, doing what is due when it is due: what was sent at which
    /// millisecond, and what ended when.
    fn pass(&mut self, until: u64) -> (Timed<String>, Timed<Event>) {
        let (mut sent, mut ended) = (Vec::new(), Vec::new());
        while let Some(due) = self.layer.next_timeout().filter(|due| *due <= at(until)) {
            assert!(due >= self.now, "a timer in the past was not fired");
            self.now = due;
            self.layer.timeout(due, &mut self.out);
            let ms = due.as_millis();
            sent.extend(self.sent().into_iter().map(|word| (ms, word)));
            ended.extend(self.events().into_iter().map(|event| (ms, event)));
        }
        self.now = at(until);
        (sent, ended)
    }
}

fn first_word(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// A step of nothing but timers and flags, for the tables.
fn step(resend: Rearm, end: Rearm) -> Step {
    Step {
        resend,
        end,
        ..Step::nothing()
    }
}
