//! MGCP messages (RFC 3435, and the NCS profile of it) as values over the bytes they came in.
//!
//! A datagram is one or more [`Message`]s. Each knows what a proxy must know and where it stands;
//! what is to change is recorded in [`Splices`](crate::sip::Splices), and everything else leaves
//! byte for byte as it came.
//!
//! ```
//! use strait_control::mgcp::{self, edits};
//! use strait_control::sip::Splices;
//!
//! let received = b"RQNT 1201 aaln/1@[10.0.0.7] MGCP 1.0\r\n\
//!     N: ca@ca1.example.net:5678\r\nX: 1\r\n";
//! let message = mgcp::messages(received).next().expect("there is one")?;
//!
//! let mut changes = Splices::new();
//! let entity = message.notified_entity().expect("it names one");
//! edits::entity(&mut changes, &entity, "192.0.2.1:2727".parse().expect("it is an address"));
//! let mut sent = Vec::new();
//! message.render(&changes, &mut sent);
//! assert_eq!(&sent[38..], b"N: ca@[192.0.2.1]:2727\r\nX: 1\r\n");
//! # Ok::<(), strait_control::mgcp::Malformed>(())
//! ```
//!
//! * `model`: verbs, return codes, parameters, modes: the protocol's words
//! * `name`: endpoints, domains, notified entities
//! * `read`: a datagram's octets become messages
//! * `message`: what a message says
//! * `edits`: what a proxy changes in one
//! * `own`: the few messages of our own

pub mod edits;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod message;
mod model;
mod name;
pub mod own;
mod read;

pub use self::message::{Command, Message, Parameter, Response, Start};
pub use self::model::{
    Mode, ParameterName, RestartMethod, ReturnCode, TransactionId, TransactionRange, Verb,
};
pub use self::name::{Domain, EndpointName, NotifiedEntity};
pub use self::own::{LineEnd, LossReason, Own};
pub use self::read::{Fault, Malformed, messages};
