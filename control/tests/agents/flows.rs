//! The flows of RFC 3435's appendices: a residential gateway restarts, is watched, dials, and two
//! of them talk to each other, both through Strait.

use super::scene::{CONFIG, CREATED, OTHER_PUBLIC, PUBLIC, Scene, port, say};
use crate::world::World;

/// Appendix G.1: the gateway restarts, its endpoint is audited and watched.
#[test]
fn a_gateway_restarts_and_is_watched() {
    let mut scene = Scene::by_name();
    let audit = "AUEP 1200 *@GW MGCP 1.0\r\n";
    assert_eq!(scene.command(audit), audit);
    let endpoints = "200 1200 OK\r\nZ: aaln/1@GW\r\nZ: aaln/2@GW\r\n";
    assert_eq!(scene.answer(endpoints), endpoints);
    let watch = "RQNT 1201 aaln/1@GW MGCP 1.0\r\nN: ca@ca1.example.net:5678\r\n\
        X: 0123456789AC\r\nR: L/hd(N)\r\nS:\r\n";
    let heard = scene.command(watch);
    assert_eq!(
        heard,
        watch.replace("ca@ca1.example.net:5678", "ca@[192.0.2.1]:2727")
    );
    assert_eq!(scene.answer("200 1201 OK\r\n"), "200 1201 OK\r\n");
    let hook = "NTFY 2001 aaln/1@GW MGCP 1.0\r\nN: ca@[192.0.2.1]:2727\r\n\
        X: 0123456789AC\r\nO: L/hd\r\n";
    let told = scene.answer(hook);
    assert_eq!(
        told,
        hook.replace("ca@[192.0.2.1]:2727", "ca@ca1.example.net:5678")
    );
    assert_eq!(scene.command("200 2001 OK\r\n"), "200 2001 OK\r\n");
}

/// The digits: maps and embedded requests pass untouched.
#[test]
fn digits_and_embedded_requests_pass_untouched() {
    let mut scene = Scene::by_address();
    let dial = "RQNT 1202 aaln/1@GW MGCP 1.0\nX: 0123456789AC\n\
        R: L/hd(A, E(S(L/dl),R(L/oc, L/hu, D/[0-9#*T](D))))\n\
        D: (0T|00T|[1-7]xxx|8xxxxxxx|#xxxxxxx|*xx|91xxxxxxxxxx|9011x.T)\nS:\nT: G/ft\n";
    assert_eq!(scene.command(dial), dial);
    scene.answer("200 1202 OK\n");
    let dialled = "NTFY 2002 aaln/1@GW MGCP 1.0\nX: 0123456789AC\n\
        O: L/hd,D/9,D/1,D/2,D/0,D/1,D/8,D/2,D/9,D/4,D/2,D/6,D/6\n";
    assert_eq!(scene.answer(dialled), dialled);
    assert_eq!(scene.command("200 2002 OK\n"), "200 2002 OK\n");
    let configure = "EPCF 2012 aaln/1@GW MGCP 1.0\nB: e:mu\n";
    assert_eq!(scene.command(configure), configure);
}

/// Appendix G.2: a connection on each of two gateways, joined by what the call agent carries from
/// one to the other; media goes through Strait twice.
#[test]
fn two_gateways_talk_to_each_other() {
    let mut one = Scene::of(
        World::with(CONFIG),
        PUBLIC,
        "[192.168.1.5]",
        "[198.51.100.1]",
    );
    one.command("CRCX 1204 aaln/1@GW MGCP 1.0\r\nC: A\r\nM: recvonly\r\n");
    let told = one.answer(CREATED);
    let (gateway, agent) = (one.gateway, one.agent);
    // Another one behind another NAT, that calls itself the same.
    let mut other = Scene::of(one.world, OTHER_PUBLIC, "[192.168.1.5]", "[198.51.100.1]");
    assert_ne!(other.agent.flow, agent.flow, "each has a port of its own");
    let description = told.split_once("\r\n\r\n").unwrap().1;
    let create = format!(
        "CRCX 1205 aaln/1@GW MGCP 1.0\r\nC: A\r\nM: sendrecv\r\nX: 0123456789AD\r\nR: L/hd\r\n\
         S: L/rg\r\n\r\n{description}"
    );
    let heard = other.command(&create);
    assert!(heard.contains("c=IN IP4 192.0.2.1\r\n"), "{heard}");
    let answer = CREATED.replace("1204", "1205").replace("3456", "1296");
    let told = other.answer(&answer.replace("FDE234C8", "32F345E2"));
    let description = told.split_once("\r\n\r\n").unwrap().1;
    let modify = format!(
        "MDCX 1206 aaln/1@[198.51.100.1] MGCP 1.0\r\nC: A\r\nI: FDE234C8\r\nM: sendrecv\r\n\r\n\
         {description}"
    );
    let world = &mut other.world;
    let outcome = say(world, agent, &modify);
    assert!((20000..21000).contains(&port(outcome.only(gateway))));
    say(world, gateway, "200 1206 OK\r\n");
    assert_eq!((world.open.len(), world.gates.len()), (8, 8));
    for (agent, gateway) in [(agent, gateway), (other.agent, other.gateway)] {
        say(
            world,
            agent,
            "DLCX 1210 aaln/1@[198.51.100.1] MGCP 1.0\r\nC: A\r\n",
        );
        let outcome = say(world, gateway, "250 1210 OK\r\nP: PS=1\r\n");
        assert_eq!(outcome.records.len(), 1);
    }
    assert!(world.open.is_empty());
}
