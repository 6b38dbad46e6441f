//! A dialog as one side knows it (RFC 3261 §12).

use rsip::Method;

use super::message::Message;
use super::uri::{NameAddr, Uri};

/// The state shared by every request of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// The Call-ID.
    pub call_id: String,
    /// Our From (or To) value with our tag.
    pub local: String,
    /// Their To (or From) value with their tag.
    pub remote: String,
    /// Where requests go in the end: their Contact.
    pub target: Uri,
    /// The proxies that asked to stay on the path, nearest first.
    pub route: Vec<String>,
    /// The number of the last request sent.
    pub sequence: u32,
    /// The number of the last request received.
    pub remote_sequence: u32,
}

impl Dialog {
    /// The dialog a response to our INVITE establishes (§12.1.2). `None` without tag or Contact.
    pub fn from_response(request: &Message, response: &Message) -> Option<Self> {
        response.tag("To")?;
        let mut route: Vec<String> = response.items("Record-Route").map(str::to_owned).collect();
        route.reverse();
        Some(Self {
            call_id: response.call_id().to_owned(),
            local: request.header("From")?.to_owned(),
            remote: response.header("To")?.to_owned(),
            target: response.name_addr("Contact")?.uri,
            route,
            sequence: request.cseq()?.number,
            remote_sequence: 0,
        })
    }

    /// The dialog an INVITE received establishes once we answer with `tag` (§12.1.1).
    pub fn from_request(request: &Message, tag: &str) -> Option<Self> {
        Some(Self {
            call_id: request.call_id().to_owned(),
            local: format!("{};tag={tag}", request.header("To")?),
            remote: request.header("From")?.to_owned(),
            target: request.name_addr("Contact")?.uri,
            route: request.items("Record-Route").map(str::to_owned).collect(),
            sequence: 0,
            remote_sequence: request.cseq()?.number,
        })
    }

    /// Our tag and theirs.
    pub fn tags(&self) -> Option<[String; 2]> {
        Some([tag(&self.local)?, tag(&self.remote)?])
    }

    /// The next request in this dialog. An ACK takes the number of the INVITE it answers, which is
    /// `acknowledged`.
    pub fn request(&mut self, method: Method, acknowledged: Option<u32>) -> Message {
        let number = acknowledged.unwrap_or_else(|| {
            self.sequence += 1;
            self.sequence
        });
        let mut request = Message::request(method, &self.target);
        for route in &self.route {
            request.push("Route", route.clone());
        }
        request.push("Max-Forwards", "70");
        request.push("From", self.local.clone());
        request.push("To", self.remote.clone());
        request.push("Call-ID", self.call_id.clone());
        request.push("CSeq", format!("{number} {method}"));
        request
    }

    /// Whether `request`, as received, belongs here (§12.2.2).
    pub fn matches(&self, request: &Message) -> bool {
        request.call_id() == self.call_id
            && request.tag("To") == tag(&self.local)
            && request.tag("From") == tag(&self.remote)
    }

    /// Whether a response to our INVITE comes from whom this dialog is with.
    pub fn is_with(&self, response: &Message) -> bool {
        response.tag("To") == tag(&self.remote)
    }

    /// A new Contact moves the target (§12.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.name_addr("Contact") {
            self.target = contact.uri;
        }
    }

    /// Where the next request goes first, where that is an address literal.
    pub fn next_hop(&self) -> Option<Uri> {
        match self.route.first() {
            Some(route) => NameAddr::parse(route).ok().map(|route| route.uri),
            None => Some(self.target.clone()),
        }
    }
}

fn tag(value: &str) -> Option<String> {
    NameAddr::parse(value).ok()?.tag().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Message {
        let mut invite = Message::request(Method::Invite, &Uri::of_record("bob", "example.org"));
        invite.push("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1");
        invite.push("Record-Route", "<sip:192.0.2.20;lr>, <sip:192.0.2.10;lr>");
        invite.push("From", "<sip:alice@example.org>;tag=a");
        invite.push("To", "<sip:bob@example.org>");
        invite.push("Call-ID", "c1");
        invite.push("CSeq", "3 INVITE");
        invite.push("Contact", "<sip:alice@192.0.2.1:5060>");
        invite
    }

    #[test]
    fn both_sides_of_one_dialog_fit_together() {
        let invite = invite();
        let mut response = Message::response(&invite, 200, "b");
        response.push("Contact", "<sip:bob@192.0.2.2:5060>");
        let mut caller = Dialog::from_response(&invite, &response).unwrap();
        let mut callee = Dialog::from_request(&invite, "b").unwrap();

        let bye = caller.request(Method::Bye, None);
        assert!(callee.matches(&bye));
        assert_eq!(bye.cseq().unwrap().number, 4);
        assert_eq!(bye.items("Route").next(), Some("<sip:192.0.2.10;lr>"));
        assert_eq!(caller.next_hop().unwrap().to_string(), "sip:192.0.2.10;lr");

        let back = callee.request(Method::Bye, None);
        assert!(caller.matches(&back));
        assert_eq!(back.items("Route").next(), Some("<sip:192.0.2.20;lr>"));
        assert_eq!(
            back.start,
            Message::request(Method::Bye, &caller_contact()).start
        );
        assert_eq!(
            caller.request(Method::Ack, Some(3)).cseq().unwrap().number,
            3
        );
    }

    fn caller_contact() -> Uri {
        Uri::parse("sip:alice@192.0.2.1:5060").unwrap()
    }
}
