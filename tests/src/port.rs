//! Which port Strait's media goes through in every scenario: the phones cannot tell.
//!
//! `STRAIT_TEST_PORT` chooses: `udp` (or nothing), `native` or `generic`, the last two `af_xdp`
//! in that mode on both of Strait's interfaces.

use crate::namespace::Namespace;

/// The port of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Ordinary sockets.
    Udp,
    /// AF_XDP in the driver.
    Native,
    /// AF_XDP on the kernel's packets.
    Generic,
}

impl Port {
    /// The port that the environment chooses.
    ///
    /// # Panics
    /// When it chooses one that there is not.
    pub fn chosen() -> Port {
        match std::env::var("STRAIT_TEST_PORT").as_deref() {
            Err(_) | Ok("" | "udp") => Port::Udp,
            Ok("native") => Port::Native,
            Ok("generic") => Port::Generic,
            Ok(other) => panic!("STRAIT_TEST_PORT is udp, native or generic, not {other}"),
        }
    }

    /// Whether media goes past the kernel.
    pub fn bypasses_kernel(self) -> bool {
        self != Port::Udp
    }

    /// The name of the NIC on one of Strait's interfaces.
    pub fn nic(self, interface: &str) -> &str {
        match self {
            Port::Udp => "default",
            Port::Native | Port::Generic => interface,
        }
    }

    /// The configuration's NICs on these interfaces, a YAML line.
    pub fn nics(self, interfaces: &[&str]) -> String {
        let mode = match self {
            Port::Udp => return "[ { name: default, port: udp } ]".to_owned(),
            Port::Native => "native",
            Port::Generic => "generic",
        };
        let nic = |name: &&str| format!("{{ name: {name}, port: af_xdp, mode: {mode} }}");
        let nics: Vec<String> = interfaces.iter().map(nic).collect();
        format!("[ {} ]", nics.join(", "))
    }

    /// What `strait status` calls it.
    pub fn access(self) -> &'static str {
        match self {
            Port::Udp => "udp",
            Port::Native => "af_xdp native",
            Port::Generic => "af_xdp generic",
        }
    }

    /// Prepares the other end of one of Strait's wires. Checksums are left to hardware on a veth,
    /// which has none: a program that reads the frames themselves would see them undone.
    pub fn prepare(self, peer: &Namespace, interface: &str) {
        if self.bypasses_kernel() {
            peer.feature(interface, "tx", "off");
        }
    }
}
