//! Strait's dataplane: opens media slots over the command ring, as control does, and reads what
//! the workers count.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use strait_config::{Config, Realm};
use strait_shared::attach::Attached;
use strait_shared::command::{Command, CommandId, Event, RejectReason};
use strait_shared::geometry::{AddressIndex, Geometry, WorkerIndex};
use strait_shared::region::ControlEnd;
use strait_shared::slot::{Forwarding, Generation, Policer, SlotIndex};

use super::process::Process;
use super::{Counted, Legs, Through};
use crate::Failure;

/// How long the workers may take over a batch of commands.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// Ports a call takes in each realm: RTP and RTCP.
const PORTS_PER_CALL: usize = 2;

/// A dataplane that takes its commands from us.
pub struct Relay {
    process: Option<Process>,
    attached: Attached,
    control: ControlEnd,
    realms: [Realm; 2],
    /// Strait's RTP addresses on each side, one a call.
    addresses: [Vec<SocketAddr>; 2],
    next: CommandId,
    generation: Generation,
    open: Vec<SlotIndex>,
    rejected: Option<RejectReason>,
}

impl Relay {
    /// Takes the place of control at a dataplane, for `calls` calls between two realms of the
    /// configuration, and parties of these IP versions.
    pub fn new(
        attached: Attached,
        process: Option<Process>,
        config: &Config,
        realms: [usize; 2],
        is_ipv6: [bool; 2],
        calls: usize,
    ) -> Result<Self, Failure> {
        let control = attached.region.control()?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // Another run's generations must not be ours: slots it left open would take our commands.
        let generation = Generation(now.unwrap_or_default().as_secs() as u32);
        let applied = control.statistics.iter().map(|page| page.applied()).max();
        let geometry = attached.region.geometry().clone();
        let addresses =
            [0, 1].map(|side| addresses(config, &geometry, realms[side], is_ipv6[side]));
        for (realm, addresses) in realms.iter().zip(&addresses) {
            if addresses.len() < calls {
                let realm = config.realms[*realm].name.to_string();
                return Err(Failure::Ports {
                    realm,
                    room: addresses.len(),
                    wanted: calls,
                });
            }
        }
        Ok(Self {
            process,
            attached,
            control,
            realms: realms.map(|realm| config.realms[realm].clone()),
            addresses,
            next: CommandId(applied.unwrap_or_default().0 + 1),
            generation,
            open: Vec::new(),
            rejected: None,
        })
    }

    fn forwarding(
        &self,
        side: usize,
        component: usize,
        party: SocketAddr,
        [slot, peer]: [SlotIndex; 2],
    ) -> Forwarding {
        let realm = &self.realms[side];
        let geometry = self.attached.region.geometry();
        let local = geometry
            .address(slot)
            .and_then(|AddressIndex(index)| geometry.addresses().get(usize::from(index)));
        Forwarding {
            peer: Some(peer),
            accept: true,
            policy: realm.latch.into(),
            signalled: Some(party),
            send_before_latch: true,
            rtcp: component == 1,
            dscp: realm.dscp.get(),
            vlan: local.and_then(|local| local.vlan),
            policer: realm.police.map(Policer::from),
            clock_hz: if component == 0 { 8_000 } else { 0 },
            ..Forwarding::default()
        }
    }

    fn slot(&self, local: SocketAddr) -> Result<SlotIndex, Failure> {
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

impl Through for Relay {
    fn open(&mut self, call: usize, party: Legs) -> Result<Legs, Failure> {
        let rtp = [0, 1].map(|side: usize| self.addresses[side][call]);
        let local = rtp.map(|rtp| [rtp, SocketAddr::new(rtp.ip(), rtp.port() + 1)]);
        for component in [0, 1] {
            let near = self.slot(local[0][component])?;
            let far = self.slot(local[1][component])?;
            for (side, slots) in [(0, [near, far]), (1, [far, near])] {
                let [slot, _] = slots;
                let forwarding = self.forwarding(side, component, party[side][component], slots);
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
        Ok(local)
    }

    fn settle(&mut self) -> Result<(), Failure> {
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
        self.listen()?;
        self.rejected
            .map_or(Ok(()), |reason| Err(Failure::Rejected(reason)))
    }

    fn close(&mut self) -> Result<(), Failure> {
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

    fn listen(&mut self) -> Result<(), Failure> {
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

    fn counted(&self) -> Counted {
        Counted::by(&self.attached.region)
    }

    fn processor_time(&self) -> Option<Duration> {
        self.process.as_ref().map(Process::processor_time)
    }
}

/// Strait's RTP addresses of one IP version in a realm, one a call.
fn addresses(config: &Config, geometry: &Geometry, realm: usize, is_ipv6: bool) -> Vec<SocketAddr> {
    let of_realm = config.media_addresses().filter(|(_, other, media)| {
        usize::from(other.0) == realm && media.address.is_ipv6() == is_ipv6
    });
    of_realm
        .flat_map(|(AddressIndex(index), ..)| {
            let local = geometry.addresses()[usize::from(index)];
            let ports = local.first_port..=local.last_port - 1;
            ports
                .step_by(PORTS_PER_CALL)
                .map(move |port| SocketAddr::new(local.ip, port))
        })
        .collect()
}
