//! The command with each party, and what stands between them, on a host of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::path::Path;
use std::time::Duration;

use strait_tests::namespace::World;
use strait_tests::requirements;

use rig::{capture, load, report};

/// Every packet has come, once and unchanged.
fn assert_whole(report: &serde_json::Value, about: &str) {
    assert_eq!(report["offered"], report["delivered"], "{about}: {report}");
    for direction in report["directions"].as_array().unwrap() {
        // A machine with other things to do sends fewer than are due in a second.
        assert!(
            direction["offered"].as_u64() >= Some(9 * 5),
            "{about}: {report}"
        );
        for fault in [
            "reordered",
            "duplicated",
            "corrupted",
            "strange",
            "malformed",
        ] {
            assert_eq!(direction[fault], 0, "{fault}, {about}: {report}");
        }
    }
}

fn replayed(more: &str) -> serde_json::Value {
    replayed_for("0.4", more)
}

fn replayed_for(seconds: &str, more: &str) -> serde_json::Value {
    let directory = tempfile::tempdir().unwrap();
    let mut command = load(&capture(&directory), "replay");
    command.args(["--seconds", seconds, "--calls", "9"]);
    report(command.args(more.split_whitespace()), 0)
}

/// The ways by DPDK's virtual devices, where its dataplane is built.
fn dpdk_is_possible() -> bool {
    let load = Path::new(env!("CARGO_BIN_EXE_strait-load"));
    let built = load.with_file_name("strait-dataplane-dpdk").exists();
    requirements::there(built, "strait-dataplane-dpdk is not built: docs/DPDK.md")
        && requirements::met(&["ip", "ethtool", "taskset", "chrt", "nft"])
}

fn bypassing_is_possible() -> bool {
    if !requirements::has_af_xdp() {
        println!("skipped: this kernel has no AF_XDP");
        return false;
    }
    requirements::met(&["ip", "ethtool", "taskset", "chrt"])
}

#[test]
fn every_packet_comes_through_whichever_way_it_goes() {
    if !bypassing_is_possible() {
        return;
    }
    for ways in [
        "--hosts",
        "--wire af_xdp",
        "--over af_xdp --mode native",
        "--over af_xdp --mode generic --wire af_xdp",
        "--over af_xdp --mode native --wire af_xdp",
    ] {
        assert_whole(&replayed(ways), ways);
    }
}

#[test]
fn every_packet_comes_through_dpdk() {
    if !dpdk_is_possible() {
        return;
    }
    for ways in ["--device af_packet", "--device af_packet --wire af_xdp"] {
        assert_whole(&replayed(&format!("--over dpdk {ways}")), ways);
    }
    if bypassing_is_possible() {
        let ways = "--over dpdk --device af_xdp --wire af_xdp";
        assert_whole(&replayed(ways), ways);
    }
}

#[test]
fn dpdk_spreads_flows_over_workers() {
    if !dpdk_is_possible() || std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("skipped: two workers need DPDK and two cores");
        return;
    }
    for device in ["af_packet", "tap"] {
        let report = replayed(&format!("--over dpdk --device {device} --workers 2"));
        assert_whole(&report, device);
        let workers = report["workers"].as_array().unwrap();
        let received: Vec<u64> = workers.iter().filter_map(|each| each.as_u64()).collect();
        assert_eq!(received.len(), 2, "{device}: {report}");
        assert!(
            received.iter().all(|count| *count > 0),
            "{device}: {received:?}"
        );
    }
}

#[test]
fn sides_may_have_ipv6() {
    if !bypassing_is_possible() {
        return;
    }
    let mut ways = vec![
        "--ipv6 near,far",
        "--ipv6 near --over af_xdp --mode native --wire af_xdp",
        "--ipv6 near,far --through echo --wire af_xdp",
    ];
    if requirements::met(&["rtpengine"]) {
        ways.push("--ipv6 far --through rtpengine --wire af_xdp");
    }
    if dpdk_is_possible() {
        ways.push("--ipv6 far --over dpdk --wire af_xdp");
    }
    for ways in ways {
        assert_whole(&replayed(ways), ways);
    }
}

#[test]
fn what_strait_is_compared_with_stands_between_the_same_hosts() {
    if !bypassing_is_possible() || !requirements::met(&["nft"]) {
        return;
    }
    for (through, program) in [
        ("nothing", "ip"),
        ("echo --mode native", "ip"),
        ("echo --mode generic", "ip"),
        ("nftables", "nft"),
        ("rtpengine", "rtpengine"),
        ("testpmd-af_packet", "dpdk-testpmd"),
        ("testpmd-af_xdp", "dpdk-testpmd"),
    ] {
        if !requirements::met(&[program]) {
            continue;
        }
        assert_whole(
            &replayed(&format!("--through {through} --wire af_xdp")),
            through,
        );
    }
}

#[test]
fn what_the_kernel_does_in_the_middle_is_told_apart() {
    if !bypassing_is_possible() || !requirements::met(&["nft"]) {
        return;
    }
    let report = replayed("--through nftables --wire af_xdp --cores 0,1");
    assert_whole(&report, "nftables");
    assert!(report["cpu_seconds_per_million"].is_null(), "{report}");
    assert!(
        report["kernel_seconds_per_million"].as_f64() > Some(0.0),
        "{report}"
    );
}

#[test]
fn a_flood_does_nothing_to_the_calls_that_keep_to_their_rate() {
    let ways: &[&str] = match bypassing_is_possible() {
        true => &[
            "",
            "--over af_xdp --mode native",
            "--over af_xdp --mode generic",
        ],
        false => &[""],
    };
    for ways in ways {
        let flood = "--police 60 --flood 3 --flood-speed 40";
        let report = replayed_for("1", &format!("{flood} {ways}"));
        assert_whole(&report, ways);
        let [sent, delivered] = [0, 1].map(|index| report["flood"][index].as_u64().unwrap());
        // Three calls, both ways, a second of their rate and one ahead.
        let allowed = 3 * 2 * (60 + 60) + 3 * 2 * 2 * 40;
        assert!(sent > delivered && delivered > 0, "{ways}: {report}");
        assert!(delivered < 2 * allowed, "{ways}: {report}");
        let policed = report["lost"]["dataplane: packet_rate"].as_u64();
        assert_eq!(policed, Some(sent - delivered), "{ways}: {report}");
    }
}

#[test]
fn calls_by_sip_have_their_media_past_the_kernel() {
    if !bypassing_is_possible() {
        return;
    }
    let mut ways = vec!["--over af_xdp --wire af_xdp --ipv6 near"];
    if dpdk_is_possible() {
        ways.push("--over dpdk");
    }
    for ways in ways {
        let directory = tempfile::tempdir().unwrap();
        let mut command = load(&capture(&directory), "calls");
        command.args("--rate 10 --seconds 1 --hold 0.5 --loss 5".split_whitespace());
        command.args(["--mix", "answer=2,reinvite=1"]);
        assert_called(&report(command.args(ways.split_whitespace()), 0), ways);
    }
}

#[test]
fn calls_by_sip_go_past_the_kernel_through_a_strait_that_runs() {
    if !bypassing_is_possible() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("strait.yaml");
    std::fs::write(&configuration, running(directory.path())).unwrap();
    let world = World::new();
    let [strait, near, far] = ["strait", "near", "far"].map(|role| world.host(role));
    for (interface, host, addresses) in [
        ("access", &near, ["192.0.2.1/24", "192.0.2.9/24"]),
        ("core", &far, ["2001:db8::1/64", "2001:db8::9/64"]),
    ] {
        strait.connect(interface, host, "eth0");
        strait.address(interface, addresses[0]);
        host.address("eth0", addresses[1]);
        strait.feature(interface, "tx", "off");
        host.feature("eth0", "tx", "off");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_strait-load")).with_file_name("strait");
    let mut run = strait.command(program.to_str().unwrap());
    run.args(["run", "-c"]).arg(&configuration);
    let mut strait = strait.start("strait", run, directory.path());
    strait.wait_for_output("ready", Duration::from_secs(20));
    let mut command = load(&capture(&directory), "calls");
    command.args("--rate 10 --seconds 1 --hold 0.5 --loss 5 --wire af_xdp".split_whitespace());
    command.args([
        "--near-address",
        "192.0.2.9",
        "--mix",
        "answer=2,reinvite=1",
        "-c",
    ]);
    command.arg(&configuration);
    for (side, host) in [("near", &near), ("far", &far)] {
        command.args([&format!("--{side}-namespace"), host.name()]);
        command.args([&format!("--{side}-interface"), "eth0"]);
    }
    assert_called(&report(&mut command, 0), "a Strait that runs");
}

/// Two realms, one of each IP version.
fn running(directory: &Path) -> String {
    format!(
        "runtime_directory: {at}/run
realms:
  - name: access
    signalling: [ {{ address: 192.0.2.1 }} ]
    media: [ {{ address: 192.0.2.1, ports: 20000-20099 }} ]
    forward_to: [ softswitch ]
  - name: core
    signalling: [ {{ address: '2001:db8::1' }} ]
    media: [ {{ address: '2001:db8::1', ports: 20000-20099 }} ]
softswitches:
  - {{ name: softswitch, realm: core, address: '[2001:db8::9]:5060', probe: 1s, retry_after: 1s }}
dataplane: {{ nics: [ {{ name: default, port: udp }} ] }}
records: {{ file: {at}/calls.jsonl }}
log: {{ level: warn }}
",
        at = directory.display(),
    )
}

/// Ten calls were placed, and heard each other.
fn assert_called(report: &serde_json::Value, about: &str) {
    assert_eq!(
        (report["placed"].as_u64(), &report["failed"]),
        (Some(10), &serde_json::json!({})),
        "{about}: {report}"
    );
    assert!(
        report["media"]["delivered"].as_u64() > Some(200),
        "{about}: {report}"
    );
    assert_eq!(
        report["media"]["directions"][0]["strange"], 0,
        "{about}: {report}"
    );
}

#[test]
fn a_bench_puts_everything_side_by_side() {
    if !bypassing_is_possible() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("bench");
    let mut command = load(&capture(&directory), "bench");
    command.args(["--only", "strait-udp,strait-af_xdp-native,echo-native"]);
    command.args([
        "--calls", "20", "--rate", "1000", "--most", "2000", "--loss", "50",
    ]);
    command.args(["--rounds", "1", "--seconds", "0.3", "--output"]);
    let done = command.arg(&output).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let json = std::fs::read(output.with_extension("json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let contenders = json["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), 4, "{json}");
    for contender in contenders {
        assert!(contender["left_out"].is_null(), "{contender}");
        assert!(
            contender["medians"]["latency_p50"].as_f64() > Some(0.0),
            "{contender}"
        );
    }
    let page = std::fs::read_to_string(output.with_extension("html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 5);
    assert!(output.with_extension("txt").exists());
}
