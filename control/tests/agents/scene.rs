//! Two gateways behind NATs and two call agents.

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};

use crate::world::{ACCESS, CORE, Outcome, Party, World};

pub const CONFIG: &str = r#"
realms:
  - name: access
    nat: true
    media: [ { address: 192.0.2.1, ports: 20000-20999 } ]
    gateway_control:
      addresses:
        - { protocol: mgcp, address: 192.0.2.1 }
      controllers: [ agent-1, agent-2 ]
      keepalive: 20s
  - name: core
    media: [ { address: 198.51.100.1, ports: 30000-30999 } ]
    gateway_control:
      addresses:
        - { protocol: mgcp, address: 198.51.100.1, ports: 31000-31003 }
controllers:
  - { name: agent-1, realm: core, protocol: mgcp, address: "10.0.0.1:2727" }
  - { name: agent-2, realm: core, protocol: mgcp, address: "10.0.0.2:2727" }
"#;

/// What the gateways' NATs show of them.
pub const PUBLIC: &str = "203.0.113.7:40001";
pub const OTHER_PUBLIC: &str = "203.0.113.8:50001";

/// A gateway of that public address.
pub fn gateway_at(remote: &str) -> Party {
    party(ACCESS, 0, remote)
}

pub fn party(realm: RealmIndex, listener: u16, remote: &str) -> Party {
    let flow = Flow {
        realm,
        listener: ListenerIndex(listener),
        transport: Transport::Udp,
        remote: remote.parse().unwrap(),
        connection: None,
    };
    Party { flow }
}

/// A gateway and the call agent it was brought to, on the port that is the gateway's.
pub struct Scene {
    pub world: World,
    pub gateway: Party,
    pub agent: Party,
    /// The gateway's domain, as it writes it.
    pub domain: &'static str,
    /// The same as the call agent reads it.
    pub shown: &'static str,
}

impl Scene {
    /// A gateway that calls itself by its private address has restarted.
    pub fn by_address() -> Self {
        Self::of(
            World::with(CONFIG),
            PUBLIC,
            "[192.168.1.5]",
            "[198.51.100.1]",
        )
    }

    /// One with a name.
    pub fn by_name() -> Self {
        let name = "rgw-2567.example.net";
        Self::of(World::with(CONFIG), PUBLIC, name, name)
    }

    /// A gateway with that domain has restarted in a world.
    pub fn of(mut world: World, remote: &str, domain: &'static str, shown: &'static str) -> Self {
        let gateway = gateway_at(remote);
        let restart = format!("RSIP 1 *@{domain} MGCP 1.0\r\nRM: restart\r\n");
        let asked = say(&mut world, gateway, &restart);
        let agent = receiver(&asked);
        let expected = format!("RSIP 1 *@{shown} MGCP 1.0\r\nRM: restart\r\n");
        assert_eq!(asked.only(agent), expected);
        let accepted = say(&mut world, agent, "200 1 OK\r\n");
        assert_eq!(accepted.only(gateway), "200 1 OK\r\n");
        Self {
            world,
            gateway,
            agent,
            domain,
            shown,
        }
    }

    /// The call agent sends; what the gateway hears, one datagram. `@GW` is the gateway's domain
    /// as its reader knows it.
    pub fn command(&mut self, text: &str) -> String {
        let text = text.replace("@GW", &self.at_shown());
        let outcome = say(&mut self.world, self.agent, &text);
        let heard = outcome.only(self.gateway);
        heard.replace(&format!("@{}", self.domain), "@GW")
    }

    /// The gateway sends; what the call agent hears, one datagram.
    pub fn answer(&mut self, text: &str) -> String {
        let own = format!("@{}", self.domain);
        let outcome = say(&mut self.world, self.gateway, &text.replace("@GW", &own));
        let heard = outcome.only(self.agent);
        heard.replace(&self.at_shown(), "@GW")
    }

    /// A connection on `aaln/1` with media both ways; what the call agent was told of the
    /// gateway's place, and the gateway of the remote party's.
    pub fn connect(&mut self) -> (String, String) {
        assert_eq!(self.command(CREATE), CREATE);
        let told = self.answer(CREATED);
        let modified = self.command(MODIFY);
        assert_eq!(self.answer("200 1209 OK\r\n"), "200 1209 OK\r\n");
        (told, modified)
    }

    fn at_shown(&self) -> String {
        format!("@{}", self.shown)
    }
}

/// One datagram, sent as it is.
pub fn say(world: &mut World, from: Party, text: &str) -> Outcome {
    world.send_bytes(from, text.as_bytes())
}

/// Whom the one datagram went to.
pub fn receiver(outcome: &Outcome) -> Party {
    let [sent] = &outcome.sent[..] else {
        panic!("not one datagram: {:?}", outcome.sent);
    };
    Party { flow: sent.flow }
}

/// The port of the first media line.
pub fn port(text: &str) -> u16 {
    let from = text.find("m=audio ").expect("it has media") + 8;
    let digits = text[from..].split(' ').next().unwrap();
    digits.parse().unwrap()
}

/// The second call agent, on the same port of ours.
pub fn second_agent(scene: &Scene) -> Party {
    party(CORE, scene.agent.flow.listener.0, "10.0.0.2:2727")
}

pub const CREATE: &str = "CRCX 1204 aaln/1@GW MGCP 1.0\r\n\
    C: A3C47F21456789F0\r\nL: p:10, a:PCMU\r\nM: recvonly\r\n";

pub const CREATED: &str = "200 1204 OK\r\nI: FDE234C8\r\n\r\n\
    v=0\r\no=- 25678 753849 IN IP4 192.168.1.5\r\ns=-\r\nc=IN IP4 192.168.1.5\r\nt=0 0\r\n\
    m=audio 3456 RTP/AVP 0\r\n";

pub const MODIFY: &str = "MDCX 1209 aaln/1@GW MGCP 1.0\r\n\
    C: A3C47F21456789F0\r\nI: FDE234C8\r\nM: sendrecv\r\n\r\n\
    v=0\r\no=- 4723891 7428910 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
    m=audio 1296 RTP/AVP 0\r\n";

pub const DELETE: &str = "DLCX 1210 aaln/1@GW MGCP 1.0\r\n\
    C: A3C47F21456789F0\r\nI: FDE234C8\r\n";

pub const DELETED: &str = "250 1210 OK\r\n\
    P: PS=1245, OS=62345, PR=780, OR=45123, PL=10, JI=27, LA=48\r\n";
