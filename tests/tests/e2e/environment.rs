//! The scenarios' own ground: what the NATs do to calls that do not pass through Strait.
//!
//! If these fail, the other scenarios prove nothing.

use std::time::Duration;

use strait_tests::capture::{Capture, audio_received, audio_sent, compare};
use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::sipp::{Calls, Sipp};
use strait_tests::topology::{ALICE, Topology};

/// mallory stands in for a far phone on the internet, with no Strait between: a symmetric NAT's
/// address in the SDP is private, so nothing mallory says is heard.
#[test]
fn without_strait_a_phone_behind_a_nat_hears_nothing() {
    require!("sipp");
    let topology = Topology::new(Kind::Symmetric, Kind::FullCone);
    let heard_by_alice = Capture::start(&topology.alice, "eth0", "alice", topology.directory());
    let callee = Sipp {
        host: &topology.mallory,
        address: "198.51.100.66",
        port: 5060,
        media_port: 6000,
        proxy: "198.51.100.11:5060".into(),
        user: "mallory",
        callee: "alice",
        tcp: false,
        calls: Calls::ONE,
    }
    .start(&topology, "answer");
    Sipp {
        host: &topology.alice,
        address: ALICE,
        port: 5060,
        media_port: 6000,
        proxy: "198.51.100.66:5060".into(),
        user: "alice",
        callee: "mallory",
        tcp: false,
        calls: Calls::ONE,
    }
    .run(&topology, "call");
    callee.succeed(Duration::from_secs(10));
    let file = heard_by_alice.finish();
    let said = audio_sent(&file, ALICE);
    let heard = audio_received(&file, ALICE);
    assert!(
        said.packets.len() > 100,
        "alice said {} packets",
        said.packets.len()
    );
    assert_eq!(
        compare(&said, &heard).foreign,
        0,
        "the NAT let mallory's media in"
    );
}
