//! Kamailio as softswitch: registrar with digest authentication and record-routing proxy.

use std::path::PathBuf;
use std::time::Duration;

use crate::program::Program;
use crate::topology::Topology;

/// The domain its users live in.
pub const DOMAIN: &str = "example.test";

/// Starts it in the core, listening on `address` port 5060 over UDP and TCP.
pub fn start(topology: &Topology, address: &str) -> Program {
    let bracketed = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    };
    let name = format!("kamailio-{}", address.replace([':', '.'], "-"));
    let runtime = topology.file(&name);
    std::fs::create_dir_all(&runtime).expect("the scenario's directory is writable");
    let mut command = topology.core.command("kamailio");
    command
        .args([
            "-f",
            &config_file().to_string_lossy(),
            "-DD",
            "-E",
            "-m",
            "64",
            "-M",
            "8",
        ])
        .args(["-n", "2", "-Y", &runtime.to_string_lossy()])
        .args(["-A", &format!("LISTEN_UDP=udp:{bracketed}:5060")])
        .args(["-A", &format!("LISTEN_TCP=tcp:{bracketed}:5060")]);
    let mut kamailio = topology.core.start(&name, command, topology.directory());
    kamailio.wait_for_output("strait-softswitch ready", Duration::from_secs(15));
    kamailio
}

fn config_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios/kamailio.cfg")
}
