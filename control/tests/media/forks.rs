//! One offer, several early dialogs.

use strait_control::media::{AddressFault, MediaError, Notice, SessionId, Side};
use strait_shared::slot::LatchPolicy;

use crate::bench::{Bench, CONFIG, OpenSlot, phone, switch, told};

const CALLER: Side = Side::Caller;
const CALLEE: Side = Side::Callee;

/// An offer with one audio stream, and the port it named towards the callees.
fn ringing() -> (Bench, SessionId, String) {
    let mut bench = Bench::new();
    let first = bench.begin();
    let offer = bench
        .offer(first, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    (bench, first, told(&offer, 0))
}

/// An early answer that names `port`, and our port for it towards the caller.
fn answer(bench: &mut Bench, dialog: SessionId, port: u16) -> String {
    let answer = switch(&format!("m=audio {port} RTP/AVP 8\n"));
    let answer = bench.answer(dialog, CALLEE, &answer).unwrap();
    bench.check_links();
    told(&answer, 0)
}

/// The slots on one port of ours, the port's own first.
fn chain(bench: &Bench, port: &str) -> Vec<OpenSlot> {
    let mut at = Some(bench.slot_at(port));
    std::iter::from_fn(|| {
        let slot = bench.slots[&at?];
        at = slot.forwarding.next_sibling;
        Some(slot)
    })
    .collect()
}

/// An answer that names a port of ours where its party should have named its own.
fn answer_with_ours(bench: &mut Bench, dialog: SessionId, port: &str) -> Option<AddressFault> {
    let (ip, port) = port.rsplit_once(':').unwrap();
    let ours = switch(&format!("m=audio {port} RTP/AVP 8\nc=IN IP4 {ip}\n"));
    match bench.answer(dialog, CALLEE, &ours) {
        Ok(_) => None,
        Err(MediaError::Address { fault, .. }) => Some(fault),
        Err(other) => panic!("{other}"),
    }
}

fn signalled(slots: &[OpenSlot]) -> Vec<u16> {
    let ports = slots.iter().map(|slot| slot.forwarding.signalled);
    ports
        .map(|address| address.map_or(0, |address| address.port()))
        .collect()
}

#[test]
fn each_dialog_has_its_own_media() {
    let (mut bench, first, port) = ringing();
    let second = bench.fork(first).unwrap();
    let third = bench.fork(second).unwrap();
    let to_caller = [
        answer(&mut bench, first, 16000),
        answer(&mut bench, second, 17000),
        answer(&mut bench, third, 18000),
    ];
    assert!(to_caller[0] != to_caller[1] && to_caller[1] != to_caller[2]);
    let chain = chain(&bench, &port);
    assert_eq!(signalled(&chain), [16000, 17000, 18000]);
    for (slot, to_caller) in chain.iter().zip(&to_caller) {
        assert_eq!(slot.forwarding.peer, Some(bench.slot_at(to_caller)));
        assert!(slot.forwarding.accept);
        assert_eq!(
            slot.forwarding.policy,
            LatchPolicy::Signalled,
            "known by its own address"
        );
    }
    for spare in &chain[1..] {
        assert_eq!(spare.forwarding.port_of, Some(bench.slot_at(&port)));
    }
}

#[test]
fn a_dialog_without_media_keeps_its_gate_shut() {
    let (mut bench, first, port) = ringing();
    let second = bench.fork(first).unwrap();
    answer(&mut bench, second, 17000);
    let chain = chain(&bench, &port);
    assert_eq!(signalled(&chain), [0, 17000]);
    assert!(!chain[0].forwarding.accept && chain[1].forwarding.accept);
}

#[test]
fn the_winner_gets_the_port() {
    for winner in 0..3 {
        let (mut bench, first, port) = ringing();
        let mut dialogs = vec![first];
        dialogs.push(bench.fork(first).unwrap());
        dialogs.push(bench.fork(first).unwrap());
        let mut to_caller = Vec::new();
        for (dialog, port) in dialogs.iter().zip([16000, 17000, 18000]) {
            to_caller.push(answer(&mut bench, *dialog, port));
        }
        bench.confirm(dialogs[winner]).unwrap();
        bench.check_links();
        assert_eq!(bench.slots.len(), 4, "the losers are closed");
        let chain = chain(&bench, &port);
        assert_eq!(signalled(&chain), [16000 + 1000 * winner as u16]);
        assert_eq!(
            chain[0].forwarding.peer,
            Some(bench.slot_at(&to_caller[winner]))
        );
        assert_eq!(chain[0].forwarding.policy, LatchPolicy::Restricted);
        assert_eq!(
            chain[0].rearmed,
            usize::from(winner > 0),
            "another party than before"
        );
        for loser in (0..3).filter(|other| *other != winner) {
            let gone = bench.answer(dialogs[loser], CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"));
            assert_eq!(gone, Err(MediaError::Gone));
        }
        bench.report_closed();
        assert_eq!(bench.notices.len(), 2);
        assert_eq!(bench.plane.free_spares(bench.now), 8);
        bench.close(dialogs[winner]);
        bench.check_all_given_back();
    }
}

#[test]
fn the_winner_counts_what_came_to_its_spare_slot_too() {
    let (mut bench, first, _) = ringing();
    let second = bench.fork(first).unwrap();
    answer(&mut bench, second, 17000);
    bench.confirm(second).unwrap();
    bench.report_closed();
    bench.notices.clear();
    bench.close(second);
    bench.report_closed();
    let [Notice::Finished { session, report }] = &bench.notices[..] else {
        panic!("{:?}", bench.notices);
    };
    assert_eq!((*session, report.len()), (second, 4));
    assert!(report.iter().all(|entry| entry.counters.packets > 0));
}

#[test]
fn dialogs_end_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let (mut bench, first, port) = ringing();
        let dialogs = [
            first,
            bench.fork(first).unwrap(),
            bench.fork(first).unwrap(),
        ];
        for (dialog, port) in dialogs.iter().zip([16000, 17000, 18000]) {
            answer(&mut bench, *dialog, port);
        }
        bench.close(dialogs[order[0]]);
        bench.check_links();
        assert!(
            bench.slots.contains_key(&bench.slot_at(&port)),
            "others still use it"
        );
        bench.close(dialogs[order[1]]);
        bench.check_links();
        bench.confirm(dialogs[order[2]]).unwrap();
        bench.check_links();
        assert_eq!(bench.slots.len(), 4);
        bench.close(dialogs[order[2]]);
        bench.check_all_given_back();
        assert_eq!(bench.plane.free_spares(bench.now), 8);
    }
}

#[test]
fn forks_are_bounded() {
    let (mut bench, first, _) = ringing();
    let forks: Vec<_> = (0..8).map(|_| bench.fork(first).unwrap()).collect();
    assert_eq!(bench.fork(first), Err(MediaError::TooManyForks));
    // Eight spare pairs, four for each worker: the fifth fork finds none on the port's worker.
    for (index, fork) in forks.iter().enumerate() {
        let answered = bench.answer(*fork, CALLEE, &switch("m=audio 17000 RTP/AVP 8\n"));
        assert_eq!(answered.is_ok(), index < 4, "{answered:?}");
        bench.check_links();
    }
    bench.close(first);
    forks.iter().for_each(|fork| bench.close(*fork));
    bench.check_all_given_back();
    assert_eq!(bench.plane.free_spares(bench.now), 8);
}

#[test]
fn an_early_dialog_makes_offers_of_its_own() {
    let (mut bench, first, port) = ringing();
    let second = bench.fork(first).unwrap();
    assert_eq!(
        bench.offer(second, CALLER, &phone("m=audio 4000 RTP/AVP 8\n")),
        Err(MediaError::OfferPending),
    );
    let to_caller = answer(&mut bench, second, 17000);
    let update = switch("m=audio 17000 RTP/AVP 8\nm=video 17002 RTP/AVP 96\n");
    let offer = bench.offer(second, CALLEE, &update).unwrap();
    assert_eq!(told(&offer, 0), to_caller);
    let update = phone("m=audio 4000 RTP/AVP 8\nm=video 4002 RTP/AVP 96\n");
    let answered = bench.answer(second, CALLER, &update).unwrap();
    assert_eq!(told(&answered, 0), port, "the shared port");
    bench.check_links();
    bench.confirm(second).unwrap();
    bench.check_links();
    assert_eq!(bench.slots.len(), 8);
    bench.close(second);
    bench.check_all_given_back();
}

#[test]
fn late_offers_share_nothing() {
    let mut bench = Bench::new();
    let first = bench.begin();
    let second = bench.fork(first).unwrap();
    for dialog in [first, second] {
        bench
            .offer(dialog, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
            .unwrap();
    }
    bench.confirm(second).unwrap();
    assert_eq!(bench.slots.len(), 8, "each is closed by itself");
    bench.close(first);
    bench.close(second);
    bench.check_all_given_back();
}

#[test]
fn the_port_forgets_the_loser_even_at_the_winners_address() {
    let (mut bench, first, port) = ringing();
    let second = bench.fork(first).unwrap();
    answer(&mut bench, first, 16000);
    answer(&mut bench, second, 16000);
    bench.confirm(second).unwrap();
    assert_eq!(bench.at(&port).rearmed, 1);
}

#[test]
fn the_port_forgets_the_loser_that_came_first() {
    let symmetric = CONFIG.replace("  - name: core\n", "  - name: core\n    latch: symmetric\n");
    for (config, times) in [(CONFIG, 0), (&*symmetric, 1)] {
        let mut bench = Bench::with(config);
        let first = bench.begin();
        let offer = phone("m=audio 4000 RTP/AVP 8\n");
        let port = told(&bench.offer(first, CALLER, &offer).unwrap(), 0);
        let second = bench.fork(first).unwrap();
        answer(&mut bench, first, 16000);
        answer(&mut bench, second, 17000);
        bench.confirm(first).unwrap();
        assert_eq!(bench.at(&port).rearmed, times);
    }
}

#[test]
fn the_shared_offer_stays_while_others_answer_it() {
    let (mut bench, first, port) = ringing();
    let second = bench.fork(first).unwrap();
    answer(&mut bench, second, 17000);
    bench.rollback(first);
    bench.check_links();
    bench.confirm(second).unwrap();
    assert_eq!(signalled(&chain(&bench, &port)), [17000]);
    bench.close(second);
    bench.check_all_given_back();
}

#[test]
fn no_dialog_sends_the_caller_back_to_where_it_sends() {
    let (mut bench, first, port) = ringing();
    let second = bench.fork(first).unwrap();
    for dialog in [first, second] {
        let fault = answer_with_ours(&mut bench, dialog, &port);
        assert_eq!(fault, Some(AddressFault::OwnMedia));
    }
    // A port of another call is what comes back through the softswitch.
    let other = bench.begin();
    let offer = bench.offer(other, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"));
    let elsewhere = told(&offer.unwrap(), 0);
    assert_eq!(answer_with_ours(&mut bench, second, &elsewhere), None);
    answer(&mut bench, first, 16000);
    bench.close(other);
    bench.close(first);
    bench.close(second);
    bench.check_all_given_back();
}

#[test]
fn a_shared_port_keeps_its_family() {
    let (mut bench, first, _) = ringing();
    answer(&mut bench, first, 16000);
    let second = bench.fork(first).unwrap();
    answer(&mut bench, second, 17000);
    let moved = switch("m=audio 16000 RTP/AVP 8\n").replace("IP4 10.0.0.1", "IP6 2001:db8:c::1");
    for dialog in [first, second] {
        let refused = bench.offer(dialog, CALLEE, &moved);
        assert_eq!(refused, Err(MediaError::FamilyMismatch { line: 0 }));
    }
    bench.confirm(second).unwrap();
    bench.offer(second, CALLEE, &moved).unwrap();
    let answered = bench
        .answer(second, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert!(
        told(&answered, 0).starts_with("[2001:db8:c::254]:"),
        "now it is its own"
    );
}

#[test]
fn only_what_the_shared_offer_named_is_shared() {
    let mut bench = Bench::new();
    let first = bench.begin();
    let audio_and = |line: &str| phone(&format!("m=audio 4000 RTP/AVP 8\n{line}"));
    bench
        .offer(first, CALLER, &audio_and("m=video 0 RTP/AVP 96\n"))
        .unwrap();
    let second = bench.fork(first).unwrap();
    let without = switch("m=audio 16000 RTP/AVP 8\nm=video 0 RTP/AVP 96\n");
    bench.answer(first, CALLEE, &without).unwrap();
    bench.answer(second, CALLEE, &without).unwrap();
    let video = |bench: &mut Bench, dialog| {
        let with = audio_and("m=video 4002 RTP/AVP 96\n");
        told(&bench.offer(dialog, CALLER, &with).unwrap(), 1)
    };
    let (one, other) = (video(&mut bench, first), video(&mut bench, second));
    assert_ne!(one, other);
    bench.rollback(first);
    bench.check_links();
    bench.confirm(second).unwrap();
    bench.close(second);
    bench.check_all_given_back();
}

#[test]
fn an_answer_that_finds_no_room_takes_nothing() {
    // Three spare pairs: two for the first fork's two lines, one for the next.
    let config = CONFIG.replace("[ { core: null }, { core: null } ]", "[ { core: null } ]");
    let mut bench = Bench::with(&config.replace("fork_slots: 16", "fork_slots: 6"));
    let first = bench.begin();
    let two = "m=audio 4000 RTP/AVP 8\nm=video 4002 RTP/AVP 96\n";
    bench.offer(first, CALLER, &phone(two)).unwrap();
    let forks = [bench.fork(first).unwrap(), bench.fork(first).unwrap()];
    let two = switch("m=audio 17000 RTP/AVP 8\nm=video 17002 RTP/AVP 96\n");
    bench.answer(forks[0], CALLEE, &two).unwrap();
    let before = bench.slots.len();
    assert_eq!(
        bench.answer(forks[1], CALLEE, &two),
        Err(MediaError::TooManyForks)
    );
    assert_eq!(bench.slots.len(), before);
    bench.close(forks[0]);
    bench.answer(forks[1], CALLEE, &two).unwrap_err();
    bench.report_closed();
    bench.answer(forks[1], CALLEE, &two).unwrap();
}
