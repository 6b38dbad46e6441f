//! Why an offer or answer is not carried out.

use std::net::SocketAddr;

use strait_config::RealmIndex;
use thiserror::Error;

use super::address::AddressFault;
use super::side::Family;

/// Why an offer or answer is not carried out. The session stays as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum MediaError {
    /// The session is closed.
    #[error("the session is closed")]
    Gone,
    /// The other side has an offer out that waits for its answer (SIP: 491, RFC 3261 §14.2).
    #[error("offers crossed")]
    Glare,
    /// The same side has an offer out that waits for its answer (SIP: 500 with Retry-After).
    #[error("the previous offer waits for its answer")]
    OfferPending,
    /// An answer without an offer.
    #[error("an answer that no offer was made for")]
    NoOffer,
    /// No port pair is left in a realm, for now (SIP: 503 with Retry-After).
    #[error("no {family} media port is left in realm {}", realm.0)]
    Exhausted {
        /// The realm.
        realm: RealmIndex,
        /// The family.
        family: Family,
    },
    /// More early dialogs than one offer can serve.
    #[error("too many early dialogs for one offer")]
    TooManyForks,
    /// More `m=` lines than the configuration allows (SIP: 488).
    #[error("more than {max} media lines")]
    TooManyLines {
        /// How many are allowed.
        max: usize,
    },
    /// An answer with more `m=` lines than its offer (RFC 3264 §6).
    #[error("an answer with more media lines than its offer")]
    MoreLinesThanOffered,
    /// A stream without an address (RFC 8866 §5.7).
    #[error("media line {line} has no connection address")]
    NoConnection {
        /// Which `m=` line, from 0.
        line: u16,
    },
    /// A stream in a family that the realm has no media address of (SIP: 488).
    #[error("realm {} has no {family} media address", realm.0)]
    NoAddress {
        /// The realm.
        realm: RealmIndex,
        /// The family.
        family: Family,
    },
    /// An answer in another family than its offer.
    #[error("media line {line} is answered in another address family")]
    FamilyMismatch {
        /// Which `m=` line, from 0.
        line: u16,
    },
    /// An address that media must not be sent to (SIP: 488). The text does not repeat it: who reads
    /// it may be the other party.
    #[error("media line {line} names {fault}")]
    Address {
        /// Which `m=` line, from 0.
        line: u16,
        /// The address.
        address: SocketAddr,
        /// What is wrong with it.
        fault: AddressFault,
    },
}
