//! Call-IDs, and headers that name other dialogs by theirs (RFC 3891, 3911, 4538).

use super::Crossing;
use crate::sip::{DialogName, Header, Message, Splices, Text, Uri, escape};

impl Crossing<'_> {
    /// A Call-ID as the far realm sees it, where nothing is known of it yet.
    pub fn call_id(&mut self, call_id: &[u8]) -> Box<[u8]> {
        match self.settings.realm_config(self.far.realm).hide.call_id {
            true => self.call_ids.hide(call_id, self.near),
            false => call_id.into(),
        }
    }

    /// The dialog that Replaces, Join or Target-Dialog names.
    pub(super) fn dialog_name(&mut self, message: &Message, header: &Header, edits: &mut Splices) {
        if let Some(name) = DialogName::parse_at(message.bytes(), header.value) {
            let call_id = self.named_call_id(&name);
            if *call_id != *name.call_id {
                edits.replace(name.call_id.span(), call_id);
            }
        }
    }

    /// The calls that In-Reply-To lists.
    pub(super) fn earlier_calls(&mut self, element: Text, edits: &mut Splices) {
        let call_id = self.earlier_call_id(&element);
        if *call_id != *element {
            edits.replace(element.span(), call_id);
        }
    }

    /// The dialog that a Refer-To asks to be replaced, escaped in its URI (RFC 3891 §7).
    pub(super) fn embedded_name(&mut self, uri: &Uri, edits: &mut Splices) {
        let replaces = uri.header_fields().find(|(name, _)| name.is("Replaces"));
        let Some((_, value)) = replaces else { return };
        let mut plain = Vec::with_capacity(value.len());
        escape::unescape(&value, &mut plain);
        let Some(name) = DialogName::parse(&plain) else {
            return;
        };
        let call_id = self.named_call_id(&name);
        if *call_id == *name.call_id {
            return;
        }
        let rest = &plain[name.call_id.span().end()..];
        edits.replace_with(value.span(), |out| {
            escape::escape_header(&call_id, out);
            escape::escape_header(rest, out);
        });
    }

    /// The Call-ID of a dialog that stands, as the far side of it sees it; else as of any.
    fn named_call_id(&mut self, name: &DialogName) -> Box<[u8]> {
        let (realm, call_id) = (self.near.realm, name.call_id.as_bytes());
        let (from, to) = (name.from_tag.as_bytes(), name.to_tag.as_bytes());
        let known = self.dialogs.far_call_id(realm, call_id, from, to);
        match known.or_else(|| self.dialogs.far_call_id(realm, call_id, to, from)) {
            Some(far) => far.into(),
            None => self.earlier_call_id(call_id),
        }
    }

    fn earlier_call_id(&mut self, call_id: &[u8]) -> Box<[u8]> {
        match self.call_ids.restore(call_id, self.far) {
            Some(original) => original.into(),
            None => self.call_id(call_id),
        }
    }
}
