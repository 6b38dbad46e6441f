//! H.248 messages (ITU-T H.248.1, versions 1 to 3) as values over the bytes they came in, in the
//! text encoding (Annex B) and the binary one (Annex A).
//!
//! A message is read into a [`Message`]: what a proxy must know, and for whatever it may have to
//! change a [`Site`], the place where it stands. [`Edits`] name sites and what is to stand there;
//! everything else leaves byte for byte as it came.
//!
//! * `model`: what both encodings are read into
//! * `edits`: what is to be changed in a message on its way
//! * `own`: the few messages of our own
//! * `message`: a message over the octets it came in
//! * `text`: the text encoding
//! * `binary`: the binary encoding
//! * `tpkt`: messages cut from a byte stream
//! * `fuzz`: what holds for every input

mod binary;
pub mod edits;
pub mod fuzz;
pub mod limits;
mod message;
pub mod model;
pub mod own;
mod text;
pub mod tpkt;

pub use self::edits::{Edits, Replacement};
pub use self::message::Message;
pub use self::model::*;
pub use self::own::{Own, OwnMessage, OwnTermination, ServiceChangeReason};
