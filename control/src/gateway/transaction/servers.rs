//! All server transactions: their machines, matching, kept responses and timers.

use std::collections::{BTreeSet, HashMap, VecDeque};

use strait_shared::time::Instant;

use super::matching::{self, Copies, Key};
use super::server_machine::{ServerMachine, State};
use super::step::{Life, Rearm, Step};
use super::way_back::WayBack;
use super::{Config, Event, Outputs, Refused, RequestOutcome, ServerId, Standing};
use crate::gateway::io::{ConnectionId, Flow, Output, Transport};
use crate::gateway::timer::{TimerId, Timers};
use crate::sip::{Fault, HeaderName, Message, Method, Status};

#[derive(Debug)]
pub(super) struct Servers {
    config: Config,
    table: HashMap<ServerId, Server>,
    by_key: HashMap<Key, ServerId>,
    by_copy_key: HashMap<Key, ServerId>,
    by_connection: BTreeSet<(ConnectionId, ServerId)>,
    timers: Timers<Due>,
    retained_bytes: usize,
    last_id: u64,
}

#[derive(Debug)]
struct Server {
    machine: ServerMachine,
    way: WayBack,
    key: Key,
    copy_key: Option<Key>,
    response: Vec<u8>,
    resend: Option<TimerId>,
    end: Option<TimerId>,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Resend(ServerId),
    End(ServerId),
}

impl Servers {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            table: HashMap::new(),
            by_key: HashMap::new(),
            by_copy_key: HashMap::new(),
            by_connection: BTreeSet::new(),
            timers: Timers::new(),
            retained_bytes: 0,
            last_id: 0,
        }
    }

    pub fn receive(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        standing: Standing,
        out: &mut Outputs,
    ) -> Result<RequestOutcome, Refused> {
        let method = message
            .method()
            .ok_or(Refused::Malformed(Fault::StartLine))?;
        if method == Method::Ack {
            return self.receive_ack(now, flow, message, out);
        }
        let key = matching::server_key(message, &flow, method.as_bytes())?;
        if let Some(&id) = self.by_key.get(&key) {
            if standing == Standing::Known {
                self.follow(id, flow, message, key);
            }
            return Ok(self.again(now, id, out));
        }
        if method == Method::Cancel {
            let invite_key = matching::server_key(message, &flow, Method::Invite.as_bytes())?;
            let invite = self.by_key.get(&invite_key).copied();
            let direct = |id: &ServerId| self.table.get(id).is_some_and(|s| s.way.is_direct());
            if let Some(id) = invite.filter(direct) {
                // Whoever waits for its end is where it says so from: its NAT may have rebound, or
                // its connection broken with the answer on it.
                if self.follow(id, flow, message, invite_key) {
                    let step = self.table.get(&id).map(|server| server.machine.moved());
                    self.apply(now, id, &step.unwrap_or_default(), out);
                }
            }
            let standing = if invite.is_some() {
                Standing::Known
            } else {
                standing
            };
            let cancel = self.insert(now, flow, message, key, None, standing)?;
            return Ok(match invite {
                Some(invite) => RequestOutcome::Cancel { invite, cancel },
                None => RequestOutcome::CancelUnmatched(cancel),
            });
        }
        let copies = matching::copy_key(message, &flow)?;
        let (Copies::Merge(copy_key) | Copies::Follow(copy_key)) = &copies;
        let first = self.by_copy_key.get(copy_key).copied();
        match (first, copies) {
            (None, Copies::Merge(copy_key) | Copies::Follow(copy_key)) => {
                let id = self.insert(now, flow, message, key, Some(copy_key), standing)?;
                Ok(RequestOutcome::New(id))
            }
            (Some(id), Copies::Follow(_)) if standing == Standing::Known => {
                self.follow(id, flow, message, key);
                Ok(self.again(now, id, out))
            }
            (Some(_), copies) => {
                let id = self.insert(now, flow, message, key, None, standing)?;
                Ok(match copies {
                    Copies::Merge(_) => RequestOutcome::Merged(id),
                    Copies::Follow(_) => RequestOutcome::New(id),
                })
            }
        }
    }

    pub fn respond(
        &mut self,
        now: Instant,
        id: ServerId,
        status: Status,
        bytes: Vec<u8>,
        out: &mut Outputs,
    ) -> bool {
        let Some(server) = self.table.get_mut(&id) else {
            return false;
        };
        let Some(step) = server.machine.respond(status) else {
            return false;
        };
        self.retained_bytes -= server.response.len();
        self.retained_bytes += bytes.len();
        server.response = bytes;
        self.apply(now, id, &step, out);
        self.forget_unneeded(id);
        true
    }

    pub fn disconnected(&mut self, connection: ConnectionId) {
        let bound = (connection, ServerId(0))..=(connection, ServerId(u64::MAX));
        let ids: Vec<_> = self.by_connection.range(bound).copied().collect();
        for (connection, id) in ids {
            self.by_connection.remove(&(connection, id));
            if let Some(server) = self.table.get_mut(&id) {
                server.way.flow = server.way.fallback.take().unwrap_or(server.way.flow);
            }
        }
    }

    pub fn timeout(&mut self, now: Instant, out: &mut Outputs, events: &mut VecDeque<Event>) {
        while let Some(due) = self.timers.expire(now) {
            let (Due::Resend(id) | Due::End(id)) = due;
            let Some(server) = self.table.get_mut(&id) else {
                continue;
            };
            let step = match due {
                Due::Resend(_) => server.machine.resend(),
                Due::End(_) => server.machine.end(),
            };
            self.apply(now, id, &step, out);
            match step.life {
                Life::Goes | Life::GivenUp => continue,
                Life::Terminated => events.push_back(Event::ServerTerminated(id)),
                Life::TimedOut => events.push_back(Event::ServerTimeout(id)),
            }
            self.remove(id);
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn way_back(&self, id: ServerId) -> Option<&WayBack> {
        self.table.get(&id).map(|server| &server.way)
    }

    pub fn is_unanswered(&self, id: ServerId) -> bool {
        let state = self.table.get(&id).map(|server| server.machine.state);
        matches!(state, Some(State::Trying | State::Proceeding))
    }

    pub fn stateless_way_back(&self, message: &Message, flow: Flow) -> WayBack {
        WayBack::of(message, flow, self.is_symmetric(&flow))
    }

    pub fn retained_bytes(&self) -> usize {
        self.retained_bytes
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// A request is here again.
    fn again(&mut self, now: Instant, id: ServerId, out: &mut Outputs) -> RequestOutcome {
        let server = self.table.get_mut(&id);
        let step = server.map(|server| server.machine.request());
        self.apply(now, id, &step.unwrap_or_default(), out);
        RequestOutcome::Retransmission
    }

    /// Answers a request where it comes from now: its sender has moved since it first came.
    /// Whether it has.
    fn follow(&mut self, id: ServerId, flow: Flow, message: &Message, key: Key) -> bool {
        let way = WayBack::of(message, flow, self.is_symmetric(&flow));
        let Some(server) = self.table.get_mut(&id).filter(|server| server.way != way) else {
            return false;
        };
        let response = way.stamp(&server.response);
        self.retained_bytes -= server.way.vias.len() + server.response.len();
        self.retained_bytes += way.vias.len() + response.len();
        server.response = response;
        let before = std::mem::replace(&mut server.way, way);
        let old_key = std::mem::replace(&mut server.key, key.clone());
        self.by_key.remove(&old_key);
        self.by_key.insert(key, id);
        if let Some(connection) = before.flow.connection {
            self.by_connection.remove(&(connection, id));
        }
        if let Some(connection) = flow.connection {
            self.by_connection.insert((connection, id));
        }
        true
    }

    fn receive_ack(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        out: &mut Outputs,
    ) -> Result<RequestOutcome, Refused> {
        let key = matching::server_key(message, &flow, Method::Invite.as_bytes())?;
        let Some(&id) = self.by_key.get(&key) else {
            return Ok(RequestOutcome::AckForSuccess);
        };
        let step = self
            .table
            .get_mut(&id)
            .map(|server| server.machine.ack())
            .unwrap_or_default();
        let for_success = step.deliver;
        self.apply(now, id, &step, out);
        self.forget_unneeded(id);
        Ok(match for_success {
            true => RequestOutcome::AckForSuccess,
            false => RequestOutcome::AckAbsorbed(id),
        })
    }

    fn insert(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        key: Key,
        copy_key: Option<Key>,
        standing: Standing,
    ) -> Result<ServerId, Refused> {
        let way = WayBack::of(message, flow, self.is_symmetric(&flow));
        let room = standing
            .share(self.config.max_retained_server_bytes)
            .saturating_sub(self.retained_bytes);
        let most = standing.share(self.config.max_servers);
        if self.table.len() >= most || way.vias.len() > room {
            return Err(Refused::Full);
        }
        if message.header(HeaderName::CallId).is_none() {
            return Err(Fault::Missing(HeaderName::CallId).into());
        }
        self.last_id += 1;
        let id = ServerId(self.last_id);
        let reliable = flow.transport == Transport::Tcp;
        let is_invite = message.method() == Some(Method::Invite);
        let (machine, step) = ServerMachine::start(is_invite, reliable, self.config.timing);
        self.by_key.insert(key.clone(), id);
        if let Some(key) = &copy_key {
            self.by_copy_key.insert(key.clone(), id);
        }
        if let Some(connection) = flow.connection {
            self.by_connection.insert((connection, id));
        }
        self.retained_bytes += way.vias.len();
        let response = Vec::new();
        let server = Server {
            machine,
            way,
            key,
            copy_key,
            response,
            resend: None,
            end: None,
        };
        self.table.insert(id, server);
        self.apply(now, id, &step, &mut Outputs::new());
        Ok(id)
    }

    fn apply(&mut self, now: Instant, id: ServerId, step: &Step, out: &mut Outputs) {
        let Some(server) = self.table.get_mut(&id) else {
            return;
        };
        if step.send.is_some() {
            out.push_back(Output::Send {
                flow: server.way.flow,
                bytes: server.response.clone(),
            });
        }
        rearm(
            &mut self.timers,
            now,
            step.resend,
            &mut server.resend,
            Due::Resend(id),
        );
        rearm(
            &mut self.timers,
            now,
            step.end,
            &mut server.end,
            Due::End(id),
        );
    }

    /// Frees what no retransmission can ask for any more.
    fn forget_unneeded(&mut self, id: ServerId) {
        let Some(server) = self.table.get_mut(&id) else {
            return;
        };
        if !server.machine.needs_response() {
            self.retained_bytes -= server.response.len();
            server.response = Vec::new();
        }
    }

    fn remove(&mut self, id: ServerId) {
        let Some(server) = self.table.remove(&id) else {
            return;
        };
        self.retained_bytes -= server.way.vias.len() + server.response.len();
        self.by_key.remove(&server.key);
        if let Some(key) = &server.copy_key {
            self.by_copy_key.remove(key);
        }
        if let Some(connection) = server.way.flow.connection {
            self.by_connection.remove(&(connection, id));
        }
        for timer in [server.resend, server.end].into_iter().flatten() {
            self.timers.cancel(timer);
        }
    }

    fn is_symmetric(&self, flow: &Flow) -> bool {
        self.config
            .symmetric_realms
            .get(usize::from(flow.realm.0))
            .copied()
            .unwrap_or(false)
    }
}

/// Does to a timer what a step asks for.
pub(super) fn rearm<K>(
    timers: &mut Timers<K>,
    now: Instant,
    what: Rearm,
    slot: &mut Option<TimerId>,
    key: K,
) {
    if what == Rearm::Keep {
        return;
    }
    if let Some(armed) = slot.take() {
        timers.cancel(armed);
    }
    if let Rearm::Start(delay) = what {
        *slot = Some(timers.arm(now, delay, key));
    }
}
