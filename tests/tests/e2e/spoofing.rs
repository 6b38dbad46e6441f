//! Somebody else on the internet sends media at a call's ports, under every latch policy.

use std::time::Duration;

use serde_json::Value;
use strait_tests::capture::{Capture, audio_received};
use strait_tests::namespace::Namespace;
use strait_tests::nat::Kind;
use strait_tests::program::wait_until;
use strait_tests::require;
use strait_tests::strait::Configuration;
use strait_tests::topology::{ACCESS, ALICE, BOB, DAVE, Topology};

use crate::scene::{CALL_LIMIT, Scene};

/// A phone: its host, its address, its user.
type Phone<'a> = (&'a Namespace, &'static str, &'static str);

/// Who calls whom, and who attacks from where.
struct Cast<'a> {
    caller: Phone<'a>,
    callee: Phone<'a>,
    attacker: &'a Namespace,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    /// From before the first packet to the end.
    Throughout,
    /// Once both parties are latched.
    Amid,
}

/// mallory knows Strait's address and sprays every relay port with well-formed RTP.
#[test]
fn nothing_a_stranger_sends_is_heard() {
    require!("sipp", "kamailio");
    attack("restricted", behind_nats, When::Throughout, SPRAY);
}

/// The attacker is alice, from behind her NAT; the phones have none, as the policy asks for.
#[test]
fn nothing_is_heard_that_signalling_does_not_name() {
    require!("sipp", "kamailio");
    attack("signalled", without_nats, When::Throughout, SPRAY);
}

/// The first packet wins; after it nobody else does.
#[test]
fn nothing_a_stranger_sends_is_heard_once_anyone_is_latched() {
    require!("sipp", "kamailio");
    attack("symmetric", behind_nats, When::Amid, SPRAY);
}

/// mallory forges the phones' public addresses, a hundred source ports each, towards all RTP ports.
/// RTCP has ports of its own, which these phones do not use: there the first packet would win.
#[test]
fn a_forged_address_does_not_get_into_a_call_that_stands() {
    require!("sipp", "kamailio");
    attack("restricted", behind_nats, When::Amid, FORGE);
}

fn behind_nats(topology: &Topology) -> Cast<'_> {
    Cast {
        caller: (&topology.alice, ALICE, "alice"),
        callee: (&topology.bob, BOB, "bob"),
        attacker: &topology.mallory,
    }
}

fn without_nats(topology: &Topology) -> Cast<'_> {
    Cast {
        caller: (&topology.mallory, "198.51.100.66", "carol"),
        callee: (&topology.dave, DAVE, "dave"),
        attacker: &topology.alice,
    }
}

/// A call of three seconds under attack: both hear each other, and nobody the attacker.
fn attack(latch: &'static str, cast: fn(&Topology) -> Cast<'_>, when: When, script: &str) {
    let configuration = Configuration {
        latch,
        ..Configuration::default()
    };
    let scene = Scene::configured(Kind::FullCone, Kind::Symmetric, &configuration);
    let topology = &scene.topology;
    let Cast {
        caller: (near, near_address, near_user),
        callee: (far, far_address, far_user),
        attacker,
    } = cast(topology);
    let caller = scene.phone(near, near_address, near_user, far_user);
    let callee = scene.phone(far, far_address, far_user, near_user);
    caller.register(topology);
    callee.register(topology);
    let listen = |host, user| Capture::start(host, "eth0", user, topology.directory());
    let ears = [
        (listen(near, near_user), near_address),
        (listen(far, far_user), far_address),
    ];
    let spray = || {
        let mut command = attacker.command("python3");
        command.args(["-c", script, ACCESS]);
        attacker.start("spray", command, topology.directory())
    };
    let before = (when == When::Throughout).then(spray);
    let answering = callee.start(topology, "answer");
    let calling = caller.start(topology, "call");
    let sprayer = before.unwrap_or_else(|| {
        wait_for_latches(&scene);
        spray()
    });
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    drop(sprayer);
    for (ear, address) in ears {
        let heard = audio_received(&ear.finish(), address);
        let is_spoofed = |(ssrc, _): &&(u32, u16)| *ssrc == SPOOFED_SSRC;
        let spoofed = heard.packets.keys().filter(is_spoofed).count();
        assert_eq!(spoofed, 0, "{address} heard the attacker");
        let count = heard.packets.len();
        assert!(count > 100, "{address} heard {count} packets");
    }
    let refused = drops(&scene, "source_refused");
    println!("{latch}: {refused} packets of strangers refused, none relayed");
    assert!(refused > 0, "the attack hit nothing");
    scene.finish();
}

/// Waits until both parties' media are latched on both calls that one call of theirs is.
fn wait_for_latches(scene: &Scene) {
    let latched = || {
        let calls = scene.strait.query(&["calls", "list"]).unwrap_or_default();
        let calls = calls.as_array().cloned().unwrap_or_default();
        let streams = calls.iter().filter_map(|call| call["streams"].as_array());
        let is_latched = |stream: &&Value| !stream["latched"].is_null();
        // Two parties on each call.
        streams.flatten().filter(is_latched).count() == 4
    };
    let came = wait_until(Duration::from_secs(10), latched);
    assert!(
        came,
        "no latches: {:#?}",
        scene.strait.query(&["calls", "list"])
    );
}

/// How many packets were dropped for a reason.
fn drops(scene: &Scene, reason: &str) -> u64 {
    let status = scene.strait.query(&["status"]).unwrap_or_default();
    let workers = status["workers"].as_array().cloned().unwrap_or_default();
    workers
        .iter()
        .filter_map(|worker| worker["drops"][reason].as_u64())
        .sum()
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

/// The same with the phones' public addresses as source, and a source port that changes.
const FORGE: &str = r"
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
to = socket.inet_aton(sys.argv[1])
end = time.time() + 30
n = 0
while time.time() < end:
    rtp = struct.pack('>BBHII', 0x80, 8, n & 0xffff, n * 160 & 0xffffffff, 0xbadc0de5)
    rtp += b'\x55' * 160
    udp = struct.pack('>HHHH', 49152 + n % 100, 20000 + 2 * n % 200, 8 + len(rtp), 0)
    source = socket.inet_aton('198.51.100.%d' % (11 + n // 100 % 2))
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(udp + rtp), 0, 0, 64, 17, 0) + source + to
    s.sendto(ip + udp + rtp, (sys.argv[1], 0))
    n += 1
    time.sleep(0.0002)
";
