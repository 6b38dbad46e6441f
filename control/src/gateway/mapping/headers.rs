//! Every header of a message, by what it says of the near side.

use super::identity::Hosts;
use super::{Crossing, Hidden};
use crate::sip::{Elements, Header, HeaderName, Message, NameAddr, Splices};

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
            if header.name == HeaderName::Other && self.shows(message.bytes(), header.name_span) {
                // Nothing else can stand there that is still a header's name (RFC 3261 §25.1).
                edits.remove_header(header);
                continue;
            }
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
