//! All client transactions: their machines, matching, kept requests and timers.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

use strait_shared::time::Instant;

use super::client_machine::{ClientMachine, State};
use super::matching::{self, Key};
use super::servers::rearm;
use super::step::{Life, Packet, Step};
use super::{ClientId, Config, Event, Outgoing, Outputs, ResponseOutcome, Standing};
use crate::gateway::io::{ConnectionId, Flow, ListenerIndex, Output, RealmIndex, Transport};
use crate::gateway::timer::{TimerId, Timers};
use crate::sip::{Builder, HeaderName, Message, Method};

#[derive(Debug)]
pub(super) struct Clients {
    config: Config,
    table: HashMap<ClientId, Client>,
    by_key: HashMap<Key, ClientId>,
    by_path: BTreeSet<(Path, ClientId)>,
    timers: Timers<Due>,
    retained_bytes: usize,
    last_id: u64,
}

#[derive(Debug)]
struct Client {
    machine: ClientMachine,
    flow: Flow,
    key: Key,
    branch: Vec<u8>,
    /// The request while it may be sent again or derived from; afterwards the ACK.
    packet: Vec<u8>,
    /// Our own CANCEL: its user is this layer.
    is_cancel: bool,
    cancel_reason: Option<Vec<u8>>,
    resend: Option<TimerId>,
    end: Option<TimerId>,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Resend(ClientId),
    End(ClientId),
}

/// What fails together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Path {
    Connection(ConnectionId),
    /// Over UDP, or TCP before there is a connection.
    Address(Transport, RealmIndex, ListenerIndex, SocketAddr),
}

impl Path {
    fn of(flow: &Flow) -> Self {
        let address = Path::Address(flow.transport, flow.realm, flow.listener, flow.remote);
        flow.connection.map_or(address, Path::Connection)
    }
}

impl Clients {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            table: HashMap::new(),
            by_key: HashMap::new(),
            by_path: BTreeSet::new(),
            timers: Timers::new(),
            retained_bytes: 0,
            last_id: 0,
        }
    }

    pub fn start(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Outgoing<'_>,
        out: &mut Outputs,
    ) -> Option<ClientId> {
        let Outgoing {
            method,
            branch,
            bytes,
            standing,
        } = request;
        let room = standing
            .share(self.config.max_retained_client_bytes)
            .saturating_sub(self.retained_bytes);
        let most = standing.share(self.config.max_clients);
        let full = self.table.len() >= most || bytes.len() > room;
        if full && method != Method::Cancel {
            return None;
        }
        self.last_id += 1;
        let id = ClientId(self.last_id);
        let reliable = flow.transport == Transport::Tcp;
        let is_invite = method == Method::Invite;
        let (machine, step) = ClientMachine::start(is_invite, reliable, self.config.timing);
        let key = matching::client_key(flow.realm, branch, method.as_bytes());
        self.by_key.insert(key.clone(), id);
        self.by_path.insert((Path::of(&flow), id));
        self.retained_bytes += bytes.len();
        let client = Client {
            machine,
            flow,
            key,
            branch: branch.to_vec(),
            packet: bytes,
            is_cancel: method == Method::Cancel,
            cancel_reason: None,
            resend: None,
            end: None,
        };
        self.table.insert(id, client);
        self.apply(now, id, &step, out);
        self.forget_unneeded(id);
        Some(id)
    }

    /// The request, as long as it may be sent again or derived from.
    pub fn request(&self, id: ClientId) -> Option<&[u8]> {
        let client = self.table.get(&id)?;
        (!client.packet.is_empty()).then_some(&client.packet)
    }

    pub fn cancel(&mut self, now: Instant, id: ClientId, reason: Option<&[u8]>, out: &mut Outputs) {
        let Some(client) = self.table.get_mut(&id) else {
            return;
        };
        client.cancel_reason = reason.map(<[u8]>::to_vec);
        let step = client.machine.cancel();
        self.apply(now, id, &step, out);
    }

    pub fn is_cancelled(&self, id: ClientId) -> bool {
        let client = self.table.get(&id);
        client.is_some_and(|client| client.machine.is_cancelled())
    }

    pub fn abandon(&mut self, now: Instant, id: ClientId, out: &mut Outputs) {
        let Some(client) = self.table.get_mut(&id) else {
            return;
        };
        let step = client.machine.abandon();
        self.apply(now, id, &step, out);
    }

    pub fn receive(
        &mut self,
        now: Instant,
        message: &Message,
        flow: &Flow,
        out: &mut Outputs,
    ) -> ResponseOutcome {
        let Some(id) = self.find(message, flow) else {
            return ResponseOutcome::Stray;
        };
        let (Some(status), Some(client)) = (message.status(), self.table.get_mut(&id)) else {
            return ResponseOutcome::Stray;
        };
        let invite_answered = client.machine.state == State::Completed;
        let step = client.machine.response(status);
        if step.send == Some(Packet::Ack) && !invite_answered {
            let ack = ack(&client.packet, message);
            self.retained_bytes -= client.packet.len();
            self.retained_bytes += ack.len();
            client.packet = ack;
        }
        let deliver = step.deliver && !client.is_cancel;
        self.apply(now, id, &step, out);
        self.forget_unneeded(id);
        if deliver {
            ResponseOutcome::Deliver(id)
        } else {
            ResponseOutcome::Absorbed
        }
    }

    pub fn connected(&mut self, flow: &Flow) {
        let asked = Path::of(&Flow {
            connection: None,
            ..*flow
        });
        for id in self.on_path(asked) {
            if let Some(client) = self.table.get_mut(&id) {
                client.flow = *flow;
                self.by_path.remove(&(asked, id));
                self.by_path.insert((Path::of(flow), id));
            }
        }
    }

    pub fn disconnected(&mut self, connection: ConnectionId, events: &mut VecDeque<Event>) {
        for id in self.on_path(Path::Connection(connection)) {
            self.fail(id, None, events);
        }
    }

    pub fn unreachable(
        &mut self,
        flow: &Flow,
        branch: Option<&[u8]>,
        events: &mut VecDeque<Event>,
    ) {
        for id in self.on_path(Path::of(flow)) {
            self.fail(id, branch, events);
        }
    }

    pub fn timeout(&mut self, now: Instant, out: &mut Outputs, events: &mut VecDeque<Event>) {
        while let Some(due) = self.timers.expire(now) {
            let (Due::Resend(id) | Due::End(id)) = due;
            let Some(client) = self.table.get_mut(&id) else {
                continue;
            };
            let step = match due {
                Due::Resend(_) => client.machine.resend(),
                Due::End(_) => client.machine.end(),
            };
            self.apply(now, id, &step, out);
            match step.life {
                Life::Goes => {}
                Life::GivenUp => events.push_back(Event::ClientGivenUp(id)),
                Life::Terminated => self.finish(id, Event::ClientTerminated(id), events),
                Life::TimedOut => self.finish(id, Event::ClientTimeout(id), events),
            }
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn retained_bytes(&self) -> usize {
        self.retained_bytes
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// RFC 3261 §17.1.3. All Vias but ours were taken off, so a response carries one (§8.1.3.3).
    fn find(&self, message: &Message, flow: &Flow) -> Option<ClientId> {
        if message.elements(HeaderName::Via).count() != 1 {
            return None;
        }
        let branch = matching::top_via(message).ok()?.branch()?;
        let method = message.cseq().ok()?.method;
        let key = matching::client_key(flow.realm, branch.as_bytes(), method.as_bytes());
        self.by_key.get(&key).copied()
    }

    fn on_path(&self, path: Path) -> Vec<ClientId> {
        let bound = (path, ClientId(0))..=(path, ClientId(u64::MAX));
        self.by_path.range(bound).map(|(_, id)| *id).collect()
    }

    /// Ends a transaction that nothing has answered yet.
    fn fail(&mut self, id: ClientId, branch: Option<&[u8]>, events: &mut VecDeque<Event>) {
        let Some(client) = self.table.get(&id) else {
            return;
        };
        let is_meant = branch.is_none_or(|branch| branch.eq_ignore_ascii_case(&client.branch));
        if is_meant && matches!(client.machine.state, State::Calling | State::Trying) {
            self.finish(id, Event::ClientUnreachable(id), events);
        }
    }

    fn apply(&mut self, now: Instant, id: ClientId, step: &Step, out: &mut Outputs) {
        let Some(client) = self.table.get_mut(&id) else {
            return;
        };
        if step.send.is_some() && !client.packet.is_empty() {
            out.push_back(Output::Send {
                flow: client.flow,
                bytes: client.packet.clone(),
            });
        }
        rearm(
            &mut self.timers,
            now,
            step.resend,
            &mut client.resend,
            Due::Resend(id),
        );
        rearm(
            &mut self.timers,
            now,
            step.end,
            &mut client.end,
            Due::End(id),
        );
        if step.cancel {
            self.send_cancel(now, id, out);
        }
    }

    fn send_cancel(&mut self, now: Instant, id: ClientId, out: &mut Outputs) {
        let Some(client) = self.table.get(&id) else {
            return;
        };
        let Ok(invite) = Message::parse(&client.packet) else {
            return;
        };
        let mut bytes = Vec::with_capacity(DERIVED_BYTES);
        let mut cancel = Builder::cancel(&mut bytes, &invite);
        if let Some(reason) = &client.cancel_reason {
            cancel = cancel.header("Reason", reason);
        }
        cancel.finish();
        let (flow, branch) = (client.flow, client.branch.clone());
        let cancel = Outgoing {
            method: Method::Cancel,
            branch: &branch,
            bytes,
            standing: Standing::Known,
        };
        self.start(now, flow, cancel, out);
    }

    /// Frees the request once nothing can ask for it: a non-INVITE after any final response, an
    /// INVITE after a 2xx. Over TCP a non-INVITE is never sent again.
    fn forget_unneeded(&mut self, id: ClientId) {
        let Some(client) = self.table.get_mut(&id) else {
            return;
        };
        if !client.machine.needs_packet() {
            self.retained_bytes -= client.packet.len();
            client.packet = Vec::new();
        }
    }

    fn finish(&mut self, id: ClientId, event: Event, events: &mut VecDeque<Event>) {
        let Some(client) = self.table.remove(&id) else {
            return;
        };
        self.retained_bytes -= client.packet.len();
        if self.by_key.get(&client.key) == Some(&id) {
            self.by_key.remove(&client.key);
        }
        self.by_path.remove(&(Path::of(&client.flow), id));
        for timer in [client.resend, client.end].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        if !client.is_cancel {
            events.push_back(event);
        }
    }
}

/// What an ACK or CANCEL usually takes.
const DERIVED_BYTES: usize = 512;

/// The ACK for a final response other than 2xx; nothing where the INVITE was none.
fn ack(invite: &[u8], response: &Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DERIVED_BYTES);
    if let Ok(invite) = Message::parse(invite) {
        Builder::ack(&mut bytes, &invite, response).finish();
    }
    bytes
}
