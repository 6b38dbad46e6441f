//! SIP without re-rendering: messages as spans of the received bytes, edits as splices.
//!
//! A [`Message`] borrows what was received and knows where everything stands in it. What is to
//! change is recorded in [`Splices`] and applied in one pass by [`Message::render`]; every other
//! byte leaves as it came. Messages of Strait's own are written by [`Builder`].
//!
//! ```
//! use strait_control::sip::{HeaderName, Message, Splices};
//!
//! let received = b"OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n\
//!     v: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
//!     f: <sip:alice@example.com>;tag=1\r\nt: <sip:bob@example.com>\r\n\
//!     i: 1\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n";
//! let message = Message::parse(received)?;
//! message.check()?;
//!
//! let mut edits = Splices::new();
//! let hops = message.value(HeaderName::MaxForwards).expect("it has one");
//! edits.replace(hops.span(), "69");
//! let mut sent = Vec::new();
//! message.render(&mut edits, &mut sent);
//! assert!(sent.windows(16).any(|line| line == b"Max-Forwards: 69"));
//! # Ok::<(), strait_control::sip::ParseError>(())
//! ```

mod address;
mod builder;
mod check;
mod content_type;
mod elements;
mod equivalence;
pub mod escape;
mod fault;
mod fields;
pub mod framing;
#[doc(hidden)]
pub mod fuzz;
pub mod host;
pub mod limits;
mod lines;
mod message;
mod method;
mod multipart;
mod name;
mod params;
pub mod scan;
mod scanner;
mod span;
mod splices;
mod start_line;
mod status;
mod uri;
mod via;

pub use address::{Contact, NameAddr};
pub use builder::Builder;
pub use content_type::ContentType;
pub use elements::{Element, Elements};
pub use fault::{Fault, ParseError};
pub use fields::{CSeq, DialogName, Parametrised, RAck, SessionExpires};
pub use framing::{Frame, Framer, FramingError};
pub use host::{Host, HostPort, Port};
pub use message::{Header, Message};
pub use method::Method;
pub use name::HeaderName;
pub use params::{Param, Params};
pub use span::{Span, Text};
pub use splices::Splices;
pub use start_line::StartLine;
pub use status::Status;
pub use uri::{Scheme, Uri};
pub use via::{MAGIC_COOKIE, Via};
