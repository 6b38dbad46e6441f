//! RFC 3261 figures 7 and 8 with RFC 6026, one row a transition.

use super::*;
use crate::gateway::transaction::server_machine::{ServerMachine, State};
use crate::gateway::transaction::step::{Life, Packet};

use Life::{Terminated, TimedOut};
use Rearm::{Keep, Stop};
use State::*;

#[derive(Clone, Copy, Debug)]
enum On {
    Request,
    Respond(u16),
    Ack,
    Resend,
    End,
}
use On::{Ack, End, Request, Resend, Respond};

/// What led there, what happens, the state after it, what is done (`None`: refused).
type Row = (&'static [On], On, State, Option<Step>);

fn drive(machine: &mut ServerMachine, on: On) -> Option<Step> {
    match on {
        Request => Some(machine.request()),
        Respond(code) => machine.respond(status(code)),
        Ack => Some(machine.ack()),
        Resend => Some(machine.resend()),
        End => Some(machine.end()),
    }
}

fn check(invite: bool, reliable: bool, rows: &[Row]) {
    for (given, on, state, expected) in rows {
        let (mut machine, _) = ServerMachine::start(invite, reliable, Timing::default());
        for on in *given {
            drive(&mut machine, *on);
        }
        let done = drive(&mut machine, *on);
        let case = format!("invite {invite}, reliable {reliable}: {given:?} then {on:?}");
        assert_eq!(done, *expected, "{case}");
        assert_eq!(machine.state, *state, "{case}");
    }
}

fn sent(resend: Rearm, end: Rearm) -> Option<Step> {
    Some(Step {
        send: Some(Packet::Response),
        ..step(resend, end)
    })
}

fn nothing() -> Option<Step> {
    Some(Step::nothing())
}

fn over(life: Life) -> Option<Step> {
    Some(Step::over(life))
}

#[test]
fn figure_7_invite_before_a_final_response() {
    check(
        true,
        false,
        &[
            (&[], Request, Proceeding, nothing()),
            (&[], Ack, Proceeding, nothing()),
            (&[], End, Proceeding, over(TimedOut)),
            (&[], Respond(100), Proceeding, sent(Keep, start(300_000))),
            (&[], Respond(200), Accepted, sent(Keep, start(32_000))),
            (
                &[],
                Respond(486),
                Completed,
                sent(start(500), start(32_000)),
            ),
            (&[Respond(180)], Request, Proceeding, sent(Keep, Keep)),
            (
                &[Respond(180)],
                Respond(183),
                Proceeding,
                sent(Keep, start(300_000)),
            ),
            (
                &[Respond(180)],
                Respond(200),
                Accepted,
                sent(Keep, start(32_000)),
            ),
            (
                &[Respond(180)],
                Respond(302),
                Completed,
                sent(start(500), start(32_000)),
            ),
        ],
    );
}

#[test]
fn figure_7_invite_after_a_final_response() {
    let up = || {
        Some(Step {
            deliver: true,
            ..Step::nothing()
        })
    };
    check(
        true,
        false,
        &[
            (&[Respond(486)], Request, Completed, sent(Keep, Keep)),
            (&[Respond(486)], Resend, Completed, sent(start(1_000), Keep)),
            (
                &[Respond(486), Resend],
                Resend,
                Completed,
                sent(start(2_000), Keep),
            ),
            (
                &[Respond(486), Resend, Resend],
                Resend,
                Completed,
                sent(start(4_000), Keep),
            ),
            (
                &[Respond(486), Resend, Resend, Resend],
                Resend,
                Completed,
                sent(start(4_000), Keep),
            ),
            (&[Respond(486)], Respond(200), Completed, None),
            (&[Respond(486)], Respond(180), Completed, None),
            (&[Respond(486)], End, Completed, over(TimedOut)),
            (
                &[Respond(486)],
                Ack,
                Confirmed,
                Some(step(Stop, start(5_000))),
            ),
            (&[Respond(486), Ack], Ack, Confirmed, nothing()),
            (&[Respond(486), Ack], Request, Confirmed, nothing()),
            (&[Respond(486), Ack], Resend, Confirmed, nothing()),
            (&[Respond(486), Ack], End, Confirmed, over(Terminated)),
            (&[Respond(200)], Request, Accepted, nothing()),
            (&[Respond(200)], Respond(200), Accepted, sent(Keep, Keep)),
            (&[Respond(200)], Respond(486), Accepted, None),
            (&[Respond(200)], Ack, Accepted, up()),
            (&[Respond(200)], End, Accepted, over(Terminated)),
        ],
    );
}

#[test]
fn figure_7_invite_over_tcp() {
    check(
        true,
        true,
        &[
            (&[Respond(180)], Request, Proceeding, nothing()),
            (&[], Respond(486), Completed, sent(Keep, start(32_000))),
            (&[Respond(486)], Ack, Confirmed, Some(step(Stop, start(0)))),
            (&[], Respond(200), Accepted, sent(Keep, start(32_000))),
        ],
    );
}

#[test]
fn figure_8_other_methods() {
    check(
        false,
        false,
        &[
            (&[], Request, Trying, nothing()),
            (&[], End, Trying, over(TimedOut)),
            (&[], Respond(100), Proceeding, sent(Keep, Keep)),
            (&[], Respond(200), Completed, sent(Keep, start(32_000))),
            (&[], Respond(404), Completed, sent(Keep, start(32_000))),
            (&[Respond(100)], Request, Proceeding, sent(Keep, Keep)),
            (&[Respond(100)], Respond(183), Proceeding, sent(Keep, Keep)),
            (
                &[Respond(100)],
                Respond(200),
                Completed,
                sent(Keep, start(32_000)),
            ),
            (&[Respond(100)], End, Proceeding, over(TimedOut)),
            (&[Respond(200)], Request, Completed, sent(Keep, Keep)),
            (&[Respond(200)], Respond(200), Completed, None),
            (&[Respond(200)], Respond(100), Completed, None),
            (&[Respond(200)], Resend, Completed, nothing()),
            (&[Respond(200)], End, Completed, over(Terminated)),
        ],
    );
    check(
        false,
        true,
        &[
            (&[], Respond(200), Completed, sent(Keep, start(0))),
            (&[Respond(200)], Request, Completed, nothing()),
        ],
    );
}
