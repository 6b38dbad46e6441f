//! Whoever has no business here, and what is no MGCP.

use std::time::Duration;

use super::scene::{CONFIG, PUBLIC, Scene, gateway_at, party, say};
use crate::world::{CORE, World};

#[test]
fn what_is_no_message_is_answered_by_the_protocol() {
    let mut world = World::with(CONFIG);
    let gateway = gateway_at(PUBLIC);
    for (text, answer) in [
        ("RSIP 5 nowhere MGCP 1.0\r\n", "510 5 Protocol error\r\n"),
        (
            "RSIP 5 *@gw MGCP 7.0\r\n",
            "528 5 Incompatible protocol version\r\n",
        ),
        (
            "RSIP 5 *@gw MGCP 1.0\r\nnonsense\r\n",
            "510 5 Protocol error\r\n",
        ),
        (
            "CRCX 5 a@gw MGCP 1.0\r\nM: sendrecv\r\n",
            "504 5 Unknown command\r\n",
        ),
    ] {
        assert_eq!(
            say(&mut world, gateway, text).only(gateway),
            answer,
            "{text}"
        );
    }
    for text in [
        "",
        "\r\n",
        "RSIP",
        "200 x OK\r\n",
        "999 5 \r\n",
        "\0\0",
        "000 7\r\n",
    ] {
        assert!(say(&mut world, gateway, text).sent.is_empty(), "{text:?}");
    }
}

#[test]
fn strangers_in_the_call_agents_realm_hear_nothing() {
    let mut scene = Scene::by_name();
    let listener = scene.agent.flow.listener.0;
    for (listener, remote) in [
        (listener, "10.0.0.77:2727"),
        ((listener + 1) % 4, "10.0.0.1:2727"),
    ] {
        let stranger = party(CORE, listener, remote);
        for text in [
            "AUEP 5 *@rgw-2567.example.net MGCP 1.0\r\n",
            "AUEP 5 x\r\n",
            "200 1 OK\r\n",
        ] {
            assert!(say(&mut scene.world, stranger, text).sent.is_empty());
        }
    }
}

#[test]
fn a_gateways_name_is_its_own_at_its_address() {
    let mut scene = Scene::by_name();
    scene.connect();
    let stranger = gateway_at("203.0.113.200:1");
    for text in [
        "DLCX 5 aaln/1@rgw-2567.example.net MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\n",
        "200 1209 OK\r\n",
    ] {
        assert!(say(&mut scene.world, stranger, text).sent.is_empty());
    }
    assert_eq!(scene.world.gateway.sizes().legs, 1);
}

#[test]
fn call_agents_and_gateways_send_what_is_theirs_to_send() {
    let mut scene = Scene::by_name();
    for command in ["NTFY", "RSIP"] {
        let text = format!("{command} 5 aaln/1@rgw-2567.example.net MGCP 1.0\r\n");
        let outcome = say(&mut scene.world, scene.agent, &text);
        assert_eq!(outcome.only(scene.agent), "504 5 Unknown command\r\n");
    }
    let extension = "XMSG 6 aaln/1@GW MGCP 1.0\r\nX-any: thing\r\n";
    assert_eq!(scene.command(extension), extension);
}

#[test]
fn addresses_hide_in_no_parameter() {
    let mut scene = Scene::by_address();
    let heard = scene.command(
        "RQNT 5 aaln/1@GW MGCP 1.0\r\nX: 1\r\nS: A/ann(http://10.0.0.1/busy.wav)\r\n\
         X-from: 10.0.0.1\r\n",
    );
    assert!(heard.contains("http://192.0.2.1/busy.wav"), "{heard}");
    let told =
        scene.answer("200 5 from 192.168.1.5\r\nX-nat: 203.0.113.7\r\nZ: a@[192.168.1.5]\r\n");
    assert!(!told.contains("203.0.113.7"), "{told}");
}

#[test]
fn there_are_as_many_gateways_as_ports() {
    let mut world = World::with(CONFIG);
    for number in 1..=5 {
        let gateway = gateway_at(&format!("203.0.113.{number}:2427"));
        let restart = format!("RSIP 1 *@gw{number} MGCP 1.0\r\n");
        let outcome = say(&mut world, gateway, &restart);
        match number {
            5 => assert_eq!(outcome.only(gateway), "403 1 Insufficient resources\r\n"),
            _ => assert!(outcome.to(gateway).is_empty()),
        }
    }
    assert_eq!(world.gateway.sizes().gateways, 4);
    world.wait(Duration::from_secs(200));
    assert_eq!(
        world.gateway.sizes().gateways,
        0,
        "nobody has accepted them"
    );
}
