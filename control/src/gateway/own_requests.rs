//! Requests of Strait's own: OPTIONS that ask whether somebody is there, and what is said within a
//! dialog in the name of one of its parties.

use strait_shared::time::Instant;

use super::dialogs::Party;
use super::hangup::reason_header;
use super::io::{Flow, Transport};
use super::transaction::{Outgoing, Standing};
use super::{Asked, Gateway};
use crate::sip::{Builder, Method};

/// What is said to one party of a dialog in the other one's name.
#[derive(Debug)]
pub(super) struct Spoken<'a> {
    pub method: Method<'a>,
    /// Whom it is for.
    pub party: &'a Party,
    /// The tag of the other one.
    pub from_tag: &'a [u8],
    /// The number of its CSeq.
    pub number: u32,
    /// Why it is said (RFC 3326).
    pub reason: Option<&'static str>,
}

impl Gateway {
    /// Says something within a dialog, in a transaction of its own.
    pub(super) fn speak(
        &mut self,
        now: Instant,
        flow: Flow,
        (uri, routes): (&[u8], &[u8]),
        spoken: &Spoken,
        asked: Asked,
    ) {
        let (party, method, branch) = (spoken.party, spoken.method, self.own_branch());
        let mut bytes = Vec::with_capacity(512);
        let mut builder =
            Builder::request(&mut bytes, method, uri).header("Via", self.via(flow, &branch));
        if !routes.is_empty() {
            builder = builder.header("Route", routes);
        }
        builder = builder
            .header("Max-Forwards", "70")
            .header("From", tagged(&party.peer_uri, spoken.from_tag))
            .header("To", tagged(&party.uri, &party.tag))
            .header("Call-ID", &party.call_id)
            .header_fmt("CSeq", format_args!("{} {method}", spoken.number));
        if let Some(reason) = spoken.reason {
            builder = builder.header("Reason", reason_header(reason));
        }
        builder.finish();
        self.ask(now, flow, method, &branch, bytes, asked);
    }

    /// Asks whoever is on `flow` whether it lives.
    pub(super) fn ask_options(&mut self, now: Instant, flow: Flow, uri: &[u8], asked: Asked) {
        let branch = self.own_branch();
        let tag = self.unique.next();
        let call_id = self.unique.next();
        let mut bytes = Vec::with_capacity(400);
        let own = &self.settings.listener(flow).authority;
        let own = String::from_utf8_lossy(own);
        Builder::request(&mut bytes, Method::Options, uri)
            .header("Via", self.via(flow, &branch))
            .header("Max-Forwards", "70")
            .header_fmt("From", format_args!("<sip:strait@{own}>;tag={tag:016x}"))
            .header("To", [b"<", uri, b">"].concat())
            .header_fmt("Call-ID", format_args!("{call_id:016x}"))
            .header("CSeq", "1 OPTIONS")
            .finish();
        self.ask(now, flow, Method::Options, &branch, bytes, asked);
    }

    /// Sends a request in a transaction of its own.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        flow: Flow,
        method: Method,
        branch: &str,
        bytes: Vec<u8>,
        asked: Asked,
    ) {
        let out = &mut self.outputs;
        let branch = branch.as_bytes();
        let request = Outgoing {
            method,
            branch,
            bytes,
            standing: Standing::Known,
        };
        let client = self.transactions.start(now, flow, request, out);
        match client {
            Some(client) => {
                self.asked.insert(client, asked);
            }
            None => self.counters.overload += 1,
        }
    }

    /// A branch for a request that was not received.
    pub(super) fn own_branch(&mut self) -> String {
        format!("z9hG4bK-{:016x}", self.unique.next())
    }

    /// Our Via for what leaves on `flow`; the response comes back to the port it came from
    /// (RFC 3581 §3).
    pub(super) fn via(&self, flow: Flow, branch: &str) -> Vec<u8> {
        let transport = match flow.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        let sent_by = &self.settings.listener(flow).host_port;
        let mut via = Vec::with_capacity(64 + branch.len());
        via.extend_from_slice(b"SIP/2.0/");
        via.extend_from_slice(transport.as_bytes());
        via.push(b' ');
        via.extend_from_slice(sent_by);
        via.extend_from_slice(b";branch=");
        via.extend_from_slice(branch.as_bytes());
        via.extend_from_slice(b";rport");
        via
    }
}

fn tagged(uri: &[u8], tag: &[u8]) -> Vec<u8> {
    let tag_name: &[u8] = if tag.is_empty() { b"" } else { b";tag=" };
    [b"<", uri, b">", tag_name, tag].concat()
}
