//! The client state machines: RFC 3261 figures 5 and 6, with RFC 6026 §8.4 (Accepted) and Timer C
//! (RFC 3261 §16.6) for INVITE.
//!
//! INVITE
//!
//! | state      | event           | does                                 | next                   |
//! |------------|-----------------|--------------------------------------|------------------------|
//! | –          | start           | send, A = T1 (UDP), B = 64 T1        | Calling                |
//! | Calling    | A               | send, A doubles                      | Calling                |
//! | Calling    | B               | given up, stop A, end = 64 T1        | Calling (given up)     |
//! | Calling    | end (given up)  |                                      | over                   |
//! | Calling    | B (cancelled)   | timed out                            | over                   |
//! | Calling    | cancel          | remember                             | Calling (cancelled)    |
//! | Calling    | 1xx             | deliver, stop A, C                   | Proceeding             |
//! | Calling    | 1xx (cancelled) | deliver, stop A, CANCEL, end = 64 T1 | Proceeding (cancelled) |
//! | Calling    | 1xx (given up)  | deliver, stop A, CANCEL, end = 64 T1 | Proceeding (cancelled) |
//! | Proceeding | 101–199         | deliver, restart C                   | Proceeding             |
//! | Proceeding | cancel, C       | CANCEL, end = 64 T1                  | Proceeding (cancelled) |
//! | Proceeding | end (cancelled) | timed out                            | over                   |
//! | both       | 2xx             | deliver, stop A, M                   | Accepted               |
//! | both       | 300–699         | deliver, ACK, stop A, D              | Completed              |
//! | Completed  | 300–699         | ACK                                  | Completed              |
//! | Completed  | D               |                                      | over                   |
//! | Accepted   | 2xx             | deliver                              | Accepted               |
//! | Accepted   | M               |                                      | over                   |
//!
//! Everything else
//!
//! | state      | event   | does                          | next       |
//! |------------|---------|-------------------------------|------------|
//! | –          | start   | send, E = T1 (UDP), F = 64 T1 | Trying     |
//! | Trying     | E       | send, E doubles up to T2      | Trying     |
//! | Trying     | 1xx     | deliver                       | Proceeding |
//! | Proceeding | E       | send, E = T2                  | Proceeding |
//! | Proceeding | 1xx     | deliver                       | Proceeding |
//! | both       | F       | timed out                     | over       |
//! | both       | 200–699 | deliver, stop E, K            | Completed  |
//! | Completed  | K       |                               | over       |
//!
//! Whatever is not listed does nothing.

use std::time::Duration;

use super::step::{Life, Packet, Rearm, Step};
use super::timing::Timing;
use crate::sip::Status;

/// Where a client transaction stands. Trying is only for other methods, Calling and Accepted only
/// for INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Calling,
    Trying,
    Proceeding,
    Completed,
    Accepted,
}

/// How far the cancelling of an INVITE has come (RFC 3261 §9.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cancelling {
    No,
    /// Wanted, but no provisional response has been seen yet.
    Wanted,
    /// Nobody has answered in time. Who heard its last copy may yet, and is to ring no more.
    GivenUp,
    Sent,
}

/// One client transaction without its messages and timers.
#[derive(Debug)]
pub(super) struct ClientMachine {
    pub state: State,
    invite: bool,
    reliable: bool,
    cancelling: Cancelling,
    interval: Duration,
    timing: Timing,
}

impl ClientMachine {
    pub fn start(invite: bool, reliable: bool, timing: Timing) -> (Self, Step) {
        let state = if invite {
            State::Calling
        } else {
            State::Trying
        };
        let cancelling = Cancelling::No;
        let machine = Self {
            state,
            invite,
            reliable,
            cancelling,
            interval: timing.t1,
            timing,
        };
        let resend = if reliable {
            Rearm::Keep
        } else {
            Rearm::Start(timing.t1)
        };
        let step = Step {
            resend,
            end: Rearm::Start(timing.give_up()),
            ..Step::send(Packet::Request)
        };
        (machine, step)
    }

    /// A response that belongs to this transaction.
    pub fn response(&mut self, status: Status) -> Step {
        match (self.state, status.code()) {
            (State::Calling | State::Trying | State::Proceeding, 100..200) => {
                self.provisional(status)
            }
            (State::Calling | State::Proceeding, 200..300) if self.invite => {
                self.state = State::Accepted;
                self.finished(self.timing.give_up())
            }
            (State::Calling | State::Proceeding, _) if self.invite => {
                self.state = State::Completed;
                let step = self.finished(self.timing.timer_d(self.reliable));
                Step {
                    send: Some(Packet::Ack),
                    ..step
                }
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                self.finished(self.timing.linger(self.reliable))
            }
            (State::Completed, 300..) if self.invite => Step::send(Packet::Ack),
            (State::Accepted, 200..300) => Step {
                deliver: true,
                ..Step::nothing()
            },
            _ => Step::nothing(),
        }
    }

    /// Timer A or E.
    pub fn resend(&mut self) -> Step {
        self.interval = match (self.state, self.invite) {
            (State::Calling, _) => self.interval * 2,
            (State::Trying, _) => self.timing.doubled(self.interval),
            (State::Proceeding, false) => self.timing.t2,
            _ => return Step::nothing(),
        };
        Step {
            resend: Rearm::Start(self.interval),
            ..Step::send(Packet::Request)
        }
    }

    /// Timer B, C, D, F, K or M.
    pub fn end(&mut self) -> Step {
        match self.state {
            State::Completed | State::Accepted => Step::over(Life::Terminated),
            State::Calling if self.cancelling == Cancelling::No => {
                self.cancelling = Cancelling::GivenUp;
                Step {
                    resend: Rearm::Stop,
                    end: Rearm::Start(self.timing.give_up()),
                    ..Step::over(Life::GivenUp)
                }
            }
            State::Calling if self.cancelling == Cancelling::GivenUp => {
                Step::over(Life::Terminated)
            }
            State::Proceeding if self.invite && self.cancelling == Cancelling::No => self.cancel(),
            State::Calling | State::Trying | State::Proceeding => Step::over(Life::TimedOut),
        }
    }

    /// Whether this INVITE was cancelled, by its user or by Timer C.
    pub fn is_cancelled(&self) -> bool {
        self.cancelling != Cancelling::No
    }

    /// The user no longer wants this INVITE.
    pub fn cancel(&mut self) -> Step {
        if !self.invite || self.cancelling == Cancelling::Sent {
            return Step::nothing();
        }
        match self.state {
            State::Calling => {
                self.cancelling = Cancelling::Wanted;
                Step::nothing()
            }
            State::Proceeding => self.cancel_now(),
            State::Trying | State::Completed | State::Accepted => Step::nothing(),
        }
    }

    /// The user has given this request up: it is not sent again, for what it tells may no longer
    /// be true when it is heard. What may have been heard is cancelled.
    pub fn abandon(&mut self) -> Step {
        let step = self.cancel();
        match self.state {
            State::Calling | State::Trying => Step {
                resend: Rearm::Stop,
                ..step
            },
            State::Proceeding if !self.invite => Step {
                resend: Rearm::Stop,
                ..step
            },
            State::Proceeding | State::Completed | State::Accepted => step,
        }
    }

    /// Whether the request may still be sent again or derived from, or its ACK sent again.
    pub fn needs_packet(&self) -> bool {
        match self.state {
            State::Calling | State::Trying | State::Proceeding => self.invite || !self.reliable,
            State::Completed => self.invite && !self.reliable,
            State::Accepted => false,
        }
    }

    fn provisional(&mut self, status: Status) -> Step {
        let first = self.state != State::Proceeding;
        self.state = State::Proceeding;
        if !self.invite {
            return Step {
                deliver: true,
                ..Step::nothing()
            };
        }
        let mut step = match self.cancelling {
            Cancelling::Wanted | Cancelling::GivenUp => self.cancel_now(),
            Cancelling::No if first || status.code() > 100 => Step {
                end: Rearm::Start(self.timing.timer_c),
                ..Step::nothing()
            },
            _ => Step::nothing(),
        };
        step.resend = if first { Rearm::Stop } else { Rearm::Keep };
        Step {
            deliver: true,
            ..step
        }
    }

    fn finished(&self, end: Duration) -> Step {
        let (resend, end) = (Rearm::Stop, Rearm::Start(end));
        Step {
            resend,
            end,
            deliver: true,
            ..Step::nothing()
        }
    }

    fn cancel_now(&mut self) -> Step {
        self.cancelling = Cancelling::Sent;
        Step {
            cancel: true,
            end: Rearm::Start(self.timing.give_up()),
            ..Step::nothing()
        }
    }
}
