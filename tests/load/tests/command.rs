//! The command as a user runs it: a capture of two streams, replayed through a real dataplane.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::path::Path;

use assert_cmd::Command;

use rig::{capture, load, report};
use strait_tests::requirements;

fn replay(capture: &Path, more: &[&str]) -> Command {
    let mut command = load(capture, "replay");
    command.args(["--seconds", "1"]).args(more);
    command
}

#[test]
fn every_packet_of_every_call_comes_through_over_sockets_and_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    for more in [&["--calls", "9"][..], &["--calls", "9", "--over", "memory"]] {
        let report = report(&mut replay(&capture, more), 0);
        // 50 packets and a report a second, each way, on a machine that is never late.
        assert_eq!(report["offered"], report["delivered"]);
        assert!(report["offered"].as_u64() > Some(9 * 2), "{report}");
        for direction in report["directions"].as_array().unwrap() {
            for fault in [
                "reordered",
                "duplicated",
                "corrupted",
                "strange",
                "malformed",
            ] {
                assert_eq!(direction[fault], 0, "{fault}: {report}");
            }
        }
    }
}

#[test]
fn as_fast_as_it_goes_loses_nothing_either() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    let html = directory.path().join("report.html");
    let more = [
        "--speed",
        "max",
        "--calls",
        "40",
        "--sockets",
        "8",
        "--html",
    ];
    let report = report(replay(&capture, &more).arg(&html), 0);
    assert_eq!(report["offered"], report["delivered"]);
    let page = std::fs::read_to_string(html).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
}

#[test]
fn what_strait_is_compared_with_is_measured_alike() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    for through in ["nothing", "rtpengine"] {
        if through == "rtpengine" && !requirements::has(through) {
            continue;
        }
        let report = report(
            &mut replay(&capture, &["--calls", "5", "--through", through]),
            0,
        );
        assert_eq!(report["offered"], report["delivered"], "{through}");
        assert_eq!(
            report["cpu_seconds_per_million"].is_null(),
            through == "nothing"
        );
    }
}

#[test]
fn what_the_policer_drops_is_found_missing_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    let configuration = directory.path().join("strait.yaml");
    let text = format!(
        "runtime_directory: {}\n\
         realms:\n\
         \x20 - name: near\n\
         \x20   signalling: [ {{ address: 127.0.90.1 }} ]\n\
         \x20   media: [ {{ address: 127.0.90.1, ports: 20000-20019 }} ]\n\
         \x20   police: {{ packets_per_second: 25, bytes_per_second: 100000, burst_ms: 40 }}\n\
         \x20 - name: far\n\
         \x20   signalling: [ {{ address: 127.0.90.2 }} ]\n\
         \x20   media: [ {{ address: 127.0.90.2, ports: 20000-20019 }} ]\n\
         dataplane: {{ nics: [ {{ name: default, port: udp }} ], workers: [ {{}} ] }}\n",
        directory.path().display()
    );
    std::fs::write(&configuration, text).unwrap();
    let mut command = replay(&capture, &["--calls", "5", "-c"]);
    let report = report(command.arg(&configuration), 1);
    let lost = report["offered"].as_u64().unwrap() - report["delivered"].as_u64().unwrap();
    assert!(lost > 0, "{report}");
    assert_eq!(report["lost"]["dataplane: packet_rate"], lost, "{report}");
    assert_eq!(
        report["directions"][1]["offered"],
        report["directions"][1]["delivered"]
    );
}

#[test]
fn calls_of_every_kind_go_as_they_are_meant_to() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    let mut command = load(&capture, "calls");
    command.args(["--rate", "20", "--seconds", "1", "--hold", "0.5"]);
    command.args([
        "--mix",
        "answer=2,reinvite=1,busy=1,cancel=1",
        "--loss",
        "5",
    ]);
    let report = report(&mut command, 0);
    assert_eq!(
        (report["placed"].as_u64(), &report["failed"]),
        (Some(20), &serde_json::json!({}))
    );
    for kind in ["answer", "reinvite", "busy", "cancel"] {
        assert!(report["good"][kind].as_u64() >= Some(1), "{kind}: {report}");
    }
    assert!(
        report["media"]["delivered"].as_u64() > Some(200),
        "{report}"
    );
    assert_eq!(report["media"]["directions"][0]["strange"], 0, "{report}");
    // Parties send at once when they hear of an answer: the gates are open by then.
    assert!(
        report["media"]["lost"]["dataplane: gate_shut"].is_null(),
        "{report}"
    );
}

#[test]
fn mistakes_are_explained_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let none = directory.path().join("none.pcap");
    let said = |command: &mut Command, code: i32| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = said(&mut replay(&none, &[]), 7);
    assert!(missing.contains("none.pcap: No such file"), "{missing}");
    let capture = capture(&directory);
    let mistaken = said(replay(&capture, &["-c"]).arg(&capture), 3);
    assert!(mistaken.contains("nothing is started"), "{mistaken}");
    said(&mut replay(&capture, &["--speed", "fast"]), 2);
}

#[test]
fn a_ramp_ends_at_its_limit_when_everything_fits() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    let mut command = load(&capture, "ramp");
    command.args([
        "--from",
        "4",
        "--to",
        "11",
        "--seconds",
        "0.3",
        "--trials",
        "1",
    ]);
    let report = report(&mut command, 0);
    assert_eq!(report["calls"], 11);
}
