//! From the configuration to capsule's: cores, devices, memory, options. Pure.

use capsule::config::RuntimeConfig;
use serde_json::json;
use strait_config::{Config, Nic, PortKind};

use crate::error::OpenError;
use crate::limits::{EXCHANGE_FRAMES, POOL_CACHE, QUEUE_FRAMES};

/// Which core the main thread has, and which each worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) main: u16,
    /// In the order of the workers.
    pub(crate) workers: Vec<u16>,
}

impl Cores {
    /// Cores out of those `allowed`: a worker that asks for one gets it, the others get those that
    /// are left from the last one down, and the first left over is the main thread's. Where none
    /// is, the main thread, which sleeps nearly always, shares the first worker's.
    pub(crate) fn assign(config: &Config, allowed: &[u16]) -> Result<Self, OpenError> {
        let wishes = config.dataplane.workers.iter().map(|worker| worker.core);
        let wishes: Vec<Option<u16>> = wishes.collect();
        let free = allowed.iter().copied();
        let mut free: Vec<u16> = free.filter(|core| !wishes.contains(&Some(*core))).collect();
        let few = || OpenError::Cores {
            workers: wishes.len(),
            allowed: allowed.to_vec(),
        };
        let unknown = |wish: &Option<u16>| wish.is_some_and(|core| !allowed.contains(&core));
        if wishes.iter().any(unknown) {
            return Err(few());
        }
        let spare = allowed.len() > wishes.len() && !free.is_empty();
        let main = spare.then(|| free.remove(0));
        let chosen = wishes.iter().map(|wish| wish.or_else(|| free.pop()));
        let workers: Option<Vec<u16>> = chosen.collect();
        let workers = workers.ok_or_else(few)?;
        let main = main.or_else(|| workers.first().copied());
        Ok(Self {
            main: main.ok_or_else(few)?,
            workers,
        })
    }

    /// Whether a worker runs on the main thread.
    pub(crate) fn is_main(&self, worker: usize) -> bool {
        self.workers[worker] == self.main
    }

    /// The number of each worker's queue: capsule numbers them by core.
    pub(crate) fn queue(&self, worker: usize) -> u16 {
        let core = self.workers[worker];
        self.workers.iter().filter(|other| **other < core).count() as u16
    }
}

/// The `dpdk` NICs, with their number among all.
pub(crate) fn nics(config: &Config) -> impl Iterator<Item = (usize, &Nic)> {
    let all = config.dataplane.nics.iter().enumerate();
    all.filter(|(_, nic)| nic.port == PortKind::Dpdk)
}

/// The device by which DPDK finds a NIC, without its arguments.
pub(crate) fn device(nic: &Nic) -> &str {
    let device = nic.device.as_deref().expect("the configuration is valid");
    device.split(',').next().unwrap_or(device)
}

/// What capsule is to set up.
pub(crate) fn runtime(config: &Config, cores: &Cores) -> Result<RuntimeConfig, OpenError> {
    let mut ports = Vec::new();
    for (_, nic) in nics(config) {
        let given = nic.device.as_deref().expect("the configuration is valid");
        let arguments = given.split_once(',').map(|(_, arguments)| arguments);
        ports.push(json!({
            "name": nic.name.as_str(),
            "device": device(nic),
            "args": arguments,
            "cores": cores.workers,
            "rxd": QUEUE_FRAMES,
            "txd": QUEUE_FRAMES,
        }));
    }
    let capacity = buffers(ports.len(), cores.workers.len());
    let settings = json!({
        "app_name": "strait",
        "master_core": cores.main,
        "mempool": { "capacity": capacity, "cache_size": POOL_CACHE },
        "ports": ports,
        "dpdk_args": options(config).join(" "),
    });
    serde_json::from_value(settings).map_err(|error| OpenError::Runtime(error.to_string()))
}

/// Buffers enough for every queue to be full at once, and all that is under way. One less than a
/// power of two is what costs DPDK the least memory.
fn buffers(ports: usize, workers: usize) -> usize {
    let of_port = workers * 2 * QUEUE_FRAMES + 2 * EXCHANGE_FRAMES;
    // A core's share may grow to one and a half of its size.
    let of_worker = POOL_CACHE * 3 / 2 + strait_dataplane::limits::BURST;
    (ports * of_port + workers * of_worker + 1).next_power_of_two() - 1
}

/// Nothing is left behind in files, and no bus is searched that no NIC is on.
fn options(config: &Config) -> Vec<&str> {
    let given = &config.dataplane.dpdk.options;
    let alone = match given.iter().any(|option| option == "--no-huge") {
        // DPDK does not take the other one then, which would imply this.
        true => "--no-shconf",
        false => "--in-memory",
    };
    let mut options = vec![alone, "--no-telemetry"];
    let virtual_only = nics(config).all(|(_, nic)| device(nic).starts_with("net_"));
    options.extend(virtual_only.then_some("--no-pci"));
    options.extend(given.iter().map(String::as_str));
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use strait_config::Worker;

    fn config(workers: &[Option<u16>]) -> Config {
        let text =
            "realms: [ { name: access, signalling: [ { transport: udp, address: 192.0.2.1 } ],
            media: [ { address: 192.0.2.1, ports: 20000-20009, nic: one } ] } ]
dataplane:
  nics:
    - { name: one, port: dpdk, device: 'net_af_packet7,iface=eth0,qpairs=2' }
    - { name: other, port: udp }
    - { name: two, port: dpdk, device: '0000:3b:00.0' }
  dpdk: { options: [ --no-huge, -m, '256' ] }
";
        let checked = strait_config::check(text, "test.yaml");
        let mut config = checked.config.expect("valid").clone();
        let cores = workers.iter().map(|core| Worker { core: *core });
        config.dataplane.workers = cores.collect();
        config
    }

    #[test]
    fn cores_go_to_who_asked_and_what_is_left_to_the_main_thread() {
        let assign = |workers: &[_], allowed: &[_]| {
            let cores = Cores::assign(&config(workers), allowed);
            cores.ok().map(|cores| (cores.main, cores.workers))
        };
        assert_eq!(assign(&[None], &[0, 1]), Some((0, vec![1])));
        assert_eq!(assign(&[Some(0)], &[0, 1]), Some((1, vec![0])));
        let mixed = assign(&[Some(2), None, Some(0)], &[0, 1, 2, 3]);
        assert_eq!(mixed, Some((1, vec![2, 3, 0])));
        assert_eq!(assign(&[None, None], &[0, 1]), Some((1, vec![1, 0])));
        assert_eq!(assign(&[Some(0), Some(1)], &[0, 1]), Some((0, vec![0, 1])));
        assert_eq!(assign(&[None], &[3]), Some((3, vec![3])));
        assert_eq!(assign(&[None, None, None], &[0, 1]), None);
        assert_eq!(assign(&[Some(9)], &[0, 1]), None);
    }

    #[test]
    fn queues_are_numbered_by_core() {
        let cores = Cores {
            main: 1,
            workers: vec![4, 0, 2],
        };
        let queues: Vec<u16> = (0..3).map(|worker| cores.queue(worker)).collect();
        assert_eq!(queues, [2, 0, 1]);
    }

    #[test]
    fn capsule_is_told_of_devices_cores_and_options() {
        let config = config(&[Some(3)]);
        let cores = Cores::assign(&config, &[0, 3]).unwrap();
        let runtime = runtime(&config, &cores).unwrap();
        let ports: Vec<_> = runtime
            .ports
            .iter()
            .map(|port| (port.device.as_str(), port.args.as_deref(), port.rxd))
            .collect();
        let arguments = Some("iface=eth0,qpairs=2");
        let expected = [
            ("net_af_packet7", arguments, 1_024),
            ("0000:3b:00.0", None, 1_024),
        ];
        assert_eq!(ports, expected);
        let options = runtime.dpdk_args.as_deref();
        assert_eq!(options, Some("--no-shconf --no-telemetry --no-huge -m 256"));
        assert_eq!(
            (runtime.mempool.capacity, runtime.mempool.cache_size),
            (8_191, 256)
        );
    }
}
