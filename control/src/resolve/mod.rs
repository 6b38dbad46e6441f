//! Where other domains' SIP servers are, by the DNS.
//!
//! `locate` is RFC 3263 §4, pure; here are the servers of the DNS it is asked of, one after the
//! other, within a bounded time.

mod addresses;
mod credible;
pub mod limits;
mod locate;
mod records;
mod server;
mod weigh;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::ResolveHosts;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::credible::Loopback;
use self::limits::{LOOKUP_TIMEOUT, MAX_QUESTIONS, MAX_SERVERS};
use self::records::{Naptr, Records, Srv, Unanswered};
use self::server::Server;
use crate::gateway::io::{Hop, Lookup, LookupError};

/// The DNS cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[error("no server of the DNS to ask: {0}")]
pub struct NoResolver(String);

/// Asks the DNS, and remembers what it said for as long as it said.
pub struct Resolver {
    servers: Vec<Server>,
    /// The server that is asked first: the last one that answered where another was silent.
    first: Cell<usize>,
    loopback: Loopback,
    turns: Semaphore,
    random: RefCell<ChaCha8Rng>,
}

impl Resolver {
    /// A resolver that asks `servers`, the first one first, or, where there are none, those in the
    /// system's `/etc/resolv.conf`. `seed` shares the load among equal servers of a domain.
    pub fn new(servers: &[SocketAddr], seed: [u8; 32]) -> Result<Self, NoResolver> {
        let failed = |error: hickory_resolver::net::NetError| NoResolver(error.to_string());
        let (chosen, hosts) = if servers.is_empty() {
            (server::of_the_system().map_err(failed)?, ResolveHosts::Auto)
        } else {
            (servers.to_vec(), ResolveHosts::Never)
        };
        // The system's server is often a cache on loopback that asks the DNS at large.
        let here = !servers.is_empty() && servers.iter().all(|server| server.ip().is_loopback());
        let made: Result<Vec<Server>, _> = chosen
            .into_iter()
            .take(MAX_SERVERS)
            .map(|address| Server::new(address, hosts))
            .collect();
        Ok(Self {
            servers: made.map_err(failed)?,
            first: Cell::new(0),
            loopback: if here { Loopback::Meant } else { Loopback::Lie },
            turns: Semaphore::new(MAX_QUESTIONS),
            random: RefCell::new(ChaCha8Rng::from_seed(seed)),
        })
    }

    /// Finds where requests to a domain may be sent, the first place to be tried first; never none.
    ///
    /// Takes [`LOOKUP_TIMEOUT`] at most. May be dropped at any time, and runs beside others.
    pub async fn locate(&self, lookup: &Lookup) -> Result<Vec<Hop>, LookupError> {
        let mut random = |most: u32| self.random(most);
        let search = locate::locate(self, lookup, self.loopback, &mut random);
        let found = timeout(LOOKUP_TIMEOUT, search).await;
        found.unwrap_or(Err(LookupError::TimedOut))
    }

    /// Asks one server after the other until one knows.
    async fn ask<T>(
        &self,
        question: impl AsyncFn(&Server) -> Result<T, Unanswered>,
    ) -> Result<T, Unanswered> {
        let _turn = self.turns.acquire().await.expect("it is never closed");
        let first = self.first.get();
        let mut outcome = Err(Unanswered::TimedOut);
        for index in (0..self.servers.len()).map(|n| (first + n) % self.servers.len()) {
            let answer = question(&self.servers[index]).await;
            match answer {
                Err(Unanswered::TimedOut) => {}
                Err(Unanswered::Failed) => outcome = answer,
                Ok(_) | Err(Unanswered::NoSuchName) => {
                    // Who was silent is asked last from now on. An error says nothing about the
                    // server: a cache tells so of the domain's.
                    if matches!(outcome, Err(Unanswered::TimedOut)) {
                        self.first.set(index);
                    }
                    return answer;
                }
            }
        }
        outcome
    }

    fn random(&self, most: u32) -> u32 {
        let tickets = u64::from(most) + 1;
        // The high half of the product: as even as 2^32 numbers can be.
        ((u64::from(self.random.borrow_mut().next_u32()) * tickets) >> 32) as u32
    }
}

impl Records for Resolver {
    async fn naptr(&self, name: &str) -> Result<Vec<Naptr>, Unanswered> {
        self.ask(async |server| server.naptr(name).await).await
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, Unanswered> {
        self.ask(async |server| server.srv(name).await).await
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        self.ask(async |server| server.ipv4(name).await).await
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        self.ask(async |server| server.ipv6(name).await).await
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let servers = self.servers.len();
        f.debug_struct("Resolver")
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}
