//! Whatever happens, no transaction outlives its bound and each ends with exactly one event.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::gateway::transaction::limits::INVITE_RESPONSE_WAIT;

/// Something a peer, the user or the network does.
#[derive(Clone, Debug)]
enum Act {
    Request(usize, u8, bool),
    Respond(usize, u16),
    Start(usize, u8, bool),
    Answer(usize, u8, u16),
    Cancel(usize),
    Disconnect,
    Unreachable,
    Pass(u64),
}

const METHODS: [&str; 5] = ["INVITE", "OPTIONS", "CANCEL", "ACK", "BYE"];

fn act() -> impl Strategy<Value = Act> {
    let code = prop::sample::select(vec![100u16, 180, 183, 200, 202, 302, 401, 486, 487, 603]);
    prop_oneof![
        (0..5usize, 0..4u8, any::<bool>()).prop_map(|(m, b, tcp)| Act::Request(m, b, tcp)),
        (0..20usize, code.clone()).prop_map(|(index, code)| Act::Respond(index, code)),
        (0..2usize, any::<u8>(), any::<bool>()).prop_map(|(m, b, tcp)| Act::Start(m, b, tcp)),
        (0..3usize, any::<u8>(), code).prop_map(|(m, b, code)| Act::Answer(m, b, code)),
        (0..20usize).prop_map(Act::Cancel),
        Just(Act::Disconnect),
        Just(Act::Unreachable),
        (0..40_000u64).prop_map(Act::Pass),
    ]
}

#[derive(Default)]
struct Seen {
    servers: Vec<ServerId>,
    clients: Vec<ClientId>,
    ended_servers: BTreeSet<ServerId>,
    ended_clients: BTreeSet<ClientId>,
}

impl Seen {
    fn events(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let is_new = match event {
                Event::ClientGivenUp(id) => !self.ended_clients.contains(&id),
                Event::ClientTimeout(id)
                | Event::ClientUnreachable(id)
                | Event::ClientTerminated(id) => self.ended_clients.insert(id),
                Event::ServerTimeout(id) | Event::ServerTerminated(id) => {
                    self.ended_servers.insert(id)
                }
            };
            assert!(is_new, "{event:?} ends what has ended");
        }
    }

    fn outcome(&mut self, outcome: Result<RequestOutcome, Refused>) {
        match outcome.unwrap() {
            RequestOutcome::New(id)
            | RequestOutcome::Merged(id)
            | RequestOutcome::CancelUnmatched(id)
            | RequestOutcome::Cancel { cancel: id, .. } => self.servers.push(id),
            _ => {}
        }
    }
}

fn flow(is_tcp: bool) -> Flow {
    if is_tcp { tcp() } else { udp() }
}

fn play(bench: &mut Bench, seen: &mut Seen, act: Act) {
    match act {
        Act::Request(method, branch, is_tcp) => {
            let text = request(METHODS[method], &format!("z9hG4bK{branch}"));
            seen.outcome(bench.receive(flow(is_tcp), &text));
        }
        Act::Respond(index, code) => {
            if let Some(id) = seen.servers.get(index) {
                let answered = bench.respond(*id, code);
                assert!(!answered || !seen.ended_servers.contains(id));
            }
        }
        Act::Start(method, branch, is_tcp) => {
            let branch = format!("z9hG4bK{branch}-{}", seen.clients.len());
            let id = bench.start(flow(is_tcp), METHODS[method], &branch);
            seen.clients.push(id);
        }
        Act::Answer(method, branch, code) => {
            for index in 0..seen.clients.len() {
                let branch = format!("z9hG4bK{branch}-{index}");
                if let ResponseOutcome::Deliver(id) = bench.answer(code, METHODS[method], &branch) {
                    assert!(seen.clients.contains(&id) && !seen.ended_clients.contains(&id));
                }
            }
        }
        Act::Cancel(index) => {
            if let Some(id) = seen.clients.get(index) {
                bench.layer.cancel(bench.now, *id, None, &mut bench.out);
            }
        }
        Act::Disconnect => bench.layer.disconnected(ConnectionId(1)),
        Act::Unreachable => bench.layer.unreachable(&udp(), None),
        Act::Pass(ms) => {
            let until = bench.now.as_millis() + ms;
            let (_, ended) = bench.pass(until);
            seen.events(ended.into_iter().map(|(_, event)| event));
        }
    }
    bench.out.clear();
    let events = bench.events();
    seen.events(events);
}

proptest! {
    #[test]
    fn no_transaction_outlives_its_bound(acts in prop::collection::vec(act(), 0..80)) {
        let (mut bench, mut seen) = (Bench::new(), Seen::default());
        for act in acts {
            play(&mut bench, &mut seen, act);
        }
        let timing = Timing::default();
        // The longest paths: an INVITE nobody answers any more, then its last state; Timer C,
        // then the wait for the cancelled one, whose CANCEL may have to be waited for as well.
        let server = INVITE_RESPONSE_WAIT + timing.give_up();
        let client = timing.timer_c + timing.give_up() * 3;
        let bound = server.max(client);
        let until = bench.now.as_millis() + u64::try_from(bound.as_millis()).unwrap();
        let (_, ended) = bench.pass(until);
        seen.events(ended.into_iter().map(|(_, event)| event));
        prop_assert_eq!(bench.layer.len(), (0, 0));
        prop_assert_eq!(bench.layer.next_timeout(), None);
        prop_assert_eq!(bench.layer.retained_bytes(), (0, 0));
        prop_assert_eq!(seen.ended_servers, seen.servers.iter().copied().collect());
        prop_assert_eq!(seen.ended_clients, seen.clients.iter().copied().collect());
    }
}
