//! Session descriptions of controlled gateways: several alternatives in one text, addresses that
//! the gateway shall choose (`$`), lines missing that others must have (H.248.1 §7.1.8).

use std::net::{IpAddr, SocketAddr};

use strait_shared::time::Instant;

use super::Role;
use super::legs::{LegKey, LegStream};
use super::limits::MAX_STREAMS;
use crate::gateway::Gateway;
use crate::media::{BySide, MediaError, Placed, withdraw};
use crate::sdp::Description;
use crate::sip::{Span, Splices};

/// One description of a text, and the lines of its session that its `m=` lines are.
struct Group<'a> {
    description: Description<'a>,
    /// The gateway is to choose an address or a port of it.
    open: bool,
    lines: Vec<u16>,
}

/// Why a description cannot be relayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DescriptorError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] crate::sdp::Error),
    /// Its media cannot be relayed.
    #[error("{0}")]
    Media(#[from] MediaError),
    /// The leg has too many streams, or is gone.
    #[error("too many streams")]
    Streams,
}

impl Gateway {
    /// Takes in where the party that `by` speaks for receives a leg's stream; the description
    /// that names our ports instead.
    pub(in crate::gateway) fn place_leg(
        &mut self,
        now: Instant,
        key: LegKey,
        stream: u16,
        by: Role,
        source: IpAddr,
        text: &[u8],
    ) -> Result<Vec<u8>, DescriptorError> {
        let mut groups = self.groups(key, stream, text)?;
        let leg = self.controlled.legs.get(key);
        let leg = leg.ok_or(DescriptorError::Streams)?;
        let (session, call) = (leg.session, leg.call);
        let from = leg.streams.get(&stream).map(|stream| stream.from);
        let from = from.unwrap_or_default();
        self.calls.touch(call);
        let mut edits = Splices::new();
        groups.retain(|group| !group.open);
        for group in &groups {
            let placed = Placed {
                by: by.side(),
                source,
                lines: &group.lines,
                from,
            };
            self.media
                .place(now, session, placed, &group.description, &mut edits)?;
        }
        self.place_rest(now, key, stream, by, source, groups.last());
        let mut out = Vec::with_capacity(text.len() + 16);
        edits.apply(text, &mut out);
        Ok(out)
    }

    /// Lines of a stream that a description with fewer addresses does not name lead where its
    /// last one does.
    fn place_rest(
        &mut self,
        now: Instant,
        key: LegKey,
        stream: u16,
        by: Role,
        source: IpAddr,
        last: Option<&Group>,
    ) {
        let leg = self.controlled.legs.get(key);
        let found = leg.and_then(|leg| Some((leg.session, leg.streams.get(&stream)?)));
        let (Some((session, own)), Some(last)) = (found, last) else {
            return;
        };
        if last.lines.len() != 1 {
            return;
        }
        let rest = own.lines.iter().position(|line| *line == last.lines[0]);
        let rest = rest.map_or(&[][..], |at| &own.lines[at + 1..]);
        for line in rest {
            let placed = Placed {
                by: by.side(),
                source,
                lines: &[*line],
                from: own.from,
            };
            let mut unseen = Splices::new();
            // What was possible for the line before is for this one, or it stays as it was.
            let _ = self
                .media
                .place(now, session, placed, &last.description, &mut unseen);
        }
    }

    /// Turns a description that names our ports towards `of`'s party back into what that party
    /// said, as far as it is known. What a gateway is to choose anew stays open.
    pub(in crate::gateway) fn name_leg(
        &mut self,
        key: LegKey,
        stream: u16,
        of: Role,
        text: &[u8],
    ) -> Result<Vec<u8>, DescriptorError> {
        let groups = self.groups(key, stream, text)?;
        let leg = self.controlled.legs.get(key);
        let leg = leg.ok_or(DescriptorError::Streams)?;
        let mut edits = Splices::new();
        for group in groups.iter().filter(|group| !group.open) {
            let known = |line: &u16| self.media.knows_party(leg.session, of.side(), *line);
            if of == Role::Gateway && !group.lines.iter().all(known) {
                choose(&group.description, &mut edits);
                continue;
            }
            let (lines, description) = (&group.lines, &group.description);
            self.media
                .name_party(leg.session, of.side(), lines, description, &mut edits)?;
        }
        let mut out = Vec::with_capacity(text.len() + 16);
        edits.apply(text, &mut out);
        Ok(out)
    }

    /// Says whose media flows on a leg's stream.
    pub(in crate::gateway) fn gate_leg(
        &mut self,
        now: Instant,
        key: LegKey,
        stream: u16,
        from: BySide<bool>,
    ) {
        let Some(leg) = self.controlled.legs.get_mut(key) else {
            return;
        };
        if leg.streams.len() < MAX_STREAMS || leg.streams.contains_key(&stream) {
            leg.streams.entry(stream).or_default().from = from;
            let call = leg.call;
            self.calls.touch(call);
            self.open_gates(now, key, stream);
        }
    }

    fn open_gates(&mut self, now: Instant, key: LegKey, stream: u16) {
        let Some(leg) = self.controlled.legs.get(key) else {
            return;
        };
        if let Some(own) = leg.streams.get(&stream) {
            self.media.let_flow(now, leg.session, &own.lines, own.from);
        }
    }

    /// The descriptions of a text, with the session's lines that they are about: those with the
    /// same address share one.
    fn groups<'a>(
        &mut self,
        key: LegKey,
        stream: u16,
        text: &'a [u8],
    ) -> Result<Vec<Group<'a>>, DescriptorError> {
        let max_lines = self.settings.config.limits.media_lines;
        let leg = self.controlled.legs.get_mut(key);
        let leg = leg.ok_or(DescriptorError::Streams)?;
        if leg.streams.len() >= MAX_STREAMS && !leg.streams.contains_key(&stream) {
            return Err(DescriptorError::Streams);
        }
        let own: &mut LegStream = leg.streams.entry(stream).or_default();
        let mut seen: Vec<SocketAddr> = Vec::new();
        let mut groups = Vec::new();
        for span in spans(text) {
            let open = is_open(&text[span.start()..span.end()]);
            let description = if open {
                let unread = Span::new(span.start(), span.start());
                Description::parse_brief(text, unread)?
            } else {
                Description::parse_brief(text, span)?
            };
            let mut lines = Vec::new();
            for media in description.media() {
                let ip = description.connection_of(media).and_then(|c| c.ip);
                let unnamed = || IpAddr::from([0, 0, 0, 0]);
                let address = SocketAddr::new(ip.unwrap_or_else(unnamed), media.port);
                let place = seen.iter().position(|other| *other == address);
                let place = place.unwrap_or_else(|| {
                    seen.push(address);
                    seen.len() - 1
                });
                if place == own.lines.len() {
                    if leg.lines >= max_lines {
                        return Err(DescriptorError::Streams);
                    }
                    own.lines.push(leg.lines);
                    leg.lines += 1;
                }
                lines.push(own.lines[place]);
            }
            groups.push(Group {
                description,
                open,
                lines,
            });
        }
        Ok(groups)
    }
}

/// A text that belongs to no leg, without its addresses.
pub fn without_addresses(text: &[u8]) -> Result<Vec<u8>, DescriptorError> {
    let mut edits = Splices::new();
    for span in spans(text) {
        withdraw(&Description::parse_brief(text, span)?, &mut edits);
    }
    let mut out = Vec::with_capacity(text.len());
    edits.apply(text, &mut out);
    Ok(out)
}

/// Each description of a text: from one `v=` line to the next.
fn spans(text: &[u8]) -> Vec<Span> {
    let starts = |at: &usize| {
        let begins_line = *at == 0 || matches!(text[at - 1], b'\n' | b'\r');
        begins_line && text[*at..].starts_with(b"v=")
    };
    let mut starts: Vec<usize> = (0..text.len()).filter(starts).collect();
    if starts.first() != Some(&0) && !text.is_empty() {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| Span::new(*start, end))
        .collect()
}

/// Whether a gateway is to choose an address or a port: `$` in a `c=` or the port of an `m=`.
fn is_open(text: &[u8]) -> bool {
    text.split(|byte| matches!(byte, b'\r' | b'\n'))
        .any(|line| {
            let words = line.split(u8::is_ascii_whitespace);
            match line {
                [b'c', b'=', ..] => line.contains(&b'$'),
                [b'm', b'=', ..] => words.skip(1).take(1).any(|port| port.contains(&b'$')),
                _ => false,
            }
        })
}

/// Has a gateway choose the addresses and ports of a description.
fn choose(description: &Description, edits: &mut Splices) {
    let own = description
        .media()
        .iter()
        .filter_map(|media| media.connection);
    for connection in description.connection.into_iter().chain(own) {
        edits.replace(connection.address, "$");
    }
    for media in description.media().iter().filter(|media| media.port != 0) {
        edits.replace(media.port_span, "$");
    }
    if let Some(origin) = description.origin {
        edits.remove(origin.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_told_apart() {
        let of = |text: &str| -> Vec<String> {
            let spans = spans(text.as_bytes()).into_iter();
            spans
                .map(|span| text[span.start()..span.end()].to_owned())
                .collect()
        };
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(of("c=IN IP4 $\r\n"), ["c=IN IP4 $\r\n"]);
        assert_eq!(of("v=0\nm=a\nv=0\nm=b\n"), ["v=0\nm=a\n", "v=0\nm=b\n"]);
        assert_eq!(of("m=a\nv=0\nm=b v=1\n"), ["m=a\n", "v=0\nm=b v=1\n"]);
    }

    #[test]
    fn what_a_gateway_chooses_is_seen() {
        assert!(is_open(b"v=0\r\nc=IN IP4 $\r\nm=audio 4000 RTP/AVP 0\r\n"));
        assert!(is_open(b"v=0\nc=IN IP4 10.0.0.1\nm=audio $ RTP/AVP 0\n"));
        assert!(!is_open(
            b"v=0\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP $\na=x:$\n"
        ));
    }
}
