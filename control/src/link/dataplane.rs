//! The region over the dataplane's restarts.
//!
//! | state   | event                            | does                              | next    |
//! |---------|----------------------------------|-----------------------------------|---------|
//! | –       | attached                         | slots nobody knows are closed     | serving |
//! | serving | worker stalled, ring corrupt     | new calls refused                 | lost    |
//! | serving | its connection ends              | new calls refused                 | lost    |
//! | lost    | fetched: the same region         | calls go on                       | serving |
//! | lost    | fetched: another region          | calls are ended, their media gone | serving |
//! | lost    | still served, workers move again | calls go on                       | serving |
//!
//! Forbidden: giving commands for slots of the old region to the new one. The gateway is told to
//! end its calls in the same breath in which the new region is adopted; what it then closes is
//! refused by the new workers as stale, which ends those slots for the gateway as well.

use std::path::{Path, PathBuf};
use std::time::Duration;

use strait_shared::attach::{Attached, FetchError, fetch};
use strait_shared::command::Command;
use strait_shared::geometry::Geometry;
use strait_shared::region::Region;
use strait_shared::slot::{Generation, SlotIndex};
use strait_shared::time::Instant;
use thiserror::Error;

use super::limits::CLEAR_INTERVAL;
use super::{Link, LinkError, Report};

/// Why there is no dataplane to work with.
#[derive(Debug, Error)]
pub enum DataplaneError {
    /// The region could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It was fetched, but cannot be used.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Whether the dataplane can be worked with changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It cannot: why, for the log.
    Lost(&'static str),
    /// It can again.
    Back,
}

/// A region that was fetched anew.
pub enum Found {
    /// The one we had.
    Same(Attached),
    /// Another one, taken and cleared.
    New(Attached, Box<Link>),
}

/// What a region is told apart by: the device and number of its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity(u64, u64);

/// The dataplane as control sees it.
pub struct Dataplane {
    link: Link,
    /// `None` for a region of this process's own.
    attached: Option<Attached>,
    identity: Option<Identity>,
    lost: bool,
    broken: bool,
    reattached: u64,
}

impl Dataplane {
    /// Waits for the dataplane to come up and takes control's end of its region. Blocks.
    pub fn attach(
        path: &Path,
        geometry: &Geometry,
        limit: Duration,
    ) -> Result<Self, DataplaneError> {
        let mut dataplane = Self::succeed(path, geometry, limit)?;
        dataplane.close_unknown(&|_, _| false)?;
        Ok(dataplane)
    }

    /// The same, with what an earlier control left open there: [`Dataplane::close_unknown`] is to
    /// follow.
    pub fn succeed(
        path: &Path,
        geometry: &Geometry,
        limit: Duration,
    ) -> Result<Self, DataplaneError> {
        let attached = fetch(path, Some(geometry), limit)?;
        let link = Link::succeed(&attached.region, Instant::now(), &mut pause)?;
        let identity = identity(&attached.region);
        let attached = Some(attached);
        Ok(Self {
            link,
            attached,
            identity,
            lost: false,
            broken: false,
            reattached: 0,
        })
    }

    /// Takes control's end of a region of this process's own, at `now`, with what an earlier
    /// control left open there; while its workers have to get on, `pause` is called again and
    /// again.
    pub fn of_region(
        region: &Region,
        now: Instant,
        pause: &mut dyn FnMut(),
    ) -> Result<Self, LinkError> {
        let link = Link::succeed(region, now, pause)?;
        let identity = identity(region);
        Ok(Self {
            link,
            attached: None,
            identity,
            lost: false,
            broken: false,
            reattached: 0,
        })
    }

    /// Closes every open slot that is not known, and says which. Blocks.
    pub fn close_unknown(
        &mut self,
        known: &dyn Fn(SlotIndex, Generation) -> bool,
    ) -> Result<Vec<SlotIndex>, LinkError> {
        self.close_unknown_while(known, &mut pause)
    }

    /// The same; while the workers do so, `pause` is called again and again.
    pub fn close_unknown_while(
        &mut self,
        known: &dyn Fn(SlotIndex, Generation) -> bool,
        pause: &mut dyn FnMut(),
    ) -> Result<Vec<SlotIndex>, LinkError> {
        self.link.close_unknown(known, pause)
    }

    /// Passes a command on.
    pub fn send(&mut self, command: Command) {
        if !self.broken && self.link.send(command).is_err() {
            self.broken = true;
        }
    }

    /// Whether everything the workers were told has taken effect; also when nobody is there to
    /// wait for.
    pub fn is_settled(&mut self) -> bool {
        self.broken || self.lost || self.link.is_settled()
    }

    /// Appends what the workers reported.
    pub fn poll(&mut self, reports: &mut Vec<Report>) {
        if !self.broken && self.link.poll(reports).is_err() {
            self.broken = true;
        }
    }

    /// Looks whether the dataplane still lives; says when that has changed.
    pub fn watch(&mut self, now: Instant) -> Option<Change> {
        let trouble = self.trouble(now);
        match (trouble, self.lost) {
            (Some(why), false) => {
                self.lost = true;
                Some(Change::Lost(why))
            }
            (None, true) => {
                self.lost = false;
                Some(Change::Back)
            }
            _ => None,
        }
    }

    /// Whether calls that need media may start.
    pub fn is_ready(&self) -> bool {
        !self.lost && !self.broken && self.link.waiting() == 0
    }

    /// Whether the region is to be fetched anew.
    pub fn wants_fetching(&self) -> bool {
        self.broken
            || self
                .attached
                .as_ref()
                .is_some_and(|attached| !attached.is_served())
    }

    /// What the region at hand is told apart by, for [`Dataplane::search`].
    pub fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Looks for the dataplane that serves at `path` now. Blocks.
    pub fn search(
        path: PathBuf,
        geometry: &Geometry,
        known: Option<Identity>,
        limit: Duration,
    ) -> Result<Found, DataplaneError> {
        let attached = fetch(&path, Some(geometry), limit)?;
        if identity(&attached.region) == known {
            return Ok(Found::Same(attached));
        }
        let link = Link::take(&attached.region)?;
        Ok(Found::New(attached, Box::new(link)))
    }

    /// Goes on with what was found. True when the calls that stand have lost their media.
    pub fn adopt(&mut self, found: Found) -> bool {
        self.reattached += 1;
        match found {
            Found::Same(attached) => {
                self.attached = Some(attached);
                false
            }
            Found::New(attached, link) => {
                self.identity = identity(&attached.region);
                self.attached = Some(attached);
                self.link = *link;
                self.broken = false;
                true
            }
        }
    }

    /// The region's rings, table and statistics.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Whether each worker moves, by its number.
    pub fn alive(&mut self, now: Instant) -> Vec<bool> {
        self.link.alive(now)
    }

    /// Whether it can be worked with.
    pub fn is_attached(&self) -> bool {
        !self.lost && !self.broken
    }

    /// How often a region was fetched again.
    pub fn reattached(&self) -> u64 {
        self.reattached
    }

    fn trouble(&mut self, now: Instant) -> Option<&'static str> {
        if self.broken {
            Some("a ring of its region is corrupt")
        } else if self.wants_fetching() {
            Some("it has ended")
        } else if self.link.alive(now).contains(&false) {
            Some("a worker does not move")
        } else {
            None
        }
    }
}

/// Lets the workers get on.
fn pause() {
    std::thread::sleep(CLEAR_INTERVAL);
}

fn identity(region: &Region) -> Option<Identity> {
    let stat = rustix::fs::fstat(region.fd()?).ok()?;
    Some(Identity(stat.st_dev, stat.st_ino))
}
