//! What a phone tells the person holding it.

use std::time::Duration;

use rsip::Method;

use super::call::CallHandle;
use crate::sip::version::Version;

/// Something happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The registrar accepted, for so long.
    Registered(Duration),
    /// The registrar let us go.
    Unregistered,
    /// The registrar refused with a status, or did not answer.
    RegistrationFailed(Option<u16>),
    /// Someone calls.
    Incoming {
        /// The new call.
        call: CallHandle,
        /// The caller's user part.
        from: String,
    },
    /// A provisional response to our call.
    Progress {
        /// Which call.
        call: CallHandle,
        /// 100 to 199.
        status: u16,
    },
    /// Both sides agreed.
    Established(CallHandle),
    /// A later offer and answer completed: who may send now may have changed.
    Renegotiated(CallHandle),
    /// The other side would not have our later offer.
    OfferRefused {
        /// Which call.
        call: CallHandle,
        /// Its final status.
        status: u16,
    },
    /// What became of a transfer we asked for: the refusal's status, or what the other side says of
    /// its new call.
    Transfer {
        /// The call transferred.
        call: CallHandle,
        /// A SIP status.
        status: u16,
    },
    /// The other side asked us to call someone else, and we do.
    Transferred {
        /// The call the request came in.
        call: CallHandle,
        /// The call we now place.
        to: CallHandle,
    },
    /// Somebody says something: MESSAGE, INFO or NOTIFY with a body.
    Told {
        /// The user part of who says it.
        from: String,
        /// What.
        text: String,
    },
    /// What we asked outside of calls, or said, got its final answer.
    Answered {
        /// What kind of request it was.
        method: Method,
        /// What it said.
        text: String,
        /// The answer.
        status: u16,
    },
    /// We told a caller to call again in another IP version.
    SentElsewhere {
        /// The caller's user part.
        from: String,
        /// The version that we can use.
        usable: Version,
    },
    /// We were told so, and do.
    CalledAgain {
        /// Which call.
        call: CallHandle,
        /// The version we now use.
        usable: Version,
    },
    /// We were sent on to somebody else, or to another place, and call there.
    SentOn {
        /// Which call.
        call: CallHandle,
        /// The user part of where it goes now.
        to: String,
    },
    /// A session timer was agreed on, or agreed on again (RFC 4028).
    Refreshed(CallHandle),
    /// A call is over.
    Ended {
        /// Which call.
        call: CallHandle,
        /// Why.
        reason: EndReason,
    },
}

/// Why a call is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// We hung up.
    HungUp,
    /// The other side hung up.
    RemoteHungUp,
    /// The caller gave up before the answer.
    Cancelled,
    /// A final status other than success.
    Rejected(u16),
    /// The session timer ran out: the other side is gone (RFC 4028 §10).
    Expired,
    /// Nobody answered the INVITE at all.
    NoResponse,
    /// The description could not be read or has no audio we speak.
    NoCommonMedia,
}

/// Something put off until later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Ring,
    Answer,
    Reject(u16),
    Redirect(u16),
    Reoffer,
    /// The session timer that was agreed on at that number is due.
    Session(u32),
    /// A response that was to be acknowledged, and was last sent so long before.
    Repeat(Duration),
}
