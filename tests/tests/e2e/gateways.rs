//! Media gateways behind NATs and two controllers in another network, all of them Erlang's megaco:
//! registration, audits, a call with media, restart, hand-off, failover.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use strait_tests::capture::{Capture, assert_no_leak, datagrams, tshark};
use strait_tests::megaco::{self, Party, Speech};
use strait_tests::nat::Kind;
use strait_tests::port::Port;
use strait_tests::require;
use strait_tests::strait::Strait;
use strait_tests::topology::{ACCESS, ALICE, BOB, CORE, SOFTSWITCH, SOFTSWITCH_2, Topology};

use crate::scene::{Ear, HIDDEN_FROM_ACCESS, HIDDEN_FROM_CORE, missed};

/// Ports of gateways towards controllers begin here.
const GATEWAYS_FIRST_PORT: u16 = 30_000;

#[test]
fn pretty_text_over_udp() {
    whole_story(speech("pretty", "udp"));
}

#[test]
fn pretty_text_over_tcp() {
    whole_story(speech("pretty", "tcp"));
}

#[test]
fn compact_text_over_udp() {
    whole_story(speech("compact", "udp"));
}

#[test]
fn compact_text_over_tcp() {
    whole_story(speech("compact", "tcp"));
}

#[test]
fn binary_over_udp() {
    whole_story(speech("binary", "udp"));
}

#[test]
fn binary_over_tcp_with_values_left_bare() {
    let speech = speech("binary", "tcp");
    whole_story(Speech {
        wrapped: false,
        ..speech
    });
}

fn speech(encoding: &'static str, transport: &'static str) -> Speech {
    Speech {
        encoding,
        transport,
        wrapped: true,
    }
}

fn whole_story(speech: Speech) {
    require!("erl", "erlc");
    if !megaco::is_there() {
        return;
    }
    let mut scene = Scene::start(speech);
    let mut one = scene.gateway("one");
    scene.first.wait("registered 1 ");
    let mut two = scene.gateway("two");
    // It calls itself by a name, which stays.
    let named = format!("registered 2 <two.example.net>:{} restart", speech.port());
    scene.first.wait(&named);
    scene.first.has("audit 1", "audited 1");
    scene.first.has("audit 2", "audited 2");
    one.has("notify", "notify answered");
    a_call(&mut scene, &mut one, &mut two);
    an_end_by_the_operator(&mut scene, &mut one, &mut two);
    a_restart_in_a_call(&mut scene, &mut one);
    let address = format!("[{SOFTSWITCH_2}]:{}", speech.port());
    scene.first.tell(&format!("hand-off 2 {address}"));
    scene.second.wait("<two.example.net>");
    two.has("notify", "notify answered");
    scene.second.wait("notified by 1");
    a_failover(&mut scene, &mut one);
    scene.finish();
}

/// Both sides hear each other, and neither controller nor gateway is told the other's addresses.
fn a_call(scene: &mut Scene, one: &mut Party, two: &mut Party) {
    let topology = &scene.topology;
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    scene.first.has("call 1 2", "call up");
    one.wait("hears");
    two.wait("hears");
    std::thread::sleep(Duration::from_secs(1));
    scene.first.has("look", "2 is at");
    scene.first.has("hang-up", "call ended");
    for (said, expected) in [
        (
            scene.first.output(),
            format!(" is at IN IP4 {CORE}, audio "),
        ),
        (one.output(), format!("told of {ACCESS}:")),
        (two.output(), format!("told of {ACCESS}:")),
    ] {
        assert!(said.contains(&expected), "no {expected:?}:\n{said}");
    }
    for holes in missed(ears.0, ears.1, 30) {
        assert!(holes.missing <= 2, "{holes:?}");
    }
    // A termination with media is a call.
    scene.strait.records(2);
    scene.strait.assert_idle();
}

/// The operator ends a call: gateways send no more, and their controller cleans up.
fn an_end_by_the_operator(scene: &mut Scene, one: &mut Party, two: &mut Party) {
    scene.first.has("call 1 2", "call up");
    let list = scene.strait.query(&["calls", "list"]).unwrap();
    for place in [0, 1] {
        let number = list[place]["number"].to_string();
        scene.strait.query(&["calls", "end", &number]).unwrap();
        let lost = " has lost a stream forced 905 Termination taken out of service";
        scene.first.wait(lost);
    }
    one.wait("silenced");
    two.wait("silenced");
    scene.strait.assert_idle();
    scene.first.tell("hang-up");
    scene.first.wait("1 counted ");
    scene.first.wait("2 counted ");
    scene.first.wait("call ended");
    for record in &scene.strait.records(4)[2..] {
        assert_eq!(record["reason"], "ended by operator", "{record:#}");
    }
}

/// The gateway loses power: what it did is over, and it is the same gateway when it is back.
fn a_restart_in_a_call(scene: &mut Scene, one: &mut Party) {
    scene.first.has("call 1 2", "call up");
    assert_eq!(scene.calls(), 2);
    one.kill();
    *one = scene.gateway("one");
    scene.first.wait("registered 1 ");
    scene.strait.records(5);
    scene.first.tell("hang-up");
    scene.strait.records(6);
    scene.strait.assert_idle();
}

/// The first controller dies; its gateway notices and is brought to the second.
fn a_failover(scene: &mut Scene, one: &mut Party) {
    scene.first.kill();
    one.has("notify", "notify failed");
    one.tell("failover");
    scene.second.wait("registered 2 ");
    scene.second.has("audit 2", "audited 2");
}

/// Two controllers, Strait, captures on both of its sides.
struct Scene {
    speech: Speech,
    first: Party,
    second: Party,
    strait: Strait,
    access: Capture,
    core: Capture,
    topology: Topology,
}

impl Scene {
    fn start(speech: Speech) -> Scene {
        let topology = Topology::new(Kind::Symmetric, Kind::FullCone);
        let directory = topology.directory();
        let access = Capture::start(&topology.internet, "strait", "strait-access", directory);
        let core = Capture::start(&topology.core, "eth0", "strait-core", directory);
        let strait = Strait::start(&topology, &configuration(speech));
        let controller = |name: &str, address: &str| {
            let mid = format!("[{address}]:{}", speech.port());
            let settings = settings(&mid, address);
            Party::controller(&topology.core, directory, name, speech, &settings)
        };
        Scene {
            speech,
            first: controller("first", SOFTSWITCH),
            second: controller("second", SOFTSWITCH_2),
            strait,
            access,
            core,
            topology,
        }
    }

    /// Gateway `one` is alice's and calls itself by its private address, `two` bob's with a name.
    fn gateway(&self, name: &str) -> Party {
        let port = self.speech.port();
        let (host, address, mid) = match name {
            "one" => (&self.topology.alice, ALICE, format!("[{ALICE}]:{port}")),
            _ => (&self.topology.bob, BOB, format!("<two.example.net>:{port}")),
        };
        let mut settings = settings(&mid, address).to_vec();
        settings.push(format!("controllers={ACCESS}:{port}"));
        settings.push("media=40000".to_owned());
        let directory = self.topology.directory();
        Party::gateway(host, directory, name, self.speech, &settings)
    }

    fn calls(&self) -> u64 {
        let status = self.strait.query(&["status"]).unwrap();
        status["calls"].as_u64().unwrap()
    }

    /// What Strait sent is all understood, and nothing of one side is in what the other got.
    fn finish(self) {
        let (access, core) = (self.access.finish(), self.core.finish());
        self.strait.stop();
        assert_no_leak(&access, &[ACCESS], HIDDEN_FROM_ACCESS);
        assert_no_leak(&core, &[CORE], HIDDEN_FROM_CORE);
        let hidden_from_core = [ALICE, BOB, ACCESS, "198.51.100.11", "198.51.100.12"];
        assert_no_octets(&access, ACCESS, &[SOFTSWITCH, SOFTSWITCH_2, CORE]);
        assert_no_octets(&core, CORE, &hidden_from_core);
        for (file, own) in [(&access, ACCESS), (&core, CORE)] {
            assert_understood(file, own, self.speech);
        }
    }
}

fn settings(mid: &str, address: &str) -> [String; 2] {
    [format!("mid={mid}"), format!("address={address}")]
}

fn configuration(speech: Speech) -> String {
    let (port, transport) = (speech.port(), speech.transport);
    let (first, last) = (GATEWAYS_FIRST_PORT, GATEWAYS_FIRST_PORT + 99);
    let test_port = Port::chosen();
    let (access_nic, core_nic) = (test_port.nic("access"), test_port.nic("core"));
    let nics = test_port.nics(&["access", "core"]);
    let settings = test_port.settings();
    format!(
        "runtime_directory: {{directory}}/run
realms:
  - name: access
    nat: true
    media: [ {{ address: {ACCESS}, ports: 20000-20099, nic: {access_nic} }} ]
    gateway_control:
      addresses: [ {{ protocol: h248, transport: {transport}, address: {ACCESS}, port: {port} }} ]
      controllers: [ mgc-1, mgc-2 ]
      keepalive: 2s
  - name: core
    media: [ {{ address: {CORE}, ports: 20000-20099, nic: {core_nic} }} ]
    gateway_control:
      addresses:
        - {{ protocol: h248, transport: {transport}, address: {CORE}, ports: {first}-{last} }}
controllers:
  - {{ name: mgc-1, realm: core, protocol: h248, transport: {transport},
      address: \"{SOFTSWITCH}:{port}\" }}
  - {{ name: mgc-2, realm: core, protocol: h248, transport: {transport},
      address: \"{SOFTSWITCH_2}:{port}\" }}
dataplane: {{ nics: {nics}{settings} }}
records: {{ file: \"{{directory}}/calls.jsonl\" }}
log: {{ level: debug }}
drain_timeout: 2s
"
    )
}

/// Asserts that no message Strait sent from `own` holds one of these addresses as four octets.
fn assert_no_octets(file: &Path, own: &str, hidden: &[&str]) {
    let own: IpAddr = own.parse().unwrap();
    let sent = datagrams(file).into_iter().filter(|d| d.source.ip() == own);
    let messages = sent.filter(|d| d.payload[0] >> 6 != 2);
    for message in messages {
        for address in hidden {
            let octets = address.parse::<Ipv4Addr>().unwrap().octets();
            let found = message.payload.windows(4).any(|window| window == octets);
            assert!(
                !found,
                "{address} leaks to {}: {message:?}",
                message.destination
            );
        }
    }
}

/// Asserts that tshark takes each message Strait sent for H.248, and none for malformed.
fn assert_understood(file: &Path, own: &str, speech: Speech) {
    let dissector = match speech.encoding {
        "binary" => "h248",
        _ => "megaco",
    };
    let from_us = |filter: &str| tshark(file, &format!("ip.src == {own} && !icmp && ({filter})"));
    let messages = match speech.transport {
        "udp" => "udp && !rtp && !rtcp",
        _ => "tpkt",
    };
    let sent = from_us(messages).lines().count();
    let understood = from_us(dissector).lines().count();
    println!("{own}: {understood} of {sent} messages are {dissector}");
    assert!(sent > 10 && sent == understood, "{}", from_us(messages));
    // Values that are not wrapped are malformed to tshark, as they came from Erlang's megaco.
    if speech.wrapped {
        let malformed = from_us("_ws.malformed");
        assert!(malformed.is_empty(), "{malformed}");
    }
}
