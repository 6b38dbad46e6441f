//! The network: one link that carries both versions, terminals, servers, servers of the DNS.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use strait_parties::phone::{CallHandle, Config, Dual, Offer, Registering, State, Version};
use strait_parties::rtp::voice::{Voice, Voices};
use strait_tests::capture::Capture;
use strait_tests::figure::{Actor, Step, steps};
use strait_tests::kamailio;
use strait_tests::namespace::{Namespace, World};
use strait_tests::nsd::{self, Nsd, Zone};
use strait_tests::program::Program;
use strait_tests::strait::Strait;
use strait_tests::terminal::Terminal;
use tempfile::TempDir;

pub const ALICE: Actor = actor("alice", ["198.51.100.5", "2001:db8:1::5"]);
pub const BOB: Actor = actor("bob", ["198.51.100.6", "198.51.100.6"]);
pub const CAROL: Actor = actor("carol", ["2001:db8:1::7", "2001:db8:1::7"]);
pub const ONE: Actor = actor("one", ["198.51.100.1", "2001:db8:1::1"]);
pub const TWO: Actor = actor("two", ["198.51.100.2", "2001:db8:1::2"]);
pub const DNS_ONE: Actor = actor("dns-one", ["198.51.100.53", "2001:db8:1::53"]);
pub const DNS_TWO: Actor = actor("dns-two", ["198.51.100.54", "2001:db8:1::54"]);
const ALL: [Actor; 7] = [ALICE, BOB, CAROL, ONE, TWO, DNS_ONE, DNS_TWO];

const fn actor(name: &'static str, addresses: [&'static str; 2]) -> Actor {
    Actor { name, addresses }
}

/// The domain of `one`.
pub const NET: &str = "example.net";
/// The domain of `two`.
pub const ORG: &str = "example.org";

/// What the DNS says of `one`, which speaks both versions.
pub const NET_ZONE: &str = "
    _sip._udp SRV 0 0 5060 one
    one A 198.51.100.1
    one AAAA 2001:db8:1::1
";

/// How long two talk.
const TALK: Duration = Duration::from_millis(1_500);

pub struct Scene {
    terminals: BTreeMap<&'static str, Terminal>,
    servers: Vec<Strait>,
    kamailio: Option<Program>,
    _dns: Vec<Nsd>,
    capture: Option<Capture>,
    hosts: BTreeMap<&'static str, Namespace>,
    directory: TempDir,
    _network: Namespace,
    _world: World,
}

/// What was said: who registered how, and then the calls.
pub struct Said {
    pub registrations: Vec<String>,
    pub steps: Vec<Step>,
}

impl Said {
    /// The bodies of the INVITEs that `from` sent to `to`, as many as there were.
    pub fn offers(&self, from: Actor, to: Actor) -> Vec<&[u8]> {
        let wanted =
            |step: &&Step| step.what == "INVITE" && step.from == from.name && step.to == to.name;
        self.steps
            .iter()
            .filter(wanted)
            .map(|step| &*step.body)
            .collect()
    }
}

impl Scene {
    /// The link with the hosts on it, and a capture of all that crosses it.
    pub fn new(actors: &[Actor]) -> Scene {
        let world = World::new();
        let network = world.host("network");
        network.ip("link add bridge type bridge");
        network.ip("link set bridge up");
        let hosts: BTreeMap<_, _> = actors
            .iter()
            .map(|actor| (actor.name, attach(&world, &network, actor)))
            .collect();
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let capture = Capture::start(&network, "bridge", "link", directory.path());
        Scene {
            terminals: BTreeMap::new(),
            servers: Vec::new(),
            kamailio: None,
            _dns: Vec::new(),
            capture: Some(capture),
            hosts,
            directory,
            _network: network,
            _world: world,
        }
    }

    /// A Strait for a domain, in both versions, that asks `dns`.
    pub fn server(&mut self, at: Actor, domain: &str, dns: Option<Actor>, steering: &str) {
        let [v4, v6] = at.addresses;
        let servers = dns.map_or(String::new(), |dns| format!("\"{}:53\"", dns.addresses[0]));
        let text = format!(
            "runtime_directory: {{directory}}/run\n\
             realms:\n  - name: home\n    signalling:\n      \
             - {{ transport: udp, address: {v4} }}\n      \
             - {{ transport: udp, address: \"{v6}\" }}\n    media:\n      \
             - {{ address: {v4}, ports: 20000-20199 }}\n      \
             - {{ address: \"{v6}\", ports: 20000-20199 }}\n    \
             serve: {{ domains: [ {domain} ], dns: {}, steering: {{ {steering} }} }}\n\
             dns: {{ servers: [ {servers} ] }}\n\
             records: {{ file: \"{{directory}}/calls.jsonl\" }}\nlog: {{ level: debug }}\n\
             drain_timeout: 2s\n",
            dns.is_some()
        );
        let directory = self.file(at.name);
        std::fs::create_dir_all(&directory).expect("the scenario's directory is writable");
        self.servers
            .push(Strait::start_in(&self.hosts[at.name], &directory, &text));
    }

    /// A server of the DNS with these zones.
    pub fn dns(&mut self, at: Actor, zones: &[Zone]) {
        let host = &self.hosts[at.name];
        let addresses = at
            .addresses
            .map(|ip| std::net::SocketAddr::new(ip.parse().unwrap(), 53));
        let command = |program: &str| -> Command { host.command(program) };
        self._dns.push(nsd::start(
            self.directory.path(),
            &addresses,
            zones,
            command,
        ));
    }

    /// Kamailio for a domain, in IPv4, that asks `dns`.
    pub fn kamailio(&mut self, at: Actor, domain: &str, dns: Actor, dual: bool) {
        let host = &self.hosts[at.name];
        host.asks(dns.addresses[0]);
        let [address, too] = at.addresses;
        self.kamailio = Some(kamailio::serve(
            host,
            self.directory.path(),
            address,
            Some(too).filter(|_| dual),
            domain,
        ));
    }

    /// Switches a terminal on and registers it at `server`; a dual one calls over IPv6.
    pub fn terminal(
        &mut self,
        who: Actor,
        domain: &str,
        server: Actor,
        registering: Registering,
        judges: bool,
    ) {
        let at = |ip: &str| std::net::SocketAddr::new(ip.parse().unwrap(), 5060);
        let [own_v4, own_v6] = who.addresses;
        let (first, proxy) = match at(own_v6).is_ipv6() {
            true => (at(own_v6), at(server.addresses[1])),
            false => (at(own_v6), at(server.addresses[0])),
        };
        let mut config = Config::new(who.name, domain, first, proxy, voices());
        config.judges = judges;
        config.dual = (own_v4 != own_v6).then(|| Dual {
            signalling: at(own_v4),
            proxy: at(server.addresses[0]),
            media: at(own_v4).ip(),
            registering,
            alternatives: false,
        });
        let seed = who
            .name
            .bytes()
            .fold(1, |seed, byte| seed * 31 + u64::from(byte));
        let terminal = Terminal::start(&self.hosts[who.name], config, seed);
        terminal.act(|phone, now| phone.register(now));
        terminal.wait("registered", |phone| phone.registered_until().is_some());
        self.terminals.insert(who.name, terminal);
    }

    pub fn phone(&self, who: Actor) -> &Terminal {
        &self.terminals[who.name]
    }

    /// One calls the other, they talk in a version, and the caller hangs up.
    pub fn talk(&self, caller: Actor, callee: Actor, target: &'static str, version: Version) {
        let call = self
            .phone(caller)
            .act(|phone, now| phone.call(now, target, Offer::Early));
        for who in [caller, callee] {
            self.phone(who).wait("in a call", |phone| {
                phone
                    .calls()
                    .last()
                    .is_some_and(|call| call.state() == State::Established)
            });
        }
        std::thread::sleep(TALK);
        for who in [caller, callee] {
            let heard = self.phone(who).act(|phone, _| {
                let call = phone.calls().last().expect("it is in a call");
                (call.version(), call.stream().heard())
            });
            assert_eq!(heard.0, version, "{}", who.name);
            assert!(heard.1.is_clean(), "{}: {:?}", who.name, heard.1);
        }
        self.hang_up(caller, call);
        self.phone(callee)
            .wait("alone", |phone| phone.calls().all(ended));
    }

    fn hang_up(&self, who: Actor, call: CallHandle) {
        self.phone(who)
            .act(move |phone, now| phone.hang_up(now, call));
        self.phone(who)
            .wait("alone", |phone| phone.calls().all(ended));
    }

    /// Ends it all: what was said until the first BYE.
    pub fn finish(mut self) -> Said {
        let capture = self.capture.take().expect("it ends once");
        let file = capture.finish();
        for server in std::mem::take(&mut self.servers) {
            server.assert_idle();
            server.stop();
        }
        let all = steps(&file, &ALL);
        let registers = |step: &Step| step.what.ends_with("REGISTER");
        let mut registrations: Vec<String> = all
            .iter()
            .filter(|step| registers(step))
            .map(Step::to_string)
            .collect();
        registrations.sort();
        let steps = all.into_iter().filter(|step| !registers(step));
        let steps = steps.take_while(|step| step.what != "BYE").collect();
        Said {
            registrations,
            steps,
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Scene {
    /// What a failed scenario's programs wrote stays, for whoever looks into it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            println!(
                "what the programs wrote: {}",
                self.directory.path().display()
            );
        }
    }
}

fn ended(call: &strait_parties::phone::Call) -> bool {
    call.state() == State::Ended
}

fn attach(world: &World, network: &Namespace, actor: &Actor) -> Namespace {
    let host = world.host(actor.name);
    host.connect("eth0", network, actor.name);
    network.ip(&format!("link set {} master bridge", actor.name));
    let mut addresses = actor.addresses.to_vec();
    // Who speaks one version has one address.
    addresses.dedup();
    for address in addresses {
        let prefix = if address.contains(':') { 64 } else { 24 };
        host.address("eth0", &format!("{address}/{prefix}"));
    }
    host
}

fn voices() -> Voices {
    let pitches = [("alice", 170.0), ("bob", 230.0), ("carol", 310.0)];
    let voice = |(user, pitch): (&str, f64)| (user.to_owned(), Voice::synthesised(user, pitch, 5));
    Arc::new(pitches.into_iter().map(voice).collect())
}

/// Registrations, one a line, in any order.
pub fn assert_registrations(said: &Said, figure: &str) {
    let mut wanted: Vec<&str> = figure
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    wanted.sort_unstable();
    assert_eq!(said.registrations, wanted);
}
