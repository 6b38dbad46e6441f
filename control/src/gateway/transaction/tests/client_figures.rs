//! RFC 3261 figures 5 and 6 with RFC 6026, one row a transition.

use super::*;
use crate::gateway::transaction::client_machine::{ClientMachine, State};
use crate::gateway::transaction::step::{Life, Packet};

use Life::{GivenUp, Terminated, TimedOut};
use Rearm::{Keep, Stop};
use State::*;

#[derive(Clone, Copy, Debug)]
enum On {
    Response(u16),
    Resend,
    End,
    Cancel,
}
use On::{Cancel, End, Resend, Response};

/// What led there, what happens, the state after it, what is done.
type Row = (&'static [On], On, State, Step);

fn drive(machine: &mut ClientMachine, on: On) -> Step {
    match on {
        Response(code) => machine.response(status(code)),
        Resend => machine.resend(),
        End => machine.end(),
        Cancel => machine.cancel(),
    }
}

fn check(invite: bool, reliable: bool, rows: &[Row]) {
    for (given, on, state, expected) in rows {
        let (mut machine, _) = ClientMachine::start(invite, reliable, Timing::default());
        for on in *given {
            drive(&mut machine, *on);
        }
        let done = drive(&mut machine, *on);
        let case = format!("invite {invite}, reliable {reliable}: {given:?} then {on:?}");
        assert_eq!(done, *expected, "{case}");
        assert_eq!(machine.state, *state, "{case}");
    }
}

fn delivered(resend: Rearm, end: Rearm) -> Step {
    Step {
        deliver: true,
        ..step(resend, end)
    }
}

fn cancels(given: Step) -> Step {
    Step {
        cancel: true,
        end: start(32_000),
        ..given
    }
}

fn acked(given: Step) -> Step {
    Step {
        send: Some(Packet::Ack),
        ..given
    }
}

fn given_up() -> Step {
    Step {
        life: GivenUp,
        ..step(Stop, start(32_000))
    }
}

#[test]
fn a_transaction_starts_by_sending() {
    let sent = |resend| Step {
        send: Some(Packet::Request),
        ..step(resend, start(32_000))
    };
    for invite in [true, false] {
        let (_, udp) = ClientMachine::start(invite, false, Timing::default());
        assert_eq!(udp, sent(start(500)));
        let (_, tcp) = ClientMachine::start(invite, true, Timing::default());
        assert_eq!(tcp, sent(Keep));
    }
}

#[test]
fn figure_5_invite_before_any_response() {
    let resent = |ms| Step {
        resend: start(ms),
        ..Step::send(Packet::Request)
    };
    check(
        true,
        false,
        &[
            (&[], Resend, Calling, resent(1_000)),
            (&[Resend], Resend, Calling, resent(2_000)),
            (
                &[Resend, Resend, Resend, Resend],
                Resend,
                Calling,
                resent(16_000),
            ),
            (&[], End, Calling, given_up()),
            (&[End], End, Calling, Step::over(Terminated)),
            (
                &[End],
                Response(180),
                Proceeding,
                cancels(delivered(Stop, start(32_000))),
            ),
            (
                &[],
                Response(100),
                Proceeding,
                delivered(Stop, start(181_000)),
            ),
            (
                &[],
                Response(180),
                Proceeding,
                delivered(Stop, start(181_000)),
            ),
            (&[], Response(200), Accepted, delivered(Stop, start(32_000))),
            (
                &[],
                Response(486),
                Completed,
                acked(delivered(Stop, start(32_000))),
            ),
        ],
    );
}

#[test]
fn figure_5_invite_after_a_response() {
    let nothing = Step::nothing;
    let ack = || Step::send(Packet::Ack);
    check(
        true,
        false,
        &[
            (&[Response(100)], Resend, Proceeding, nothing()),
            (
                &[Response(100)],
                Response(100),
                Proceeding,
                delivered(Keep, Keep),
            ),
            (
                &[Response(100)],
                Response(183),
                Proceeding,
                delivered(Keep, start(181_000)),
            ),
            (
                &[Response(183)],
                Response(200),
                Accepted,
                delivered(Stop, start(32_000)),
            ),
            (
                &[Response(183)],
                Response(302),
                Completed,
                acked(delivered(Stop, start(32_000))),
            ),
            (&[Response(183)], End, Proceeding, cancels(nothing())),
            (&[Response(183), End], End, Proceeding, Step::over(TimedOut)),
            (&[Response(486)], Response(486), Completed, ack()),
            (&[Response(486)], Response(180), Completed, nothing()),
            (&[Response(486)], Response(200), Completed, nothing()),
            (&[Response(486)], End, Completed, Step::over(Terminated)),
            (
                &[Response(200)],
                Response(200),
                Accepted,
                delivered(Keep, Keep),
            ),
            (&[Response(200)], Response(486), Accepted, nothing()),
            (&[Response(200)], Response(180), Accepted, nothing()),
            (&[Response(200)], End, Accepted, Step::over(Terminated)),
        ],
    );
}

#[test]
fn figure_5_invite_over_tcp() {
    check(
        true,
        true,
        &[
            (
                &[],
                Response(180),
                Proceeding,
                delivered(Stop, start(181_000)),
            ),
            (
                &[],
                Response(486),
                Completed,
                acked(delivered(Stop, start(0))),
            ),
            (&[], Response(200), Accepted, delivered(Stop, start(32_000))),
            (&[], End, Calling, given_up()),
        ],
    );
}

#[test]
fn an_invite_is_cancelled_once_it_may_be() {
    let nothing = Step::nothing;
    check(
        true,
        false,
        &[
            (&[], Cancel, Calling, nothing()),
            (&[Cancel], Cancel, Calling, nothing()),
            (
                &[Cancel],
                Response(100),
                Proceeding,
                cancels(delivered(Stop, Keep)),
            ),
            (
                &[Cancel],
                Response(200),
                Accepted,
                delivered(Stop, start(32_000)),
            ),
            (&[Cancel], End, Calling, Step::over(TimedOut)),
            (&[Response(180)], Cancel, Proceeding, cancels(nothing())),
            (&[Response(180), Cancel], Cancel, Proceeding, nothing()),
            (
                &[Response(180), Cancel],
                Response(180),
                Proceeding,
                delivered(Keep, Keep),
            ),
            (
                &[Response(180), Cancel],
                End,
                Proceeding,
                Step::over(TimedOut),
            ),
            (
                &[Response(180), Cancel],
                Response(487),
                Completed,
                acked(delivered(Stop, start(32_000))),
            ),
            (&[Response(200)], Cancel, Accepted, nothing()),
            (&[Response(486)], Cancel, Completed, nothing()),
        ],
    );
}

#[test]
fn figure_6_other_methods() {
    let nothing = Step::nothing;
    let resent = |ms| Step {
        resend: start(ms),
        ..Step::send(Packet::Request)
    };
    check(
        false,
        false,
        &[
            (&[], Resend, Trying, resent(1_000)),
            (&[Resend], Resend, Trying, resent(2_000)),
            (&[Resend, Resend], Resend, Trying, resent(4_000)),
            (&[Resend, Resend, Resend], Resend, Trying, resent(4_000)),
            (&[], End, Trying, Step::over(TimedOut)),
            (&[], Cancel, Trying, nothing()),
            (&[], Response(100), Proceeding, delivered(Keep, Keep)),
            (&[], Response(200), Completed, delivered(Stop, start(5_000))),
            (&[], Response(401), Completed, delivered(Stop, start(5_000))),
            (&[Response(100)], Resend, Proceeding, resent(4_000)),
            (
                &[Response(100)],
                Response(183),
                Proceeding,
                delivered(Keep, Keep),
            ),
            (
                &[Response(100)],
                Response(200),
                Completed,
                delivered(Stop, start(5_000)),
            ),
            (&[Response(100)], End, Proceeding, Step::over(TimedOut)),
            (&[Response(200)], Response(200), Completed, nothing()),
            (&[Response(200)], Response(100), Completed, nothing()),
            (&[Response(200)], Resend, Completed, nothing()),
            (&[Response(200)], End, Completed, Step::over(Terminated)),
        ],
    );
    check(
        false,
        true,
        &[(&[], Response(200), Completed, delivered(Stop, start(0)))],
    );
}
