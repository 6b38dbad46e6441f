//! Kamailio as softswitch: registrar with digest authentication and record-routing proxy.

use std::path::Path;
use std::time::Duration;

use crate::namespace::Namespace;
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
    let defines = [
        format!("LISTEN_UDP=udp:{bracketed}:5060"),
        format!("LISTEN_TCP=tcp:{bracketed}:5060"),
    ];
    let directory = topology.directory();
    run(&topology.core, directory, &name, "kamailio.cfg", &defines)
}

/// Starts it in `host` as the server of a domain, without authentication, over UDP at an IPv4
/// address and, as a dual server, at an IPv6 address too.
pub fn serve(
    host: &Namespace,
    directory: &Path,
    address: &str,
    too: Option<&str>,
    domain: &str,
) -> Program {
    let mut defines = vec![
        format!("LISTEN=udp:{address}:5060"),
        format!("DOMAIN=\"{domain}\""),
    ];
    defines.extend(too.map(|too| format!("LISTEN_TOO=udp:[{too}]:5060")));
    run(host, directory, "kamailio", "kamailio-domain.cfg", &defines)
}

fn run(
    host: &Namespace,
    directory: &Path,
    name: &str,
    configuration: &str,
    defines: &[String],
) -> Program {
    let runtime = directory.join(format!("{name}-run"));
    std::fs::create_dir_all(&runtime).expect("the scenario's directory is writable");
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(configuration);
    let mut command = host.command("kamailio");
    command
        .arg("-f")
        .arg(file)
        .args(["-DD", "-E", "-m", "64", "-M", "8"]);
    command.args(["-n", "2", "-Y", &runtime.to_string_lossy()]);
    for define in defines {
        command.args(["-A", define]);
    }
    let mut kamailio = host.start(name, command, directory);
    kamailio.wait_for_output("strait-softswitch ready", Duration::from_secs(15));
    kamailio
}
