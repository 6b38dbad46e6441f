//! Every timer of RFC 3261 Table 4 and RFC 6026, seen from outside: what leaves when, what ends
//! when.

use super::*;

const HOUR: u64 = 3_600_000;

fn times(sent: &[(u64, String)]) -> Vec<u64> {
    sent.iter().map(|(ms, _)| *ms).collect()
}

#[test]
fn a_and_b_an_invite_nobody_answers() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    assert_eq!(bench.sent(), ["INVITE"]);
    let (sent, ended) = bench.pass(HOUR);
    assert_eq!(times(&sent), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    let over = (64_000, Event::ClientTerminated(id));
    assert_eq!(ended, [(32_000, Event::ClientGivenUp(id)), over]);
}

#[test]
fn b_over_tcp_nothing_is_sent_again() {
    let mut bench = Bench::new();
    let id = bench.start(tcp(), "INVITE", "z9hG4bKa");
    assert_eq!(bench.sent(), ["INVITE"]);
    assert_eq!(
        bench.pass(HOUR),
        (
            vec![],
            vec![
                (32_000, Event::ClientGivenUp(id)),
                (64_000, Event::ClientTerminated(id))
            ]
        )
    );
}

#[test]
fn c_ringing_is_cancelled_after_three_minutes_of_silence() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.sent();
    bench.answer(180, "INVITE", "z9hG4bKa");
    assert_eq!(bench.pass(100_000), (vec![], vec![]));
    bench.answer(180, "INVITE", "z9hG4bKa");
    let (sent, ended) = bench.pass(HOUR);
    assert_eq!(sent[0], (281_000, "CANCEL".to_owned()));
    assert!(sent.iter().all(|(_, word)| word == "CANCEL"));
    assert_eq!(ended, [(313_000, Event::ClientTimeout(id))]);
}

#[test]
fn d_a_final_response_is_acknowledged_each_time_it_comes() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.sent();
    assert_eq!(
        bench.answer(486, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Deliver(id)
    );
    assert_eq!(bench.sent(), ["ACK"]);
    bench.pass(31_999);
    assert_eq!(
        bench.answer(486, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Absorbed
    );
    assert_eq!(bench.sent(), ["ACK"]);
    assert_eq!(bench.pass(HOUR).1, [(32_000, Event::ClientTerminated(id))]);
    assert_eq!(
        bench.answer(486, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Stray
    );
}

#[test]
fn e_and_f_a_request_nobody_answers() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "OPTIONS", "z9hG4bKa");
    bench.sent();
    let (sent, ended) = bench.pass(HOUR);
    let expected = [
        500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(times(&sent), expected);
    assert_eq!(ended, [(32_000, Event::ClientTimeout(id))]);
}

#[test]
fn e_slows_down_once_a_provisional_response_came() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "OPTIONS", "z9hG4bKa");
    bench.sent();
    bench.pass(600);
    assert_eq!(
        bench.answer(100, "OPTIONS", "z9hG4bKa"),
        ResponseOutcome::Deliver(id)
    );
    let (sent, ended) = bench.pass(HOUR);
    let expected = [1_500, 5_500, 9_500, 13_500, 17_500, 21_500, 25_500, 29_500];
    assert_eq!(times(&sent), expected);
    assert_eq!(ended, [(32_000, Event::ClientTimeout(id))]);
}

#[test]
fn k_final_responses_are_absorbed() {
    for (flow, linger) in [(udp(), 5_000), (tcp(), 0)] {
        let mut bench = Bench::new();
        let id = bench.start(flow, "REGISTER", "z9hG4bKa");
        assert_eq!(
            bench.answer(200, "REGISTER", "z9hG4bKa"),
            ResponseOutcome::Deliver(id)
        );
        assert_eq!(
            bench.answer(200, "REGISTER", "z9hG4bKa"),
            ResponseOutcome::Absorbed
        );
        assert_eq!(bench.pass(HOUR).1, [(linger, Event::ClientTerminated(id))]);
    }
}

#[test]
fn m_every_2xx_is_delivered_and_none_is_acknowledged() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.sent();
    for ms in [0, 500, 1_500, 31_900] {
        bench.pass(ms);
        assert_eq!(
            bench.answer(200, "INVITE", "z9hG4bKa"),
            ResponseOutcome::Deliver(id)
        );
    }
    assert_eq!(
        bench.pass(HOUR),
        (vec![], vec![(32_000, Event::ClientTerminated(id))])
    );
}

#[test]
fn g_and_h_a_final_response_nobody_acknowledges() {
    let mut bench = Bench::new();
    let id = bench.new_request(udp(), &request("INVITE", "z9hG4bKa"));
    assert!(bench.respond(id, 486));
    assert_eq!(bench.sent(), ["486"]);
    let (sent, ended) = bench.pass(HOUR);
    let expected = [
        500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(times(&sent), expected);
    assert_eq!(ended, [(32_000, Event::ServerTimeout(id))]);
}

#[test]
fn h_over_tcp_nothing_is_sent_again() {
    let mut bench = Bench::new();
    let id = bench.new_request(tcp(), &request("INVITE", "z9hG4bKa"));
    assert!(bench.respond(id, 486));
    bench.sent();
    assert_eq!(
        bench.pass(HOUR),
        (vec![], vec![(32_000, Event::ServerTimeout(id))])
    );
}

#[test]
fn i_acks_are_absorbed() {
    for (flow, linger) in [(udp(), 5_000), (tcp(), 0)] {
        let mut bench = Bench::new();
        let id = bench.new_request(flow, &request("INVITE", "z9hG4bKa"));
        bench.respond(id, 486);
        bench.sent();
        let ack = request("ACK", "z9hG4bKa");
        for _ in 0..2 {
            assert_eq!(
                bench.receive(flow, &ack),
                Ok(RequestOutcome::AckAbsorbed(id))
            );
        }
        assert_eq!(
            bench.pass(HOUR),
            (vec![], vec![(linger, Event::ServerTerminated(id))])
        );
        assert_eq!(bench.receive(flow, &ack), Ok(RequestOutcome::AckForSuccess));
    }
}

#[test]
fn j_a_request_is_answered_again_each_time_it_comes() {
    for (flow, linger) in [(udp(), 32_000), (tcp(), 0)] {
        let mut bench = Bench::new();
        let id = bench.new_request(flow, &request("MESSAGE", "z9hG4bKa"));
        assert!(bench.respond(id, 202));
        assert_eq!(bench.sent(), ["202"]);
        let again = bench.receive(flow, &request("MESSAGE", "z9hG4bKa"));
        assert_eq!(again, Ok(RequestOutcome::Retransmission));
        let expected: &[&str] = if linger == 0 { &[] } else { &["202"] };
        assert_eq!(bench.sent(), expected);
        assert_eq!(
            bench.pass(HOUR),
            (vec![], vec![(linger, Event::ServerTerminated(id))])
        );
    }
}

#[test]
fn l_an_accepted_invite_is_absorbed_and_its_2xx_may_be_sent_on() {
    let mut bench = Bench::new();
    let id = bench.new_request(udp(), &request("INVITE", "z9hG4bKa"));
    assert!(bench.respond(id, 200));
    assert_eq!(bench.sent(), ["200"]);
    bench.pass(1_000);
    let again = bench.receive(udp(), &request("INVITE", "z9hG4bKa"));
    assert_eq!(again, Ok(RequestOutcome::Retransmission));
    assert_eq!(bench.sent(), Vec::<String>::new());
    assert!(bench.respond(id, 200));
    assert_eq!(bench.sent(), ["200"]);
    assert_eq!(
        bench.pass(HOUR),
        (vec![], vec![(32_000, Event::ServerTerminated(id))])
    );
    assert!(!bench.respond(id, 200));
    assert_eq!(bench.sent(), Vec::<String>::new());
}

#[test]
fn a_request_its_user_forgets_is_given_up() {
    for (method, wait) in [("INVITE", 300_000), ("OPTIONS", 32_000)] {
        let mut bench = Bench::new();
        let id = bench.new_request(udp(), &request(method, "z9hG4bKa"));
        assert_eq!(
            bench.pass(HOUR),
            (vec![], vec![(wait, Event::ServerTimeout(id))])
        );
    }
}
