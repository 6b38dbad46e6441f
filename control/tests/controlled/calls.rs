//! Terminations of calls: their media gets a place on each side, flows as their mode says, and
//! ends with them.

use std::time::Duration;

use strait_control::gateway::io::Input;

use super::scene::{ADD, ADDED, MODIFIED, MODIFY, SUBTRACT, SUBTRACTED, Scene, restart, say};

#[test]
fn a_call_gets_places_on_both_sides_and_gives_them_back() {
    let mut scene = Scene::registered();
    let (told, modified) = scene.call();
    assert!(told.starts_with("MEGACO/1 [198.51.100.1]:31"), "{told}");
    assert!(
        told.contains("c=IN IP4 198.51.100.1\r\nm=audio 30"),
        "{told}"
    );
    assert!(told.contains("a=ptime:30\r\n"), "{told}");
    assert!(
        modified.starts_with("MEGACO/1 [192.0.2.1]:2944 Tr"),
        "{modified}"
    );
    assert!(
        modified.contains("c=IN IP4 192.0.2.1\r\nm=audio 20"),
        "{modified}"
    );
    let sizes = scene.world.gateway.sizes();
    assert_eq!((sizes.gateways, sizes.legs, sizes.calls), (1, 1, 1));
    assert_eq!(scene.world.open.len(), 4);
    assert_eq!(scene.world.gates.len(), 4);
    assert!(scene.command(SUBTRACT).contains("Subtract=A4445"));
    let outcome = say(&mut scene.world, scene.gateway, SUBTRACTED);
    assert!(outcome.only(scene.controller).contains("nt/os=45123"));
    let record = &outcome.records[0];
    let gateway = record.gateway.as_ref().unwrap();
    assert_eq!(
        (&*gateway.protocol, &*gateway.termination),
        ("h248", "a4445")
    );
    assert_eq!(
        (&*gateway.context, &*gateway.name),
        ("2000", "[192.168.1.5]:2944")
    );
    assert_eq!(record.ending.as_ref().unwrap().reason, "subtracted");
    assert_eq!(record.streams.len(), 4);
    let sizes = scene.world.gateway.sizes();
    assert_eq!((sizes.legs, sizes.calls, sizes.sessions), (0, 0, 0));
    assert!(scene.world.open.is_empty());
}

#[test]
fn media_flows_as_the_mode_says() {
    let mut scene = Scene::registered();
    scene.call();
    for (number, mode, gates) in [
        (21, "SendOnly", 3),
        (22, "ReceiveOnly", 3),
        (23, "Inactive", 2),
        (24, "LoopBack", 4),
        (25, "SendReceive", 4),
    ] {
        let heard = scene.command(&format!(
            "!/1 [10.0.0.1]:2944 T={number}{{C=2000{{MF=A4445{{M{{ST=1{{O{{MO={mode}}}}}}}}}}}}}"
        ));
        assert!(heard.contains(&format!("T={number}{{")), "{heard}");
        scene.answer(&format!(
            "!/1 [192.168.1.5]:2944 P={number}{{C=2000{{MF=A4445}}}}"
        ));
        // RTCP goes on whatever the mode.
        assert_eq!(scene.world.gates.len(), gates, "{mode}");
    }
}

/// RFC 3525 §7.1.7: the mode is Inactive where none is said.
#[test]
fn without_a_mode_nothing_flows_and_a_mode_stays_until_another_is_said() {
    let mut scene = Scene::registered();
    scene.command(&ADD.replace("LocalControl{Mode=ReceiveOnly},", ""));
    scene.answer(ADDED);
    let remote = MODIFY.replace("LocalControl{Mode=SendReceive},", "");
    scene.command(&remote);
    scene.answer(MODIFIED);
    // RTCP goes on whatever the mode.
    assert_eq!(scene.world.gates.len(), 2);
    scene.command(&MODIFY.replace("=11{", "=12{"));
    scene.answer(&MODIFIED.replace("=11{", "=12{"));
    assert_eq!(scene.world.gates.len(), 4);
    scene.command(&remote.replace("=11{", "=13{"));
    scene.answer(&MODIFIED.replace("=11{", "=13{"));
    assert_eq!(scene.world.gates.len(), 4);
}

#[test]
fn what_was_refused_is_as_before() {
    let mut scene = Scene::registered();
    scene.call();
    let gates = scene.world.gates.clone();
    scene.command(
        "MEGACO/1 [10.0.0.1]:2944 Transaction=31{Context=2000{Modify=A4445{Media{Stream=1{\
         LocalControl{Mode=Inactive},Remote{v=0\r\nc=IN IP4 10.0.0.8\r\nm=audio 5000 RTP/AVP 4\r\n\
         }}}}}}",
    );
    scene.answer(
        "MEGACO/1 [192.168.1.5]:2944 Reply=31{Context=2000{Modify=A4445{Error=449{\"no\"}}}}",
    );
    assert_eq!(scene.world.gates, gates);
    scene.command(ADD.replace("Transaction=10", "Transaction=32").as_str());
    assert_eq!(scene.world.gateway.sizes().legs, 2);
    scene.answer("MEGACO/1 [192.168.1.5]:2944 Reply=32{Error=510{\"no resources\"}}");
    assert_eq!(scene.world.gateway.sizes().legs, 1);
    scene.command(ADD.replace("Transaction=10", "Transaction=33").as_str());
    scene.world.wait(Duration::from_secs(25));
    assert_eq!(scene.world.gateway.sizes().legs, 1, "nobody answered");
}

#[test]
fn a_gateway_reads_its_own_place_and_the_controller_the_remote_partys() {
    let mut scene = Scene::registered();
    let (told, modified) = scene.call();
    let place = |text: &str| {
        let from = text.find("c=").unwrap();
        text[from..text.find(" RTP").unwrap()].to_owned()
    };
    let audit = scene.command(&format!(
        "MEGACO/1 [10.0.0.1]:2944 Transaction=41{{Context=2000{{Modify=A4445{{Media{{Stream=1{{\
         Local{{v=0\r\n{} RTP/AVP 4\r\n}}}}}}}}}}}}",
        place(&told)
    ));
    assert!(
        audit.contains("c=IN IP4 192.168.1.5\r\nm=audio 2222"),
        "{audit}"
    );
    let said = scene.answer(&format!(
        "MEGACO/1 [192.168.1.5]:2944 Reply=41{{Context=2000{{Modify=A4445{{Media{{Stream=1{{\
         Remote{{v=0\r\n{} RTP/AVP 4\r\n}}}}}}}}}}}}",
        place(&modified)
    ));
    assert!(said.contains("c=IN IP4 10.0.0.9\r\nm=audio 1111"), "{said}");
}

#[test]
fn alternatives_with_ports_of_their_own_get_lines_of_their_own() {
    let mut scene = Scene::registered();
    scene.command(ADD);
    let two = ADDED.replace(
        "a=ptime:30\r\n",
        "v=0\r\nc=IN IP4 192.168.1.5\r\nm=audio 2224 RTP/AVP 0\r\n\
         v=0\r\nc=IN IP4 192.168.1.5\r\nm=audio 2222 RTP/AVP 8\r\n",
    );
    let told = scene.answer(&two);
    let ports: Vec<&str> = told
        .match_indices("m=audio ")
        .map(|(at, _)| told[at + 8..].split(' ').next().unwrap())
        .collect();
    assert_eq!(ports.len(), 3, "{told}");
    assert!(ports[0] == ports[2] && ports[0] != ports[1], "{told}");
    assert_eq!(scene.world.open.len(), 8);
    scene.command(MODIFY);
    scene.answer(MODIFIED);
    assert_eq!(
        scene.world.gates.len(),
        8,
        "both lines lead to the one remote party"
    );
}

#[test]
fn all_of_a_context_are_subtracted_at_once() {
    let mut scene = Scene::registered();
    scene.call();
    scene.command("MEGACO/1 [10.0.0.1]:2944 Transaction=12{Context=2000{W-Subtract=*}}");
    scene.answer("MEGACO/1 [192.168.1.5]:2944 Reply=12{Context=2000{W-Subtract=*}}");
    assert_eq!(scene.world.gateway.sizes().legs, 0);
    assert!(scene.world.open.is_empty());
}

#[test]
fn a_gateway_that_restarts_has_no_calls() {
    let mut scene = Scene::registered();
    scene.call();
    let outcome = say(&mut scene.world, scene.gateway, &restart("192.168.1.5", 2));
    assert_eq!(
        outcome.records[0].ending.as_ref().unwrap().reason,
        "gateway restarted"
    );
    assert!(outcome.only(scene.controller).contains("Restart"));
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn media_that_leads_nowhere_good_is_refused() {
    let mut scene = Scene::registered();
    for (number, address) in [(51, "127.0.0.1"), (52, "224.0.0.5"), (53, "198.51.100.1")] {
        let text = MODIFY
            .replace("Transaction=11", &format!("Transaction={number}"))
            .replace("10.0.0.9", address);
        let outcome = say(&mut scene.world, scene.controller, &text);
        let refused = outcome.only(scene.controller);
        assert!(
            refused.contains(&format!("Reply={number}{{Error=449")),
            "{address}: {refused}"
        );
        assert_eq!(scene.world.gateway.sizes().legs, 0);
    }
}

#[test]
fn silence_ends_a_call_that_was_heard_and_no_other() {
    use strait_shared::command::Event;
    let mut scene = Scene::registered();
    scene.call();
    let open = scene.world.open.clone();
    let silent = |(slot, generation)| Event::Silent { slot, generation };
    for slot in &open {
        scene.world.input(Input::Media(silent(*slot)));
    }
    assert_eq!(
        scene.world.gateway.sizes().legs,
        1,
        "it may still be ringing"
    );
    let (slot, generation) = open[0];
    let source = "10.0.0.9:1111".parse().unwrap();
    let outcome = scene.world.input(Input::Media(Event::Latched {
        slot,
        generation,
        source,
    }));
    assert!(
        !outcome.commands.is_empty(),
        "silence is watched for from now on"
    );
    let mut records = Vec::new();
    for slot in &open {
        let heard = Event::Heard {
            slot: slot.0,
            generation: slot.1,
        };
        scene.world.input(Input::Media(heard));
    }
    for slot in &open {
        records.extend(scene.world.input(Input::Media(silent(*slot))).records);
    }
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].ending.as_ref().unwrap().reason, "media timeout");
}
