//! NSD, an authoritative server of the DNS, with the zones a scenario gives it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::program::Program;

/// A running server; it ends when dropped.
pub struct Nsd {
    /// Its process.
    pub program: Program,
    /// Where it answers, over UDP and TCP.
    pub addresses: Vec<SocketAddr>,
}

/// What a server knows of one domain.
pub struct Zone<'a> {
    /// The domain, without the last dot.
    pub name: &'a str,
    /// Its records, one a line, as in a zone file; SOA and NS are added. `None` makes the server
    /// answer SERVFAIL, as one does that has lost its zone.
    pub records: Option<&'a str>,
}

impl<'a> Zone<'a> {
    /// A zone with records.
    pub fn new(name: &'a str, records: &'a str) -> Self {
        let records = Some(records);
        Self { name, records }
    }

    /// A zone that the server is to serve and cannot read.
    pub fn lost(name: &'a str) -> Self {
        let records = None;
        Self { name, records }
    }
}

/// Starts a server on `addresses` with its files in `directory`; `command` makes the command that
/// runs a program, in a namespace or not.
///
/// # Panics
/// When it does not start.
pub fn start(
    directory: &Path,
    addresses: &[SocketAddr],
    zones: &[Zone],
    command: impl Fn(&str) -> Command,
) -> Nsd {
    let name = format!("nsd-{}", plain(&addresses[0].to_string()));
    let own = directory.join(&name);
    std::fs::create_dir_all(&own).expect("the scenario's directory is writable");
    let configuration = own.join("nsd.conf");
    let mut text = server(&own, addresses);
    for zone in zones {
        let file = format!("{}.zone", zone.name);
        if let Some(records) = zone.records {
            std::fs::write(own.join(&file), zone_file(zone.name, records))
                .expect("the scenario's directory is writable");
        }
        text += &format!("zone:\n  name: {}\n  zonefile: {file}\n", zone.name);
    }
    std::fs::write(&configuration, text).expect("the scenario's directory is writable");
    let mut nsd = command("nsd");
    nsd.arg("-d").arg("-c").arg(&configuration);
    let mut program = Program::start(&name, nsd, directory);
    program.wait_for_output("nsd started", Duration::from_secs(10));
    Nsd {
        program,
        addresses: addresses.to_vec(),
    }
}

fn server(own: &Path, addresses: &[SocketAddr]) -> String {
    let own = own.display();
    let listening: String = addresses
        .iter()
        .map(|address| format!("  ip-address: {}@{}\n", address.ip(), address.port()))
        .collect();
    format!(
        r#"server:
{listening}  server-count: 1
  verbosity: 2
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  zonesdir: {own}
  zonelistfile: {own}/zone.list
  xfrdfile: {own}/xfrd.state
  xfrdir: {own}
remote-control:
  control-enable: no
"#
    )
}

/// Records live for a minute, and what is not there is believed not to be for as long.
fn zone_file(name: &str, records: &str) -> String {
    let lines: String = records
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    format!(
        "$ORIGIN {name}.\n$TTL 60\n\
         @ SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 60\n@ NS ns.{name}.\n{lines}"
    )
}

fn plain(address: &str) -> String {
    address.replace([':', '.', '[', ']'], "-")
}
