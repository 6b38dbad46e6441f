//! Session descriptions (RFC 8866): one audio stream is spoken, others are declined.
//!
//! Built with `sdp-rs`, read here.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use sdp_rs::lines::common::{Addrtype, Nettype};
use sdp_rs::lines::media::{MediaType, ProtoType};
use sdp_rs::lines::{
    Active, Attribute, Connection, Media, Origin, SessionName, Version as DescriptionVersion,
};
use sdp_rs::{MediaDescription, SessionDescription, Time};

use super::version::Version;

/// Who may send (RFC 8866 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// Whoever says it.
    SendOnly,
    /// The other one.
    RecvOnly,
    /// Nobody.
    Inactive,
}

/// One `m=` line with its attributes, own or heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// `audio`, `video`, ….
    pub media: String,
    /// Where RTP goes; port 0 declines the line.
    pub rtp: SocketAddr,
    /// `RTP/AVP` and the like.
    pub protocol: String,
    /// The formats in order of preference, as written.
    pub formats: Vec<String>,
    /// Who may send.
    pub direction: Direction,
    /// Where RTCP goes when that is not the port above RTP (RFC 3605).
    pub rtcp: Option<SocketAddr>,
    /// Whether RTCP may share RTP's port (RFC 5761).
    pub rtcp_mux: bool,
    /// Where RTP may go instead, the preferred place first (RFC 6947); none, or several.
    pub alternatives: Vec<SocketAddr>,
}

/// A whole description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// The session's number in `o=`.
    pub session: u64,
    /// The version in `o=`, raised by one for each change (RFC 3264 §8).
    pub version: u64,
    /// The address in `o=`.
    pub origin: IpAddr,
    /// The `m=` lines.
    pub lines: Vec<Line>,
}

/// Why a description could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DescriptionError {
    /// Not text, or a line that does not say what it must.
    #[error("unreadable line {0:?}")]
    Line(String),
    /// A media line without any connection address.
    #[error("no address for media line {0}")]
    Address(usize),
    /// No origin.
    #[error("no origin")]
    Origin,
}

impl Direction {
    /// What the other side answers to this (RFC 3264 §6.1), if it wants all it may have.
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    /// Whether whoever says this sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether whoever says this wants to receive.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

impl Line {
    /// Where RTCP for this line goes.
    pub fn rtcp_address(&self) -> SocketAddr {
        let next = SocketAddr::new(self.rtp.ip(), self.rtp.port().saturating_add(1));
        self.rtcp.unwrap_or(next)
    }

    /// The IP versions RTP may go in, the preferred one first.
    pub fn versions(&self) -> impl Iterator<Item = Version> + '_ {
        let all = self.alternatives.iter().chain([&self.rtp]);
        all.map(|address| Version::of(address.ip()))
    }

    /// The line as it reads for who has chosen a version, if it names an address of it.
    pub fn in_version(&self, version: Version) -> Self {
        let fits = |address: &&SocketAddr| Version::of(address.ip()) == version;
        let mut line = self.clone();
        if let Some(chosen) = self.alternatives.iter().find(fits)
            && !fits(&&self.rtp)
        {
            line.rtp = *chosen;
            line.rtcp = None;
        }
        line
    }

    fn declined(&self) -> Self {
        let rtp = SocketAddr::new(self.rtp.ip(), 0);
        Self {
            rtp,
            rtcp: None,
            rtcp_mux: false,
            alternatives: Vec::new(),
            ..self.clone()
        }
    }

    fn build(&self) -> MediaDescription {
        let other = |name: &str, value: Option<String>| Attribute::Other(name.to_owned(), value);
        let mut attributes: Vec<_> = self
            .formats
            .iter()
            .filter_map(|format| match format.as_str() {
                "0" => Some(other("rtpmap", Some("0 PCMU/8000".to_owned()))),
                "8" => Some(other("rtpmap", Some("8 PCMA/8000".to_owned()))),
                _ => None,
            })
            .collect();
        attributes.push(other("ptime", Some("20".to_owned())));
        if let Some(rtcp) = self.rtcp {
            let (family, ip) = (family(rtcp.ip()), rtcp.ip());
            let value = format!("{} IN {family} {ip}", rtcp.port());
            attributes.push(other("rtcp", Some(value)));
        }
        if self.rtcp_mux {
            attributes.push(other("rtcp-mux", None));
        }
        for (index, address) in self.alternatives.iter().enumerate() {
            let (family, ip, port) = (family(address.ip()), address.ip(), address.port());
            let value = format!("{} {family} {ip} {port}", index + 1);
            attributes.push(other("altc", Some(value)));
        }
        attributes.push(match self.direction {
            Direction::SendRecv => Attribute::Sendrecv,
            Direction::SendOnly => Attribute::Sendonly,
            Direction::RecvOnly => Attribute::Recvonly,
            Direction::Inactive => Attribute::Inactive,
        });
        MediaDescription {
            media: Media {
                media: MediaType::from(self.media.as_str()),
                port: self.rtp.port(),
                num_of_ports: None,
                proto: ProtoType::from(self.protocol.as_str()),
                fmt: self.formats.join(" "),
            },
            info: None,
            connections: vec![connection(self.rtp.ip())],
            bandwidths: Vec::new(),
            key: None,
            attributes,
        }
    }
}

impl Description {
    /// The description to send.
    pub fn render(&self) -> String {
        let always = Time {
            active: Active { start: 0, stop: 0 },
            repeat: Vec::new(),
            zone: None,
        };
        let description = SessionDescription {
            version: DescriptionVersion::V0,
            origin: Origin {
                username: "-".to_owned(),
                sess_id: self.session.to_string(),
                sess_version: self.version.to_string(),
                nettype: Nettype::In,
                addrtype: family(self.origin),
                unicast_address: self.origin,
            },
            session_name: SessionName::new("-".to_owned()),
            session_info: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: None,
            bandwidths: Vec::new(),
            times: vec![always].try_into().expect("one time is not none"),
            key: None,
            attributes: Vec::new(),
            media_descriptions: self.lines.iter().map(Line::build).collect(),
        };
        let mut text = description.to_string();
        if !text.ends_with("\r\n") {
            text.push_str("\r\n");
        }
        text
    }

    /// Reads what the other side said. Never panics; unknown lines and attributes are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptionError> {
        let text = String::from_utf8_lossy(bytes);
        let mut reader = Reader::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            reader
                .line(line)
                .ok_or_else(|| DescriptionError::Line(line.to_owned()))?;
        }
        reader.finish()
    }

    /// The first audio line that has not been declined.
    pub fn audio(&self) -> Option<&Line> {
        self.lines
            .iter()
            .find(|line| line.media == "audio" && line.rtp.port() != 0)
    }

    /// The lines of an answer to this offer: `own` in place of its audio, all others declined
    /// (RFC 3264 §6).
    pub fn answer_lines(&self, own: &Line) -> Vec<Line> {
        let audio = self.audio();
        self.lines
            .iter()
            .map(|line| {
                if Some(line) == audio {
                    own.clone()
                } else {
                    line.declined()
                }
            })
            .collect()
    }
}

/// What has been read so far; addresses and directions of the session hold for every line that
/// says nothing itself.
#[derive(Default)]
struct Reader {
    origin: Option<(u64, u64, IpAddr)>,
    address: Option<IpAddr>,
    direction: Direction,
    lines: Vec<HeardLine>,
}

#[derive(Default)]
struct HeardLine {
    media: String,
    port: u16,
    protocol: String,
    formats: Vec<String>,
    address: Option<IpAddr>,
    direction: Option<Direction>,
    rtcp: Option<(u16, Option<IpAddr>)>,
    rtcp_mux: bool,
    alternatives: Vec<(u32, SocketAddr)>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        let (kind, value) = line.split_once('=')?;
        match kind {
            "o" => {
                let words: Vec<_> = value.split_whitespace().collect();
                let [_, session, version, _, _, address] = words[..] else {
                    return None;
                };
                self.origin = Some((
                    session.parse().ok()?,
                    version.parse().ok()?,
                    // A host name is legal here and never used for media.
                    address.parse().unwrap_or(IpAddr::from([0, 0, 0, 0])),
                ));
            }
            "c" => {
                let address = value
                    .split_whitespace()
                    .nth(2)?
                    .split('/')
                    .next()?
                    .parse()
                    .ok()?;
                match self.lines.last_mut() {
                    Some(line) => line.address = Some(address),
                    None => self.address = Some(address),
                }
            }
            "m" => {
                let mut words = value.split_whitespace().map(str::to_owned);
                self.lines.push(HeardLine {
                    media: words.next()?,
                    port: words.next()?.split('/').next()?.parse().ok()?,
                    protocol: words.next()?,
                    formats: words.collect(),
                    ..HeardLine::default()
                });
            }
            "a" => self.attribute(value)?,
            _ => {}
        }
        Some(())
    }

    fn attribute(&mut self, value: &str) -> Option<()> {
        let direction = match value {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        };
        let Some(line) = self.lines.last_mut() else {
            self.direction = direction.unwrap_or(self.direction);
            return Some(());
        };
        line.direction = direction.or(line.direction);
        line.rtcp_mux |= value == "rtcp-mux";
        // `altc:1 IP6 2001:db8::1 4000`; one that is none is passed over (RFC 6947 §4.1).
        if let Some([preference, _, ip, port]) = value
            .strip_prefix("altc:")
            .map(|altc| altc.split_whitespace().collect::<Vec<_>>())
            .as_deref()
            && let (Ok(preference), Ok(ip), Ok(port)) =
                (preference.parse(), IpAddr::from_str(ip), port.parse())
        {
            line.alternatives
                .push((preference, SocketAddr::new(ip, port)));
        }
        if let Some(rtcp) = value.strip_prefix("rtcp:") {
            let mut words = rtcp.split_whitespace();
            let port = words.next()?.parse().ok()?;
            line.rtcp = Some((
                port,
                words.nth(2).and_then(|text| IpAddr::from_str(text).ok()),
            ));
        }
        Some(())
    }

    fn finish(self) -> Result<Description, DescriptionError> {
        let (session, version, origin) = self.origin.ok_or(DescriptionError::Origin)?;
        let lines = self.lines.into_iter().enumerate().map(|(index, mut line)| {
            line.alternatives.sort_by_key(|(preference, _)| *preference);
            let address = line
                .address
                .or(self.address)
                .ok_or(DescriptionError::Address(index))?;
            Ok(Line {
                media: line.media,
                rtp: SocketAddr::new(address, line.port),
                protocol: line.protocol,
                formats: line.formats,
                direction: line.direction.unwrap_or(self.direction),
                rtcp: line
                    .rtcp
                    .map(|(port, own)| SocketAddr::new(own.unwrap_or(address), port)),
                rtcp_mux: line.rtcp_mux,
                alternatives: line.alternatives.into_iter().map(|(_, at)| at).collect(),
            })
        });
        Ok(Description {
            session,
            version,
            origin,
            lines: lines.collect::<Result<_, _>>()?,
        })
    }
}

fn connection(ip: IpAddr) -> Connection {
    Connection {
        nettype: Nettype::In,
        addrtype: family(ip),
        connection_address: sdp_rs::lines::connection::ConnectionAddress {
            base: ip,
            ttl: None,
            numaddr: None,
        },
    }
}

fn family(ip: IpAddr) -> Addrtype {
    if ip.is_ipv4() {
        Addrtype::Ip4
    } else {
        Addrtype::Ip6
    }
}

#[cfg(test)]
#[path = "description_tests.rs"]
mod tests;
