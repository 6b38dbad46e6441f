//! Opens media slots over the command ring, as control does, and reads what the workers count.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use strait_config::{Config, Realm};
use strait_shared::attach::Attached;
use strait_shared::command::{Command, CommandId, Event, RejectReason};
use strait_shared::geometry::{AddressIndex, WorkerIndex};
use strait_shared::region::ControlEnd;
use strait_shared::slot::{Forwarding, Generation, Policer, SlotIndex};

use crate::Failure;

/// How long the workers may take over a batch of commands.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// Ports a call takes in each realm: RTP and RTCP.
const PORTS_PER_CALL: u16 = 2;

/// A dataplane that takes its commands from us.
pub struct Relay {
    attached: Attached,
    control: ControlEnd,
    next: CommandId,
    generation: Generation,
    open: Vec<SlotIndex>,
    rejected: Option<RejectReason>,
}

/// One side of a call: Strait's address there, RTP; RTCP is one port higher.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Strait's address.
    pub local: SocketAddr,
    /// The party's addresses, RTP and RTCP.
    pub party: [SocketAddr; 2],
}

/// What the workers have counted together.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// Frames received.
    pub packets_in: u64,
    /// Frames sent.
    pub packets_out: u64,
    /// Frames dropped, by reason; only reasons that occurred.
    pub drops: BTreeMap<&'static str, u64>,
}

impl Relay {
    /// Takes the place of control at a dataplane.
    pub fn new(attached: Attached) -> Result<Self, Failure> {
        let control = attached.region.control()?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // Another run's generations must not be ours: slots it left open would take our commands.
        let generation = Generation(now.unwrap_or_default().as_secs() as u32);
        let applied = control.statistics.iter().map(|page| page.applied()).max();
        let next = CommandId(applied.unwrap_or_default().0 + 1);
        Ok(Self {
            attached,
            control,
            next,
            generation,
            open: Vec::new(),
            rejected: None,
        })
    }

    /// Strait's RTP addresses in a realm, one a call, of the family of `party`.
    pub fn addresses(&self, config: &Config, realm: usize, ipv6: bool) -> Vec<SocketAddr> {
        let geometry = self.attached.region.geometry();
        let of_realm = config.media_addresses().filter(|(_, other, media)| {
            usize::from(other.0) == realm && media.address.is_ipv6() == ipv6
        });
        of_realm
            .flat_map(|(AddressIndex(index), ..)| {
                let local = geometry.addresses()[usize::from(index)];
                let ports = local.first_port..=local.last_port - 1;
                ports
                    .step_by(PORTS_PER_CALL.into())
                    .map(move |port| SocketAddr::new(local.ip, port))
            })
            .collect()
    }

    /// Opens the four slots of a call, as the realms on both sides have it.
    pub fn open(&mut self, realms: [&Realm; 2], legs: [Leg; 2]) -> Result<(), Failure> {
        for component in [0, 1] {
            let slots = legs.map(|leg| self.slot(leg.local, component));
            let [near, far] = slots;
            let (near, far) = (near?, far?);
            for (side, slot, peer) in [(0, near, far), (1, far, near)] {
                let forwarding = self.forwarding(realms[side], legs[side], component, slot, peer);
                let generation = self.generation;
                self.command(
                    slot,
                    &Command::Open {
                        slot,
                        generation,
                        forwarding,
                    },
                )?;
                self.open.push(slot);
            }
        }
        Ok(())
    }

    fn forwarding(
        &self,
        realm: &Realm,
        leg: Leg,
        component: usize,
        slot: SlotIndex,
        peer: SlotIndex,
    ) -> Forwarding {
        let geometry = self.attached.region.geometry();
        let local = geometry
            .address(slot)
            .and_then(|AddressIndex(index)| geometry.addresses().get(usize::from(index)));
        Forwarding {
            peer: Some(peer),
            accept: true,
            policy: realm.latch.into(),
            signalled: Some(leg.party[component]),
            send_before_latch: true,
            rtcp: component == 1,
            dscp: realm.dscp.get(),
            vlan: local.and_then(|local| local.vlan),
            policer: realm.police.map(Policer::from),
            clock_hz: if component == 0 { 8_000 } else { 0 },
            ..Forwarding::default()
        }
    }

    /// Waits until everything commanded so far has taken effect.
    pub fn settle(&mut self) -> Result<(), Failure> {
        let last = CommandId(self.next.0 - 1);
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.listen()?;
            let mut backlog = 0;
            for ring in &mut self.control.commands {
                backlog += ring.backlog()?;
            }
            if backlog == 0 {
                break;
            }
            self.be_patient(deadline)?;
        }
        let applied = self.control.statistics.iter().map(|page| page.applied());
        debug_assert!(applied.max() <= Some(last));
        self.listen()?;
        self.rejected
            .map_or(Ok(()), |reason| Err(Failure::Rejected(reason)))
    }

    /// Closes every slot that was opened here.
    pub fn close(&mut self) -> Result<(), Failure> {
        for slot in std::mem::take(&mut self.open) {
            self.command(
                slot,
                &Command::Close {
                    slot,
                    generation: self.generation,
                },
            )?;
        }
        self.settle()?;
        self.generation = Generation(self.generation.0.wrapping_add(1));
        Ok(())
    }

    /// Takes the workers' events off their rings.
    pub fn listen(&mut self) -> Result<(), Failure> {
        for ring in &mut self.control.events {
            while let Some(record) = ring.pop()? {
                if let Ok((_, Event::Rejected { reason, .. })) = Event::decode(&record) {
                    self.rejected = Some(reason);
                }
            }
        }
        if self.attached.is_served() {
            Ok(())
        } else {
            Err(Failure::Gone)
        }
    }

    /// What the workers have counted since they started.
    pub fn counted(&self) -> Counted {
        let mut all = Counted::default();
        for page in &self.control.statistics {
            let worker = page.read();
            all.packets_in += worker.packets_in;
            all.packets_out += worker.packets_out;
            for (reason, count) in worker.drops().filter(|(_, count)| *count > 0) {
                *all.drops.entry(reason.name()).or_default() += count;
            }
        }
        all
    }

    fn slot(&self, local: SocketAddr, component: usize) -> Result<SlotIndex, Failure> {
        let local = SocketAddr::new(local.ip(), local.port() + component as u16);
        self.attached
            .region
            .geometry()
            .slot_at(local)
            .ok_or(Failure::NoSlot(local))
    }

    fn command(&mut self, slot: SlotIndex, command: &Command) -> Result<(), Failure> {
        let WorkerIndex(owner) = self.attached.region.geometry().owner(slot);
        let owner = usize::from(owner);
        let deadline = Instant::now() + PATIENCE;
        while self.control.commands[owner].room()? == 0 {
            self.listen()?;
            self.be_patient(deadline)?;
        }
        self.control.commands[owner].push(&command.encode(self.next))?;
        self.next = CommandId(self.next.0 + 1);
        Ok(())
    }

    fn be_patient(&self, deadline: Instant) -> Result<(), Failure> {
        if Instant::now() >= deadline {
            return Err(Failure::Stuck(PATIENCE.as_secs()));
        }
        std::thread::sleep(LOOK_EVERY);
        Ok(())
    }
}

impl Counted {
    /// What was counted since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let since = |reason: &&'static str, count: u64| {
            count.saturating_sub(earlier.drops.get(reason).copied().unwrap_or(0))
        };
        let drops = self
            .drops
            .iter()
            .map(|(reason, count)| (*reason, since(reason, *count)));
        Self {
            packets_in: self.packets_in.saturating_sub(earlier.packets_in),
            packets_out: self.packets_out.saturating_sub(earlier.packets_out),
            drops: drops.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
