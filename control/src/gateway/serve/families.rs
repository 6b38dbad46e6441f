//! The IP versions that a session description can be answered in.

use std::net::IpAddr;

use crate::media::Family;
use crate::sdp::{Attribute, Description, Line};

/// A set of IP versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Families {
    pub ipv4: bool,
    pub ipv6: bool,
}

impl Families {
    const NONE: Self = Self {
        ipv4: false,
        ipv6: false,
    };
    const BOTH: Self = Self {
        ipv4: true,
        ipv6: true,
    };

    fn one(ip: IpAddr) -> Self {
        Self {
            ipv4: ip.is_ipv4(),
            ipv6: ip.is_ipv6(),
        }
    }

    /// Whether `family` is among them.
    pub fn has(self, family: Family) -> bool {
        match family {
            Family::V4 => self.ipv4,
            Family::V6 => self.ipv6,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            ipv4: self.ipv4 && other.ipv4,
            ipv6: self.ipv6 && other.ipv6,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            ipv4: self.ipv4 || other.ipv4,
            ipv6: self.ipv6 || other.ipv6,
        }
    }
}

/// The versions in which all streams of `description` may be received: those of its `c=` lines,
/// of alternatives (RFC 6947) and of candidates (RFC 8839). Streams that ANAT groups are
/// alternatives to each other (RFC 4091). A name may have either.
pub fn offered(description: &Description) -> Families {
    let media = description.media();
    let live = media.iter().filter(|media| media.port != 0);
    let mut all: Option<Families> = None;
    let grouped = description
        .lines()
        .any(|line| line.letter == b'a' && line.value.starts_with(b"group:ANAT"));
    for stream in live {
        let own = match description.connection_of(stream) {
            Some(connection) => connection.ip.map_or(Families::BOTH, Families::one),
            None => Families::NONE,
        };
        let section = stream.section;
        let lines = description.lines().filter(|line| {
            let at = line.whole.start();
            (section.start()..section.end()).contains(&at)
        });
        let stream = lines.fold(own, |sum, line| sum.or(alternative(&line)));
        all = Some(match all {
            None => stream,
            Some(sum) if grouped => sum.or(stream),
            Some(sum) => sum.and(stream),
        });
    }
    let session = || description.connection.and_then(|connection| connection.ip);
    all.unwrap_or_else(|| session().map_or(Families::BOTH, Families::one))
}

/// The versions of the addresses that an attribute offers.
fn alternative(line: &Line) -> Families {
    let offers = match line.attribute() {
        Some(Attribute::Alternative) => true,
        Some(Attribute::Ice) => line.value.starts_with(b"candidate"),
        _ => false,
    };
    let value = line.attribute_value().filter(|_| offers);
    let words = value
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b' '));
    let ips = words.filter_map(|word| std::str::from_utf8(word).ok()?.parse::<IpAddr>().ok());
    ips.fold(Families::NONE, |sum, ip| sum.or(Families::one(ip)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(lines: &str) -> (bool, bool) {
        let text = format!("v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\n{lines}");
        let found = offered(&Description::parse(text.as_bytes()).expect("a description"));
        (found.ipv4, found.ipv6)
    }

    #[test]
    fn every_way_of_offering_a_version_counts() {
        let audio = "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
        let v4 = "c=IN IP4 192.0.2.1\r\n";
        let v6 = "c=IN IP6 2001:db8::1\r\n";
        assert_eq!(families(&format!("{v4}{audio}")), (true, false));
        assert_eq!(families(&format!("{v6}{audio}")), (false, true));
        assert_eq!(families(&format!("{v4}{audio}{v6}")), (false, true));
        let altc = "a=altc:1 IP6 2001:db8::1 4000\r\na=altc:2 IP4 192.0.2.1 4000\r\n";
        assert_eq!(families(&format!("{v6}{audio}{altc}")), (true, true));
        let candidate = "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n";
        assert_eq!(families(&format!("{v6}{audio}{candidate}")), (true, true));
        let anat =
            format!("a=group:ANAT 1 2\r\n{audio}{v6}a=mid:1\r\nm=audio 4002 RTP/AVP 0\r\n{v4}");
        assert_eq!(families(&anat), (true, true));
        let mixed = format!("{audio}{v6}m=video 4002 RTP/AVP 96\r\n{v4}");
        assert_eq!(families(&mixed), (false, false));
        let refused = format!("{audio}{v6}m=video 0 RTP/AVP 96\r\n{v4}");
        assert_eq!(families(&refused), (false, true));
        assert_eq!(
            families("c=IN IP4 host.example.net\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"),
            (true, true)
        );
    }
}
