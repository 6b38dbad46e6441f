//! A session description: where its addresses, ports and directions stand.

use std::net::IpAddr;

use thiserror::Error;

use super::limits::MAX_MEDIA;
use super::line::{Attribute, Direction, Line, Lines, line_end};
use super::media::{Connection, Media, Origin, Rtcp};
use crate::sip::limits::MAX_MESSAGE_BYTES;
use crate::sip::{Span, Splices, Text};

/// Why a description cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Longer than any message.
    #[error("description too long")]
    TooLong,
    /// It does not start with `v=0` (RFC 8866 §5.1).
    #[error("description does not start with v=0")]
    Version,
    /// More `m=` lines than [`MAX_MEDIA`].
    #[error("too many media descriptions")]
    TooManyMedia,
    /// An `o=` line that is none, or a second one.
    #[error("malformed o= line")]
    Origin,
    /// A `c=` line that is none.
    #[error("malformed c= line")]
    Connection,
    /// An `m=` line that is none.
    #[error("malformed m= line")]
    Media,
    /// An `a=rtcp` line that is none.
    #[error("malformed a=rtcp line")]
    Rtcp,
}

/// A description's parts as offsets into the buffer it was read from.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    bytes: &'a [u8],
    span: Span,
    /// `o=`, where there is one.
    pub origin: Option<Origin>,
    /// The session's `c=`.
    pub connection: Option<Connection>,
    /// The session's direction attribute and its line.
    pub direction: Option<(Direction, Span)>,
    media: [Media; MAX_MEDIA],
    media_count: usize,
}

impl<'a> Description<'a> {
    /// Reads a description that fills `bytes`; spans are offsets into `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(Error::TooLong);
        }
        Self::parse_at(bytes, Span::new(0, bytes.len()))
    }

    /// Reads a description that fills `span` of `bytes`, such as a message's body; spans are
    /// offsets into `bytes`, so that message and description are edited together.
    pub fn parse_at(bytes: &'a [u8], span: Span) -> Result<Self, Error> {
        let mut lines = Lines::new(bytes, span);
        let version = lines.next().ok_or(Error::Version)?;
        if version.letter != b'v' || version.value.trim_ascii() != b"0" {
            return Err(Error::Version);
        }
        let mut description = Self {
            bytes,
            span,
            origin: None,
            connection: None,
            direction: None,
            media: [Media::default(); MAX_MEDIA],
            media_count: 0,
        };
        for line in lines {
            match description.media[..description.media_count].last_mut() {
                _ if line.letter == b'm' => description.add_media(&line)?,
                Some(media) => media.read(&line)?,
                None => description.read(&line)?,
            }
        }
        Ok(description)
    }

    /// The media descriptions in order.
    pub fn media(&self) -> &[Media] {
        &self.media[..self.media_count]
    }

    /// Where the media description's packets are to go: its own `c=`, or the session's.
    pub fn connection_of(&self, media: &Media) -> Option<Connection> {
        media.connection.or(self.connection)
    }

    /// The media description's direction: its own, the session's, or both ways.
    pub fn direction_of(&self, media: &Media) -> Direction {
        media
            .direction
            .or(self.direction)
            .map_or_else(Direction::default, |found| found.0)
    }

    /// Where the media description's RTCP is to go: the address it names itself, if any, and
    /// the port: its own, RTP's where they are multiplexed, or the next one (RFC 3605 §2.1).
    pub fn rtcp_of(&self, media: &Media) -> (Option<IpAddr>, u16) {
        let address = self
            .connection_of(media)
            .and_then(|connection| connection.ip);
        match media.rtcp {
            _ if media.rtcp_mux.is_some() => (address, media.port),
            Some(rtcp) => (rtcp.connection.map_or(address, |own| own.ip), rtcp.port),
            None => (address, media.port.saturating_add(1)),
        }
    }

    /// All lines in order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        Lines::new(self.bytes, self.span)
    }

    /// Lines that offer other addresses than those the first `c=` of their level and `m=` name:
    /// candidates and all of ICE, alternatives, source filters, further `c=` and `a=rtcp` lines. A relay that
    /// changes the addresses must remove them.
    pub fn alternatives(&self) -> impl Iterator<Item = Line<'a>> + '_ {
        self.lines()
            .filter(|line| match (line.letter, line.attribute()) {
                (b'c', _) | (_, Some(Attribute::Rtcp)) => !self.counts(line),
                (_, attribute) => attribute.is_some_and(Attribute::offers_addresses),
            })
    }

    /// The bytes under a span of this description.
    pub fn text(&self, span: Span) -> Text<'a> {
        Text::new(self.bytes, span)
    }

    /// All of it.
    pub fn span(&self) -> Span {
        self.span
    }

    /// What ends its lines: CRLF, or whatever its first line ends in.
    pub fn line_end(&self) -> &'static [u8] {
        let first = self
            .lines()
            .next()
            .map(|line| (line.value.span().end(), line.whole.end()));
        let end = first.map_or(&b""[..], |(content, end)| {
            line_end(&self.bytes[content..end])
        });
        if end.is_empty() { b"\r\n" } else { end }
    }

    /// Records a `c=` line for a media description that has none of its own.
    pub fn insert_connection(&self, edits: &mut Splices, media: &Media, ip: IpAddr) {
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        self.insert_line(
            edits,
            media.connection_at(),
            format_args!("c=IN {family} {ip}"),
        );
    }

    /// Records a line, without line end, at the end of a media description.
    pub fn append_line(&self, edits: &mut Splices, media: &Media, line: std::fmt::Arguments) {
        self.insert_line(edits, media.section.end(), line);
    }

    /// The last line of a description may lack its end; a line put after it brings one along.
    fn insert_line(&self, edits: &mut Splices, at: usize, line: std::fmt::Arguments) {
        let end = self.line_end();
        let ended = matches!(self.bytes[..at], [.., b'\r' | b'\n']);
        edits.replace_with(Span::at(at), |out| {
            use std::io::Write;
            out.extend_from_slice(if ended { b"" } else { end });
            out.write_fmt(line)
                .expect("writing to memory does not fail");
            out.extend_from_slice(if ended { end } else { b"" });
        });
    }

    /// Whether a `c=` or `a=rtcp` line is the one of its level that counts.
    fn counts(&self, line: &Line) -> bool {
        let session = self.connection.map(|connection| connection.line);
        let media = self.media().iter().flat_map(|media| {
            [
                media.connection.map(|own| own.line),
                media.rtcp.map(|rtcp| rtcp.line),
            ]
        });
        media
            .chain([session])
            .flatten()
            .any(|read| read == line.whole)
    }

    fn add_media(&mut self, line: &Line) -> Result<(), Error> {
        let slot = self
            .media
            .get_mut(self.media_count)
            .ok_or(Error::TooManyMedia)?;
        *slot = Media::parse(line)?;
        self.media_count += 1;
        Ok(())
    }

    fn read(&mut self, line: &Line) -> Result<(), Error> {
        match (line.letter, line.attribute()) {
            (b'o', _) if self.origin.is_some() => return Err(Error::Origin),
            (b'o', _) => self.origin = Some(Origin::parse(line)?),
            (b'c', _) => {
                let connection = Connection::parse(line)?;
                self.connection.get_or_insert(connection);
            }
            (_, Some(Attribute::Direction(direction))) => {
                self.direction.get_or_insert((direction, line.whole));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Media {
    fn read(&mut self, line: &Line) -> Result<(), Error> {
        self.section = self.section.to(line.whole);
        match (line.letter, line.attribute()) {
            (b'i', _) => self.title_end = line.whole.end(),
            (b'c', _) => {
                let connection = Connection::parse(line)?;
                self.connection.get_or_insert(connection);
            }
            (_, Some(Attribute::Direction(direction))) => {
                self.direction.get_or_insert((direction, line.whole));
            }
            (_, Some(Attribute::Rtcp)) => {
                let rtcp = Rtcp::parse(line)?;
                self.rtcp.get_or_insert(rtcp);
            }
            (_, Some(Attribute::RtcpMux)) => {
                self.rtcp_mux.get_or_insert(line.whole);
            }
            _ => {}
        }
        Ok(())
    }
}
