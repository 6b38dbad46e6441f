//! Which port Strait's media goes through in every scenario: the phones cannot tell.
//!
//! `STRAIT_TEST_PORT` chooses: `udp` (or nothing); `native` or `generic`, `af_xdp` in that mode on
//! both of Strait's interfaces; or `dpdk`, which drives them by packet sockets as if they were
//! bound NICs: the kernel gets nothing from them but what comes through TAP devices.

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
    /// DPDK on packet sockets, the kernel behind TAP devices.
    Dpdk,
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
            Ok("dpdk") => Port::Dpdk,
            Ok(other) => panic!("STRAIT_TEST_PORT is udp, native, generic or dpdk, not {other}"),
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
            Port::Native | Port::Generic | Port::Dpdk => interface,
        }
    }

    /// The configuration's NICs on these interfaces, a YAML line.
    pub fn nics(self, interfaces: &[&str]) -> String {
        let mode = match self {
            Port::Udp => return "[ { name: default, port: udp } ]".to_owned(),
            Port::Native => "native",
            Port::Generic => "generic",
            Port::Dpdk => return dpdk_nics(interfaces),
        };
        let nic = |name: &&str| format!("{{ name: {name}, port: af_xdp, mode: {mode} }}");
        let nics: Vec<String> = interfaces.iter().map(nic).collect();
        format!("[ {} ]", nics.join(", "))
    }

    /// Further keys of the configuration's `dataplane`, YAML in one line.
    pub fn settings(self) -> &'static str {
        match self {
            Port::Udp | Port::Native | Port::Generic => "",
            Port::Dpdk => ", dpdk: { options: [ --no-huge, -m, '128', --log-level, '*:4' ] }",
        }
    }

    /// The program of Strait's that has the port.
    pub fn dataplane(self) -> &'static str {
        match self {
            Port::Udp | Port::Native | Port::Generic => "strait-dataplane",
            Port::Dpdk => "strait-dataplane-dpdk",
        }
    }

    /// What `strait status` calls it.
    pub fn access(self) -> &'static str {
        match self {
            Port::Udp => "udp",
            Port::Native => "af_xdp native",
            Port::Generic => "af_xdp generic",
            Port::Dpdk => "dpdk",
        }
    }

    /// Prepares the other end of one of Strait's wires. Checksums are left to hardware on a veth,
    /// which has none: a program that reads the frames themselves would see them undone.
    pub fn prepare(self, peer: &Namespace, interface: &str) {
        if self.bypasses_kernel() {
            peer.feature(interface, "tx", "off");
        }
    }

    /// Takes one of Strait's own interfaces from the kernel where the port is to drive it alone,
    /// and puts a TAP device of the same name in its place.
    pub fn take_over(self, strait: &Namespace, interface: &str) {
        if self != Port::Dpdk {
            return;
        }
        let wire = wire(interface);
        strait.ip(&format!("link set {interface} down"));
        strait.ip(&format!("link set {interface} name {wire}"));
        strait.sysctl(&format!("net.ipv6.conf.{wire}.disable_ipv6"), "1");
        // Packet sockets come before this hook; everything else after it.
        strait.nft(&format!(
            "table netdev {interface} {{
                chain dropped {{
                    type filter hook ingress device \"{wire}\" priority 0; policy drop;
                }}
            }}"
        ));
        strait.ip(&format!("link set {wire} up"));
        strait.ip(&format!("tuntap add {interface} mode tap"));
        strait.ip(&format!("link set {interface} up"));
    }
}

/// What an interface is called once a TAP device has its name.
fn wire(interface: &str) -> String {
    format!("{interface}-nic")
}

fn dpdk_nics(interfaces: &[&str]) -> String {
    let nics = interfaces.iter().enumerate().map(|(number, name)| {
        let device = format!("net_af_packet{number},iface={}", wire(name));
        format!("{{ name: {name}, port: dpdk, device: '{device}' }}")
    });
    format!("[ {} ]", nics.collect::<Vec<_>>().join(", "))
}
