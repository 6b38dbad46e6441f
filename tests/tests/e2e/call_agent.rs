//! Osmocom's media gateway behind a NAT, commanded through Strait by MGCP: a call agent that does
//! not answer is followed by the next, which makes two connections; what is said into one is heard
//! from the other, through the relay.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use strait_tests::capture::{Capture, assert_no_leak, tshark};
use strait_tests::nat::Kind;
use strait_tests::port::Port;
use strait_tests::program::Program;
use strait_tests::require;
use strait_tests::strait::Strait;
use strait_tests::topology::{ACCESS, ALICE, CORE, SOFTSWITCH, SOFTSWITCH_2, Topology};

use crate::scene::{HIDDEN_FROM_ACCESS, HIDDEN_FROM_CORE};

/// Until a command is sent again (RFC 3435 §4.3).
const REPEAT: Duration = Duration::from_millis(500);
/// How long an exchange may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Packets of speech each way.
const PACKETS: u16 = 50;

#[test]
fn a_real_media_gateway_is_commanded_through_strait() {
    require!("osmo-mgw");
    let topology = Topology::new(Kind::Symmetric, Kind::Symmetric);
    let access = Capture::start(&topology.internet, "strait", "access", topology.directory());
    let core = Capture::start(&topology.core, "eth0", "core", topology.directory());
    let strait = Strait::start(&topology, &configuration());
    let mut agent = Agent {
        socket: topology.core.udp(at(SOFTSWITCH, 2727)),
        number: 100,
    };
    // Osmocom's gateway does not say that it is there: that is said for it.
    let announcement = announce(&topology);
    let gateway = agent.registered();
    let (answer, _) = receive(&announcement);
    assert!(answer.starts_with("200 1 "), "{answer}");
    drop(announcement);
    let program = media_gateway(&topology);
    let ears = [6000, 6002].map(|port| topology.core.udp(at(SOFTSWITCH, port)));
    let (one, endpoint, first) = agent.connect(gateway, "rtpbridge/*@[10.50.0.1]", 6000);
    let (other, _, second) = agent.connect(gateway, &endpoint, 6002);
    assert!(
        [one, other]
            .iter()
            .all(|place| place.ip() == at(CORE, 0).ip())
    );
    for connection in [&first, &second] {
        let modify = format!("C: 1F\r\nI: {connection}\r\nM: sendrecv\r\n");
        assert!(
            agent
                .command(gateway, "MDCX", &endpoint, &modify)
                .starts_with("200 ")
        );
    }
    assert_heard(&ears[0], one, &ears[1]);
    assert_heard(&ears[1], other, &ears[0]);
    assert_eq!(strait.query(&["status"]).expect("it answers")["calls"], 2);
    an_end_by_the_operator(&strait, &mut agent, gateway, &endpoint, [&first, &second]);
    let deleted = agent.command(gateway, "DLCX", &endpoint, "C: 1F\r\n");
    assert!(
        deleted.starts_with("250 ") || deleted.starts_with("200 "),
        "{deleted}"
    );
    let records = strait.records(2);
    for record in &records {
        assert_eq!(record["gateway"]["name"], "[192.168.1.10]", "{record:#}");
    }
    let reasons = [0, 1].map(|place| records[place]["reason"].as_str());
    assert_eq!(reasons, [Some("ended by operator"), Some("deleted")]);
    strait.assert_idle();
    // It is asked whether it is there, by which its NAT remembers it.
    std::thread::sleep(Duration::from_secs(2));
    let (access, core) = (access.finish(), core.finish());
    strait.stop();
    drop(program);
    for (file, own) in [(&access, ACCESS), (&core, CORE)] {
        // The gateway's own one octet to where media will be is whatever its NAT's port makes it.
        let malformed = tshark(file, &format!("_ws.malformed && ip.src == {own}"));
        assert_eq!(malformed, "");
        assert!(tshark(file, "mgcp").lines().count() > 10);
    }
    assert!(!tshark(&access, "mgcp.req.verb == \"AUEP\"").is_empty());
    assert_no_leak(&access, &[ACCESS], HIDDEN_FROM_ACCESS);
    assert_no_leak(&core, &[CORE], HIDDEN_FROM_CORE);
}

/// The operator ends a connection: its gateway deletes it, its call agent hears of it and may yet
/// delete it itself.
fn an_end_by_the_operator(
    strait: &Strait,
    agent: &mut Agent,
    gateway: SocketAddr,
    endpoint: &str,
    connections: [&str; 2],
) {
    let list = strait.query(&["calls", "list"]).expect("calls are up");
    let number = list[0]["number"].to_string();
    let ended = strait.query(&["calls", "end", &number]);
    ended.expect("the call can be ended");
    let limit = Some(LIMIT);
    agent
        .socket
        .set_read_timeout(limit)
        .expect("a socket may wait");
    let (lost, from) = receive(&agent.socket);
    assert_eq!(from, gateway);
    assert!(lost.starts_with("DLCX 9"), "{lost}");
    assert!(
        lost.ends_with("\r\nE: 904 - Manual intervention\r\n"),
        "{lost}"
    );
    let is_lost = |connection: &&&str| lost.contains(&format!("\r\nC: 1F\r\nI: {connection}\r\n"));
    let connection = connections.iter().find(is_lost);
    let connection = connection.unwrap_or_else(|| panic!("none of {connections:?}: {lost}"));
    let transaction = lost.split(' ').nth(1).expect("it has a number");
    agent.tell(gateway, &format!("200 {transaction} OK\r\n"));
    let delete = format!("C: 1F\r\nI: {connection}\r\n");
    let deleted = agent.command(gateway, "DLCX", endpoint, &delete);
    assert!(deleted.starts_with("250 "), "{deleted}");
}

/// The configuration: two call agents, of which the first is not there.
fn configuration() -> String {
    let port = Port::chosen();
    format!(
        "runtime_directory: {{directory}}/run\n\
         realms:\n\
         \x20 - name: access\n    nat: true\n\
         \x20   media: [ {{ address: {ACCESS}, ports: 20000-20199, nic: {} }} ]\n\
         \x20   gateway_control:\n\
         \x20     addresses: [ {{ protocol: mgcp, address: {ACCESS} }} ]\n\
         \x20     controllers: [ agent-1, agent-2 ]\n\
         \x20     keepalive: 1s\n\
         \x20 - name: core\n\
         \x20   media: [ {{ address: {CORE}, ports: 20000-20199, nic: {} }} ]\n\
         \x20   gateway_control:\n\
         \x20     addresses: [ {{ protocol: mgcp, address: {CORE}, ports: 31000-31009 }} ]\n\
         controllers:\n\
         \x20 - {{ name: agent-1, realm: core, protocol: mgcp, address: \"{SOFTSWITCH_2}:2727\",\n\
         \x20     failover_after: 1s }}\n\
         \x20 - {{ name: agent-2, realm: core, protocol: mgcp, address: \"{SOFTSWITCH}:2727\" }}\n\
         dataplane: {{ nics: {}{} }}\n\
         records: {{ file: \"{{directory}}/calls.jsonl\" }}\n\
         log: {{ level: debug }}\n\
         drain_timeout: 2s\n",
        port.nic("access"),
        port.nic("core"),
        port.nics(&["access", "core"]),
        port.settings(),
    )
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), port)
}

/// Says that the gateway has restarted, from the port that will be its own.
fn announce(topology: &Topology) -> UdpSocket {
    let socket = topology.alice.udp(at(ALICE, 2427));
    let restart = b"RSIP 1 *@[192.168.1.10] MGCP 1.0\r\nRM: restart\r\n";
    let sent = socket.send_to(restart, at(ACCESS, 2727));
    sent.expect("alice reaches Strait");
    socket
}

fn media_gateway(topology: &Topology) -> Program {
    let file = topology.file("mgw.cfg");
    let configuration = format!(
        "log stderr\n logging level set-all info\nmgcp\n bind ip {ALICE}\n bind port 2427\n \
         call-agent ip {ACCESS}\n domain [{ALICE}]\n rtp port-range 4002 4101\n \
         rtp bind-ip {ALICE}\n rtp keep-alive once\n number endpoints 4\n loop 0\n"
    );
    std::fs::write(&file, configuration).expect("the scenario's directory is writable");
    let mut command = topology.alice.command("osmo-mgw");
    command.arg("-c").arg(&file);
    let mut program = topology
        .alice
        .start("osmo-mgw", command, topology.directory());
    program.wait_for_output("listen on", LIMIT);
    program
}

/// A call agent.
struct Agent {
    socket: UdpSocket,
    number: u32,
}

impl Agent {
    /// Waits for a gateway that restarts and takes it in; where it is, as far as we know.
    fn registered(&self) -> SocketAddr {
        let (restart, gateway) = receive(&self.socket);
        let expected = "RSIP 1 *@[10.50.0.1] MGCP 1.0\r\nRM: restart\r\n";
        assert_eq!(restart, expected);
        self.tell(gateway, "200 1 OK\r\n");
        gateway
    }

    /// Makes a connection with a remote party at `port` of ours: where the gateway receives, its
    /// endpoint and the connection.
    fn connect(
        &mut self,
        gateway: SocketAddr,
        endpoint: &str,
        port: u16,
    ) -> (SocketAddr, String, String) {
        let description = format!(
            "v=0\r\no=- 1 1 IN IP4 {SOFTSWITCH}\r\ns=-\r\nc=IN IP4 {SOFTSWITCH}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=ptime:20\r\n"
        );
        let create = format!("C: 1F\r\nL: p:20, a:PCMU\r\nM: sendrecv\r\n\r\n{description}");
        let answer = self.command(gateway, "CRCX", endpoint, &create);
        assert!(answer.starts_with("200 "), "{answer}");
        let value = |start: &str| {
            let line = answer.lines().find(|line| line.starts_with(start));
            line.map(|line| line[start.len()..].to_owned())
        };
        let ip = value("c=IN IP4 ").expect("it has an address");
        let media = value("m=audio ").expect("it has a port");
        let port = media.split(' ').next().and_then(|port| port.parse().ok());
        let place = at(&ip, port.expect("a port is a number"));
        let endpoint = value("Z: ").unwrap_or_else(|| endpoint.to_owned());
        (place, endpoint, value("I: ").expect("it has a name"))
    }

    /// Sends a command until it is answered; the answer.
    fn command(&mut self, gateway: SocketAddr, verb: &str, endpoint: &str, rest: &str) -> String {
        self.number += 1;
        let number = self.number;
        let command = format!("{verb} {number} {endpoint} MGCP 1.0\r\n{rest}");
        let answers = |text: &str| text.split(' ').nth(1) == Some(&number.to_string());
        let limit = Some(REPEAT);
        self.socket
            .set_read_timeout(limit)
            .expect("a socket may wait");
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            self.tell(gateway, &command);
            let mut buffer = [0; 2048];
            if let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if answers(&text) {
                    return text;
                }
            }
        }
        panic!("no answer to {command}");
    }

    fn tell(&self, to: SocketAddr, text: &str) {
        self.socket
            .send_to(text.as_bytes(), to)
            .expect("there is a way");
    }
}

fn receive(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = socket.recv_from(&mut buffer).expect("something comes");
    (
        String::from_utf8_lossy(&buffer[..length]).into_owned(),
        from,
    )
}

/// Asserts that what is said from one socket to a place of the gateway's is heard at the other.
fn assert_heard(mouth: &UdpSocket, to: SocketAddr, ear: &UdpSocket) {
    let pause = Duration::from_millis(20);
    ear.set_read_timeout(Some(pause))
        .expect("a socket may wait");
    let mut heard = BTreeSet::new();
    let mut buffer = [0; 2048];
    for sequence in 0..PACKETS {
        // RFC 3550 §5.1: version 2, payload type 0.
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(to.port().to_be_bytes().repeat(2));
        packet.extend(said(to, sequence));
        mouth.send_to(&packet, to).expect("there is a way");
        while let Ok(length) = ear.recv(&mut buffer) {
            heard.extend(buffer.get(12..length).map(<[u8]>::to_vec));
        }
    }
    let all: Vec<Vec<u8>> = (0..PACKETS).map(|sequence| said(to, sequence)).collect();
    let known = all.iter().filter(|said| heard.contains(*said)).count();
    println!(
        "{to}: {known} of {PACKETS} packets heard, {} others",
        heard.len() - known
    );
    assert!(
        known * 10 >= usize::from(PACKETS) * 8,
        "{known} packets heard"
    );
    assert_eq!(heard.len(), known, "somebody else was heard");
}

/// 20 ms of speech that nobody else says.
fn said(to: SocketAddr, sequence: u16) -> Vec<u8> {
    let seed = [to.port().to_be_bytes(), sequence.to_be_bytes()].concat();
    seed.repeat(40)
}
