//! A media gateway controller: connects lines of its gateways, and lets them go again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use strait_control::h248::{
    Action, Body, Command, CommandKind, ContextId, ErrorDescriptor, Message, ServiceChangeMethod,
    Transaction, TransactionKind,
};
use strait_parties::party::{Datagram, Party};
use strait_shared::time::Instant;

use super::exchange::Exchange;
use super::gateway::described;

/// Lines of each gateway.
const LINES: u8 = 2;
/// What opens a termination, and has the gateway choose where it hears.
const LOCAL: &str = "Local{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 8\n}";

/// A controller.
pub struct Controller {
    exchange: Exchange,
    /// Its gateways, by where they are reached.
    gateways: BTreeSet<SocketAddr>,
    calls: BTreeMap<u64, Call>,
    last_call: u64,
    /// What is waited for: of which call, at which of its ends, or of a gateway as a whole.
    waiting: BTreeMap<u32, (u64, usize)>,
    next_call: Option<Instant>,
    interval: Duration,
    down_until: Instant,
    random: fastrand::Rng,
    /// Calls in which both have been told where the other one hears.
    pub connected: u64,
    /// Gateways that came from another controller, or back.
    pub taken_over: u64,
}

struct Call {
    ends: [End; 2],
    step: Step,
    over_at: Option<Instant>,
}

#[derive(Clone)]
struct End {
    gateway: SocketAddr,
    line: u8,
    context: Option<u32>,
    media: String,
    /// Its description, as it is said to the other end.
    local: String,
    /// Whether it is still to be let go.
    stands: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The first or the second end is added.
    Adds(usize),
    /// The first end is told of the second.
    Tells,
    Talks,
    Ends,
}

impl Controller {
    /// One that has calls every `interval` or so.
    pub fn new(own: SocketAddr, interval: Duration, seed: u64) -> Self {
        let name = format!("[{}]:{}", own.ip(), own.port());
        Self {
            exchange: Exchange::new(own, name, seed as u32 >> 8),
            gateways: BTreeSet::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            waiting: BTreeMap::new(),
            next_call: None,
            interval,
            down_until: Instant::ZERO,
            random: fastrand::Rng::with_seed(seed),
            connected: 0,
            taken_over: 0,
        }
    }

    /// It begins to connect lines.
    pub fn start(&mut self, now: Instant) {
        self.next_call = Some(now + self.interval);
    }

    /// It connects no more, and lets go of what it has connected.
    pub fn stop(&mut self, now: Instant) {
        self.next_call = None;
        let calls: Vec<u64> = self.calls.keys().copied().collect();
        calls.into_iter().for_each(|call| self.end(now, call));
    }

    /// It says and hears nothing for a while.
    pub fn fail(&mut self, now: Instant, time: Duration) {
        self.down_until = now + time;
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
                        self.answered(now, id.0, result);
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
        let command = actions.iter().flat_map(|action| &action.commands).next();
        let Some(command) = command else { return };
        let change = command.service_change.as_ref();
        match (command.kind, change.and_then(|change| change.method)) {
            (CommandKind::ServiceChange, Some(ServiceChangeMethod::Forced))
                if !is_root(command) =>
            {
                let name = command.terminations.first().map(|name| &*name.name);
                let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
                let context = match actions.first().map(|action| action.context) {
                    Some(ContextId::Number(number)) => number.to_string(),
                    _ => "-".to_owned(),
                };
                let answer = format!("Context={context}{{ServiceChange={name}}}");
                self.exchange.answer(now, from, id, &answer);
                self.stream_lost(now, from, &name);
            }
            (CommandKind::ServiceChange, Some(ServiceChangeMethod::Forced)) => {
                self.forget(now, from);
                self.gateways.remove(&from);
                self.exchange
                    .answer(now, from, id, "Context=-{ServiceChange=ROOT}");
            }
            (CommandKind::ServiceChange, method) => {
                self.forget(now, from);
                self.gateways.insert(from);
                self.exchange
                    .answer(now, from, id, "Context=-{ServiceChange=ROOT}");
                if method != Some(ServiceChangeMethod::Restart) {
                    self.taken_over += 1;
                    self.clear(now, from);
                }
            }
            (CommandKind::Notify, _) if self.gateways.contains(&from) => {
                self.exchange
                    .answer(now, from, id, "Context=-{Notify=line/0}");
            }
            _ => {
                let unknown = "Error=505{\"Who are you?\"}";
                self.exchange.answer(now, from, id, unknown);
            }
        }
    }

    /// A gateway's stream is out of service: its call is over.
    fn stream_lost(&mut self, now: Instant, gateway: SocketAddr, name: &str) {
        let is_lost = |end: &End| end.gateway == gateway && end.media == name;
        let mut calls = self.calls.iter();
        let lost = calls.find(|(_, call)| call.ends.iter().any(is_lost));
        if let Some(number) = lost.map(|(number, _)| *number) {
            self.end(now, number);
        }
    }

    /// Everything in a gateway is let go.
    fn clear(&mut self, now: Instant, gateway: SocketAddr) {
        self.exchange
            .ask(now, gateway, "Context=*{O-W-Subtract=*{Audit{}}}");
    }

    /// A gateway knows nothing of its calls any more.
    fn forget(&mut self, now: Instant, gateway: SocketAddr) {
        let mut concerned = Vec::new();
        for (number, call) in &mut self.calls {
            for end in call.ends.iter_mut().filter(|end| end.gateway == gateway) {
                (end.stands, end.context) = (false, None);
                concerned.push(*number);
            }
        }
        concerned.into_iter().for_each(|call| self.end(now, call));
    }

    /// Connects two lines that are free.
    fn connect(&mut self, now: Instant) {
        let gateways: Vec<_> = self.gateways.iter().copied().collect();
        let pick = |random: &mut fastrand::Rng| {
            let gateway = *random.choice(&gateways)?;
            let line = random.u8(..LINES);
            let mut ends = self.calls.values().flat_map(|call| &call.ends);
            let busy = ends.any(|end| (end.gateway, end.line) == (gateway, line));
            (!busy).then_some((gateway, line))
        };
        let mut random = self.random.clone();
        let pair = (pick(&mut random), pick(&mut random));
        self.random = random;
        let (Some(one), Some(other)) = pair else {
            return;
        };
        if one.0 == other.0 {
            return;
        }
        let ends = [one, other].map(|(gateway, line)| End {
            gateway,
            line,
            context: None,
            media: String::new(),
            local: String::new(),
            stands: false,
        });
        self.last_call += 1;
        let call = Call {
            ends,
            step: Step::Adds(0),
            over_at: None,
        };
        self.calls.insert(self.last_call, call);
        self.add(now, self.last_call, 0);
    }

    fn add(&mut self, now: Instant, number: u64, which: usize) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.step = Step::Adds(which);
        call.ends[which].stands = true;
        let end = &call.ends[which];
        let (mode, remote) = match which {
            0 => ("ReceiveOnly", String::new()),
            _ => (
                "SendReceive",
                format!(",Remote{{\n{}}}", call.ends[0].local),
            ),
        };
        let actions = format!(
            "Context=${{Add=line/{},Add=${{Media{{Stream=1{{LocalControl{{Mode={mode}}},\
             {LOCAL}{remote}}}}}}}}}",
            end.line
        );
        let id = self.exchange.ask(now, end.gateway, &actions);
        self.waiting.insert(id, (number, which));
    }

    fn tell(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.step = Step::Tells;
        let [first, second] = &call.ends;
        let actions = format!(
            "Context={}{{Modify={}{{Media{{Stream=1{{LocalControl{{Mode=SendReceive}},\
             Remote{{\n{}}}}}}}}}}}",
            first.context.unwrap_or_default(),
            first.media,
            second.local
        );
        let id = self.exchange.ask(now, first.gateway, &actions);
        self.waiting.insert(id, (number, 0));
    }

    /// Lets go of both ends.
    fn end(&mut self, now: Instant, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        if call.step == Step::Ends {
            return;
        }
        call.step = Step::Ends;
        for (which, end) in call.ends.iter_mut().enumerate() {
            let Some(context) = end.context.filter(|_| end.stands) else {
                continue;
            };
            let actions = format!(
                "Context={context}{{Subtract=line/{}{{Audit{{}}}},Subtract={}{{Audit{{}}}}}}",
                end.line, end.media
            );
            let id = self.exchange.ask(now, end.gateway, &actions);
            self.waiting.insert(id, (number, which));
        }
        self.let_go(number);
    }

    /// A call of which nothing is waited for is over.
    fn let_go(&mut self, number: u64) {
        let waits = self.waiting.values().any(|(call, _)| *call == number);
        let ends = |call: &Call| call.step == Step::Ends;
        if !waits && self.calls.get(&number).is_some_and(ends) {
            self.calls.remove(&number);
        }
    }

    fn answered(&mut self, now: Instant, id: u32, result: &Result<Vec<Action>, ErrorDescriptor>) {
        let Some((number, which)) = self.waiting.remove(&id) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let action = result.as_ref().ok().and_then(|actions| actions.first());
        let commands = action.map_or(&[][..], |action| &action.commands);
        let done = !commands.is_empty() && commands.iter().all(|command| command.error.is_none());
        let context = match action.map(|action| action.context) {
            Some(ContextId::Number(number)) => Some(number),
            _ => None,
        };
        let added = commands.last().filter(|_| done).and_then(|command| {
            let stream = command.streams.first()?;
            let (_, _, text) = described(stream.local.as_ref()?)?;
            let name = command.terminations.first()?.name.clone();
            Some((String::from_utf8_lossy(&name).into_owned(), text))
        });
        let end = &mut call.ends[which];
        match (call.step, added) {
            (Step::Adds(at), Some((media, local))) if at == which => {
                (end.context, end.media, end.local) = (context, media, local);
                match which {
                    0 => self.add(now, number, 1),
                    _ => self.tell(now, number),
                }
            }
            (Step::Tells, _) if done => {
                self.connected += 1;
                call.step = Step::Talks;
                let talks = Duration::from_millis(self.random.u64(500..12_000));
                call.over_at = Some(now + talks);
            }
            (Step::Ends, added) => {
                let gateway = end.gateway;
                // Added while it was given up: it is let go as everything else there.
                if added.is_some() && end.context.is_none() {
                    self.clear(now, gateway);
                }
                self.let_go(number);
            }
            _ => {
                let gateway = end.gateway;
                end.stands = done;
                if context.is_some() {
                    self.clear(now, gateway);
                }
                self.end(now, number);
            }
        }
    }

    fn lost(&mut self, now: Instant, id: u32) {
        let Some((number, which)) = self.waiting.remove(&id) else {
            return;
        };
        let call = self.calls.get_mut(&number);
        let Some(end) = call.map(|call| &mut call.ends[which]) else {
            return;
        };
        // Nobody knows what has become of it.
        end.stands = false;
        let gateway = end.gateway;
        if self.gateways.contains(&gateway) {
            self.clear(now, gateway);
        }
        self.end(now, number);
        self.let_go(number);
    }
}

fn is_root(command: &Command) -> bool {
    command.terminations.iter().any(|name| name.is_root())
}

impl Party for Controller {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if now >= self.down_until {
            self.message(now, datagram);
        }
    }

    fn timeout(&mut self, now: Instant) {
        if now < self.down_until {
            return;
        }
        for id in self.exchange.timeout(now) {
            self.lost(now, id);
        }
        let over = self.calls.iter().filter(|(_, call)| {
            call.step == Step::Talks && call.over_at.is_some_and(|at| at <= now)
        });
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        over.into_iter().for_each(|call| self.end(now, call));
        if self.next_call.is_some_and(|at| at <= now) {
            let wait = self.interval.mul_f64(0.5 + self.random.f64());
            self.next_call = Some(now + wait);
            self.connect(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let talks = |call: &&Call| call.step == Step::Talks;
        let over = self
            .calls
            .values()
            .filter(talks)
            .filter_map(|call| call.over_at);
        let all = [over.min(), self.next_call, self.exchange.next_timeout()];
        let due = all.into_iter().flatten().min();
        due.map(|due| due.max(self.down_until))
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.exchange.poll_transmit()
    }
}
