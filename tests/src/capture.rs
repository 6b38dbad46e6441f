//! What crossed an interface: recorded by tcpdump, read by tshark and by us.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_file::pcap::PcapReader;

use crate::namespace::Namespace;
use crate::program::Program;

/// tcpdump is handed packets in blocks, a block a second where few packets pass.
const SETTLE: Duration = Duration::from_millis(1_300);

/// A running capture.
pub struct Capture {
    tcpdump: Program,
    file: PathBuf,
}

/// One UDP datagram or TCP segment with a payload.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// True for UDP, false for TCP.
    pub is_udp: bool,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Capture {
    /// Starts recording `interface` of `host` into `directory/<name>.pcap`.
    pub fn start(host: &Namespace, interface: &str, name: &str, directory: &Path) -> Capture {
        let file = directory.join(format!("{name}.pcap"));
        let mut command = host.command("tcpdump");
        // -Z root: tcpdump would give its privileges up and could no longer write here.
        // Immediate mode: what waits in the kernel's buffer when tcpdump ends is lost otherwise.
        command.args([
            "-i", interface, "-U", "-n", "-Z", "root", "-B", "8192", "-s", "0", "-w",
        ]);
        command.arg(&file).arg("udp or tcp or icmp");
        let mut tcpdump = host.start(&format!("tcpdump-{name}"), command, directory);
        tcpdump.wait_for_output("listening on", Duration::from_secs(10));
        Capture { tcpdump, file }
    }

    /// Ends it and returns the recorded file.
    pub fn finish(self) -> PathBuf {
        sleep(SETTLE);
        let Capture { mut tcpdump, file } = self;
        tcpdump.signal("INT");
        tcpdump.wait(Duration::from_secs(10));
        file
    }
}

/// Every datagram and segment with a payload in `file`, in order.
pub fn datagrams(file: &Path) -> Vec<Datagram> {
    let mut reader = PcapReader::new(File::open(file).expect("the capture exists"))
        .expect("tcpdump writes pcap files");
    let mut found = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("the capture is whole");
        found.extend(datagram(&packet.data));
    }
    found
}

fn datagram(frame: &[u8]) -> Option<Datagram> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let (source, destination): (IpAddr, IpAddr) = match sliced.net? {
        NetSlice::Ipv4(v4) => (
            v4.header().source_addr().into(),
            v4.header().destination_addr().into(),
        ),
        NetSlice::Ipv6(v6) => (
            v6.header().source_addr().into(),
            v6.header().destination_addr().into(),
        ),
        _ => return None,
    };
    let (is_udp, ports, payload) = match sliced.transport? {
        TransportSlice::Udp(udp) => (
            true,
            (udp.source_port(), udp.destination_port()),
            udp.payload().to_vec(),
        ),
        TransportSlice::Tcp(tcp) => (
            false,
            (tcp.source_port(), tcp.destination_port()),
            tcp.payload().to_vec(),
        ),
        _ => return None,
    };
    (!payload.is_empty()).then(|| Datagram {
        source: SocketAddr::new(source, ports.0),
        destination: SocketAddr::new(destination, ports.1),
        is_udp,
        payload,
    })
}

/// The RTP packets of one payload type that went from or to `phone`, by extended order of arrival.
#[derive(Default, Debug)]
pub struct Audio {
    /// SSRC and sequence number to payload.
    pub packets: BTreeMap<(u32, u16), Vec<u8>>,
}

/// The audio that `address` sent.
pub fn audio_sent(file: &Path, address: &str) -> Audio {
    let address: IpAddr = address.parse().expect("an address");
    audio(
        datagrams(file)
            .into_iter()
            .filter(|d| d.source.ip() == address),
    )
}

/// The audio that reached `address`.
pub fn audio_received(file: &Path, address: &str) -> Audio {
    let address: IpAddr = address.parse().expect("an address");
    audio(
        datagrams(file)
            .into_iter()
            .filter(|d| d.destination.ip() == address),
    )
}

fn audio(datagrams: impl Iterator<Item = Datagram>) -> Audio {
    let mut audio = Audio::default();
    for datagram in datagrams.filter(|d| d.is_udp) {
        let bytes = &datagram.payload;
        // RFC 3550 §5.1: version 2, no padding or extension; payload types 0 and 8 are G.711.
        if bytes.len() > 12 && bytes[0] == 0x80 && matches!(bytes[1] & 0x7f, 0 | 8) {
            let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
            let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            audio.packets.insert((ssrc, sequence), bytes[12..].to_vec());
        }
    }
    audio
}

/// How much of what one phone said the other heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Packets one phone sent.
    pub sent: usize,
    /// Of them, how many reached the other with the same content.
    pub heard: usize,
    /// Packets that reached the other and were never sent by this phone.
    pub foreign: usize,
}

/// Compares what was `sent` with what was `received`, packet by packet.
pub fn compare(sent: &Audio, received: &Audio) -> Heard {
    let heard = sent
        .packets
        .iter()
        .filter(|(key, bytes)| received.packets.get(key) == Some(bytes))
        .count();
    let foreign = received
        .packets
        .iter()
        .filter(|(key, bytes)| sent.packets.get(key) != Some(bytes))
        .count();
    Heard {
        sent: sent.packets.len(),
        heard,
        foreign,
    }
}

/// Packets of a conversation that did not arrive, between the first and the last that did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holes {
    /// How many in all.
    pub missing: usize,
    /// The most in a row.
    pub longest: usize,
}

/// What of `sent` is missing in the midst of `received`.
pub fn holes(sent: &Audio, received: &Audio) -> Holes {
    let heard: Vec<bool> = sent
        .packets
        .keys()
        .map(|key| received.packets.contains_key(key))
        .collect();
    let first = heard.iter().position(|heard| *heard).unwrap_or(0);
    let last = heard.iter().rposition(|heard| *heard).unwrap_or(0);
    let midst = &heard[first..=last.max(first).min(heard.len().saturating_sub(1))];
    let runs = midst.split(|heard| *heard).map(<[bool]>::len);
    Holes {
        missing: midst.iter().filter(|heard| !**heard).count(),
        longest: runs.max().unwrap_or(0),
    }
}

impl Heard {
    /// Asserts that a conversation was heard: at least `packets`, and nearly all that was sent.
    ///
    /// # Panics
    /// When it was not.
    pub fn assert_conversation(self, who: &str, packets: usize) {
        println!(
            "{who}: {} sent, {} heard, {} foreign",
            self.sent, self.heard, self.foreign
        );
        assert!(self.sent >= packets, "{who} sent too little: {self:?}");
        // What was said before the far gate opened or after it closed is not owed.
        assert!(
            self.heard * 10 >= self.sent * 8,
            "{who} was not heard: {self:?}"
        );
    }

    /// Asserts that the partner heard nobody else.
    ///
    /// # Panics
    /// When it did.
    pub fn assert_private(self, who: &str) {
        let foreign = self.foreign;
        assert_eq!(foreign, 0, "{who}'s partner heard a stranger: {self:?}");
    }
}

/// Asserts that tshark finds no malformed packet in `file` and that it holds SIP.
///
/// # Panics
/// When it does.
pub fn assert_well_formed(file: &Path) {
    let malformed = tshark(file, "_ws.malformed");
    assert!(
        malformed.is_empty(),
        "malformed packets in {}:\n{malformed}",
        file.display()
    );
    assert!(
        !tshark(file, "sip").is_empty(),
        "no SIP in {}",
        file.display()
    );
}

/// The lines tshark prints for the packets of `file` that match `filter`.
pub fn tshark(file: &Path, filter: &str) -> String {
    let output = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(file)
        .args(["-o", "rtp.heuristic_rtp:TRUE"])
        // A NAT may choose a port that some other protocol is known by.
        .args(["-o", "udp.try_heuristic_first:TRUE", "-Y", filter])
        .output()
        .expect("tshark is installed");
    assert!(
        output.status.success(),
        "tshark -Y {filter:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asserts that nothing Strait sent from `own` in `file` names an address of the other side.
///
/// `hidden` are prefixes of the textual addresses that must not be seen.
///
/// # Panics
/// When one is seen, with the message that showed it.
pub fn assert_no_leak(file: &Path, own: &[&str], hidden: &[&str]) {
    let own: Vec<IpAddr> = own.iter().map(|a| a.parse().expect("an address")).collect();
    let mut looked_at = 0;
    for datagram in datagrams(file)
        .iter()
        .filter(|d| own.contains(&d.source.ip()))
    {
        let is_media = datagram.payload.first().is_some_and(|byte| byte >> 6 == 2);
        if is_media {
            continue;
        }
        looked_at += 1;
        let text = String::from_utf8_lossy(&datagram.payload);
        for address in hidden {
            let receiver = datagram.destination;
            assert!(
                !text.contains(address),
                "{address} leaks to {receiver}:\n{text}"
            );
        }
    }
    assert!(
        looked_at > 0,
        "Strait sent no signalling in {}",
        file.display()
    );
}
