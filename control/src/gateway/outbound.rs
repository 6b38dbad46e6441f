//! A received request as it leaves on the other side (RFC 3261 §16.6), byte for byte but for
//! what must change.

use super::limits::DEFAULT_MAX_FORWARDS;
use super::mapping::Crossing;
use super::token::Token;
use crate::sip::{Element, HeaderName, Message, NameAddr, Splices, Text, Uri};

/// What stands in the outgoing request beside what the mapping makes of the received one.
pub struct Outbound<'a> {
    /// The Request-URI; mapped from the received one where there is none.
    pub uri: Option<&'a [u8]>,
    /// The Route values, comma-separated; no header where empty.
    pub routes: &'a [u8],
    /// Our Via.
    pub via: &'a [u8],
    /// The Call-ID on the far side.
    pub call_id: &'a [u8],
    /// The URI in From.
    pub from: &'a [u8],
    /// The URI in To.
    pub to: &'a [u8],
    /// What stands for each Contact; tokens are made where there are too few.
    pub contacts: &'a [Token],
}

impl Outbound<'_> {
    /// Records the edits that make `request` the outgoing one. The body is edited before.
    pub fn edit(&self, request: &Message, crossing: &mut Crossing, edits: &mut Splices) {
        self.edit_request_uri(request, crossing, edits);
        self.edit_route(request, edits);
        self.edit_identity(request, edits);
        let mut tokens = self.contacts.iter();
        for (_, contact) in request.addresses(HeaderName::Contact).flatten() {
            match tokens.next() {
                Some(token) => crossing.stand_in(&contact, *token, edits),
                None => crossing.contact(&contact, edits),
            }
        }
        crossing.headers(edits);
        crossing.body(edits);
    }

    fn edit_request_uri(&self, request: &Message, crossing: &Crossing, edits: &mut Splices) {
        let text = request.request_uri().expect("it is a request");
        match (self.uri, Uri::parse_at(request.bytes(), text.span())) {
            (Some(uri), _) => replace_changed(edits, text, uri),
            (None, Some(uri)) => crossing.request_uri(&uri, edits),
            (None, None) => {}
        }
    }

    /// Via, Max-Forwards, Route and Record-Route: our own stand where the first Via stood.
    fn edit_route(&self, request: &Message, edits: &mut Splices) {
        let via = request
            .header(HeaderName::Via)
            .expect("it was checked for Via");
        edits.replace_with(via.line, |out| {
            line(out, b"Via: ", self.via);
            if !self.routes.is_empty() {
                line(out, b"Route: ", self.routes);
            }
        });
        for header in request.headers() {
            let hop = [HeaderName::Via, HeaderName::Route, HeaderName::RecordRoute];
            if hop.contains(&header.name) && header.line != via.line {
                edits.remove_header(header);
            }
        }
        let hops = request.max_forwards().ok().flatten();
        match (hops, request.header(HeaderName::MaxForwards)) {
            (Some(hops), Some(header)) => {
                edits.replace_fmt(header.value, format_args!("{}", hops.saturating_sub(1)));
            }
            _ => edits.insert_header(
                via.line.end(),
                "Max-Forwards",
                DEFAULT_MAX_FORWARDS.to_string(),
            ),
        }
    }

    fn edit_identity(&self, request: &Message, edits: &mut Splices) {
        if let Ok(call_id) = request.call_id() {
            replace_changed(edits, call_id, self.call_id);
        }
        for (name, uri) in [(HeaderName::From, self.from), (HeaderName::To, self.to)] {
            let Ok(address) = request.address(name) else {
                continue;
            };
            replace_uri(edits, &address, uri);
        }
    }
}

/// The Route values of a request outside of dialogs: what our own route headers with tokens lead
/// to. All else was meant for us or is for us to decide.
pub fn preloaded_routes(request: &Message, crossing: &Crossing) -> Vec<u8> {
    let mut routes = Vec::new();
    for (_, address) in request.addresses(HeaderName::Route).flatten() {
        if let Some(origin) = crossing.far_origin(&address.uri) {
            if !routes.is_empty() {
                routes.extend_from_slice(b", ");
            }
            routes.push(b'<');
            routes.extend_from_slice(&origin.uri);
            routes.push(b'>');
        }
    }
    routes
}

/// The values of a header, in order or reversed, comma-separated.
pub fn joined(message: &Message, name: HeaderName, reversed: bool) -> Box<[u8]> {
    let mut values: Vec<Element> = message.elements(name).collect();
    if reversed {
        values.reverse();
    }
    let texts: Vec<&[u8]> = values.iter().map(|value| value.text.as_bytes()).collect();
    texts.join(&b", "[..]).into()
}

/// Puts `uri` in place of an address's own, in brackets where it needs them.
pub fn replace_uri(edits: &mut Splices, address: &NameAddr, uri: &[u8]) {
    let text = address.uri.text;
    if *text == *uri {
        return;
    }
    let plain = address.bracketed || !uri.iter().any(|byte| b";,?".contains(byte));
    match plain {
        true => edits.replace(text.span(), uri),
        false => edits.replace(text.span(), [b"<", uri, b">"].concat()),
    }
}

fn replace_changed(edits: &mut Splices, text: Text, new: &[u8]) {
    if *text != *new {
        edits.replace(text.span(), new);
    }
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
