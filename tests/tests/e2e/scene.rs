//! What most scenarios share: the network, Strait, a softswitch, and captures at every end.

use std::path::PathBuf;
use std::time::Duration;

use strait_tests::capture::{
    Capture, Heard, Holes, assert_no_leak, assert_well_formed, audio_received, audio_sent, compare,
    holes,
};
use strait_tests::kamailio;
use strait_tests::namespace::Namespace;
use strait_tests::nat::Kind;
use strait_tests::port::Port;
use strait_tests::program::{Program, wait_until};
use strait_tests::sipp::{Calls, Sipp};
use strait_tests::strait::{Configuration, Strait};
use strait_tests::topology::{self, Topology};

/// What no phone may see: the core, and the private sides of every NAT.
pub const HIDDEN_FROM_ACCESS: &[&str] = &["10.50.0.", "2001:db8:c:"];
/// What the softswitch may not see: the internet and everything behind its NATs.
pub const HIDDEN_FROM_CORE: &[&str] = &["198.51.100.", "192.168.", "10.77.", "2001:db8:a:"];
/// How long a scenario's call may take.
pub const CALL_LIMIT: Duration = Duration::from_secs(30);

/// A network with Strait and Kamailio running, recorded on both sides of Strait.
pub struct Scene {
    pub strait: Strait,
    pub softswitch: Option<Program>,
    access: Capture,
    core: Capture,
    pub topology: Topology,
}

impl Scene {
    /// Starts everything with alice and bob behind these NATs.
    pub fn start(nat_a: Kind, nat_b: Kind) -> Scene {
        Scene::configured(nat_a, nat_b, &Configuration::default())
    }

    /// The same with a configuration of its own; Kamailio is started on the usual address.
    pub fn configured(nat_a: Kind, nat_b: Kind, configuration: &Configuration) -> Scene {
        let topology = Topology::new(nat_a, nat_b);
        let softswitch = kamailio::start(&topology, topology::SOFTSWITCH);
        Scene::assemble(topology, Some(softswitch), configuration)
    }

    /// Starts Strait and the captures over a network whose softswitches the scenario runs itself.
    pub fn assemble(
        topology: Topology,
        softswitch: Option<Program>,
        configuration: &Configuration,
    ) -> Scene {
        // At the other ends of Strait's wires: what bypasses the kernel passes no tap at this one.
        let access = Capture::start(
            &topology.internet,
            "strait",
            "strait-access",
            topology.directory(),
        );
        let core = Capture::start(&topology.core, "eth0", "strait-core", topology.directory());
        let strait = Strait::start(&topology, &configuration.text());
        let status = strait.query(&["status"]).expect("strait answers");
        let nics = status["dataplane"]["nics"].as_array().cloned();
        for nic in nics.expect("a status names its NICs") {
            assert_eq!(nic["access"], Port::chosen().access(), "{status:#}");
        }
        Scene {
            strait,
            softswitch,
            access,
            core,
            topology,
        }
    }

    /// A SIPp phone of `user` at `address` on `host`, on the usual ports, towards Strait.
    pub fn phone<'a>(
        &self,
        host: &'a Namespace,
        address: &'a str,
        user: &'a str,
        callee: &'a str,
    ) -> Sipp<'a> {
        let strait = if address.contains(':') {
            format!("[{}]:5060", topology::ACCESS_V6)
        } else {
            format!("{}:5060", topology::ACCESS)
        };
        Sipp {
            host,
            address,
            port: 5060,
            media_port: 6000,
            proxy: strait,
            user,
            callee,
            tcp: false,
            calls: Calls::ONE,
        }
    }

    /// Waits until so many calls stand, all answered. One call of the phones is two through Strait.
    pub fn wait_for_answered(&self, count: usize) {
        let list = || self.strait.query(&["calls", "list"]).unwrap_or_default();
        let stand = wait_until(Duration::from_secs(10), || {
            let calls = list().as_array().cloned().unwrap_or_default();
            calls.len() == count && calls.iter().all(|call| call["state"] == "answered")
        });
        assert!(stand, "{:#}\n{}", list(), self.strait.output());
    }

    /// Ends the captures, asserts that what Strait sent is well formed and leaks nothing, and
    /// stops Strait. Returns the captures of the access and the core side.
    pub fn finish(self) -> (PathBuf, PathBuf, Topology) {
        self.strait.assert_idle();
        self.stop()
    }

    /// The same with calls that still stand.
    pub fn stop(self) -> (PathBuf, PathBuf, Topology) {
        let Scene {
            strait,
            softswitch,
            access,
            core,
            topology,
        } = self;
        let (access, core) = (access.finish(), core.finish());
        strait.stop();
        drop(softswitch);
        for file in [&access, &core] {
            assert_well_formed(file);
        }
        assert_no_leak(
            &access,
            &[topology::ACCESS, topology::ACCESS_V6],
            HIDDEN_FROM_ACCESS,
        );
        assert_no_leak(
            &core,
            &[topology::CORE, topology::CORE_V6],
            HIDDEN_FROM_CORE,
        );
        (access, core, topology)
    }
}

/// A phone's own capture while it talks.
pub struct Ear {
    capture: Capture,
    address: &'static str,
    who: &'static str,
}

impl Ear {
    /// Starts listening on `host`'s interface.
    pub fn start(
        topology: &Topology,
        host: &Namespace,
        address: &'static str,
        who: &'static str,
    ) -> Ear {
        Ear {
            capture: Capture::start(host, "eth0", who, topology.directory()),
            address,
            who,
        }
    }
}

/// Asserts that each heard what the other said, at least `packets` each way, and nobody else.
pub fn assert_both_heard(one: Ear, other: Ear, packets: usize) {
    for (who, heard) in listen(one, other) {
        heard.assert_conversation(who, packets);
        heard.assert_private(who);
    }
}

/// Asserts that each heard what the other said; somebody else may have been heard before.
pub fn assert_talked(one: Ear, other: Ear, packets: usize) {
    for (who, heard) in listen(one, other) {
        heard.assert_conversation(who, packets);
    }
}

/// What each of two phones missed in the midst of what the other said, at least `packets` each way.
pub fn missed(one: Ear, other: Ear, packets: usize) -> [Holes; 2] {
    let (one_file, other_file) = (one.capture.finish(), other.capture.finish());
    let way = |from: &PathBuf, speaker: &str, at: &PathBuf, listener: &str| {
        let (sent, received) = (audio_sent(from, speaker), audio_received(at, listener));
        assert!(sent.packets.len() >= packets, "{speaker} sent too little");
        let foreign = compare(&sent, &received).foreign;
        assert_eq!(foreign, 0, "{listener} heard a stranger");
        holes(&sent, &received)
    };
    [
        way(&one_file, one.address, &other_file, other.address),
        way(&other_file, other.address, &one_file, one.address),
    ]
}

fn listen(one: Ear, other: Ear) -> [(&'static str, Heard); 2] {
    let (one_file, other_file) = (one.capture.finish(), other.capture.finish());
    let (from_one, at_other) = (
        audio_sent(&one_file, one.address),
        audio_received(&other_file, other.address),
    );
    let (from_other, at_one) = (
        audio_sent(&other_file, other.address),
        audio_received(&one_file, one.address),
    );
    [
        (one.who, compare(&from_one, &at_other)),
        (other.who, compare(&from_other, &at_one)),
    ]
}
