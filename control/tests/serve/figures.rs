//! The figures of the dual-stack document, each as its message sequence: between real gateways and
//! terminals that do what it says. Alice calls Bob; `one` is her server, `two` his.
//!
//! Figures 9, 11 and 12 show networks, 21 to 27 formats and parts; 10 is in `calls`.

use crate::serve::network::Ip::{V4, V6};
use crate::serve::network::{Call, Kind, Place};

const IPV4: Kind = Kind::new("IPv4", &[V4], &[V4]);
const DUAL: Kind = Kind::new("dual", &[V6, V4], &[V6, V4]);
const DUAL_AT_ONCE: Kind = Kind {
    together: true,
    ..DUAL
};
/// Judges itself, and is registered under one version alone.
const JUDGE_UNDER_6: Kind = Kind {
    judges: true,
    ..Kind::new("dual under 6", &[V6, V4], &[V6])
};
const JUDGE_UNDER_4: Kind = Kind {
    judges: true,
    ..Kind::new("dual under 4", &[V6, V4], &[V4])
};
const IPV4_JUDGE: Kind = Kind {
    judges: true,
    ..IPV4
};

const SERVER_JUDGES: &str = "{ media: direct, judge: arrival, mismatch: redirect }";
const TERMINAL_JUDGES: &str = "{ media: direct, judge: terminal }";

#[track_caller]
fn assert_figure(call: &mut Call, expected: &str) {
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(call.figure(), expected.join("\n"));
    for body in call.described().iter().flatten() {
        let ours = ["192.0.2.", "2001:db8:a:"];
        assert!(
            !ours.iter().any(|own| body.contains(own)),
            "touched: {body}"
        );
    }
}

#[test]
fn figure_3() {
    let mut call = Call::new(DUAL, IPV4, Place::Same, SERVER_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > one IPv4 REGISTER
        one > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv4 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_4() {
    let mut call = Call::new(IPV4, DUAL, Place::Same, SERVER_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > one IPv6 REGISTER
        one > bob IPv6 200 REGISTER
        bob > one IPv4 REGISTER
        one > bob IPv4 200 REGISTER
        alice > one IPv4 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_5() {
    let mut call = Call::new(DUAL_AT_ONCE, IPV4, Place::Same, SERVER_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        bob > one IPv4 REGISTER
        one > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv4 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_6() {
    let mut call = Call::new(IPV4, DUAL_AT_ONCE, Place::Same, SERVER_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > one IPv6 REGISTER
        one > bob IPv6 200 REGISTER
        alice > one IPv4 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_7() {
    let mut call = Call::new(JUDGE_UNDER_4, IPV4_JUDGE, Place::Same, TERMINAL_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V6, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > one IPv4 REGISTER
        one > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 380 INVITE
        one > bob IPv4 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv6 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 200 INVITE
        one > alice IPv6 200 INVITE
        alice > one IPv6 ACK
        one > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_8() {
    let mut call = Call::new(IPV4_JUDGE, JUDGE_UNDER_6, Place::Same, TERMINAL_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > one IPv6 REGISTER
        one > bob IPv6 200 REGISTER
        alice > one IPv4 INVITE
        one > bob IPv6 INVITE
        bob > one IPv6 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > bob IPv6 ACK
        ",
    );
}

#[test]
fn figure_13() {
    let mut call = Call::new(DUAL, IPV4, Place::Dual, SERVER_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > dns DNS
        one > two IPv6 INVITE
        two > one IPv6 380 INVITE
        one > two IPv6 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv4 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_14() {
    let mut call = Call::new(IPV4, DUAL, Place::Dual, SERVER_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv6 REGISTER
        two > bob IPv6 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        alice > one IPv4 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_15() {
    let mut call = Call::new(JUDGE_UNDER_6, IPV4_JUDGE, Place::Dual, TERMINAL_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V6, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > dns DNS
        one > two IPv6 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 380 INVITE
        two > bob IPv4 ACK
        two > one IPv6 380 INVITE
        one > two IPv6 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv6 INVITE
        one > dns DNS
        one > two IPv6 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv6 200 INVITE
        one > alice IPv6 200 INVITE
        alice > one IPv6 ACK
        one > two IPv6 ACK
        two > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_16() {
    let mut call = Call::new(IPV4_JUDGE, JUDGE_UNDER_6, Place::Dual, TERMINAL_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv6 REGISTER
        two > bob IPv6 200 REGISTER
        alice > one IPv4 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv6 INVITE
        bob > two IPv6 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv6 ACK
        ",
    );
}

#[test]
fn figure_17() {
    let mut call = Call::new(DUAL, IPV4, Place::Ipv4, SERVER_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > dns DNS
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv4 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_18() {
    let mut call = Call::new(IPV4, DUAL, Place::FromIpv4, SERVER_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv6 REGISTER
        two > bob IPv6 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        alice > one IPv4 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_19() {
    let mut call = Call::new(JUDGE_UNDER_6, IPV4_JUDGE, Place::Ipv4, TERMINAL_JUDGES);
    assert_eq!(call.talk(V6, V6), 380);
    assert_eq!(call.talk(V6, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        alice > one IPv6 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 380 INVITE
        two > bob IPv4 ACK
        two > one IPv4 380 INVITE
        one > two IPv4 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv6 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv6 200 INVITE
        alice > one IPv6 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
}

#[test]
fn figure_20() {
    let mut call = Call::new(IPV4_JUDGE, JUDGE_UNDER_6, Place::FromIpv4, TERMINAL_JUDGES);
    assert_eq!(call.talk(V4, V4), 200);
    assert_figure(
        &mut call,
        "
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv6 REGISTER
        two > bob IPv6 200 REGISTER
        alice > one IPv4 INVITE
        one > dns DNS
        one > two IPv4 INVITE
        two > bob IPv6 INVITE
        bob > two IPv6 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv6 ACK
        ",
    );
}
