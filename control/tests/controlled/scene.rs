//! A gateway behind a NAT and two controllers, which speak H.248 as text.

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};

use crate::world::{ACCESS, CORE, Outcome, Party, World};

pub use crate::world::GATEWAYS;

/// The gateway's address behind its NAT, and the NAT's own.
pub const PRIVATE: &str = "192.168.1.5";
pub const PUBLIC: &str = "203.0.113.7:40001";

/// A gateway of that public address, on the listener of that number.
pub fn gateway_at(remote: &str, listener: u16) -> Party {
    party(ACCESS, listener, remote)
}

/// Somebody in the controllers' realm, on the port of that number among the gateways'.
pub fn at_port(remote: &str, number: u16) -> Party {
    party(CORE, number, remote)
}

fn party(realm: RealmIndex, listener: u16, remote: &str) -> Party {
    let flow = Flow {
        realm,
        listener: ListenerIndex(listener),
        transport: Transport::Udp,
        remote: remote.parse().unwrap(),
        connection: None,
    };
    Party { flow }
}

/// The scene: who is where.
pub struct Scene {
    pub world: World,
    pub gateway: Party,
    /// The controller that a gateway was brought to, on the port that is the gateway's.
    pub controller: Party,
}

impl Scene {
    /// A gateway that has registered by its address.
    pub fn registered() -> Self {
        let mut world = World::with(GATEWAYS);
        let gateway = gateway_at(PUBLIC, 0);
        let sent = say(&mut world, gateway, &restart(PRIVATE, 1));
        let asked = sent.only(gateway_to(&sent)).to_owned();
        let controller = gateway_to(&sent);
        assert!(asked.contains("Transaction=1{"), "{asked}");
        let mut scene = Self {
            world,
            gateway,
            controller,
        };
        let accepted = scene.command(
            "MEGACO/1 [10.0.0.1]:2944 Reply=1{Context=-{ServiceChange=ROOT{\
             Services{ServiceChangeAddress=2944}}}}",
        );
        assert!(
            accepted.starts_with("MEGACO/1 [192.0.2.1]:2944 Reply=1"),
            "{accepted}"
        );
        scene
    }

    /// The controller sends; what the gateway hears, one message.
    pub fn command(&mut self, text: &str) -> String {
        let outcome = say(&mut self.world, self.controller, text);
        outcome.only(self.gateway).to_owned()
    }

    /// The gateway sends; what the controller hears, one message.
    pub fn answer(&mut self, text: &str) -> String {
        let outcome = say(&mut self.world, self.gateway, text);
        outcome.only(self.controller).to_owned()
    }

    /// A call's termination on the gateway, with media both ways: what the controller was told
    /// of its place, and what the gateway was told of the remote party's.
    pub fn call(&mut self) -> (String, String) {
        let added = self.command(ADD);
        assert!(added.contains("c=IN IP4 $"), "{added}");
        let told = self.answer(ADDED);
        let modified = self.command(MODIFY);
        let done = self.answer(MODIFIED);
        assert!(
            done.contains("Reply=11{Context=2000{Modify=A4445}}"),
            "{done}"
        );
        (told, modified)
    }
}

/// One message, sent as it is.
pub fn say(world: &mut World, from: Party, text: &str) -> Outcome {
    world.send_bytes(from, text.as_bytes())
}

/// Where the one message that was sent went.
pub fn gateway_to(outcome: &Outcome) -> Party {
    let [sent] = &outcome.sent[..] else {
        panic!("not one message: {:?}", outcome.sent);
    };
    Party { flow: sent.flow }
}

/// A gateway that has started, as it says so.
pub fn restart(own: &str, number: u32) -> String {
    format!(
        "MEGACO/1 [{own}]:2944 Transaction={number}{{Context=-{{ServiceChange=ROOT{{Services{{\
         Method=Restart,ServiceChangeAddress=2944,Reason=\"901 Cold Boot\"}}}}}}}}"
    )
}

pub const ADD: &str = "MEGACO/1 [10.0.0.1]:2944 Transaction=10{Context=${\
    Add=A4444,\
    Add=${Media{Stream=1{LocalControl{Mode=ReceiveOnly},\
    Local{v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 4\r\na=ptime:30\r\n}}}}}}";

pub const ADDED: &str = "MEGACO/1 [192.168.1.5]:2944 Reply=10{Context=2000{\
    Add=A4444,\
    Add=A4445{Media{Stream=1{\
    Local{v=0\r\nc=IN IP4 192.168.1.5\r\nm=audio 2222 RTP/AVP 4\r\na=ptime:30\r\n}}}}}}";

pub const MODIFY: &str = "MEGACO/1 [10.0.0.1]:2944 Transaction=11{Context=2000{\
    Modify=A4445{Media{Stream=1{LocalControl{Mode=SendReceive},\
    Remote{v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 1111 RTP/AVP 4\r\n}}}}}}";

pub const MODIFIED: &str = "MEGACO/1 [192.168.1.5]:2944 Reply=11{Context=2000{Modify=A4445}}";

pub const SUBTRACT: &str =
    "MEGACO/1 [10.0.0.1]:2944 Transaction=12{Context=2000{Subtract=A4444,Subtract=A4445}}";

pub const SUBTRACTED: &str = "MEGACO/1 [192.168.1.5]:2944 Reply=12{Context=2000{\
    Subtract=A4444,Subtract=A4445{Statistics{rtp/ps=1234,nt/os=45123}}}}";

/// A controller that is not the first.
pub fn second_controller(scene: &Scene) -> Party {
    let mut flow = scene.controller.flow;
    flow.remote = "10.0.0.2:2944".parse().unwrap();
    Party { flow }
}

/// Somebody in the controllers' realm who is none.
pub fn nobody(scene: &Scene) -> Party {
    at_port("10.0.0.77:2944", scene.controller.flow.listener.0)
}
