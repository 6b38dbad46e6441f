//! What was answered once is not asked again until its time has passed.

use std::rc::Rc;
use std::time::Duration;

use strait_control::gateway::io::LookupError;
use strait_tests::nsd::Zone;
use tokio::task::LocalSet;

use crate::places::NET;
use crate::stage::{Counter, Stage, locate, require_nsd, resolver};

#[tokio::test]
async fn answers_are_kept_and_so_is_that_there_is_none() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new("example.net", NET)]);
    let counter = Counter::before(server.addresses[0], Duration::ZERO);
    let resolver = resolver(&[counter.address]);
    let found = locate(&resolver, "example.net").await.unwrap();
    let gone = locate(&resolver, "gone.example.net").await;
    assert_eq!(gone, Err(LookupError::NoSuchDomain));
    let asked = counter.asked();
    for _ in 0..100 {
        assert_eq!(locate(&resolver, "example.net").await.unwrap(), found);
        assert_eq!(locate(&resolver, "gone.example.net").await, gone);
    }
    assert_eq!(counter.asked(), asked);
}

#[tokio::test]
async fn an_answer_is_forgotten_when_its_time_has_passed() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new(
        "example.net",
        "short 1 A 192.0.2.1\nlong A 192.0.2.2",
    )]);
    let counter = Counter::before(server.addresses[0], Duration::ZERO);
    let resolver = resolver(&[counter.address]);
    let ports = |host| crate::stage::lookup(host, Some(5060), None);
    resolver.locate(&ports("long.example.net")).await.unwrap();
    resolver.locate(&ports("short.example.net")).await.unwrap();
    let asked = counter.asked();
    while counter.asked() == asked {
        resolver.locate(&ports("short.example.net")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = counter.asked();
    resolver.locate(&ports("long.example.net")).await.unwrap();
    assert_eq!(counter.asked(), asked);
}

#[tokio::test]
async fn many_who_ask_for_the_same_at_one_time_ask_once() {
    require_nsd!();
    let stage = Stage::new();
    let server = stage.server(&[Zone::new("example.net", NET)]);
    let alone = Counter::before(server.addresses[0], Duration::ZERO);
    locate(&resolver(&[alone.address]), "example.net")
        .await
        .unwrap();
    let slow = Counter::before(server.addresses[0], Duration::from_millis(20));
    let resolver = Rc::new(resolver(&[slow.address]));
    let crowd = LocalSet::new();
    for _ in 0..200 {
        let resolver = resolver.clone();
        crowd.spawn_local(async move { locate(&resolver, "example.net").await.unwrap() });
    }
    crowd.await;
    assert_eq!(slow.asked(), alone.asked());
}
