//! The call of RFC 3525 Appendix A in binary, as Erlang's megaco encodes it, through the gateway.

use strait_control::gateway::io::Output;
use strait_control::h248::{Body, Encoding, Message, TransactionKind};

use super::scene::{GATEWAYS, PUBLIC, gateway_at};
use crate::world::{Outcome, Party, World};

/// The gateway's private address and the controller's, as they stand in the vectors.
const GATEWAY: [u8; 4] = [125, 125, 125, 111];
const CONTROLLER: [u8; 4] = [123, 123, 123, 4];

fn vector(name: &str) -> Vec<u8> {
    let path = format!("tests/h248/vectors/{name}.hex");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let hex = std::fs::read_to_string(path).unwrap();
    let octets = hex.trim().as_bytes().chunks(2);
    let octets = octets.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16));
    octets.collect::<Result<_, _>>().unwrap()
}

/// The last message that was sent, and where; without an address of whoever sent it.
fn last(outcome: &Outcome, hidden: [u8; 4]) -> (Party, Vec<u8>) {
    let sent = outcome.in_order.iter().filter_map(|output| match output {
        Output::Send { flow, bytes } => Some((*flow, bytes.clone())),
        _ => None,
    });
    let sent: Vec<_> = sent.collect();
    let (flow, bytes) = sent.last().expect("a message");
    let text = hidden.map(|octet| octet.to_string()).join(".");
    let shows = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!shows(&hidden) && !shows(text.as_bytes()), "{bytes:02x?}");
    (Party { flow: *flow }, bytes.clone())
}

fn description(bytes: &[u8], remote: bool) -> String {
    let message = Message::parse(bytes).unwrap();
    let Body::Transactions(all) = &message.content.body else {
        panic!("transactions");
    };
    let actions = match &all[0].kind {
        TransactionKind::Request { actions, .. } => actions,
        TransactionKind::Reply { result, .. } => result.as_ref().unwrap(),
        other => panic!("{other:?}"),
    };
    let streams = actions[0]
        .commands
        .iter()
        .flat_map(|command| &command.streams);
    let said = streams.filter_map(|stream| match remote {
        true => stream.remote.as_ref(),
        false => stream.local.as_ref(),
    });
    said.map(|said| String::from_utf8(said.text.clone()).unwrap())
        .collect()
}

#[test]
fn a_call_in_binary_passes_with_its_media() {
    let (world, ..) = in_a_call();
    let sizes = world.gateway.sizes();
    assert_eq!((sizes.legs, sizes.gateways), (1, 1));
    assert_eq!(world.open.len(), 4);
}

/// The last message to somebody in a party's realm.
pub fn last_to(outcome: &Outcome, party: Party) -> Vec<u8> {
    let mut sent = outcome.in_order.iter().filter_map(|output| match output {
        Output::Send { flow, bytes } if flow.realm == party.flow.realm => Some(bytes.clone()),
        _ => None,
    });
    sent.next_back().expect("a message")
}

/// A gateway with a call's termination, and its controller.
pub fn in_a_call() -> (World, Party, Party) {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at(PUBLIC, 0);
    let registered = world.send_bytes(gateway, &vector("register"));
    let (controller, bytes) = last(&registered, GATEWAY);
    assert_eq!(
        controller.flow.remote.port(),
        2945,
        "binary has a port of its own"
    );
    assert_eq!(Message::parse(&bytes).unwrap().encoding(), Encoding::Binary);
    let accepted = world.send_bytes(controller, &vector("registered"));
    assert_eq!(last(&accepted, CONTROLLER).0.flow, gateway.flow);
    let add = world.send_bytes(controller, &vector("add"));
    assert!(description(&last(&add, CONTROLLER).1, false).contains("c=IN IP4 $"));
    let added = world.send_bytes(gateway, &vector("added"));
    let local = description(&last(&added, GATEWAY).1, false);
    assert!(
        local.contains("c=IN IP4 198.51.100.1\r\nm=audio 30"),
        "{local}"
    );
    let modify = world.send_bytes(controller, &vector("modify"));
    let remote = description(&last(&modify, CONTROLLER).1, true);
    assert!(
        remote.contains("c=IN IP4 192.0.2.1\r\nm=audio 20"),
        "{remote}"
    );
    (world, gateway, controller)
}
