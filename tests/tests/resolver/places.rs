//! Where domains say their servers are.

use strait_control::gateway::io::Transport;
use strait_tests::nsd::Zone;

use crate::stage::{Stage, locate, lookup, require_nsd, resolver, spelled};

/// A domain with everything: NAPTR prefers TCP, SRV names two servers, of both families.
pub const NET: &str = "
    @ NAPTR 10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp
    @ NAPTR 20 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp
    @ NAPTR 30 10 \"s\" \"SIP+D2U\" \"\" _sip._udp
    _sip._tcp SRV 10 0 5060 one
    _sip._tcp SRV 20 0 5070 two
    _sip._udp SRV 10 0 5060 one
    one A 192.0.2.1
    one AAAA 2001:db8::1
    two A 192.0.2.2
    alias CNAME one
";

/// A domain that is a host and no more, of IPv4 alone.
pub const ORG: &str = "@ A 198.51.100.7";

#[tokio::test]
async fn two_domains_of_one_server() {
    require_nsd!();
    let server = Stage::new();
    let server = server.server(&[Zone::new("example.net", NET), Zone::new("example.org", ORG)]);
    let resolver = resolver(&server.addresses);
    let net = locate(&resolver, "example.net").await.unwrap();
    assert_eq!(
        spelled(&net),
        [
            "tcp [2001:db8::1]:5060",
            "tcp 192.0.2.1:5060",
            "tcp 192.0.2.2:5070"
        ]
    );
    let org = locate(&resolver, "example.org").await.unwrap();
    assert_eq!(spelled(&org), ["udp 198.51.100.7:5060"]);
}

#[tokio::test]
async fn the_uri_shortens_the_way() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new("example.net", NET)]);
    let resolver = resolver(&server.addresses);
    let by_udp = lookup("example.net", None, Some(Transport::Udp));
    let found = resolver.locate(&by_udp).await.unwrap();
    assert_eq!(
        spelled(&found),
        ["udp [2001:db8::1]:5060", "udp 192.0.2.1:5060"]
    );
    let with_port = lookup("alias.example.net", Some(5080), Some(Transport::Tcp));
    let found = resolver.locate(&with_port).await.unwrap();
    assert_eq!(
        spelled(&found),
        ["tcp [2001:db8::1]:5080", "tcp 192.0.2.1:5080"]
    );
}

#[tokio::test]
async fn an_answer_that_does_not_fit_a_datagram_is_fetched_whole() {
    require_nsd!();
    let stage = Stage::new();
    let srv: String = (0..60)
        .map(|n| {
            format!(
                "_sip._udp SRV {n} 0 {} a-rather-long-name-of-a-server-{n}\n",
                5060 + n
            )
        })
        .collect();
    let hosts: String = (0..60)
        .map(|n| format!("a-rather-long-name-of-a-server-{n} A 192.0.2.{n}\n"))
        .collect();
    let records = srv + &hosts;
    let server = stage.server(&[Zone::new("example.net", &records)]);
    let found = locate(&resolver(&server.addresses), "example.net")
        .await
        .unwrap();
    let first: Vec<String> = (0..8)
        .map(|n| format!("udp 192.0.2.{n}:{}", 5060 + n))
        .collect();
    assert_eq!(spelled(&found), first);
}

#[tokio::test]
async fn equal_servers_share_the_load() {
    require_nsd!();
    let stage = Stage::new();
    let records = "
        _sip._udp SRV 1 10 5060 one
        _sip._udp SRV 1 10 5060 two
        one A 192.0.2.1
        two A 192.0.2.2
    ";
    let server = stage.server(&[Zone::new("example.net", records)]);
    let resolver = resolver(&server.addresses);
    let mut first = [0, 0];
    for _ in 0..200 {
        let found = locate(&resolver, "example.net").await.unwrap();
        assert_eq!(found.len(), 2);
        first[usize::from(found[0].address.to_string().starts_with("192.0.2.2"))] += 1;
    }
    assert!(first.iter().all(|count| *count > 50), "{first:?}");
}
