//! A session description: where its addresses, ports and directions stand.

use std::net::IpAddr;

use thiserror::Error;

use super::limits::MAX_MEDIA;
use super::line::{Attribute, Direction, Line, Lines, line_end};
use super::media::{Connection, Media, Origin, Rtcp};
use crate::sip::limits::MAX_MESSAGE_BYTES;
use crate::sip::{Span, Text};

/// Why a description cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Longer than any message.
    #[error("description too long")]
    TooLong,
    /// It does not start with `v=0` (RFC 8866 §5.1), or there is a second one.
    #[error("not one description that starts with v=0")]
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
        Self::read_lines(bytes, span, lines)
    }

    /// Reads a description whose `v=` line may be missing, as those of controlled gateways are
    /// (H.248.1 §7.1.8).
    pub fn parse_brief(bytes: &'a [u8], span: Span) -> Result<Self, Error> {
        let mut lines = Lines::new(bytes, span);
        let begun = lines.clone().next();
        if begun.is_some_and(|line| line.letter == b'v') {
            lines.next();
        }
        Self::read_lines(bytes, span, lines)
    }

    fn read_lines(bytes: &'a [u8], span: Span, lines: Lines<'a>) -> Result<Self, Error> {
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
            (b'v', _) => return Err(Error::Version),
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
            (b'v', _) => return Err(Error::Version),
            (b'o', _) => return Err(Error::Origin),
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

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\n\
        o=alice 289 290 IN IP4 10.1.1.7\r\n\
        s=-\r\n\
        c=IN IP4 10.1.1.7/127\r\n\
        t=0 0\r\n\
        a=SendOnly\r\n\
        m=audio 4000/2 RTP/AVP 8 0\r\n\
        a=rtcp:53020 IN IP6 2001:db8::7\r\n\
        m=video 0 RTP/AVP 31\r\n\
        i=title\r\n\
        c=IN IP6 2001:db8::9\r\n\
        c=IN IP6 2001:db8::10\r\n\
        a=rtcp-mux\r\n\
        a=rtcp:9\r\n\
        a=recvonly\r\n\
        m=image 5000 udptl t38";

    #[test]
    fn addresses_ports_and_directions_are_found() {
        let offer = Description::parse(OFFER.as_bytes()).unwrap();
        let text = |span| offer.text(span).as_str().unwrap();
        let origin = offer.origin.unwrap();
        assert_eq!(
            (text(origin.version), text(origin.address)),
            ("290", "10.1.1.7")
        );
        assert_eq!(offer.connection.unwrap().ip, "10.1.1.7".parse().ok());
        let [audio, video, image] = offer.media() else {
            panic!("three of them")
        };
        assert_eq!(
            (text(audio.kind), audio.port, text(audio.formats)),
            ("audio", 4000, "8 0")
        );
        assert_eq!(audio.port_count.map(text), Some("2"));
        assert_eq!(offer.direction_of(audio), Direction::SendOnly);
        assert_eq!(offer.rtcp_of(audio), ("2001:db8::7".parse().ok(), 53020));
        assert_eq!(
            (video.port, offer.direction_of(video)),
            (0, Direction::RecvOnly)
        );
        assert_eq!(
            offer.connection_of(video).unwrap().ip,
            "2001:db8::9".parse().ok()
        );
        assert_eq!(offer.rtcp_of(video), ("2001:db8::9".parse().ok(), 0));
        assert_eq!(
            (text(image.proto), text(image.section)),
            ("udptl", "m=image 5000 udptl t38")
        );
        assert_eq!(offer.rtcp_of(image), ("10.1.1.7".parse().ok(), 5001));
    }

    #[test]
    fn what_cannot_be_relayed_is_refused() {
        let fault = |rest: &str| Description::parse(format!("v=0\r\n{rest}").as_bytes()).err();
        for line in [
            "m=audio",
            "m=audio 1",
            "m=audio x RTP/AVP",
            "m=audio 65536 RTP/AVP 0",
            "m=audio -1 RTP/AVP 0",
            "m=",
            "m=audio  /2 RTP/AVP",
        ] {
            assert_eq!(fault(line), Some(Error::Media), "{line}");
        }
        for line in [
            "c=",
            "c=IN IP4",
            "c=IN IP4 10.0.0.1 10.0.0.2",
            "m=audio 1 a\nc=IN",
        ] {
            assert_eq!(fault(line), Some(Error::Connection), "{line}");
        }
        assert_eq!(fault("o=a 1 1 IN IP4"), Some(Error::Origin));
        assert_eq!(fault("o=A. User  1 1 IN IP4 h"), None);
        assert_eq!(
            fault("o=a 1 1 IN IP4 h\no=a 1 1 IN IP4 h"),
            Some(Error::Origin)
        );
        for line in [
            "a=rtcp",
            "a=rtcp:",
            "a=rtcp:x",
            "a=rtcp:70000",
            "a=rtcp:1 IN",
        ] {
            assert_eq!(
                fault(&format!("m=audio 1 a 0\n{line}")),
                Some(Error::Rtcp),
                "{line}"
            );
        }
        assert_eq!(fault(&"m=audio 1 a 0\n".repeat(MAX_MEDIA)), None);
        assert_eq!(
            fault(&"m=audio 1 a 0\n".repeat(MAX_MEDIA + 1)),
            Some(Error::TooManyMedia)
        );
        assert_eq!(
            fault("m=audio 1 a 0\no=a 1 1 IN IP4 h"),
            Some(Error::Origin)
        );
        assert_eq!(fault("v=0"), Some(Error::Version));
        assert_eq!(fault("m=audio 1 a 0\nv=0"), Some(Error::Version));
        for text in ["", "v=1\r\n", "o=a\r\nv=0\r\n", "\r\nv=0\r\n"] {
            assert_eq!(
                Description::parse(text.as_bytes()).err(),
                Some(Error::Version),
                "{text:?}"
            );
        }
        let long = [b"v=0\r\ns=".as_slice(), &[b'a'; MAX_MESSAGE_BYTES]].concat();
        assert_eq!(Description::parse(&long).err(), Some(Error::TooLong));
    }
}
