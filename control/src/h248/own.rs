//! The few messages of our own: what a proxy says for itself.

use super::model::{Encoding, ErrorDescriptor, MessageId, TransactionId};

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
}
