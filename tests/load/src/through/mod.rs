//! What stands between the parties: Strait's dataplane, or what it is compared with.

mod echo;
mod nftables;
mod nothing;
mod process;
mod relay;
mod rtpengine;
mod testpmd;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use strait_shared::geometry::WorkerIndex;
use strait_shared::region::Region;

pub use self::echo::Echo;
pub use self::nftables::Nftables;
pub use self::nothing::Nothing;
pub use self::process::{DPDK_PROGRAM, Process, processor_time, program, region_socket};
pub use self::relay::Relay;
pub use self::rtpengine::Rtpengine;
pub use self::testpmd::Testpmd;
use crate::Failure;

/// Addresses of a call by side, near and far, and component, RTP and RTCP.
pub type Legs = [[SocketAddr; 2]; 2];

/// Something that relays media between two parties.
pub trait Through {
    /// Opens a call between the `party` addresses; the addresses they are to send to: each
    /// other's, where nothing in between has addresses.
    fn open(&mut self, _call: usize, [near, far]: Legs) -> Result<Legs, Failure> {
        Ok([far, near])
    }

    /// Waits until everything opened or closed so far has taken effect.
    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Closes every call.
    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Looks after it while packets flow.
    fn listen(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// What it has counted since it started.
    fn counted(&self) -> Counted {
        Counted::default()
    }

    /// Its processor time so far, where the process is ours.
    fn processor_time(&self) -> Option<Duration> {
        None
    }
}

/// What was counted in the middle.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// Packets dropped, by reason; only reasons that occurred.
    pub drops: BTreeMap<&'static str, u64>,
    /// Packets that each worker received.
    pub received: Vec<u64>,
}

impl Counted {
    /// What the workers of a dataplane have counted since they started.
    pub fn by(region: &Region) -> Self {
        let workers = (0..region.geometry().workers()).map(WorkerIndex);
        let mut all = Self::default();
        for page in workers.filter_map(|worker| region.statistics(worker)) {
            let page = page.read();
            all.received.push(page.packets_in);
            for (reason, count) in page.drops().filter(|(_, count)| *count > 0) {
                *all.drops.entry(reason.name()).or_default() += count;
            }
        }
        all
    }

    /// What was counted since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let since = |(reason, count): (&&'static str, &u64)| {
            let then = earlier.drops.get(reason).copied().unwrap_or(0);
            (*reason, count.saturating_sub(then))
        };
        let drops = self.drops.iter().map(since).filter(|(_, count)| *count > 0);
        let received = self.received.iter().zip(&earlier.received);
        let received = received.map(|(now, then)| now.saturating_sub(*then));
        Self {
            drops: drops.collect(),
            received: received.collect(),
        }
    }
}
