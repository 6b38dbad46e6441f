//! The supervisor's protocol, both sides of it.
#![cfg(all(not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use strait_shared::notify::{Notifier, NotifySocket, Received, handover, inherited};

/// Set when this program is started again by a test.
const CHILD: &str = "STRAIT_TEST_CHILD";

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("strait-notify-{name}-{}", std::process::id()))
}

fn file(content: &str) -> std::fs::File {
    let fd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = std::fs::File::from(fd);
    file.write_all(content.as_bytes()).unwrap();
    file
}

fn content(mut file: std::fs::File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_the_service_says_arrives_with_its_sender() {
    let socket = NotifySocket::bind(&path("says")).unwrap();
    let notifier = Notifier::connect(socket.path().as_os_str()).unwrap();
    assert!(socket.receive().unwrap().is_none());
    notifier.ready().unwrap();
    notifier.status("2 calls\nREADY=1").unwrap();
    notifier.stopping().unwrap();
    let next = || socket.receive().unwrap().unwrap();
    let ready = next();
    assert!(ready.notification.ready);
    assert_eq!(ready.pid as u32, std::process::id());
    assert_eq!(ready.uid, rustix::process::geteuid().as_raw());
    let status = next().notification;
    assert_eq!(status.status.as_deref(), Some("2 calls READY=1"));
    assert!(!status.ready);
    assert!(next().notification.stopping);
    assert!(socket.receive().unwrap().is_none());
}

#[test]
fn a_stored_descriptor_arrives_with_its_name() {
    let socket = NotifySocket::bind(&path("stored")).unwrap();
    let notifier = Notifier::connect(socket.path().as_os_str()).unwrap();
    notifier.store("region", file("kept").as_fd()).unwrap();
    notifier.forget("region").unwrap();
    let Received {
        notification, fds, ..
    } = socket.receive().unwrap().unwrap();
    assert_eq!(notification.store.as_deref(), Some("region"));
    let mut fds = fds.into_iter();
    assert_eq!(content(fds.next().unwrap().into()), "kept");
    assert!(fds.next().is_none());
    let forget = socket.receive().unwrap().unwrap().notification;
    assert_eq!(forget.forget.as_deref(), Some("region"));
}

#[test]
fn a_message_that_does_not_fit_is_dropped_and_the_next_is_read() {
    let socket = NotifySocket::bind(&path("long")).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    let long = [b"READY=1\n".as_slice(), &[b'x'; 5_000]].concat();
    sender.send_to(&long, socket.path()).unwrap();
    sender.send_to(b"STATUS=next", socket.path()).unwrap();
    let next = socket.receive().unwrap().unwrap().notification;
    assert_eq!(next.status.as_deref(), Some("next"));
}

#[test]
fn without_a_supervisor_nothing_happens() {
    // This test's own environment has none.
    assert!(std::env::var_os("NOTIFY_SOCKET").is_none());
    let notifier = Notifier::from_env().unwrap();
    assert!(!notifier.is_supervised());
    notifier.ready().unwrap();
    notifier.store("region", file("").as_fd()).unwrap();
}

#[test]
fn descriptors_reach_the_next_process_by_name() {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", "as_the_next_process", "--nocapture"])
        .env(CHILD, "2");
    let (first, second) = (file("one"), file("two"));
    handover(
        &mut program,
        &[("first", first.as_fd()), ("second", second.as_fd())],
    )
    .unwrap();
    assert!(program.status().unwrap().success());
    // Started again without any: what the supervisor itself was given is not passed on.
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "as_the_next_process", "--nocapture"]);
    program
        .env(CHILD, "0")
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", "a:b");
    handover(&mut program, &[]).unwrap();
    assert!(program.status().unwrap().success());
}

#[test]
fn a_program_that_cannot_start_says_so_and_leaves_the_descriptors_alone() {
    let kept = file("kept");
    let mut program = Command::new("/nonexistent/program");
    handover(&mut program, &[("kept", kept.as_fd())]).unwrap();
    let error = program.status().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert_eq!(content(kept), "kept");
}

#[test]
fn names_that_cannot_be_told_apart_are_refused() {
    let file = file("");
    let mut program = Command::new("/bin/true");
    for name in ["", "a:b", "line\nend"] {
        assert!(
            handover(&mut program, &[(name, file.as_fd())]).is_err(),
            "{name:?}"
        );
    }
    assert!(handover(&mut program, &[("many", file.as_fd()); 9]).is_err());
}

/// Not a test of its own: where this program begins when a test starts it again.
#[test]
fn as_the_next_process() {
    let Ok(expected) = std::env::var(CHILD) else {
        return;
    };
    let given: Vec<_> = inherited();
    assert_eq!(given.len().to_string(), expected);
    let words = ["one", "two"];
    for ((name, fd), (own, word)) in given
        .into_iter()
        .zip(["first", "second"].into_iter().zip(words))
    {
        assert_eq!((name.as_str(), content(fd.into()).as_str()), (own, word));
    }
    assert!(inherited().is_empty(), "given once");
}
