//! Answers that lead in circles, and answers that are lies.

use strait_control::gateway::io::LookupError;
use strait_tests::nsd::Zone;

use crate::stage::{Stage, locate, require_nsd, resolver, spelled};

const WICKED: &str = "
    round CNAME about
    about CNAME round
    naptr NAPTR 1 1 \"\" \"\" \"\" rewritten
    rewritten NAPTR 1 1 \"\" \"\" \"\" naptr
    _sip._udp.service CNAME _sip._udp.service2
    _sip._udp.service2 CNAME _sip._udp.service
    service A 192.0.2.9
    _sip._udp.self SRV 1 1 5060 self
    self A 0.0.0.0
    self A 224.0.1.75
    self A 255.255.255.255
    self AAAA ff02::1
    self AAAA ::
    self AAAA ::ffff:192.0.2.1
    _sip._udp.half SRV 1 1 0 true
    _sip._udp.half SRV 2 1 5061 self
    _sip._udp.half SRV 3 1 5062 true
    true A 192.0.2.3
    _sip._udp.declined SRV 0 0 0 .
    _sip._tcp.declined SRV 0 0 0 .
    declined A 192.0.2.9
    _sip._udp.dangling SRV 1 1 5060 nowhere
";

#[tokio::test]
async fn circles_end() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new("example.net", WICKED)]);
    let resolver = resolver(&server.addresses);
    let round = locate(&resolver, "round.example.net").await;
    assert_eq!(round, Err(LookupError::NoServer));
    let naptr = locate(&resolver, "naptr.example.net").await;
    assert_eq!(naptr, Err(LookupError::Failed));
    let service = locate(&resolver, "service.example.net").await.unwrap();
    assert_eq!(spelled(&service), ["udp 192.0.2.9:5060"]);
}

#[tokio::test]
async fn lies_are_not_believed() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new("example.net", WICKED)]);
    let resolver = resolver(&server.addresses);
    let itself = locate(&resolver, "self.example.net").await;
    assert_eq!(itself, Err(LookupError::NoServer));
    let half = locate(&resolver, "half.example.net").await.unwrap();
    assert_eq!(spelled(&half), ["udp 192.0.2.3:5062"]);
    for host in ["declined.example.net", "dangling.example.net"] {
        let none = locate(&resolver, host).await;
        assert_eq!(none, Err(LookupError::NoServer), "{host}");
    }
    let nobody = locate(&resolver, "nobody.example.net").await;
    assert_eq!(nobody, Err(LookupError::NoSuchDomain));
}

#[tokio::test]
async fn names_that_are_none_are_nobodys() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new("example.net", WICKED)]);
    let resolver = resolver(&server.addresses);
    let label = format!("{}.example.net", "a".repeat(64));
    let name = format!("{}example.net", "a.".repeat(128));
    for host in [
        label.as_str(),
        &name,
        "a..example.net",
        "\u{fc}.example.net",
        "",
    ] {
        let found = locate(&resolver, host).await;
        assert!(found.is_err(), "{host}: {found:?}");
    }
}
