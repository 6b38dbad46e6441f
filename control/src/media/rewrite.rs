//! Puts our own addresses into a description, as edits to the bytes it came in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::side::Family;
use super::terms::Transport;
use crate::sdp::{Connection, Description, Line, Media};
use crate::sip::{Span, Splices, scan};

/// What one `m=` line becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Relayed through this address and RTP port of ours.
    At(SocketAddr),
    /// Relayed through either of these: the second is the one of the lines that everybody
    /// understands, the first is preferred by who understands `altc` (RFC 6947).
    AtEither(SocketAddr, SocketAddr),
    /// Port 0: refused, withdrawn, or not relayed.
    Nowhere(Transport),
}

/// What an edited description no longer shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewritten {
    /// The addresses it named, for whoever looks for them in the rest of the message.
    pub hidden: Vec<IpAddr>,
    /// The address of ours that stands for them.
    pub local: IpAddr,
}

/// Records in `edits` what makes `description` name `places` instead of its sender's addresses.
///
/// `anchor` stands in `o=` and the session's `c=`. An unspecified address says hold and stays one
/// (RFC 3264 §8.4), in the family of the address it would have been. ICE and other alternatives
/// to the addresses are removed, and BUNDLE with them, since every stream has a port of its own.
pub(super) fn rewrite(
    description: &Description,
    places: &[Place],
    anchor: IpAddr,
    edits: &mut Splices,
) -> Rewritten {
    let mut editor = Editor {
        description,
        anchor,
        edits,
        hidden: Vec::new(),
    };
    editor.session();
    for (media, place) in description.media().iter().zip(places) {
        match *place {
            Place::At(local) => editor.relayed(media, local),
            Place::AtEither(preferred, local) => {
                editor.relayed(media, local);
                editor.alternatives(media, [preferred, local]);
            }
            Place::Nowhere(transport) => editor.refused(media, transport),
        }
    }
    editor.remove_alternatives();
    editor.hide_remains();
    Rewritten {
        hidden: editor.hidden,
        local: anchor,
    }
}

struct Editor<'a> {
    description: &'a Description<'a>,
    anchor: IpAddr,
    edits: &'a mut Splices,
    hidden: Vec<IpAddr>,
}

impl Editor<'_> {
    fn session(&mut self) {
        if let Some(origin) = self.description.origin {
            if let Some(ip) = self.description.text(origin.address).as_str() {
                self.hide(ip.parse().ok());
            }
            self.edits.replace(origin.family, family_name(self.anchor));
            self.edits
                .replace_fmt(origin.address, format_args!("{}", self.anchor));
        }
        if let Some(connection) = self.description.connection {
            self.connection(&connection, self.anchor);
        }
    }

    fn relayed(&mut self, media: &Media, local: SocketAddr) {
        // One stream is one pair of ports here: `/2` would promise a second one (RFC 8866 §5.14).
        let ports = match media.port_count {
            Some(count) => media.port_span.to(count),
            None => media.port_span,
        };
        self.edits
            .replace_fmt(ports, format_args!("{}", local.port()));
        match (media.connection, self.description.connection) {
            (Some(own), _) => self.connection(&own, local.ip()),
            (None, Some(session)) => {
                let written = stand_in(&session, self.anchor);
                let needed = stand_in(&session, local.ip());
                if written != needed {
                    self.description
                        .insert_connection(self.edits, media, needed);
                }
            }
            (None, None) => {}
        }
        self.rtcp(media, local);
    }

    /// `a=altc` lines, the preferred address first (RFC 6947 §4).
    fn alternatives(&mut self, media: &Media, addresses: [SocketAddr; 2]) {
        for (preference, address) in (1..).zip(addresses) {
            let (family, ip, port) = (family_name(address.ip()), address.ip(), address.port());
            let line = format_args!("a=altc:{preference} {family} {ip} {port}");
            self.description.append_line(self.edits, media, line);
        }
    }

    fn refused(&mut self, media: &Media, transport: Transport) {
        let ports = match media.port_count {
            Some(count) => media.port_span.to(count),
            None => media.port_span,
        };
        if media.port != 0 {
            self.edits.replace(ports, "0");
        }
        if let Some(own) = media.connection {
            self.connection(&own, self.anchor);
        }
        if let Some(rtcp) = media.rtcp {
            self.hide(rtcp.connection.and_then(|named| named.ip));
            self.edits.remove(rtcp.line);
        }
        if transport == Transport::NotRelayed {
            // They describe a transport that is not relayed, addresses included (a=path of MSRP).
            let lines = self.description.lines();
            let own =
                lines.filter(|line| line.letter == b'a' && media.section.contains(line.whole));
            own.for_each(|line| self.edits.remove(line.whole));
        }
    }

    /// RTCP is on our next port, or on RTP's own where the party had them on one.
    fn rtcp(&mut self, media: &Media, local: SocketAddr) {
        let Some(rtcp) = media.rtcp else {
            return;
        };
        let shared = media.rtcp_mux.is_some() && rtcp.port == media.port;
        let port = local.port() + u16::from(!shared);
        self.edits
            .replace_fmt(rtcp.port_span, format_args!("{port}"));
        if let Some(named) = rtcp.connection {
            self.hide(named.ip);
            self.edits.replace(named.family, family_name(local.ip()));
            self.edits
                .replace_fmt(named.address, format_args!("{}", local.ip()));
        }
    }

    fn connection(&mut self, connection: &Connection, local: IpAddr) {
        self.hide(connection.ip);
        let ip = stand_in(connection, local);
        self.edits.replace(connection.family, family_name(ip));
        self.edits
            .replace_fmt(connection.address, format_args!("{ip}"));
    }

    fn remove_alternatives(&mut self) {
        for line in self.description.alternatives() {
            let named = scan::addresses(line.value.as_bytes(), Span::new(0, line.value.len()));
            let named: Vec<IpAddr> = named.map(|found| found.ip).collect();
            named.into_iter().for_each(|ip| self.hide(Some(ip)));
            self.edits.remove(line.whole);
        }
        for line in self.description.lines().filter(is_bundle) {
            self.edits.remove(line.whole);
        }
    }

    /// The sender's addresses where no grammar says they stand: in `s=`, in attributes of others.
    fn hide_remains(&mut self) {
        for line in self.description.lines() {
            let value = line.value.span();
            let found = scan::addresses(line.value.as_bytes(), Span::new(0, line.value.len()));
            for found in found.filter(|found| self.hidden.contains(&found.ip)) {
                let start = value.start() + found.span.start();
                let span = Span::new(start, start + found.span.len());
                if !self.edits.touches(span) {
                    self.edits
                        .replace_fmt(span, format_args!("{}", self.anchor));
                }
            }
        }
    }

    fn hide(&mut self, ip: Option<IpAddr>) {
        let known = |ip: &IpAddr| ip.is_unspecified() || self.hidden.contains(ip);
        if let Some(ip) = ip.filter(|ip| !known(ip)) {
            self.hidden.push(ip);
        }
    }
}

/// What stands in a connection's place: `local`, or on hold the unspecified address of its family.
fn stand_in(connection: &Connection, local: IpAddr) -> IpAddr {
    if !connection.ip.is_some_and(|ip| ip.is_unspecified()) {
        return local;
    }
    match Family::from(local) {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn family_name(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

/// `a=group:BUNDLE` and `a=bundle-only` (RFC 9143 §6, §5).
fn is_bundle(line: &Line) -> bool {
    let value = line.value.as_bytes();
    let starts = |name: &[u8]| {
        let start = value.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    line.letter == b'a' && (starts(b"group:BUNDLE") || value.eq_ignore_ascii_case(b"bundle-only"))
}
