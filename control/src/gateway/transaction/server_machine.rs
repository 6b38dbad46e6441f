//! The server state machines: RFC 3261 figures 7 and 8, with RFC 6026 §8.7 (Accepted) for INVITE.
//!
//! INVITE
//!
//! | state      | event         | does                                  | next       |
//! |------------|---------------|---------------------------------------|------------|
//! | –          | INVITE        | wait bounded                          | Proceeding |
//! | Proceeding | INVITE        | send the last response                | Proceeding |
//! | Proceeding | user 1xx      | send, wait bounded anew               | Proceeding |
//! | Proceeding | user 2xx      | send, L                               | Accepted   |
//! | Proceeding | user 300–699  | send, G = T1 (UDP), H                 | Completed  |
//! | Proceeding | wait over     | timed out                             | over       |
//! | Completed  | INVITE        | send                                  | Completed  |
//! | Completed  | G             | send, G doubles up to T2              | Completed  |
//! | Completed  | ACK           | stop G, I                             | Confirmed  |
//! | Completed  | H             | timed out                             | over       |
//! | Confirmed  | I             |                                       | over       |
//! | Accepted   | user 2xx      | send                                  | Accepted   |
//! | Accepted   | ACK           | up to the user                        | Accepted   |
//! | Accepted   | L             |                                       | over       |
//!
//! Everything else
//!
//! | state      | event         | does                   | next       |
//! |------------|---------------|------------------------|------------|
//! | –          | request       | wait bounded by 64 T1  | Trying     |
//! | Trying     | user 1xx      | send                   | Proceeding |
//! | Proceeding | request       | send the last response | Proceeding |
//! | Proceeding | user 1xx      | send                   | Proceeding |
//! | both       | user 200–699  | send, J                | Completed  |
//! | both       | wait over     | timed out              | over       |
//! | Completed  | request       | send the last response | Completed  |
//! | Completed  | J             |                        | over       |
//!
//! The waits are ours: RFC 3261 leaves the time to the user. A non-INVITE client gives up after
//! 64 T1 (RFC 4320), so a later answer is of no use; an INVITE must hear something within
//! [`INVITE_RESPONSE_WAIT`]. Whatever is not listed does nothing.

use std::time::Duration;

use super::limits::INVITE_RESPONSE_WAIT;
use super::step::{Life, Packet, Rearm, Step};
use super::timing::Timing;
use crate::sip::Status;

/// Where a server transaction stands. Trying is only for other methods, Confirmed and Accepted
/// only for INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
}

/// One server transaction without its messages and timers.
#[derive(Debug)]
pub(super) struct ServerMachine {
    pub state: State,
    invite: bool,
    reliable: bool,
    responded: bool,
    interval: Duration,
    timing: Timing,
}

impl ServerMachine {
    pub fn start(invite: bool, reliable: bool, timing: Timing) -> (Self, Step) {
        let state = if invite {
            State::Proceeding
        } else {
            State::Trying
        };
        let wait = if invite {
            INVITE_RESPONSE_WAIT
        } else {
            timing.give_up()
        };
        let interval = timing.t1;
        let machine = Self {
            state,
            invite,
            reliable,
            responded: false,
            interval,
            timing,
        };
        (
            machine,
            Step {
                end: Rearm::Start(wait),
                ..Step::nothing()
            },
        )
    }

    /// The request came again. Over a reliable transport that is the sender's mistake and gets
    /// nothing: no response is kept for it.
    pub fn request(&mut self) -> Step {
        match self.state {
            State::Proceeding | State::Completed if self.responded && !self.reliable => {
                Step::send(Packet::Response)
            }
            _ => Step::nothing(),
        }
    }

    /// The user answers; `None` when the state allows no such response.
    pub fn respond(&mut self, status: Status) -> Option<Step> {
        let waiting = matches!(self.state, State::Trying | State::Proceeding);
        self.responded |= waiting;
        match status.code() {
            100..200 if waiting => Some(self.provisional()),
            200..300 if self.invite && waiting => Some(self.accepted()),
            200..300 if self.state == State::Accepted => Some(Step::send(Packet::Response)),
            200.. if waiting => Some(self.completed()),
            _ => None,
        }
    }

    /// An ACK that belongs to this INVITE; delivered when it is for a 2xx.
    pub fn ack(&mut self) -> Step {
        match self.state {
            State::Completed => {
                self.state = State::Confirmed;
                let end = Rearm::Start(self.timing.linger(self.reliable));
                Step {
                    resend: Rearm::Stop,
                    end,
                    ..Step::nothing()
                }
            }
            State::Accepted => Step {
                deliver: true,
                ..Step::nothing()
            },
            State::Trying | State::Proceeding | State::Confirmed => Step::nothing(),
        }
    }

    /// Timer G.
    pub fn resend(&mut self) -> Step {
        if !self.invite || self.state != State::Completed {
            return Step::nothing();
        }
        self.interval = self.timing.doubled(self.interval);
        Step {
            resend: Rearm::Start(self.interval),
            ..Step::send(Packet::Response)
        }
    }

    /// Timer H, I, J, L, or one of the waits.
    pub fn end(&mut self) -> Step {
        match (self.state, self.invite) {
            (State::Confirmed | State::Accepted, _) | (State::Completed, false) => {
                Step::over(Life::Terminated)
            }
            (State::Trying | State::Proceeding, _) | (State::Completed, true) => {
                Step::over(Life::TimedOut)
            }
        }
    }

    /// Whether the last response may still be sent again.
    pub fn needs_response(&self) -> bool {
        let resends = !matches!(self.state, State::Confirmed | State::Accepted);
        resends && (!self.reliable || self.may_be_missed())
    }

    /// The sender has moved: a final response that it has not acknowledged goes there too.
    pub fn moved(&self) -> Step {
        match self.may_be_missed() {
            true => Step::send(Packet::Response),
            false => Step::nothing(),
        }
    }

    fn may_be_missed(&self) -> bool {
        self.invite && self.state == State::Completed
    }

    fn provisional(&mut self) -> Step {
        self.state = State::Proceeding;
        let end = if self.invite {
            Rearm::Start(INVITE_RESPONSE_WAIT)
        } else {
            Rearm::Keep
        };
        Step {
            end,
            ..Step::send(Packet::Response)
        }
    }

    fn accepted(&mut self) -> Step {
        self.state = State::Accepted;
        Step {
            end: Rearm::Start(self.timing.give_up()),
            ..Step::send(Packet::Response)
        }
    }

    fn completed(&mut self) -> Step {
        self.state = State::Completed;
        let sent = Step::send(Packet::Response);
        if !self.invite {
            return Step {
                end: Rearm::Start(self.timing.timer_j(self.reliable)),
                ..sent
            };
        }
        let resend = if self.reliable {
            Rearm::Keep
        } else {
            Rearm::Start(self.timing.t1)
        };
        Step {
            resend,
            end: Rearm::Start(self.timing.give_up()),
            ..sent
        }
    }
}
