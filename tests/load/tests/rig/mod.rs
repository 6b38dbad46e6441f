//! What the tests of the command share: a capture of two streams, and how its report is had.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use etherparse::PacketBuilder;
use pcap_file::pcap::{PcapPacket, PcapWriter};
use tempfile::TempDir;

/// A second of G.711 both ways, RTP and one report each.
pub fn capture(directory: &TempDir) -> PathBuf {
    let path = directory.path().join("call.pcap");
    let mut writer = PcapWriter::new(File::create(&path).unwrap()).unwrap();
    let mut write = |at_ms: u64, ports: (u16, u16), payload: &[u8]| {
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 1], 64)
            .udp(ports.0, ports.1);
        let mut frame = Vec::new();
        packet.write(&mut frame, payload).unwrap();
        let packet = PcapPacket {
            timestamp: Duration::from_millis(at_ms),
            orig_len: frame.len() as u32,
            data: Cow::Owned(frame),
        };
        writer.write_packet(&packet).unwrap();
    };
    for number in 0..50_u8 {
        for (ports, source) in [((4000, 5000), 7), ((5000, 4000), 8)] {
            let mut rtp = vec![0x80, 8, 0, number, 0, 0, number, 0, 0, 0, 0, source];
            rtp.extend([number; 160]);
            write(u64::from(number) * 20, ports, &rtp);
        }
    }
    path
}

/// The command with this capture; what it runs stands beside it.
pub fn load(capture: &Path, what: &str) -> Command {
    let load = Path::new(env!("CARGO_BIN_EXE_strait-load"));
    for program in ["strait", "strait-control", "strait-dataplane"] {
        let built = load.with_file_name(program).exists();
        assert!(built, "first: cargo build --workspace --bins");
    }
    let mut command = Command::new(load);
    command.args([what, "--capture"]).arg(capture);
    command
}

/// Its report, when it ends with this code.
pub fn report(command: &mut Command, code: i32) -> serde_json::Value {
    let output = command.arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{said}{report}");
    serde_json::from_slice(&output.stdout).unwrap()
}
