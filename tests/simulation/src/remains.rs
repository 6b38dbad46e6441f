//! Nothing is left after the last call.

use strait_control::gateway::io::RealmIndex;
use strait_shared::slot::SlotIndex;

use crate::plan::Fault;
use crate::stage::Stage;

impl Stage {
    /// What is left when all calls are over; and when everyone is gone, what that should have
    /// taken along.
    pub fn remains(&self, gone: bool) -> Result<(), String> {
        let strait = self.strait();
        let (Some(gateway), Some(link)) = (strait.gateway(), strait.link()) else {
            return Err("nobody signals".to_owned());
        };
        let sizes = gateway.sizes();
        let mut left = Vec::new();
        let mut count = |name: &str, number: usize| {
            if number > 0 {
                left.push(format!("{number} {name}"));
            }
        };
        count("calls", sizes.calls);
        count("sessions", sizes.sessions);
        if gone {
            count("dialogs", sizes.dialogs);
            count("exchanges", sizes.exchanges);
            count("server transactions", sizes.server_transactions);
            // Each softswitch is asked whether it lives, for ever.
            let probes = match self.plan.has(Fault::Outage) {
                true => self.softswitches.len() + usize::from(self.rogue.is_some()),
                false => 0,
            };
            let ours = sizes.client_transactions.saturating_sub(probes);
            count("client transactions", ours);
            count("unproven connections", strait.unproven_connections());
            count("registrations", sizes.registrations);
            count("tokens", sizes.tokens);
            let now = strait.clock(self.world.now());
            let realms = 2 + u16::from(self.rogue.is_some());
            for realm in (0..realms).map(RealmIndex) {
                let usage = gateway.port_usage(now, realm);
                count("pairs of ports", usage.total - usage.free);
            }
        }
        let table = strait.region().table();
        let slots = (0..table.len()).map(SlotIndex);
        let open = slots.filter(|slot| table.snapshot(*slot).is_none_or(|slot| slot.open));
        count("open slots", open.count());
        count(
            "unreported closes",
            self.checks.borrow().commands.unreported(),
        );
        count("waiting commands", link.link().waiting());
        match left.is_empty() {
            true => Ok(()),
            false => Err(format!("left over: {}", left.join(", "))),
        }
    }
}
