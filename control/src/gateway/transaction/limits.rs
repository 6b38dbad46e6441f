//! Every bound of the transaction layer, by name.

use std::time::Duration;

/// Server transactions that may live at once; a request beyond that is answered statelessly.
pub const MAX_SERVER_TRANSACTIONS: usize = 200_000;

/// Client transactions that may live at once; beyond that none can be started.
pub const MAX_CLIENT_TRANSACTIONS: usize = 200_000;

/// Bytes of messages kept by all transactions together, for retransmissions, ACK and CANCEL.
pub const MAX_RETAINED_BYTES: usize = 512 << 20;

/// One part in so many of these bounds is kept free for requests of calls that stand, so that a
/// flood of new ones does not keep anyone from hanging up.
pub const RESERVED_PART: usize = 4;

/// How long an INVITE server transaction waits for its next response before it is given up. Longer
/// than Timer C and the wait for a cancelled INVITE together, so that the far side ends first.
pub const INVITE_RESPONSE_WAIT: Duration = Duration::from_secs(300);

const _: () = assert!(
    INVITE_RESPONSE_WAIT.as_millis()
        > super::timing::TIMER_C.as_millis() + 2 * 64 * super::timing::T1.as_millis(),
    "the far side of a call gives up before the near side does"
);
