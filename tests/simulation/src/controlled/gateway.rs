//! A media gateway with two lines, which takes Strait for its controller.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use strait_control::h248::{
    Action, Body, Command, CommandKind, ContextId, Descriptor, Message, Stream, Transaction,
    TransactionKind, Wildcard,
};
use strait_parties::party::{Datagram, Party};
use strait_shared::time::Instant;

use super::contexts::Contexts;
use super::exchange::Exchange;
use crate::checks::{SharedChecks, is_media};

/// How often somebody lifts a receiver, of which the controller is told.
const EVENT_EVERY: Duration = Duration::from_secs(9);
/// Until a registration that was refused is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Why it says something of its service: method and reason.
type Why = (&'static str, &'static str);

const RESTART: Why = ("Restart", "901 Cold Boot");
const AGAIN_KNOWN: Why = ("Restart", "902 Warm Boot");
const FAILOVER: Why = ("Failover", "909 MGC Impending Failure");
const FORCED: Why = ("Forced", "905 Termination Taken Out of Service");

/// A gateway.
pub struct MediaGateway {
    strait: SocketAddr,
    exchange: Exchange,
    contexts: Contexts,
    state: State,
    /// The registration that waits for its answer.
    registration: Option<u32>,
    next_event: Instant,
    out: VecDeque<Datagram>,
}

/// What a gateway is up to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It makes itself known, because of this, at this time.
    Registers(Why, Instant),
    Registered,
    /// It goes out of service.
    Leaves(Instant),
    Gone,
}

impl MediaGateway {
    /// One that is switched on at `now`; `name` is what the checkers call it, `called` what it
    /// calls itself.
    pub fn new(
        [own, strait]: [SocketAddr; 2],
        name: &str,
        called: String,
        now: Instant,
        checks: SharedChecks,
        seed: u64,
    ) -> Self {
        Self {
            strait,
            exchange: Exchange::new(own, called, seed as u32 >> 8),
            contexts: Contexts::new(name, own, checks, seed),
            state: State::Registers(RESTART, now),
            registration: None,
            next_event: now + EVENT_EVERY,
            out: VecDeque::new(),
        }
    }

    /// It goes out of service, with all that it does.
    pub fn leave(&mut self, now: Instant) {
        if !matches!(self.state, State::Leaves(_) | State::Gone) {
            self.contexts.clear();
            self.state = State::Leaves(now);
            self.registration = None;
        }
    }

    /// It loses power and is switched on again at once.
    pub fn restart(&mut self, now: Instant) {
        if !matches!(self.state, State::Leaves(_) | State::Gone) {
            self.contexts.clear();
            self.register(RESTART, now);
        }
    }

    /// Contexts that have heard their other party.
    pub fn heard(&self) -> u64 {
        self.contexts.heard
    }

    fn register(&mut self, why: Why, at: Instant) {
        if !matches!(self.state, State::Leaves(_) | State::Gone) {
            self.state = State::Registers(why, at);
            self.registration = None;
        }
    }

    fn message(&mut self, now: Instant, datagram: &Datagram) {
        let from = datagram.source;
        let Ok(message) = Message::parse(&datagram.payload) else {
            return;
        };
        let Body::Transactions(transactions) = &message.content.body else {
            return;
        };
        for Transaction { kind, .. } in transactions {
            match kind {
                TransactionKind::Request { id, actions } => {
                    self.request(now, from, id.0, actions);
                }
                TransactionKind::Reply {
                    id,
                    acknowledge,
                    result,
                    ..
                } => {
                    if *acknowledge {
                        self.exchange.acknowledge(from, id.0);
                    }
                    if self.exchange.settle(id.0) {
                        let refused = result.as_ref().err().map(|error| error.code.0);
                        self.answered(now, id.0, refused.or(failed(result)));
                    }
                }
                TransactionKind::Pending { id } => self.exchange.pending(now, id.0),
                _ => {}
            }
        }
    }

    fn request(&mut self, now: Instant, from: SocketAddr, id: u32, actions: &[Action]) {
        if self.exchange.is_known(from, id) {
            return;
        }
        // Who has not been answered yet commands nothing (H.248.8, 505).
        let done = match self.state {
            State::Registered => {
                let done = actions.iter().map(|action| self.action(now, action));
                done.collect::<Vec<_>>().join(",")
            }
            _ => "Error=505{\"not registered\"}".to_owned(),
        };
        self.exchange.answer(now, from, id, &done);
    }

    fn answered(&mut self, now: Instant, id: u32, refused: Option<u16>) {
        let registration = self.registration.take_if(|waiting| *waiting == id);
        match (registration, refused, self.state) {
            (Some(_), None, State::Registers(..)) => self.state = State::Registered,
            (Some(_), None | Some(505), State::Leaves(_)) => self.state = State::Gone,
            (Some(_), Some(_), State::Registers(why, _)) => self.register(why, now + AGAIN),
            (Some(_), Some(_), State::Leaves(_)) => self.state = State::Leaves(now + AGAIN),
            // Whoever took it for registered knows nothing of it any more.
            (None, Some(504 | 505), State::Registered) => {
                self.contexts.clear();
                self.register(AGAIN_KNOWN, now);
            }
            _ => {}
        }
    }

    fn action(&mut self, now: Instant, action: &Action) -> String {
        let numbers = match action.context {
            ContextId::Choose => vec![self.contexts.begin(now)],
            ContextId::Number(number) => vec![number],
            ContextId::All => self.contexts.numbers(),
            ContextId::Null => vec![0],
        };
        let mut said = Vec::new();
        for number in &numbers {
            for command in &action.commands {
                said.push(self.command(*number, command));
                if said.last().is_some_and(|last| last.contains("Error=")) {
                    break;
                }
            }
        }
        self.contexts.tidy();
        let context = match (&*numbers, action.context) {
            (_, ContextId::All) => "*".to_owned(),
            ([0], _) => "-".to_owned(),
            ([number], _) => number.to_string(),
            _ => "*".to_owned(),
        };
        match said.is_empty() {
            true => format!("Context={context}{{Subtract=*}}"),
            false => format!("Context={context}{{{}}}", said.join(",")),
        }
    }

    fn command(&mut self, number: u32, command: &Command) -> String {
        let Some(termination) = command.terminations.first() else {
            return "Error=442".to_owned();
        };
        let name = String::from_utf8_lossy(&termination.name).to_ascii_lowercase();
        let any = termination.wildcard != Wildcard::None;
        match command.kind {
            CommandKind::AuditValue => "AuditValue=ROOT".to_owned(),
            CommandKind::Add if any => self.add_media(number, command),
            CommandKind::Add if self.contexts.is_busy(&name) => refused("Add", &name, 433),
            CommandKind::Add => {
                let context = self.contexts.get(number);
                context
                    .into_iter()
                    .for_each(|c| c.line = Some(name.clone()));
                format!("Add={name}")
            }
            CommandKind::Modify => {
                let context = self.contexts.get(number);
                let media = context.and_then(|context| context.media.as_mut());
                let Some(media) = media.filter(|media| media.name == name) else {
                    return refused("Modify", &name, 430);
                };
                apply(media, command.streams.first());
                format!("Modify={name}")
            }
            CommandKind::Subtract => self.subtract(number, !any, &name),
            _ => "Error=442{\"no\"}".to_owned(),
        }
    }

    fn add_media(&mut self, number: u32, command: &Command) -> String {
        let mut media = self.contexts.ephemeral();
        apply(&mut media, command.streams.first());
        let (name, at) = (media.name.clone(), media.local);
        let Some(context) = self.contexts.get(number) else {
            return refused("Add", "$", 411);
        };
        context.media = Some(media);
        let (ip, port) = (at.ip(), at.port());
        format!(
            "Add={name}{{Media{{Stream=1{{Local{{\nv=0\no=- 1 1 IN IP4 {ip}\ns={}\n\
             c=IN IP4 {ip}\nt=0 0\nm=audio {port} RTP/AVP 8\n}}}}}}}}",
            self.contexts.name()
        )
    }

    fn subtract(&mut self, number: u32, one: bool, name: &str) -> String {
        let Some(context) = self.contexts.get(number) else {
            return refused("Subtract", name, 411);
        };
        let mut gone = Vec::new();
        gone.extend(context.line.take_if(|line| !one || line == name));
        let media = context.media.take_if(|media| !one || media.name == name);
        gone.extend(media.map(|media| media.name));
        match gone.is_empty() {
            true => refused("Subtract", name, 430),
            false => {
                let gone: Vec<_> = gone.iter().map(|name| format!("Subtract={name}")).collect();
                gone.join(",")
            }
        }
    }
}

/// Why the first command that failed did.
fn failed(result: &Result<Vec<Action>, strait_control::h248::ErrorDescriptor>) -> Option<u16> {
    let actions = result.iter().flatten();
    let commands = actions.flat_map(|action| &action.commands);
    let mut errors = commands.filter_map(|command| command.error.as_ref());
    errors.next().map(|error| error.code.0)
}

fn refused(command: &str, name: &str, code: u16) -> String {
    format!("{command}={name}{{Error={code}{{\"no\"}}}}")
}

fn apply(media: &mut super::contexts::Ephemeral, stream: Option<&Stream>) {
    let Some(stream) = stream else { return };
    media.mode = stream.mode.unwrap_or(media.mode);
    if let Some((at, name, _)) = stream.remote.as_ref().and_then(described) {
        media.remote = Some((at, name));
    }
}

/// Where a description says that somebody hears, and who that is.
pub(super) fn described(descriptor: &Descriptor) -> Option<(SocketAddr, String, String)> {
    let text = String::from_utf8(descriptor.text.clone()).ok()?;
    let value = |start: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(start))
    };
    let ip = value("c=IN IP4 ").or_else(|| value("c=IN IP6 "))?;
    let port = value("m=audio ")?.split(' ').next()?;
    let at = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    let name = value("s=").unwrap_or_default().to_owned();
    Some((at, name, text.clone()))
}

impl Party for MediaGateway {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        match is_media(datagram.destination) {
            true => self.contexts.arrived(now, datagram),
            false => self.message(now, datagram),
        }
    }

    fn timeout(&mut self, now: Instant) {
        for lost in self.exchange.timeout(now) {
            let registered = self.registration.take_if(|id| *id == lost).is_some();
            match self.state {
                State::Registers(why, _) if registered => self.register(why, now),
                State::Leaves(_) if registered => self.state = State::Leaves(now),
                // Its controller is gone: it goes to the next one, which is Strait again.
                State::Registered => self.register(FAILOVER, now),
                _ => {}
            }
        }
        let due = match self.state {
            State::Registers(why, at) if at <= now => Some(why),
            State::Leaves(at) if at <= now => Some(FORCED),
            _ => None,
        };
        if let Some(why) = due.filter(|_| self.registration.is_none()) {
            let (method, reason) = why;
            let actions = format!(
                "Context=-{{ServiceChange=ROOT{{Services{{Method={method},Reason=\"{reason}\"}}}}}}"
            );
            self.registration = Some(self.exchange.ask(now, self.strait, &actions));
        }
        if self.next_event <= now {
            self.next_event = now + EVENT_EVERY;
            if self.state == State::Registered {
                let event = "Context=-{Notify=line/0{ObservedEvents=1{al/of}}}";
                self.exchange.ask(now, self.strait, event);
            }
        }
        let mut sent = Vec::new();
        self.contexts.timeout(now, &mut sent);
        self.out.extend(sent);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let registers = match self.state {
            State::Registers(_, at) | State::Leaves(at) => {
                self.registration.is_none().then_some(at)
            }
            State::Registered => Some(self.next_event),
            State::Gone => None,
        };
        let media = self.contexts.next_timeout();
        let all = [registers, media, self.exchange.next_timeout()];
        all.into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        let message = self.exchange.poll_transmit();
        message.or_else(|| self.out.pop_front())
    }
}
