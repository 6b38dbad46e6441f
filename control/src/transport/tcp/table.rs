//! Which connections stand: found by number and by remote, counted by source, the one to give up
//! first known.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use strait_config::RealmIndex;
use tokio::time::Instant;

use super::connection::Connection;
use crate::gateway::io::{ConnectionId, Flow, ListenerIndex};

/// All connections that stand or are being opened.
#[derive(Debug, Default)]
pub(super) struct Table {
    by_id: HashMap<ConnectionId, Rc<Connection>>,
    by_path: HashMap<Path, ConnectionId>,
    accepted_by_source: HashMap<IpAddr, usize>,
    /// Who goes first when room is needed. A connection's rank only rises, so a stale entry is
    /// put right when it comes up, not at every message.
    ranks: BTreeMap<(Rank, ConnectionId), ()>,
    last_id: u64,
}

/// A listener of ours and a remote.
type Path = (RealmIndex, ListenerIndex, SocketAddr);

/// How much a connection is worth keeping: one that has brought a whole message before one that
/// has not, and the one active last before the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Rank {
    pub proven: bool,
    pub active: Instant,
}

impl Table {
    /// A number no connection has had.
    pub fn next_id(&mut self) -> ConnectionId {
        self.last_id += 1;
        ConnectionId(self.last_id)
    }

    pub fn insert(&mut self, connection: Rc<Connection>) {
        let id = connection.id();
        let flow = connection.flow();
        if connection.is_accepted() {
            *self
                .accepted_by_source
                .entry(source(flow.remote.ip()))
                .or_default() += 1;
        }
        self.by_path.insert(path(flow), id);
        self.ranks.insert((connection.file(), id), ());
        self.by_id.insert(id, connection);
    }

    pub fn remove(&mut self, id: ConnectionId) {
        let Some(connection) = self.by_id.remove(&id) else {
            return;
        };
        let flow = connection.flow();
        if self.by_path.get(&path(flow)) == Some(&id) {
            self.by_path.remove(&path(flow));
        }
        if connection.is_accepted() {
            let source = source(flow.remote.ip());
            if let Some(count) = self.accepted_by_source.get_mut(&source) {
                *count -= 1;
                if *count == 0 {
                    self.accepted_by_source.remove(&source);
                }
            }
        }
        self.ranks.remove(&(connection.filed(), id));
    }

    /// The connection to give up for a new one.
    pub fn least_worth(&mut self) -> Option<Rc<Connection>> {
        loop {
            let ((rank, id), ()) = self.ranks.pop_first()?;
            let connection = self.by_id.get(&id)?;
            if connection.rank() == rank {
                return Some(connection.clone());
            }
            self.ranks.insert((connection.file(), id), ());
        }
    }

    pub fn get(&self, id: ConnectionId) -> Option<&Rc<Connection>> {
        self.by_id.get(&id)
    }

    /// The connection between a listener and a remote, whoever opened it.
    pub fn to(&self, flow: &Flow) -> Option<&Rc<Connection>> {
        self.by_path
            .get(&path(flow))
            .and_then(|id| self.by_id.get(id))
    }

    /// How many accepted connections a remote's source has.
    pub fn accepted_from(&self, remote: SocketAddr) -> usize {
        self.accepted_by_source
            .get(&source(remote.ip()))
            .copied()
            .unwrap_or(0)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }
}

fn path(flow: &Flow) -> Path {
    (flow.realm, flow.listener, flow.remote)
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 host can roam in.
fn source(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}
