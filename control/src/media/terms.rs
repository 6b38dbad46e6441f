//! What a party says about its streams, read out of a session description.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use strait_shared::limits::CLOCK_HZ_MAX;

use super::error::MediaError;
use super::limits::{CODEC_NAME_BYTES, MEDIA_NAME_BYTES};
use super::side::Family;
use crate::sdp::{Connection, Description, Direction, Media};
use crate::sip::Text;

/// What a party says about one stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Terms {
    /// Whether the party takes part: a port other than 0, of a protocol that is relayed.
    pub wanted: bool,
    pub transport: Transport,
    /// Where it receives the media; nothing on hold or behind a host name.
    pub rtp: Option<SocketAddr>,
    /// Where it receives RTCP: a=rtcp (RFC 3605) or the next port.
    pub rtcp: Option<SocketAddr>,
    /// The family of its connection address, names and hold included.
    pub family: Option<Family>,
    /// The connection address is unspecified: nothing is to be sent (RFC 3264 §8.4).
    pub held: bool,
    /// RTCP may come on the RTP port (RFC 5761).
    pub mux: bool,
    pub direction: Direction,
    /// `audio`, `video`, `image` …
    pub media: String,
    /// The first codec it lists, which it prefers.
    pub codec: Option<Codec>,
}

/// How a stream's packets travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Transport {
    /// RTP over UDP, with or without SRTP.
    Rtp,
    /// Anything else over UDP: udptl, DTLS, BFCP …
    Datagram,
    /// TCP, SCTP and what nobody knows: not relayed, answered with port 0.
    NotRelayed,
}

/// A codec as a=rtpmap names it (RFC 8866 §6.6).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Codec {
    /// Its encoding name: `PCMA`, `opus` …
    pub name: String,
    /// Its RTP clock; 0 when not said.
    pub clock_hz: u32,
}

impl Codec {
    /// The clock that jitter is measured with; 0, not at all, where the dataplane cannot.
    pub(super) fn measured_clock_hz(&self) -> u32 {
        if self.clock_hz <= CLOCK_HZ_MAX {
            self.clock_hz
        } else {
            0
        }
    }
}

impl Terms {
    /// Whether silence of this stream says that the party is gone: live audio and video are
    /// sent all the time, text, fax and the like are not.
    pub fn is_timed(&self) -> bool {
        self.transport == Transport::Rtp && matches!(self.media.as_str(), "audio" | "video")
    }
}

/// One entry for each `m=` line.
pub(super) fn read(description: &Description, max_lines: usize) -> Result<Vec<Terms>, MediaError> {
    if description.media().len() > max_lines {
        return Err(MediaError::TooManyLines { max: max_lines });
    }
    let media = description.media().iter().enumerate();
    media
        .map(|(line, media)| read_line(description, media, line as u16))
        .collect()
}

fn read_line(description: &Description, media: &Media, line: u16) -> Result<Terms, MediaError> {
    let transport = transport(&description.text(media.proto));
    let wanted = media.port != 0 && transport != Transport::NotRelayed;
    let connection = description.connection_of(media);
    if wanted && connection.is_none() {
        return Err(MediaError::NoConnection { line });
    }
    let ip = connection.and_then(|connection| connection.ip);
    let held = ip.is_some_and(|ip| ip.is_unspecified());
    let usable = ip.filter(|ip| wanted && !ip.is_unspecified());
    let rtp = usable.map(|ip| SocketAddr::new(ip, media.port));
    Ok(Terms {
        wanted,
        transport,
        rtp,
        rtcp: rtcp(media, rtp),
        family: connection.map(|connection| family(description, &connection)),
        held,
        mux: media.rtcp_mux.is_some(),
        direction: description.direction_of(media),
        media: lower_case(&description.text(media.kind)),
        codec: codec(description, media),
    })
}

/// RFC 3605 §2.1; an unspecified address or port 0 says nothing.
fn rtcp(media: &Media, rtp: Option<SocketAddr>) -> Option<SocketAddr> {
    let rtp = rtp?;
    let next = rtp
        .port()
        .checked_add(1)
        .map(|port| SocketAddr::new(rtp.ip(), port));
    let Some(rtcp) = media.rtcp.filter(|rtcp| rtcp.port != 0) else {
        return next;
    };
    match rtcp.connection {
        None => Some(SocketAddr::new(rtp.ip(), rtcp.port)),
        Some(own) => match own.ip {
            Some(ip) if !ip.is_unspecified() => Some(SocketAddr::new(ip, rtcp.port)),
            _ => next,
        },
    }
}

/// The address's own family; a name's is the one the line says.
pub(super) fn family(description: &Description, connection: &Connection) -> Family {
    match connection.ip {
        Some(ip) => ip.into(),
        None if description.text(connection.family).is("IP6") => Family::V6,
        None => Family::V4,
    }
}

/// How a protocol's packets travel, by its parts (RFC 8866 §5.14): `TCP/RTP/AVP` is framed on a
/// connection (RFC 4571), whatever follows.
pub(super) fn transport(proto: &Text) -> Transport {
    let mut parts = proto.split(|byte| *byte == b'/');
    let first = parts.next().unwrap_or_default();
    let is = |part: &[u8], names: &[&str]| {
        names
            .iter()
            .any(|name| part.eq_ignore_ascii_case(name.as_bytes()))
    };
    if is(first, &["RTP"]) {
        return Transport::Rtp;
    }
    if !is(first, &["UDP", "UDPTL", "DTLS", "VAT"]) {
        return Transport::NotRelayed;
    }
    if parts.clone().any(|part| is(part, &["TCP"])) {
        return Transport::NotRelayed;
    }
    if parts.any(|part| is(part, &["RTP"])) {
        Transport::Rtp
    } else {
        Transport::Datagram
    }
}

fn codec(description: &Description, media: &Media) -> Option<Codec> {
    let formats = description.text(media.formats);
    let format = formats.split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    let lines = description.lines().filter(|line| {
        line.letter == b'a'
            && media.section.contains(line.whole)
            && line.value.starts_with(b"rtpmap:")
    });
    let mapped = lines.filter_map(|line| {
        let value = &line.value.as_bytes()[b"rtpmap:".len()..];
        let value = std::str::from_utf8(value).ok()?.trim_ascii();
        let (number, encoding) = value.split_once([' ', '\t'])?;
        (number.as_bytes() == format).then(|| encoding.trim_ascii())
    });
    let mut mapped = mapped;
    match mapped.next() {
        Some(encoding) => {
            let mut parts = encoding.split('/');
            let name = parts.next()?.chars().take(CODEC_NAME_BYTES).collect();
            let clock_hz = parts
                .next()
                .and_then(|clock| clock.parse().ok())
                .unwrap_or(0);
            Some(Codec { name, clock_hz })
        }
        None => static_codec(format),
    }
}

/// The static payload types in use (RFC 3551 §6).
fn static_codec(format: &[u8]) -> Option<Codec> {
    let (name, clock_hz) = match format {
        b"0" => ("PCMU", 8_000),
        b"3" => ("GSM", 8_000),
        b"4" => ("G723", 8_000),
        b"8" => ("PCMA", 8_000),
        b"9" => ("G722", 8_000),
        b"15" => ("G728", 8_000),
        b"18" => ("G729", 8_000),
        b"26" => ("JPEG", 90_000),
        b"31" => ("H261", 90_000),
        b"34" => ("H263", 90_000),
        _ => return None,
    };
    Some(Codec {
        name: name.to_owned(),
        clock_hz,
    })
}

fn lower_case(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    text.chars().take(MEDIA_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(body: &str) -> Vec<Terms> {
        let sdp = format!("v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n{body}");
        read(&Description::parse(sdp.as_bytes()).unwrap(), 16).unwrap()
    }

    #[test]
    fn tells_what_travels_over_udp() {
        for (proto, expected) in [
            ("RTP/AVP", Transport::Rtp),
            ("rtp/savpf", Transport::Rtp),
            ("UDP/TLS/RTP/SAVPF", Transport::Rtp),
            ("udptl", Transport::Datagram),
            ("UDP/DTLS/SCTP", Transport::Datagram),
            ("DTLS/SCTP", Transport::Datagram),
            ("UDP/BFCP", Transport::Datagram),
            ("udp", Transport::Datagram),
            ("TCP/RTP/AVP", Transport::NotRelayed),
            ("TCP/TLS/MSRP", Transport::NotRelayed),
            ("DTLS/TCP/X", Transport::NotRelayed),
            ("SCTP", Transport::NotRelayed),
            ("H323c", Transport::NotRelayed),
        ] {
            let read = &terms(&format!("m=audio 4000 {proto} 0\n"))[0];
            assert_eq!(read.transport, expected, "{proto}");
            assert_eq!(read.wanted, expected != Transport::NotRelayed, "{proto}");
        }
    }

    #[test]
    fn finds_where_rtcp_goes() {
        for (attribute, expected) in [
            ("", Some("10.0.0.1:4001")),
            ("a=rtcp:4500\n", Some("10.0.0.1:4500")),
            ("a=rtcp:4500 IN IP4 10.0.0.9\n", Some("10.0.0.9:4500")),
            ("a=rtcp:9 IN IP4 0.0.0.0\n", Some("10.0.0.1:4001")),
            ("a=rtcp:0\n", Some("10.0.0.1:4001")),
        ] {
            let read = &terms(&format!("m=audio 4000 RTP/AVP 0\n{attribute}"))[0];
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(read.rtcp, expected, "{attribute}");
        }
    }

    #[test]
    fn names_the_preferred_codec() {
        let codec = |body: &str| terms(body)[0].codec.clone().map(|c| (c.name, c.clock_hz));
        assert_eq!(
            codec("m=audio 4000 RTP/AVP 8 0\n"),
            Some(("PCMA".into(), 8_000))
        );
        let opus = "m=audio 4000 RTP/AVP 96 8\na=rtpmap:8 PCMA/8000\na=rtpmap:96 opus/48000/2\n";
        assert_eq!(codec(opus), Some(("opus".into(), 48_000)));
        assert_eq!(codec("m=image 4000 udptl t38\n"), None);
    }
}
