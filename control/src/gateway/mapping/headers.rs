//! Every header of a message, by what it says of the near side.

use super::identity::Hosts;
use super::{Crossing, Hidden};
use crate::sip::{ContentType, Elements, Header, HeaderName, Message, NameAddr, Splices};

/// What becomes of a header on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Treatment {
    /// Whoever forwards the message has seen to it, or it is a credential that would break.
    Leave,
    /// Holds URIs that say who somebody is.
    Identity,
    /// Holds a URI a request may be sent to.
    Target,
    /// Holds URIs that requests will be routed by.
    Hops,
    /// Names a dialog.
    DialogName,
    /// Lists Call-IDs.
    CallIds,
    /// Is made of hosts and URIs of any scheme.
    Literals,
    /// Holds addresses of parties; whoever forwards the message has seen to those it knows.
    Party,
    /// Names a product, whose version may look like an address.
    Product,
    /// May hold anything.
    Text,
}

fn treatment(name: HeaderName) -> Treatment {
    use HeaderName::*;
    match name {
        Via | Route | RecordRoute | CallId | CSeq | MaxForwards | ContentLength | Authorization
        | ProxyAuthorization | WwwAuthenticate | ProxyAuthenticate | AuthenticationInfo
        | Identity => Treatment::Leave,
        Contact | From | To => Treatment::Party,
        UserAgent | Server => Treatment::Product,
        PAssertedIdentity | PPreferredIdentity | PAssociatedUri | PCalledPartyId | PServedUser
        | Diversion | HistoryInfo | RemotePartyId | ReferredBy | ReplyTo => Treatment::Identity,
        ReferTo => Treatment::Target,
        Path | ServiceRoute => Treatment::Hops,
        Replaces | Join | TargetDialog => Treatment::DialogName,
        InReplyTo => Treatment::CallIds,
        Warning
        | AlertInfo
        | CallInfo
        | ErrorInfo
        | PVisitedNetworkId
        | PChargingVector
        | PChargingFunctionAddresses
        | Geolocation
        | IdentityInfo => Treatment::Literals,
        _ => Treatment::Text,
    }
}

impl Crossing<'_> {
    /// Edits every header that nobody else sees to. Contact, From and To are searched for
    /// addresses only, beyond what was done to them before.
    pub fn headers(&mut self, edits: &mut Splices) {
        let message = self.message;
        for header in message.headers() {
            let treatment = treatment(header.name);
            self.header(message, header, treatment, edits);
            let hidden = match treatment {
                Treatment::Leave => continue,
                _ if self.keeps_hosts(header.name) => continue,
                Treatment::Product => Hidden::Known,
                Treatment::Text | Treatment::DialogName | Treatment::CallIds => Hidden::Private,
                _ => Hidden::All,
            };
            self.scrub(message.bytes(), header.value, hidden, edits);
        }
    }

    /// A body that is not somebody's own words. What the media plane has edited stands.
    pub fn body(&self, edits: &mut Splices) {
        let message = self.message;
        if self.keeps_body {
            return;
        }
        let body = message.body().span();
        let content_type = message.content_type();
        if !content_type.is_ok_and(|found| found.is_some_and(|kind| is_between_people(&kind))) {
            self.scrub(message.bytes(), body, Hidden::All, edits);
        }
    }

    /// From and To, where the far realm may read their hosts.
    fn keeps_hosts(&self, name: HeaderName) -> bool {
        let hides = self
            .settings
            .realm_config(self.far.realm)
            .hide
            .from_to_hosts;
        !hides && matches!(name, HeaderName::From | HeaderName::To)
    }

    fn header(
        &mut self,
        message: &Message,
        header: &Header,
        treatment: Treatment,
        edits: &mut Splices,
    ) {
        match treatment {
            Treatment::Leave
            | Treatment::Literals
            | Treatment::Party
            | Treatment::Product
            | Treatment::Text => {}
            Treatment::DialogName => self.dialog_name(message, header, edits),
            Treatment::CallIds => {
                let elements = elements_of(message, header);
                elements.for_each(|element| self.earlier_calls(element.text, edits));
            }
            Treatment::Identity | Treatment::Target | Treatment::Hops => {
                for element in elements_of(message, header) {
                    let address = NameAddr::parse(message.bytes(), element.text.span());
                    if let Some(address) = address {
                        self.address(&address, treatment, edits);
                    }
                }
            }
        }
    }

    fn address(&mut self, address: &NameAddr, treatment: Treatment, edits: &mut Splices) {
        match treatment {
            Treatment::Target => {
                self.target(address, edits);
                self.embedded_name(&address.uri, edits);
            }
            Treatment::Hops => self.contact(address, edits),
            _ => self.identity(&address.uri, Hosts::Hidden, edits),
        }
    }
}

/// The values of one header, taken apart where it is a list.
fn elements_of<'a, 'm>(message: &Message<'a>, header: &'m Header) -> Elements<'a, 'm> {
    Elements::new(message.bytes(), std::slice::from_ref(header), header.name)
}

/// Whether a body is what people say or show each other, which is none of our business.
fn is_between_people(content_type: &ContentType) -> bool {
    let kinds = ["text", "image", "audio", "video"];
    kinds.iter().any(|kind| content_type.kind.is(kind)) || content_type.is("message", "cpim")
}
