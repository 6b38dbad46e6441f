//! What the gateway's own timers are for.

use strait_config::SoftswitchIndex;

use super::calls::CallKey;
use super::controlled::associations::AssociationKey;
use super::controlled::passages::PassageKey;
use super::dialogs::DialogKey;
use super::exchange::ExchangeKey;
use super::io::LookupId;
use super::journal::EntryKey;
use super::keepalive::FlowName;
use super::opening::OpeningName;
use super::registrations::BindingKey;
use super::serve::locations::ContactKey;

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Ask a softswitch, or take it to be up again.
    Softswitch(SoftswitchIndex),
    /// Keep a flow open.
    KeepAlive(FlowName),
    /// A request found no response: try the next softswitch.
    Failover(ExchangeKey),
    /// A registration ran out.
    Binding(BindingKey),
    /// A dialog's 2xx to an INVITE was not acknowledged.
    AckMissing(DialogKey),
    /// A call's session was not refreshed (RFC 4028 §10).
    SessionExpired(CallKey),
    /// A party hung up before control restarted, and has not said so again.
    ByeMissing(CallKey),
    /// A party's BYE of this number was challenged.
    ByeChallenged(DialogKey, u32),
    /// An entry of the journal means nothing any more.
    Entry(EntryKey),
    /// A party that could not be reached has not come back for its BYE.
    Owed,
    /// Ask the parties of a call that would end unnoticed.
    Inquiry(DialogKey),
    /// A subscription ran out.
    Subscription(DialogKey),
    /// No further dialogs come of a SUBSCRIBE or REFER.
    Opening(OpeningName),
    /// A Contact registered here ran out.
    Location(ContactKey),
    /// A request of H.248 or MGCP is to be repeated, given up or forgotten.
    Passage(PassageKey),
    /// Ask a gateway, or look whether it is still there.
    Gateway(AssociationKey),
    /// The DNS has not answered.
    Lookup(LookupId),
}
