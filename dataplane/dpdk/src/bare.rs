//! NICs without the kernel behind them, for tests and benches: what is not media is lost.

use std::sync::Arc;

use capsule::Runtime;
use serde_json::json;
use strait_dataplane::frame::Lender;
use strait_dataplane::port::kernel_path::KernelPath;
use strait_shared::geometry::Geometry;
use strait_shared::slot::EgressPort;

use crate::device::Device;
use crate::error::OpenError;
use crate::limits::{POOL_CACHE, QUEUE_FRAMES};
use crate::mbuf::Pool;
use crate::port::{DpdkPort, Nic, absent};

/// Buffers of the one pool.
const BUFFERS: usize = 8_191;

/// Running NICs with one queue each, driven by the calling thread.
pub struct Bare {
    /// In the order of the devices.
    pub ports: Vec<DpdkPort>,
    /// Where their buffers come from.
    pub pool: Pool,
    devices: Vec<Device>,
    _runtime: Runtime,
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.ports.clear();
        for device in &self.devices {
            device.stop();
        }
    }
}

impl Bare {
    /// Sets DPDK up on two cores with these virtual devices, the addresses of `geometry` on them
    /// in their order. Once in a process.
    ///
    /// # Errors
    /// Why DPDK refuses.
    pub fn open(
        devices: &[&str],
        cores: (u16, u16),
        options: &str,
        geometry: &Geometry,
    ) -> Result<Self, OpenError> {
        let refused = |error: &dyn std::fmt::Display| OpenError::Runtime(error.to_string());
        let ports = devices.iter().map(|device| {
            let (device, arguments) = device.split_once(',').unwrap_or((device, ""));
            json!({
                "name": device, "device": device, "cores": [cores.1],
                "args": Some(arguments).filter(|it| !it.is_empty()),
                "rxd": QUEUE_FRAMES, "txd": QUEUE_FRAMES,
            })
        });
        let settings = json!({
            "app_name": "strait", "master_core": cores.0, "dpdk_args": options,
            "mempool": { "capacity": BUFFERS, "cache_size": POOL_CACHE },
            "ports": ports.collect::<Vec<_>>(),
        });
        let settings = serde_json::from_value(settings).map_err(|error| refused(&error))?;
        let runtime = Runtime::build(settings).map_err(|error| refused(&error))?;
        let lender: Lender = Arc::new(());
        let kernel_path = || KernelPath::open(&[]).map_err(|(_, error)| refused(&error));
        let (mut ports, mut started) = (Vec::new(), Vec::new());
        for (number, device) in devices.iter().enumerate() {
            let name = device.split(',').next().unwrap_or(device);
            let found = Device::find(name).filter(|device| device.start());
            let device = found.ok_or_else(|| absent(name))?;
            started.push(device);
            let number = EgressPort(number as u8);
            let lender = lender.clone();
            let nic = Nic::new(name, device, lender, geometry, number, kernel_path()?)?;
            ports.push((nic.pool, DpdkPort::new(nic, device.queue(0), true)));
        }
        let pool = ports.first().map(|(pool, _)| *pool);
        Ok(Self {
            pool: pool.ok_or_else(|| refused(&"no device"))?,
            ports: ports.into_iter().map(|(_, port)| port).collect(),
            devices: started,
            _runtime: runtime,
        })
    }
}
