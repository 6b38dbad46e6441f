//! A received response as it leaves on the side its request came from.
//!
//! Via, From, To, Call-ID and Record-Route are the request's own again (RFC 3261 §8.2.6.2,
//! §12.1.1), so nothing of the far side is left in them.

use super::mapping::Crossing;
use super::received::Received;
use super::token::Token;
use crate::sip::{HeaderName, Message, Splices};

/// What the outgoing response takes from its request.
pub struct Inbound<'a> {
    /// The request it answers.
    pub request: &'a Received,
    /// The Via lines, each with its line end.
    pub vias: &'a [u8],
    /// What stands for the Contact of a dialog; otherwise every Contact is mapped by itself.
    pub contact: Option<Token>,
    /// Whether the request's Record-Routes are repeated: it sets up or refreshes a dialog.
    pub in_dialog: bool,
}

impl Inbound<'_> {
    /// Records the edits that make `response` the outgoing one. The body is edited before.
    pub fn edit(&self, response: &Message, crossing: &mut Crossing, edits: &mut Splices) {
        self.edit_hops(response, edits);
        self.edit_identity(response, edits);
        // A party that sends its caller on may name anybody its softswitch knows.
        let sends_on = response
            .status()
            .is_some_and(|status| status.is_redirection());
        let sends_on = sends_on && crossing.is_towards_softswitches();
        for (_, contact) in response.addresses(HeaderName::Contact).flatten() {
            match self.contact {
                Some(token) => crossing.stand_in(&contact, token, edits),
                None if sends_on => crossing.target(&contact, edits),
                None => crossing.contact(&contact, edits),
            }
        }
        crossing.headers(edits);
        crossing.body(edits);
    }

    fn edit_hops(&self, response: &Message, edits: &mut Splices) {
        let mut vias = response.headers_named(HeaderName::Via);
        let first = vias.next().expect("it was checked for Via");
        edits.replace_with(first.line, |out| {
            out.extend_from_slice(self.vias);
            if self.in_dialog {
                self.request
                    .record_routes()
                    .for_each(|line| out.extend_from_slice(line));
            }
        });
        vias.for_each(|header| edits.remove_header(header));
        let routes = response.headers_named(HeaderName::RecordRoute);
        routes.for_each(|header| edits.remove_header(header));
    }

    fn edit_identity(&self, response: &Message, edits: &mut Splices) {
        if let Some(from) = response.header(HeaderName::From) {
            replace(response, from.value, self.request.from(), edits);
        }
        if let Some(call_id) = response.header(HeaderName::CallId) {
            replace(response, call_id.value, self.request.call_id(), edits);
        }
        if let (Some(header), Ok(to)) = (
            response.header(HeaderName::To),
            response.address(HeaderName::To),
        ) {
            let tag = to.tag();
            let tag = tag.as_ref().map_or(&b""[..], |tag| tag.as_bytes());
            let mut own = Vec::with_capacity(128);
            self.request.write_to(tag, &mut own);
            replace(response, header.value, &own, edits);
        }
    }
}

fn replace(message: &Message, span: crate::sip::Span, new: &[u8], edits: &mut Splices) {
    if *message.text(span) != *new {
        edits.replace(span, new);
    }
}
