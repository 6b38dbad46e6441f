//! What a state machine asks of the layer around it.

use std::time::Duration;

/// What is to be done after one event. The default is nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Step {
    /// Something kept by the transaction to be put on the wire.
    pub send: Option<Packet>,
    /// The retransmission timer: A, E or G.
    pub resend: Rearm,
    /// The timer that bounds the state: B, C, D, F, H, I, J, K, L or M.
    pub end: Rearm,
    /// The message that caused the step goes up to the transaction's user.
    pub deliver: bool,
    /// A CANCEL for this INVITE may and should leave now (RFC 3261 §9.1).
    pub cancel: bool,
    /// Whether the transaction is over.
    pub life: Life,
}

/// Which of its messages a transaction sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packet {
    /// The client's request.
    Request,
    /// The client's ACK for a final response other than 2xx.
    Ack,
    /// The server's latest response.
    Response,
}

/// What happens to a timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Rearm {
    /// As it was.
    #[default]
    Keep,
    /// Cancelled.
    Stop,
    /// Cancelled and started anew.
    Start(Duration),
}

/// Whether a transaction goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Life {
    /// It does.
    #[default]
    Goes,
    /// It does for those who answer late; its user waits no longer: timer B.
    GivenUp,
    /// It ended as it should.
    Terminated,
    /// It ended because what it waited for never came: timers B, C, F, H.
    TimedOut,
}

impl Step {
    pub fn nothing() -> Self {
        Self::default()
    }

    pub fn send(packet: Packet) -> Self {
        Self {
            send: Some(packet),
            ..Self::default()
        }
    }

    pub fn over(life: Life) -> Self {
        Self {
            life,
            ..Self::default()
        }
    }
}
