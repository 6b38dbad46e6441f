//! `strait demo`: real calls between the built-in people through both real processes.

#![allow(clippy::unwrap_used)]

mod built;

use std::process::Command;

use built::command;
use serde_json::Value;

/// A capture with nanoseconds, big endian.
const PCAP: [u8; 4] = [0xa1, 0xb2, 0x3c, 0x4d];

#[test]
fn every_call_is_heard_both_ways_and_shown() {
    let output = tempfile::tempdir().unwrap();
    let ran = Command::new(command())
        .args([
            "demo",
            "--seconds",
            "3",
            "--calls",
            "2",
            "--json",
            "--output",
        ])
        .arg(output.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["leaks"], Value::Array(Vec::new()));
    let talks: Vec<&Value> = report["calls"].as_array().unwrap().iter().collect();
    assert!(talks.len() >= 2, "{report:#}");
    for stream in talks
        .iter()
        .flat_map(|call| call["streams"].as_array().unwrap())
    {
        assert_eq!(
            (&stream["altered"], &stream["foreign"]),
            (&0.into(), &0.into())
        );
    }
    let talked = talks.iter().find(|call| call["plot"] == "talk").unwrap();
    let streams = talked["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 2, "both ways");
    for stream in streams {
        assert!(stream["heard"].as_u64().unwrap() > 100, "{stream:#}");
    }
    assert!(!report["records"].as_array().unwrap().is_empty());
    let capture = std::fs::read(report["files"]["capture"].as_str().unwrap()).unwrap();
    assert!(capture.starts_with(&PCAP), "no capture");
    let p99 = &report["latency"]["p99_us"];
    println!(
        "demo: {} packets relayed, 99 % within {p99} µs",
        report["latency"]["packets"]
    );
}
