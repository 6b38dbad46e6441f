//! RFC 3263 §4 over records given as values.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::gateway::io::LookupId;

/// A DNS whose every answer is written down. A name that is not mentioned does not exist.
#[derive(Default)]
struct Zone {
    naptr: BTreeMap<&'static str, Result<Vec<Naptr>, Unanswered>>,
    srv: BTreeMap<&'static str, Result<Vec<Srv>, Unanswered>>,
    hosts: BTreeMap<&'static str, Vec<&'static str>>,
    mute: Vec<&'static str>,
    asked: RefCell<Vec<String>>,
}

impl Zone {
    fn naptr(mut self, name: &'static str, records: Vec<Naptr>) -> Self {
        self.naptr.insert(name, Ok(records));
        self
    }

    fn srv(mut self, name: &'static str, records: Vec<Srv>) -> Self {
        self.srv.insert(name, Ok(records));
        self
    }

    fn host(mut self, name: &'static str, addresses: &[&'static str]) -> Self {
        self.hosts.insert(name, addresses.to_vec());
        self
    }

    fn mute(mut self, question: &'static str) -> Self {
        self.mute.push(question);
        self
    }

    fn ask<T>(
        &self,
        kind: &str,
        name: &str,
        answer: Option<Result<Vec<T>, Unanswered>>,
    ) -> Result<Vec<T>, Unanswered> {
        let question = format!("{kind} {name}");
        self.asked.borrow_mut().push(question.clone());
        if self.mute.contains(&question.as_str()) {
            return Err(Unanswered::TimedOut);
        }
        let known = self.hosts.contains_key(name)
            || self.naptr.contains_key(name)
            || self.srv.keys().any(|key| key.ends_with(name));
        answer.unwrap_or(if known {
            Ok(Vec::new())
        } else {
            Err(Unanswered::NoSuchName)
        })
    }

    fn addresses(&self, name: &str, family: fn(&IpAddr) -> bool) -> Vec<IpAddr> {
        let all = self.hosts.get(name).into_iter().flatten();
        all.map(|text| text.parse().unwrap())
            .filter(family)
            .collect()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

impl Records for Zone {
    async fn naptr(&self, name: &str) -> Result<Vec<Naptr>, Unanswered> {
        self.ask("NAPTR", name, self.naptr.get(name).cloned())
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, Unanswered> {
        self.ask("SRV", name, self.srv.get(name).cloned())
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        let found = self.addresses(name, IpAddr::is_ipv4);
        self.ask("A", name, (!found.is_empty()).then_some(Ok(found)))
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        let found = self.addresses(name, IpAddr::is_ipv6);
        self.ask("AAAA", name, (!found.is_empty()).then_some(Ok(found)))
    }
}

fn naptr(order: u16, preference: u16, flags: &str, services: &str, to: &str) -> Naptr {
    Naptr {
        order,
        preference,
        flags: flags.into(),
        services: services.into(),
        regexp: "".into(),
        replacement: to.into(),
    }
}

fn srv(priority: u16, port: u16, target: &str) -> Srv {
    Srv {
        priority,
        weight: 0,
        port,
        target: target.into(),
    }
}

fn lookup(host: &str, port: Option<u16>, transport: Option<Transport>) -> Lookup {
    Lookup {
        id: LookupId(1),
        host: host.into(),
        port,
        transport,
    }
}

fn find(zone: &Zone, lookup: &Lookup) -> Result<Vec<Hop>, LookupError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(locate(zone, lookup, Loopback::Lie, &mut |_| 0))
}

fn domain(zone: &Zone) -> Result<Vec<Hop>, LookupError> {
    find(zone, &lookup("example.net", None, None))
}

fn udp(address: &str) -> Hop {
    hop(Transport::Udp, address)
}

fn tcp(address: &str) -> Hop {
    hop(Transport::Tcp, address)
}

fn hop(transport: Transport, address: &str) -> Hop {
    let address: SocketAddr = address.parse().unwrap();
    Hop { transport, address }
}

/// The example of RFC 3263 §4.1, without TLS of our own: TCP comes before UDP.
fn example() -> Zone {
    Zone::default()
        .naptr(
            "example.net",
            vec![
                naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.net"),
                naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.net"),
                naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.net"),
            ],
        )
        .srv(
            "_sip._tcp.example.net",
            vec![
                srv(0, 5060, "server1.example.net"),
                srv(1, 5070, "server2.example.net"),
            ],
        )
        .srv(
            "_sip._udp.example.net",
            vec![srv(0, 5060, "server1.example.net")],
        )
        .host("server1.example.net", &["192.0.2.1", "2001:db8::1"])
        .host("server2.example.net", &["192.0.2.2"])
}

#[test]
fn naptr_then_srv_then_addresses_of_both_families() {
    let hops = domain(&example()).unwrap();
    assert_eq!(
        hops,
        [
            tcp("[2001:db8::1]:5060"),
            tcp("192.0.2.1:5060"),
            tcp("192.0.2.2:5070")
        ]
    );
}

#[test]
fn services_of_one_order_are_tried_by_preference() {
    let zone = example().naptr(
        "example.net",
        vec![
            naptr(10, 20, "S", "sip+d2t", "_sip._tcp.example.net"),
            naptr(10, 10, "s", "SIP+D2U", "_sip._udp.example.net"),
        ],
    );
    let hops = domain(&zone).unwrap();
    assert_eq!(hops[0], udp("[2001:db8::1]:5060"));
    assert_eq!(hops[4], tcp("192.0.2.2:5070"));
}

#[test]
fn a_transport_in_the_uri_saves_naptr() {
    let zone = example();
    let hops = find(&zone, &lookup("example.net", None, Some(Transport::Udp))).unwrap();
    assert_eq!(hops, [udp("[2001:db8::1]:5060"), udp("192.0.2.1:5060")]);
    assert!(
        !zone
            .asked()
            .iter()
            .any(|question| question.starts_with("NAPTR"))
    );
}

#[test]
fn a_port_in_the_uri_saves_srv() {
    let zone = example();
    let hops = find(&zone, &lookup("server1.example.net", Some(5099), None)).unwrap();
    assert_eq!(hops, [udp("[2001:db8::1]:5099"), udp("192.0.2.1:5099")]);
    assert_eq!(
        zone.asked(),
        ["AAAA server1.example.net", "A server1.example.net"]
    );
    let lookup = lookup("server1.example.net", Some(5099), Some(Transport::Tcp));
    assert_eq!(find(&example(), &lookup).unwrap()[1], tcp("192.0.2.1:5099"));
}

#[test]
fn without_naptr_both_transports_are_asked_for() {
    let mut zone = example();
    zone.naptr.clear();
    let hops = domain(&zone).unwrap();
    assert_eq!(hops[0], udp("[2001:db8::1]:5060"));
    assert_eq!(hops.last(), Some(&tcp("192.0.2.2:5070")));
}

#[test]
fn without_srv_the_domain_is_a_host() {
    let zone = Zone::default().host("example.net", &["2001:db8::9", "192.0.2.9"]);
    let both = [udp("[2001:db8::9]:5060"), udp("192.0.2.9:5060")];
    assert_eq!(domain(&zone).unwrap(), both);
    let by_tcp = find(&zone, &lookup("example.net", None, Some(Transport::Tcp))).unwrap();
    assert_eq!(by_tcp, [tcp("[2001:db8::9]:5060"), tcp("192.0.2.9:5060")]);
}

#[test]
fn a_domain_that_offers_tls_alone_has_no_server_for_us() {
    let zone = example().naptr(
        "example.net",
        vec![naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.net")],
    );
    assert_eq!(domain(&zone), Err(LookupError::NoServer));
}

#[test]
fn naptr_about_other_things_is_as_none() {
    let zone = example().naptr(
        "example.net",
        vec![
            naptr(1, 1, "u", "E2U+sip", "x.example.net"),
            naptr(1, 1, "s", "RELAY:turn.udp", "_turn._udp.example.net"),
        ],
    );
    assert_eq!(domain(&zone).unwrap()[0], udp("[2001:db8::1]:5060"));
}

#[test]
fn a_substitution_is_not_for_sip() {
    let mut record = naptr(1, 1, "s", "SIP+D2T", "_sip._tcp.example.net");
    record.regexp = "!^.*$!x!".into();
    let zone = example().naptr("example.net", vec![record]);
    assert_eq!(domain(&zone).unwrap()[0], udp("[2001:db8::1]:5060"));
}

#[test]
fn naptr_that_leads_on_is_followed_and_a_circle_is_not() {
    let onward = |to| vec![naptr(1, 1, "", "", to)];
    let zone = example()
        .naptr("example.net", onward("one.example.net"))
        .naptr("one.example.net", onward("two.example.net"))
        .naptr(
            "two.example.net",
            vec![naptr(1, 1, "s", "SIP+D2U", "_sip._udp.example.net")],
        );
    assert_eq!(domain(&zone).unwrap()[0], udp("[2001:db8::1]:5060"));
    let circle = example()
        .naptr("example.net", onward("one.example.net"))
        .naptr("one.example.net", onward("example.net"));
    assert_eq!(domain(&circle), Err(LookupError::Failed));
    assert_eq!(circle.asked().len(), MAX_NAPTR_REWRITES + 1);
}

#[test]
fn a_service_that_is_declined_is_not_looked_for_elsewhere() {
    let zone = Zone::default()
        .srv("_sip._udp.example.net", vec![srv(0, 0, "")])
        .srv("_sip._tcp.example.net", vec![srv(0, 0, "")])
        .host("example.net", &["192.0.2.9"]);
    assert_eq!(domain(&zone), Err(LookupError::NoServer));
}

#[test]
fn lies_are_dropped_and_what_is_true_stays() {
    let zone = Zone::default()
        .srv(
            "_sip._udp.example.net",
            vec![
                srv(0, 0, "server1.example.net"),
                srv(1, 5060, "liar.example.net"),
                srv(2, 5060, "server1.example.net"),
            ],
        )
        .host(
            "liar.example.net",
            &[
                "127.0.0.1",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "::1",
                "192.0.2.66",
            ],
        )
        .host("server1.example.net", &["192.0.2.1"])
        .host("example.net", &["192.0.2.9"]);
    assert_eq!(
        domain(&zone).unwrap(),
        [udp("192.0.2.66:5060"), udp("192.0.2.1:5060")]
    );
    let liar = lookup("liar.example.net", Some(5060), None);
    let honest = Zone::default().host("liar.example.net", &["127.0.0.1", "::1"]);
    assert_eq!(find(&honest, &liar), Err(LookupError::NoServer));
}

#[test]
fn what_is_found_is_bounded_and_keeps_both_families() {
    let many: Vec<&'static str> = (1..100)
        .map(|n| &*Box::leak(format!("2001:db8::{n:x}").into_boxed_str()))
        .chain((1..100).map(|n| &*Box::leak(format!("192.0.2.{n}").into_boxed_str())))
        .collect();
    let servers: Vec<Srv> = (1..100)
        .map(|n| srv(n, 5060 + n, "server.example.net"))
        .collect();
    let zone = Zone::default()
        .srv("_sip._udp.example.net", servers)
        .host("server.example.net", &many);
    let hops = domain(&zone).unwrap();
    assert_eq!(hops.len(), MAX_HOPS);
    assert_eq!(hops[0], udp("[2001:db8::1]:5061"));
    assert_eq!(hops[4], udp("192.0.2.1:5061"));
    assert!(zone.asked().len() <= 3 + 2 * MAX_TARGETS);
}

#[test]
fn the_same_place_is_named_once() {
    let twice = vec![
        srv(0, 5060, "server.example.net"),
        srv(1, 5060, "alias.example.net"),
    ];
    let zone = Zone::default()
        .srv("_sip._udp.example.net", twice)
        .host("server.example.net", &["192.0.2.1", "192.0.2.1"])
        .host("alias.example.net", &["192.0.2.1"]);
    assert_eq!(domain(&zone).unwrap(), [udp("192.0.2.1:5060")]);
}

#[test]
fn a_domain_that_is_not_there_is_told_apart_from_one_without_a_server() {
    assert_eq!(domain(&Zone::default()), Err(LookupError::NoSuchDomain));
    let empty = Zone::default().host("example.net", &[]);
    assert_eq!(domain(&empty), Err(LookupError::NoServer));
    let dangling = Zone::default().srv("_sip._udp.example.net", vec![srv(0, 5060, "gone.invalid")]);
    assert_eq!(domain(&dangling), Err(LookupError::NoServer));
}

#[test]
fn a_name_that_does_not_exist_is_not_asked_for_services() {
    let zone = Zone::default();
    assert_eq!(domain(&zone), Err(LookupError::NoSuchDomain));
    assert_eq!(
        zone.asked(),
        ["NAPTR example.net", "AAAA example.net", "A example.net"]
    );
}

#[test]
fn silence_about_naptr_is_passed_over_and_silence_about_srv_is_not() {
    let zone = example().mute("NAPTR example.net");
    assert_eq!(domain(&zone).unwrap()[0], udp("[2001:db8::1]:5060"));
    let zone = Zone::default()
        .host("example.net", &["192.0.2.9"])
        .mute("SRV _sip._udp.example.net");
    assert_eq!(domain(&zone), Err(LookupError::TimedOut));
}

#[test]
fn silence_about_one_family_leaves_the_other() {
    let zone = example().mute("AAAA server1.example.net");
    assert_eq!(domain(&zone).unwrap()[0], tcp("192.0.2.1:5060"));
    let mute = lookup("server1.example.net", Some(5060), None);
    let zone = example()
        .mute("AAAA server1.example.net")
        .mute("A server1.example.net");
    assert_eq!(find(&zone, &mute), Err(LookupError::TimedOut));
}
