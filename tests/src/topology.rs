//! The network of the scenarios.
//!
//! ```text
//!  alice 192.168.1.10 ── natA 198.51.100.11 ─┐
//!  bob   192.168.2.10 ── natB 198.51.100.12 ─┤            ┌──────────┐
//!  carol 10.77.0.10 ─ natD ─ natC     .13   ─┼─ internet ─┤ strait   ├── core 10.50.0.2
//!  dave  2001:db8:a::10 (no NAT)            ─┤            │ .1 ::1   │      2001:db8:c::2
//!  mallory 198.51.100.66                    ─┘            └──────────┘
//! ```
//! Strait is 198.51.100.1 and 2001:db8:a::1 towards the internet, 10.50.0.1 and 2001:db8:c::1
//! towards the core.

use std::path::{Path, PathBuf};

use crate::namespace::{Namespace, World};
use crate::nat::{self, Kind};
use crate::port::Port;

/// Strait's address towards the phones.
pub const ACCESS: &str = "198.51.100.1";
/// Strait's IPv6 address towards the phones.
pub const ACCESS_V6: &str = "2001:db8:a::1";
/// Strait's address towards the softswitches.
pub const CORE: &str = "10.50.0.1";
/// Strait's IPv6 address towards the softswitches.
pub const CORE_V6: &str = "2001:db8:c::1";
/// The softswitch.
pub const SOFTSWITCH: &str = "10.50.0.2";
/// A second address of the softswitch's host.
pub const SOFTSWITCH_2: &str = "10.50.0.3";
/// The softswitch over IPv6.
pub const SOFTSWITCH_V6: &str = "2001:db8:c::2";
/// The phone behind natA.
pub const ALICE: &str = "192.168.1.10";
/// The phone behind natB.
pub const BOB: &str = "192.168.2.10";
/// The phone behind two NATs.
pub const CAROL: &str = "10.77.0.10";
/// The IPv6 phone.
pub const DAVE: &str = "2001:db8:a::10";

/// The hosts of one scenario, and a directory for what its programs write.
pub struct Topology {
    /// Behind natA.
    pub alice: Namespace,
    /// Behind natB.
    pub bob: Namespace,
    /// Behind two NATs.
    pub carol: Namespace,
    /// On IPv6, no NAT.
    pub dave: Namespace,
    /// Somebody else on the internet.
    pub mallory: Namespace,
    /// Where Strait runs.
    pub strait: Namespace,
    /// What lies between Strait, the NATs and the others: its end of Strait's wire is `strait`.
    pub internet: Namespace,
    /// Where softswitches run.
    pub core: Namespace,
    /// The NAT in front of alice.
    pub nat_a: Namespace,
    /// The NAT in front of bob.
    pub nat_b: Namespace,
    _routers: Vec<Namespace>,
    directory: tempfile::TempDir,
}

impl Drop for Topology {
    /// What a failed scenario's programs wrote stays, for whoever looks into it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            println!(
                "what the programs wrote: {}",
                self.directory.path().display()
            );
        }
    }
}

impl Topology {
    /// Builds it, alice and bob behind NATs of the given kinds.
    pub fn new(nat_a: Kind, nat_b: Kind) -> Topology {
        let world = World::new();
        let internet = world.host("internet");
        internet.ip("link add bridge type bridge");
        internet.ip("link set bridge up");
        let port = Port::chosen();
        let strait = world.host("strait");
        let core = world.host("core");
        attach(&strait, "access", &internet, "strait");
        port.prepare(&internet, "strait");
        port.take_over(&strait, "access");
        strait.address("access", &format!("{ACCESS}/24"));
        strait.address("access", &format!("{ACCESS_V6}/64"));
        strait.connect("core", &core, "eth0");
        port.prepare(&core, "eth0");
        port.take_over(&strait, "core");
        strait.address("core", &format!("{CORE}/24"));
        strait.address("core", &format!("{CORE_V6}/64"));
        for address in [SOFTSWITCH, SOFTSWITCH_2] {
            core.address("eth0", &format!("{address}/24"));
        }
        core.address("eth0", &format!("{SOFTSWITCH_V6}/64"));
        let alice = world.host("alice");
        let bob = world.host("bob");
        let carol = world.host("carol");
        let dave = world.host("dave");
        let mallory = world.host("mallory");
        let public = "198.51.100.11";
        let nat_a = behind_nat(&world, &internet, "a", nat_a, &alice, ALICE, public);
        let public = "198.51.100.12";
        let nat_b = behind_nat(&world, &internet, "b", nat_b, &bob, BOB, public);
        let inner = world.host("nat-d");
        let outer = behind_nat(
            &world,
            &internet,
            "c",
            Kind::Symmetric,
            &inner,
            "192.168.3.10",
            "198.51.100.13",
        );
        inside(&inner, Kind::FullCone, &carol, CAROL, "eth0");
        attach(&dave, "eth0", &internet, "dave");
        dave.address("eth0", &format!("{DAVE}/64"));
        attach(&mallory, "eth0", &internet, "mallory");
        mallory.address("eth0", "198.51.100.66/24");
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        Topology {
            alice,
            bob,
            carol,
            dave,
            mallory,
            strait,
            core,
            nat_a,
            nat_b,
            internet,
            _routers: vec![inner, outer],
            directory,
        }
    }

    /// Where this scenario's programs write.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file of this scenario.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }
}

/// Plugs `host` into the internet's bridge.
fn attach(host: &Namespace, interface: &str, internet: &Namespace, port: &str) {
    host.connect(interface, internet, port);
    internet.ip(&format!("link set {port} master bridge"));
}

/// Puts `host` at `private` behind a new NAT that has `public` on the internet.
fn behind_nat(
    world: &World,
    internet: &Namespace,
    letter: &str,
    kind: Kind,
    host: &Namespace,
    private: &str,
    public: &str,
) -> Namespace {
    let router = world.host(&format!("nat-{letter}"));
    attach(&router, "eth0", internet, &format!("nat-{letter}"));
    router.address("eth0", &format!("{public}/24"));
    inside(&router, kind, host, private, "eth0");
    router
}

/// Connects `host` at `private` to the inside of `router`, whose outside is `outside`.
fn inside(router: &Namespace, kind: Kind, host: &Namespace, private: &str, outside: &str) {
    let gateway = format!("{}.1", private.rsplit_once('.').expect("an IPv4 address").0);
    router.connect("inside", host, "eth0");
    router.address("inside", &format!("{gateway}/24"));
    host.address("eth0", &format!("{private}/24"));
    host.ip(&format!("route add default via {gateway}"));
    nat::install(router, kind, "inside", outside, private);
}
