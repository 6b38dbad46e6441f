//! Starting, refusing to start, stopping.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use strait_shared::geometry::{Geometry, Sizes};
use strait_shared::region::Region;

use crate::strait::{Place, Strait};

#[test]
fn it_says_when_it_is_ready_and_stops_when_told() {
    let mut strait = Strait::start();
    strait.signal("TERM");
    strait.told("STOPPING=1");
    let (status, said) = strait.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!strait.place.directory.path().join("control.sock").exists());
}

#[test]
fn nobody_else_may_open_the_operators_socket() {
    let strait = Strait::start();
    let socket = strait.place.directory.path().join("control.sock");
    let mode = std::fs::metadata(socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_address_in_use_is_code_4() {
    let place = Place::new();
    let udp = UdpSocket::bind(place.access).unwrap();
    let (status, said) = place.run_to_end();
    assert_eq!(status.code(), Some(4), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains(&format!("udp {} is in use", place.access)),
        "{said}"
    );
    drop(udp);
    let _tcp = TcpListener::bind(place.access).unwrap();
    let (status, said) = place.run_to_end();
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(
        said.contains(&format!("tcp {} is in use", place.access)),
        "{said}"
    );
}

#[test]
fn a_second_control_in_one_place_is_code_4() {
    let strait = Strait::start();
    let elsewhere = Place {
        directory: tempfile::tempdir().unwrap(),
        ..Place::new()
    };
    let config = std::fs::read_to_string(elsewhere.configure()).unwrap();
    let (theirs, ours) = (elsewhere.directory.path(), strait.place.directory.path());
    let config = config.replace(&*theirs.to_string_lossy(), &ours.to_string_lossy());
    let path = theirs.join("shared.yaml");
    std::fs::write(&path, config).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_strait-control"));
    let output = command.arg("-c").arg(path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("is served by another strait-control"),
        "{said}"
    );
    assert_eq!(strait.get("/status")["state"], "running");
}

#[test]
fn a_region_of_another_configuration_is_code_6() {
    let place = Place::new();
    let right = place.region();
    let geometry = right.geometry();
    let wrong = Geometry::new(Sizes {
        workers: geometry.workers() + 1,
        addresses: geometry.addresses().to_vec(),
        fork_slots: geometry.fork_slots(),
        ring_capacity: geometry.ring_capacity(),
        adjacencies: geometry.adjacencies(),
    });
    let _server = place.serve(&Region::create(wrong.unwrap()).unwrap());
    let (status, said) = place.run_to_end();
    assert_eq!(status.code(), Some(6), "{said}");
    assert!(
        said.contains("workers is 2, the configuration says 1"),
        "{said}"
    );
}

#[test]
fn a_bad_configuration_is_code_3_and_a_bad_command_line_code_2() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_strait-control"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.yaml");
    std::fs::write(&path, "realms: 7\n").unwrap();
    let output = command.arg("-c").arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("bad.yaml:1:9"), "{said}");
    let output = command.arg("--nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
