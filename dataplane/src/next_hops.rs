//! Next hops from the kernel: its routes and neighbours are followed by netlink and brought into
//! the adjacency table and the relay's routes.
//!
//! A thread of its own does it. What is resolved is used; a frame whose next hop is not leaves
//! through the kernel, which resolves it like any other. A neighbour that the kernel begins to
//! doubt is asked after, because the kernel does not see how it is used.

mod facts;
mod inbox;
mod plan;
mod pool;
mod reading;

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use strait_shared::adjacency::AdjacencyTable;
use strait_shared::command::NextHop;
use strait_shared::geometry::Geometry;
use strait_shared::region::Region;
use strait_shared::slot::{AdjacencyIndex, EgressPort};

use self::facts::Facts;
pub use self::inbox::Inbox;
use self::plan::{Outlet, Plan};
use self::pool::Pool;
use self::reading::Reader;
use crate::relay::Routes;

/// How long the thread sleeps at most: bounds how late it notices that it is to end.
const NAP: Duration = Duration::from_millis(100);
/// Routes change in flocks: how long one is waited for to settle.
const SETTLING: Duration = Duration::from_millis(10);

/// The running thread.
pub struct NextHops {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    inboxes: Vec<Arc<Inbox>>,
}

impl NextHops {
    /// Reads what the kernel knows, brings it in, and follows what changes. `interfaces` are the
    /// NICs whose next hops the kernel knows, with their interface's number.
    pub fn follow(region: &Region, interfaces: &[(EgressPort, u32)]) -> io::Result<Self> {
        let geometry = region.geometry();
        let workers = geometry.workers();
        let inboxes: Vec<Arc<Inbox>> = (0..workers).map(|_| Arc::default()).collect();
        let mut follower = Follower {
            reader: Reader::open()?,
            facts: Facts::default(),
            outlets: outlets(geometry, interfaces),
            pool: Pool::new(geometry),
            table: region.adjacencies(),
            inboxes: inboxes.clone(),
            posted: Vec::new(),
            full: false,
        };
        follower.reset(geometry);
        follower.read_all()?;
        follower.bring_in();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("next-hops".into());
        let thread = thread.spawn(move || follower.run(&stopped))?;
        Ok(Self {
            stop,
            thread,
            inboxes,
        })
    }

    /// Where each worker gets its routes.
    pub fn inbox(&self, worker: usize) -> Arc<Inbox> {
        self.inboxes[worker].clone()
    }

    /// Ends the thread.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that panicked follows nothing any more; what it brought in stays.
        let _ = self.thread.join();
    }
}

/// Where each local address leaves by; nothing for those whose next hop needs no following.
fn outlets(geometry: &Geometry, interfaces: &[(EgressPort, u32)]) -> Vec<Option<Outlet>> {
    let outlet = |address: &strait_shared::geometry::LocalAddress| {
        let mut followed = interfaces.iter();
        let (port, interface) = followed.find(|(port, _)| *port == address.egress_port)?;
        Some(Outlet {
            ip: address.ip,
            vlan: address.vlan,
            port: *port,
            interface: *interface,
        })
    };
    geometry.addresses().iter().map(outlet).collect()
}

struct Follower {
    reader: Reader,
    facts: Facts,
    outlets: Vec<Option<Outlet>>,
    pool: Pool,
    table: AdjacencyTable,
    inboxes: Vec<Arc<Inbox>>,
    /// The last routes, and earlier ones that a worker may still hold.
    posted: Vec<Arc<Routes>>,
    /// Whether it has been said that there is no room for another next hop.
    full: bool,
}

impl Follower {
    /// Forgets the next hops that a predecessor brought into the table.
    fn reset(&self, geometry: &Geometry) {
        for index in geometry.addresses().len() as u16..geometry.adjacencies() {
            self.set(AdjacencyIndex(index), None);
        }
    }

    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.wait(NAP);
            match self.reader.changes(&mut self.facts) {
                Ok(false) => {}
                Ok(true) => {
                    std::thread::sleep(SETTLING);
                    self.read_again();
                }
                // Some changes were lost: what is true now is read anew.
                Err(_) => self.read_again(),
            }
            self.bring_in();
        }
    }

    fn wait(&self, longest: Duration) {
        let longest = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(longest.subsec_nanos()),
        };
        let mut polled = [PollFd::from_borrowed_fd(self.reader.as_fd(), PollFlags::IN)];
        // Woken by a signal or not: there is a look at what changed.
        let _ = poll(&mut polled, Some(&longest));
    }

    fn read_again(&mut self) {
        if let Err(error) = self.read_all() {
            tracing::warn!(%error, "the kernel's routes cannot be read: next hops may be stale");
        }
    }

    fn read_all(&mut self) -> io::Result<()> {
        self.facts = self.reader.all()?;
        Ok(())
    }

    /// Brings the facts into the table and the routes.
    fn bring_in(&mut self) {
        for hop in self.facts.take_doubted() {
            if self.pool.index(&hop).is_some() {
                self.reader.ask_after(&hop);
            }
        }
        if self.facts.take_changed() {
            let plan = Plan::new(&self.facts, &self.outlets);
            self.take_in(&plan);
            self.post(&plan);
        }
        for (hop, place) in self.pool.taken() {
            let next_hop = self.facts.mac(hop).map(|mac| NextHop {
                egress_port: place.port,
                mac,
            });
            self.set(place.index, next_hop);
        }
    }

    /// Gives every next hop of the plan a place in the table.
    fn take_in(&mut self, plan: &Plan) {
        // A place that rests is free once no worker holds routes that lead to it.
        self.posted.retain(|routes| Arc::strong_count(routes) > 1);
        if self.posted.len() <= 1 {
            self.pool.wake();
        }
        for index in self.pool.keep(plan.hops()) {
            self.set(index, None);
        }
        let outside = self.pool.take(plan.hops());
        if outside > 0 && !self.full {
            tracing::warn!(
                outside,
                "more neighbours than places: the others' media is slow"
            );
        }
        self.full = outside > 0;
    }

    fn post(&mut self, plan: &Plan) {
        let routes = Arc::new(plan.routes(&self.pool));
        for inbox in &self.inboxes {
            inbox.put(routes.clone());
        }
        self.posted.push(routes);
    }

    fn set(&self, index: AdjacencyIndex, next_hop: Option<NextHop>) {
        if self.table.get(index) != next_hop {
            let set = self.table.set(index, next_hop);
            set.expect("the pool has places of the table only");
        }
    }
}
