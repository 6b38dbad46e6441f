//! Somebody else on the internet sends media at a call's ports.

use strait_tests::capture::{Capture, audio_received};
use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ACCESS, ALICE, BOB};

use crate::scene::{CALL_LIMIT, Scene};

/// mallory knows Strait's address and sprays every relay port with well-formed RTP for the whole
/// of a call, from before its first packet on.
#[test]
fn nothing_a_stranger_sends_is_heard() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let ears = (
        Capture::start(&topology.alice, "eth0", "alice", topology.directory()),
        Capture::start(&topology.bob, "eth0", "bob", topology.directory()),
    );
    let mut spray = topology.mallory.command("python3");
    spray.args(["-c", SPRAY, ACCESS]);
    let sprayer = topology.mallory.start("spray", spray, topology.directory());
    let answering = bob.start(topology, "answer");
    alice.run(topology, "call");
    answering.succeed(CALL_LIMIT);
    drop(sprayer);
    for (ear, address) in [(ears.0, ALICE), (ears.1, BOB)] {
        let heard = audio_received(&ear.finish(), address);
        assert!(
            heard.packets.len() > 100,
            "{address} heard {} packets",
            heard.packets.len()
        );
        let spoofed = heard
            .packets
            .keys()
            .filter(|(ssrc, _)| *ssrc == SPOOFED_SSRC)
            .count();
        assert_eq!(spoofed, 0, "{address} heard mallory");
    }
    let status = scene.strait.query(&["status"]).unwrap().to_string();
    println!("{status}");
    scene.finish();
}

const SPOOFED_SSRC: u32 = 0xbadc_0de5;

/// 200 ports, round and round, a packet every 0.2 ms, for at most 30 seconds.
const SPRAY: &str = r"
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.time() + 30
n = 0
while time.time() < end:
    header = struct.pack('>BBHII', 0x80, 8, n & 0xffff, n * 160 & 0xffffffff, 0xbadc0de5)
    s.sendto(header + b'\x55' * 160, (sys.argv[1], 20000 + n % 200))
    n += 1
    time.sleep(0.0002)
";
