//! Connections: their media gets a place on each side, flows as their mode says, and ends with
//! them.

use std::time::Duration;

use super::scene::{CREATE, CREATED, DELETE, DELETED, MODIFY, Scene, port, say};

#[test]
fn a_connection_gets_places_on_both_sides_and_gives_them_back() {
    let mut scene = Scene::by_address();
    let (told, modified) = scene.connect();
    let ours = port(&told);
    assert!((30000..31000).contains(&ours), "{told}");
    let expected = CREATED
        .replace("192.168.1.5", "198.51.100.1")
        .replace("3456", &ours.to_string());
    assert_eq!(told, expected);
    let theirs = port(&modified);
    assert!((20000..21000).contains(&theirs), "{modified}");
    let expected = MODIFY
        .replace("10.0.0.9", "192.0.2.1")
        .replace("1296", &theirs.to_string());
    assert_eq!(modified, expected);
    let sizes = scene.world.gateway.sizes();
    assert_eq!((sizes.gateways, sizes.legs, sizes.calls), (1, 1, 1));
    assert_eq!((scene.world.open.len(), scene.world.gates.len()), (4, 4));
    assert_eq!(scene.command(DELETE), DELETE);
    let outcome = say(&mut scene.world, scene.gateway, DELETED);
    assert_eq!(outcome.only(scene.agent), DELETED);
    let record = &outcome.records[0];
    let gateway = record.gateway.as_ref().unwrap();
    assert_eq!(
        (&*gateway.protocol, &*gateway.name),
        ("mgcp", "[192.168.1.5]")
    );
    assert_eq!(
        (&*gateway.termination, &*gateway.context),
        ("aaln/1 fde234c8", "A3C47F21456789F0")
    );
    assert_eq!(record.ending.as_ref().unwrap().reason, "deleted");
    assert_eq!(record.streams.len(), 4);
    let sizes = scene.world.gateway.sizes();
    assert_eq!((sizes.legs, sizes.calls, sizes.sessions), (0, 0, 0));
    assert!(scene.world.open.is_empty());
}

#[test]
fn media_flows_as_the_mode_says() {
    let mut scene = Scene::by_name();
    scene.connect();
    for (number, mode, gates) in [
        (21, "sendonly", 3),
        (22, "recvonly", 3),
        (23, "Inactive", 2),
        (24, "confrnce", 4),
        (25, "loopback", 2),
        (26, "conttest", 2),
        (27, "netwloop", 4),
        (28, "netwtest", 4),
        (29, "inactive", 2),
        (30, "sendrecv", 4),
    ] {
        scene.command(&format!(
            "MDCX {number} AALN/1@GW MGCP 1.0\nC: A3C47F21456789F0\nI: fde234c8\nM: {mode}\n"
        ));
        scene.answer(&format!("200 {number} OK\n"));
        // RTCP goes on whatever the mode.
        assert_eq!(scene.world.gates.len(), gates, "{mode}");
    }
}

#[test]
fn a_connection_that_is_made_with_its_remote_party_flows_at_once() {
    let mut scene = Scene::by_name();
    let create = "CRCX 5 aaln/$@GW MGCP 1.0\r\nC: 1\r\nM: sendrecv\r\n\r\n\
        v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 1296 RTP/AVP 0\r\n";
    let heard = scene.command(create);
    assert!(heard.contains("c=IN IP4 192.0.2.1\r\nm=audio 2"), "{heard}");
    let told = scene.answer(
        "200 5 OK\r\nI: 7\r\nZ: aaln/4@GW\r\n\r\nv=0\r\nc=IN IP4 192.168.1.5\r\n\
         m=audio 3456 RTP/AVP 0\r\n",
    );
    assert!(
        told.contains("Z: aaln/4@GW\r\n\r\nv=0\r\nc=IN IP4 198.51.100.1"),
        "{told}"
    );
    assert_eq!(scene.world.gates.len(), 4);
    // It is known by the name that the gateway chose.
    scene.command("DLCX 6 aaln/4@GW MGCP 1.0\r\nC: 1\r\nI: 7\r\n");
    scene.answer("250 6 OK\r\n");
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn what_was_refused_is_as_before() {
    let mut scene = Scene::by_address();
    scene.connect();
    let gates = scene.world.gates.clone();
    scene.command(
        "MDCX 31 aaln/1@GW MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\nM: inactive\r\n\r\n\
         v=0\r\nc=IN IP4 10.0.0.8\r\nm=audio 5000 RTP/AVP 0\r\n",
    );
    assert_eq!(scene.answer("502 31 No\r\n"), "502 31 No\r\n");
    assert_eq!(scene.world.gates, gates);
    scene.command(&CREATE.replace("1204", "32"));
    assert_eq!(scene.world.gateway.sizes().legs, 2);
    scene.answer("403 32 No\r\n");
    assert_eq!(scene.world.gateway.sizes().legs, 1);
    scene.command(&CREATE.replace("1204", "33"));
    scene.world.wait(Duration::from_secs(25));
    assert_eq!(scene.world.gateway.sizes().legs, 1, "nobody answered");
}

#[test]
fn what_cannot_be_relayed_is_refused_before_anything_is_done() {
    let mut scene = Scene::by_name();
    for (number, description, code) in [
        (41, "v=0\r\nc=IN IP4\r\nm=audio 1 RTP/AVP 0\r\n", "509"),
        (
            42,
            "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n",
            "505",
        ),
    ] {
        let create = CREATE
            .replace("1204", &number.to_string())
            .replace("@GW", &format!("@{}", scene.shown));
        let outcome = say(
            &mut scene.world,
            scene.agent,
            &format!("{create}\r\n{description}"),
        );
        let answer = outcome.only(scene.agent);
        assert!(answer.starts_with(&format!("{code} {number} ")), "{answer}");
        assert!(outcome.to(scene.gateway).is_empty());
    }
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn a_gateway_whose_own_media_has_no_way_is_told_to_forget_the_connection() {
    let mut scene = Scene::by_name();
    scene.command(CREATE);
    let broken = CREATED.replace("c=IN IP4 192.168.1.5", "c=IN IP4 127.0.0.1");
    let outcome = say(&mut scene.world, scene.gateway, &broken);
    assert_eq!(
        outcome.only(scene.agent),
        "403 1204 Insufficient resources\r\n"
    );
    let told = outcome.only(scene.gateway);
    assert!(told.starts_with("DLCX 9"), "{told}");
    assert!(
        told.ends_with(" aaln/1@rgw-2567.example.net MGCP 1.0\r\nI: FDE234C8\r\n"),
        "{told}"
    );
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn wildcards_end_what_they_name_and_nothing_else() {
    let mut scene = Scene::by_name();
    for (number, endpoint, call, connection) in [
        (51, "aaln/1", "A", "1"),
        (52, "aaln/1", "B", "2"),
        (53, "aaln/2", "A", "3"),
        (54, "ds/1", "A", "4"),
    ] {
        let create =
            format!("CRCX {number} {endpoint}@GW MGCP 1.0\r\nC: {call}\r\nM: sendrecv\r\n");
        scene.command(&create);
        scene.answer(
            &CREATED
                .replace("1204", &number.to_string())
                .replace("FDE234C8", connection),
        );
    }
    for (number, command, left) in [
        (61, "aaln/*@GW MGCP 1.0\r\nC: b\r\n", 3),
        (62, "aaln/*@GW MGCP 1.0\r\nC: A\r\n", 1),
        (63, "aaln/*@GW MGCP 1.0\r\n", 1),
        (64, "*@GW MGCP 1.0\r\n", 0),
    ] {
        scene.command(&format!("DLCX {number} {command}"));
        scene.answer(&format!("250 {number} OK\r\n"));
        assert_eq!(scene.world.gateway.sizes().legs, left, "{command}");
    }
    assert!(scene.world.open.is_empty());
}

#[test]
fn a_gateway_ends_a_connection_itself() {
    let mut scene = Scene::by_address();
    scene.connect();
    let lost = "DLCX 9210 aaln/1@GW MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\n\
        E: 900 - Hardware error\r\nP: PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27, LA=48\r\n";
    assert_eq!(scene.answer(lost), lost);
    assert_eq!(scene.world.gateway.sizes().legs, 0);
    assert_eq!(scene.command("200 9210 OK\r\n"), "200 9210 OK\r\n");
}

#[test]
fn an_audit_names_each_sides_own_places() {
    let mut scene = Scene::by_address();
    let (told, modified) = scene.connect();
    scene.command("AUCX 71 aaln/1@GW MGCP 1.0\r\nI: FDE234C8\r\nF: C,N,L,M,LC,RC,P\r\n");
    let near = port(&modified);
    let said = scene.answer(&format!(
        "200 71 OK\r\nC: A3C47F21456789F0\r\nN: [192.0.2.1]\r\nM: sendrecv\r\n\r\n\
         v=0\r\nc=IN IP4 192.168.1.5\r\nm=audio 3456 RTP/AVP 0\r\n\r\n\
         v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio {near} RTP/AVP 0\r\n"
    ));
    let far = port(&told);
    assert!(said.contains("N: [10.0.0.1]:2727\r\n"), "{said}");
    assert!(
        said.ends_with(&format!(
            "\r\n\r\nv=0\r\nc=IN IP4 198.51.100.1\r\nm=audio {far} RTP/AVP 0\r\n\r\n\
             v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 1296 RTP/AVP 0\r\n"
        )),
        "{said}"
    );
    // What nobody can put our addresses into is left out.
    scene.command("AUCX 72 aaln/2@GW MGCP 1.0\r\nI: 99\r\nF: LC\r\n");
    let said =
        scene.answer("200 72 OK\r\n\r\nv=0\r\nc=IN IP4 192.168.1.5\r\nm=audio 1 RTP/AVP 0\r\n");
    assert_eq!(said, "200 72 OK\r\n\r\n");
}

#[test]
fn a_connection_outlives_the_process() {
    let mut scene = Scene::by_address();
    let (told, _) = scene.connect();
    let (restored, _) = scene.world.crash(scene.world.journal.clone());
    assert_eq!((restored.gateways, restored.calls), (1, 1));
    scene.command(
        "MDCX 81 aaln/1@GW MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\nM: inactive\r\n",
    );
    let said = scene.answer(&CREATED.replace("1204", "81"));
    assert_eq!(port(&said), port(&told));
    assert_eq!(scene.world.gates.len(), 2);
    scene.command(DELETE);
    scene.answer(DELETED);
    assert!(scene.world.open.is_empty());
}
