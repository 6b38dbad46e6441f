//! Each behaviour RFC 4787 names, seen from outside.

use super::*;

const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const INSIDE: &str = "192.168.1.10:4000";

use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

fn nat(mapping: Dependence, filtering: Dependence, ports: Ports) -> Nat {
    let behaviour = Behaviour {
        mapping,
        filtering,
        ports,
        ..Behaviour::full_cone()
    };
    Nat::new(behaviour, EXTERNAL, 1)
}

fn datagram(source: &str, destination: &str) -> Datagram {
    Datagram {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        payload: vec![1],
    }
}

fn out(nat: &mut Nat, at_s: u64, source: &str, destination: &str) -> SocketAddr {
    match nat.outbound(
        Instant::from_millis(at_s * 1000),
        datagram(source, destination),
    ) {
        Translation::Outside(sent) => {
            assert_eq!(sent.destination, destination.parse().unwrap());
            sent.source
        }
        other => panic!("{other:?}"),
    }
}

fn back(nat: &mut Nat, at_s: u64, source: &str, external: SocketAddr) -> Result<String, Refusal> {
    let arriving = datagram(source, &external.to_string());
    match nat.inbound(Instant::from_millis(at_s * 1000), arriving) {
        Translation::Inside(entered) => Ok(entered.destination.to_string()),
        Translation::Dropped(refusal) => Err(refusal),
        Translation::Outside(sent) => panic!("{sent:?}"),
    }
}

#[test]
fn mapping_depends_on_what_it_says() {
    let same = |mapping, one: &str, two: &str| {
        let mut nat = nat(mapping, EndpointIndependent, Ports::Random);
        out(&mut nat, 0, INSIDE, one) == out(&mut nat, 0, INSIDE, two)
    };
    let (host, port, other) = ("192.0.2.1:5000", "192.0.2.1:5001", "192.0.2.2:5000");
    let expected = [
        (EndpointIndependent, [true, true, true]),
        (AddressDependent, [true, true, false]),
        (AddressAndPortDependent, [true, false, false]),
    ];
    for (mapping, results) in expected {
        let seen = [host, port, other].map(|two| same(mapping, host, two));
        assert_eq!(seen, results, "{mapping:?}");
    }
}

#[test]
fn filtering_depends_on_what_it_says() {
    let expected = [
        (EndpointIndependent, [true, true, true]),
        (AddressDependent, [true, true, false]),
        (AddressAndPortDependent, [true, false, false]),
    ];
    for (filtering, results) in expected {
        let mut nat = nat(EndpointIndependent, filtering, Ports::Preserving);
        let external = out(&mut nat, 0, INSIDE, "192.0.2.1:5000");
        let seen = ["192.0.2.1:5000", "192.0.2.1:5001", "192.0.2.2:5000"]
            .map(|source| back(&mut nat, 1, source, external) == Ok(INSIDE.to_owned()));
        assert_eq!(seen, results, "{filtering:?}");
    }
}

#[test]
fn ports_are_preserved_or_random_and_never_shared() {
    let mut preserving = nat(EndpointIndependent, EndpointIndependent, Ports::Preserving);
    assert_eq!(out(&mut preserving, 0, INSIDE, "192.0.2.1:1").port(), 4000);
    assert_eq!(
        out(&mut preserving, 0, "192.168.1.11:4000", "192.0.2.1:1").port(),
        4001
    );

    let mut random =
        nat(AddressAndPortDependent, EndpointIndependent, Ports::Random).with_ports(2000..=2099);
    let mut seen = std::collections::BTreeSet::new();
    for port in 1..=100 {
        seen.insert(out(&mut random, 0, INSIDE, &format!("192.0.2.1:{port}")).port());
    }
    assert_eq!(seen.len(), 100);
    assert!(seen.iter().all(|port| (2000..=2099).contains(port)));
    let refused = random.outbound(Instant::ZERO, datagram(INSIDE, "192.0.2.1:101"));
    assert_eq!(refused, Translation::Dropped(Refusal::NoPort));
}

#[test]
fn mappings_and_permissions_expire_separately() {
    let mut nat = nat(
        EndpointIndependent,
        AddressAndPortDependent,
        Ports::Preserving,
    );
    let external = out(&mut nat, 0, INSIDE, "192.0.2.1:5000");
    out(&mut nat, 100, INSIDE, "192.0.2.2:5000");
    assert!(back(&mut nat, 119, "192.0.2.1:5000", external).is_ok());
    assert!(
        back(&mut nat, 238, "192.0.2.1:5000", external).is_ok(),
        "inbound refreshed it"
    );
    assert_eq!(
        back(&mut nat, 239, "192.0.2.2:5000", external),
        Err(Refusal::Filtered)
    );
    assert_eq!(
        back(&mut nat, 358, "192.0.2.1:5000", external),
        Err(Refusal::NoMapping)
    );

    nat.behaviour.inbound_refreshes = false;
    let external = out(&mut nat, 400, INSIDE, "192.0.2.1:5000");
    assert!(back(&mut nat, 500, "192.0.2.1:5000", external).is_ok());
    assert_eq!(
        back(&mut nat, 520, "192.0.2.1:5000", external),
        Err(Refusal::NoMapping)
    );
}

#[test]
fn hairpin_shows_the_external_source_and_obeys_the_filter() {
    let (one, two) = ("192.168.1.10:4000", "192.168.1.11:4100");
    let mut nat = nat(
        EndpointIndependent,
        AddressAndPortDependent,
        Ports::Preserving,
    );
    let second = out(&mut nat, 0, two, "192.0.2.1:5000");
    let turn = |nat: &mut Nat| nat.outbound(Instant::ZERO, datagram(one, &second.to_string()));
    assert_eq!(turn(&mut nat), Translation::Dropped(Refusal::Filtered));
    out(&mut nat, 0, one, "192.0.2.1:5000");
    let first = SocketAddr::from((EXTERNAL, 4000));
    nat.outbound(Instant::ZERO, datagram(two, &first.to_string()));
    let Translation::Inside(turned) = turn(&mut nat) else {
        panic!("not let in")
    };
    assert_eq!(
        (turned.source, turned.destination.to_string()),
        (first, two.to_owned())
    );

    nat.behaviour.hairpin = false;
    assert_eq!(turn(&mut nat), Translation::Dropped(Refusal::NoHairpin));
}

#[test]
fn rebinding_moves_the_mapping_and_closes_the_old_port() {
    let mut nat = nat(EndpointIndependent, EndpointIndependent, Ports::Preserving);
    let before = out(&mut nat, 0, INSIDE, "192.0.2.1:5000");
    nat.rebind();
    assert_eq!(
        back(&mut nat, 1, "192.0.2.1:5000", before),
        Err(Refusal::NoMapping)
    );
    let after = out(&mut nat, 1, INSIDE, "192.0.2.1:5000");
    assert_ne!(before.port(), after.port());
    nat.renumber(Ipv4Addr::new(198, 51, 100, 9));
    assert_eq!(
        out(&mut nat, 2, INSIDE, "192.0.2.1:5000").ip().to_string(),
        "198.51.100.9"
    );
}

#[test]
fn ipv6_is_not_translated() {
    let mut nat = nat(EndpointIndependent, EndpointIndependent, Ports::Preserving);
    let sent = nat.outbound(Instant::ZERO, datagram("[fd00::1]:1", "[2001:db8::1]:2"));
    assert_eq!(sent, Translation::Dropped(Refusal::NotIpv4));
}
