//! Signalling as control's process does it: one step at a time, every output carried out at once.

use std::time::Duration;

use strait_control::gateway::Gateway;
use strait_control::gateway::io::{Flow, Input, OperatorCommand, Output, Transport};
use strait_control::link;
use strait_parties::party::Datagram;
use strait_shared::command::Command;
use strait_shared::time::Instant;

use super::Strait;
use super::places::side;
use crate::canary::Canary;
use crate::checks::Side;

/// How late a worker may come to what waits for it.
const LATENESS_MS: u64 = 2;

/// What control's process holds.
pub(super) struct Control {
    pub gateway: Gateway,
    pub link: link::Dataplane,
}

impl Strait {
    /// The operator ends every call.
    pub fn end_calls(&mut self, now: Instant) {
        let input = Input::Operator(OperatorCommand::EndAllCalls);
        self.step(now, |gateway, at| gateway.receive(at, input));
    }

    /// Gives the gateway something to do and carries out what it answers.
    pub(super) fn step(&mut self, now: Instant, act: impl FnOnce(&mut Gateway, Instant)) {
        let at = self.clock(now);
        // Taken out, so that everything else can be used while it answers.
        let Some(mut control) = self.control.take() else {
            return;
        };
        let ready = control.link.is_ready();
        control.gateway.set_media_backlog(!ready);
        act(&mut control.gateway, at);
        while let Some(output) = control.gateway.poll_output() {
            self.carry_out(now, &mut control, output);
        }
        if let Some(disk) = &mut self.disk {
            let changes = control.gateway.journal(at);
            disk.write(at, changes, &mut self.random);
        }
        self.control = Some(control);
    }

    /// A datagram has come to where signalling comes to.
    pub(super) fn datagram_arrived(&mut self, now: Instant, datagram: &Datagram) {
        let Some((realm, listener, transport)) = self.listeners.get(&datagram.destination).copied()
        else {
            return;
        };
        if transport == Transport::Tcp {
            self.segment_arrived(now, datagram, (realm, listener));
            return;
        }
        let flow = Flow {
            realm,
            listener,
            transport,
            remote: datagram.source,
            connection: None,
        };
        self.message_arrived(now, flow, &datagram.payload);
    }

    /// A whole message has come.
    pub(super) fn message_arrived(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        if self.control.is_none() {
            self.counters.unanswered += 1;
            return;
        }
        self.counters.messages += 1;
        self.tell(now, || {
            format!("← {}\n{}", flow.remote, String::from_utf8_lossy(bytes))
        });
        self.overhear(flow, bytes, true);
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        let input = match blank {
            true => Input::KeepAlive { flow },
            false => Input::Message { flow, bytes },
        };
        self.step(now, |gateway, at| gateway.receive(at, input));
        // Every caller's: some hang up themselves just then.
        let meddles = self.canary == Some(Canary::EndedCall);
        if let Some(bye) = hung_up(bytes).filter(|_| meddles) {
            let input = Input::Message { flow, bytes: &bye };
            self.step(now, |gateway, at| gateway.receive(at, input));
        }
    }

    fn carry_out(&mut self, now: Instant, control: &mut Control, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                self.tell(now, || {
                    format!("→ {}\n{}", flow.remote, String::from_utf8_lossy(&bytes))
                });
                let bye = bytes.starts_with(b"BYE ").then(|| bytes.clone());
                if !self.send(now, flow, bytes) {
                    bye.iter()
                        .for_each(|bye| self.checks.borrow_mut().bye_lost(bye));
                    let failed = Input::SendFailed { flow, branch: None };
                    control.gateway.receive(self.clock(now), failed);
                }
            }
            Output::Media(command) => {
                self.tell(now, || format!("{command:?}"));
                if self.forgets(&command) {
                    return;
                }
                self.checks
                    .borrow_mut()
                    .command_given(self.clock(now), &command);
                self.counters.commands += 1;
                self.command(&mut control.link, command);
                let ready = control.link.is_ready();
                control.gateway.set_media_backlog(!ready);
                self.soon(now);
            }
            Output::Record(mut record) => {
                self.tell(now, || format!("{record:?}"));
                if self.plants(Canary::FalseRecord) {
                    let first = record.streams.iter_mut().take(1);
                    first.for_each(|stream| stream.packets += 1);
                }
                self.checks.borrow_mut().record_written(&record);
            }
            Output::Log(line) => self.tell(now, || line.text),
            Output::Resolve(_) => unreachable!("no realm here is a server"),
            Output::Close(connection) => self.streams.close(connection),
        }
    }

    /// False where nothing can be sent.
    fn send(&mut self, now: Instant, flow: Flow, mut bytes: Vec<u8>) -> bool {
        let realm = &self.config.realms[usize::from(flow.realm.0)];
        let listener = realm.listeners().nth(flow.listener.0.into());
        let (_, source) = listener.expect("a flow names a listener");
        if source.is_ipv4() != flow.remote.is_ipv4() {
            // No system sends across IP versions.
            return false;
        }
        let side = side(flow.realm);
        if side == Side::Access && bytes.len() > 200 && self.plants(Canary::LeakedAddress) {
            let at = bytes.windows(2).position(|two| two == b"\r\n").unwrap_or(0);
            bytes.splice(at..at, *b"\r\nX-Core: 10.0.0.1");
        }
        if says_something(&bytes) && self.plants(Canary::AlteredText) {
            bytes.pop();
            bytes.push(b'!');
        }
        self.checks.borrow_mut().message_sent(side, &bytes);
        self.overhear(flow, &bytes, false);
        if flow.transport == Transport::Tcp {
            // Nobody out there listens on TCP.
            return self.streams.send(now, flow.connection, &bytes);
        }
        let to_phone = side == Side::Access && says_something(&bytes);
        if to_phone && self.plants(Canary::RepeatedText) {
            let text = String::from_utf8_lossy(&bytes);
            self.out.push_back(Datagram {
                source,
                destination: flow.remote,
                payload: text.replacen("branch=z9hG4bK", "branch=z9hG4bKx", 1).into(),
            });
        }
        self.out.push_back(Datagram {
            source,
            destination: flow.remote,
            payload: bytes,
        });
        true
    }

    /// What passes between Strait and honest softswitches has a listener.
    fn overhear(&mut self, flow: Flow, bytes: &[u8], by_softswitch: bool) {
        if self.honest.contains(&flow.remote) {
            let gossip = &mut self.checks.borrow_mut().gossip;
            gossip.pass(bytes, by_softswitch);
        }
    }

    /// Whether a close is forgotten, each time that it is said.
    fn forgets(&mut self, command: &Command) -> bool {
        let Command::Close { slot, .. } = *command else {
            return false;
        };
        if self.plants(Canary::ForgottenClose) {
            self.forgotten = Some(slot);
        }
        self.forgotten == Some(slot)
    }

    fn command(&mut self, link: &mut link::Dataplane, command: Command) {
        if let Command::Open {
            slot, forwarding, ..
        } = command
        {
            let port = |slot| self.region().geometry().local(slot);
            let records = &mut self.checks.borrow_mut().records;
            match (forwarding.port_of.and_then(port), port(slot)) {
                (Some(shared), _) => records.shared(shared),
                (None, Some(own)) => records.opened(own),
                (None, None) => {}
            }
        }
        let closes = matches!(command, Command::Close { .. });
        if !closes && self.plants(Canary::LostCommand) {
            return;
        }
        if closes && self.plants(Canary::RepeatedCommand) {
            link.send(command);
        }
        let updates = matches!(command, Command::Update { .. });
        if updates && self.plants(Canary::SwappedCommands) {
            self.held_back = Some(command);
            return;
        }
        link.send(command);
        let same = |held: &mut Command| held.slot() == command.slot();
        if let Some(held) = self.held_back.take_if(same) {
            link.send(held);
        }
    }

    fn soon(&mut self, now: Instant) {
        let at = now + Duration::from_micros(self.random.u64(..=LATENESS_MS * 1_000));
        self.breathe_at = Some(self.breathe_at.map_or(at, |before| before.min(at)));
    }
}

/// Whether a message is a MESSAGE.
fn says_something(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MESSAGE ")
}

/// The BYE that somebody else would say for whoever acknowledges an answer.
fn hung_up(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix("ACK ")?;
    // The ACK to a refusal goes where its INVITE went.
    rest.lines()
        .next()
        .filter(|line| line.contains(";strait="))?;
    let (before, after) = rest.split_once("CSeq: ")?;
    let (number, after) = after.split_once(" ACK")?;
    // Others of the call may have been numbered since.
    let number = number.parse::<u32>().ok()? + 100;
    let before = before.replacen("branch=z9hG4bK", "branch=z9hG4bKx", 1);
    Some(format!("BYE {before}CSeq: {number} BYE{after}").into_bytes())
}
