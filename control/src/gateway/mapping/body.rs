//! The body of a message, beyond what the media plane has made of its description.

use super::{Crossing, Hidden};
use crate::media::name_capabilities;
use crate::sdp::Description;
use crate::sip::{ContentType, HeaderName, Message, Method, Splices, Text};

impl Crossing<'_> {
    /// Edits a body that is not somebody's own words. What the media plane has edited stands.
    pub fn body(&self, edits: &mut Splices) {
        let message = self.message;
        if self.keeps_body {
            return;
        }
        let text = message.session_description();
        if let Some(text) = text.filter(|text| !edits.touches(text.span())) {
            self.description_without_role(text, edits);
        }
        let body = message.body().span();
        let content_type = message.content_type();
        if !content_type.is_ok_and(|found| found.is_some_and(|kind| is_between_people(&kind))) {
            self.scrub(message.bytes(), body, Hidden::All, edits);
        }
    }

    /// A description that is no offer or answer says what somebody can do (RFC 3264 §9). It stays
    /// behind where it would be taken for either, or where nobody can tell what it names.
    fn description_without_role(&self, text: Text, edits: &mut Splices) {
        let message = self.message;
        match Description::parse_at(message.bytes(), text.span()) {
            Ok(description) if !agrees_on_media(message) => {
                name_capabilities(&description, self.far_listener().address.ip(), edits);
            }
            _ => drop_description(message, text, edits),
        }
    }
}

/// Takes a description out of a message that may not carry it.
pub fn drop_description(message: &Message, text: Text, edits: &mut Splices) {
    edits.remove(text.span());
    if text.span() == message.body().span() {
        let content_type = message.header(HeaderName::ContentType);
        content_type
            .into_iter()
            .for_each(|header| edits.remove_header(header));
    }
}

/// Whether a description in this message is read as an offer or an answer (RFC 3264 §4).
fn agrees_on_media(message: &Message) -> bool {
    use Method::{Ack, Invite, Prack, Update};
    let refuses = message.status().is_some_and(|status| status.code() >= 300);
    let method = message.cseq().map(|cseq| cseq.method);
    !refuses && method.is_ok_and(|method| matches!(method, Invite | Ack | Prack | Update))
}

/// Whether a body is what people say or show each other, which is none of our business.
fn is_between_people(content_type: &ContentType) -> bool {
    let kinds = ["text", "image", "audio", "video"];
    kinds.iter().any(|kind| content_type.kind.is(kind)) || content_type.is("message", "cpim")
}
