//! Session descriptions without re-rendering: spans of the received bytes, edited as splices.
//!
//! ```
//! use strait_control::sdp::Description;
//! use strait_control::sip::Splices;
//!
//! let offer = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
//!     m=audio 4000 RTP/AVP 8\r\n";
//! let description = Description::parse(offer)?;
//! let mut edits = Splices::new();
//! edits.replace(description.media()[0].port_span, "20000");
//! let mut relayed = Vec::new();
//! edits.apply(offer, &mut relayed);
//! assert!(relayed.ends_with(b"m=audio 20000 RTP/AVP 8\r\n"));
//! # Ok::<(), strait_control::sdp::Error>(())
//! ```

mod description;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod line;
mod media;
mod relay;

pub use description::{Description, Error};
pub use line::{Attribute, Direction, Line};
pub use media::{Connection, Media, Origin, Rtcp};
