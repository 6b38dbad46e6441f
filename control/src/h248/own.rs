//! The few messages of our own: what a proxy says for itself.

use super::model::{ContextId, Encoding, ErrorDescriptor, MessageId, TransactionId};

/// A message of our own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnMessage<'a> {
    /// As its receiver speaks.
    pub encoding: Encoding,
    /// The protocol's version, as its receiver speaks it.
    pub version: u16,
    /// Whom its receiver takes us for.
    pub sender: &'a MessageId,
    /// What it says.
    pub what: Own,
}

/// What a proxy says for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Own {
    /// The last message was none.
    MessageError(ErrorDescriptor),
    /// A request was not carried out.
    Refusal {
        /// The request's number.
        transaction: TransactionId,
        /// Why.
        error: ErrorDescriptor,
    },
    /// A request is being worked on.
    Pending(TransactionId),
    /// A reply has arrived.
    Acknowledgement(TransactionId),
    /// Is the gateway there? `AuditValue` on `ROOT` with an empty audit descriptor, in the null
    /// context.
    AuditRoot(TransactionId),
    /// A gateway's termination was taken out of service, and what it did is over: ServiceChange by
    /// the method Forced (§7.2.8).
    Forced {
        /// The request's number.
        transaction: TransactionId,
        /// The termination.
        termination: OwnTermination,
        /// Why.
        reason: ServiceChangeReason,
    },
    /// No media is to flow at a termination: Modify, to the mode Inactive (§7.1.7).
    Silence {
        /// The request's number.
        transaction: TransactionId,
        /// The termination.
        termination: OwnTermination,
        /// Its streams.
        streams: Vec<u16>,
    },
    /// A termination is to leave its context: Subtract, without statistics (§7.1.12).
    Subtract {
        /// The request's number.
        transaction: TransactionId,
        /// The termination.
        termination: OwnTermination,
    },
}

/// A termination that a message of our own is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnTermination {
    /// Where it is.
    pub context: ContextId,
    /// Its name as it was read, without wildcards.
    pub name: Box<[u8]>,
}

/// Why a termination goes out of service (§7.2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServiceChangeReason {
    /// 905: somebody has taken it out.
    TakenOut,
    /// 906: what lies below is lost: its media.
    LayerLost,
}

impl ServiceChangeReason {
    /// The number, a blank and what it means.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::TakenOut => "905 Termination taken out of service",
            Self::LayerLost => "906 Loss of lower layer connectivity",
        }
    }
}
