//! What a relay does to a description: lines it adds, and those it must remove.

use std::fmt::Arguments;
use std::io::Write;
use std::net::IpAddr;

use super::description::Description;
use super::line::{Attribute, Line};
use super::media::Media;
use crate::sip::{Span, Splices};

impl<'a> Description<'a> {
    /// Lines that offer other addresses than those the first `c=` of their level and `m=` name:
    /// candidates and all of ICE, alternatives, source filters, further `c=` and `a=rtcp` lines.
    /// A relay that changes the addresses must remove them.
    pub fn alternatives(&self) -> impl Iterator<Item = Line<'a>> + '_ {
        self.lines()
            .filter(|line| match (line.letter, line.attribute()) {
                (b'c', _) | (_, Some(Attribute::Rtcp)) => !self.counts(line),
                (_, attribute) => attribute.is_some_and(Attribute::offers_addresses),
            })
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
    pub fn append_line(&self, edits: &mut Splices, media: &Media, line: Arguments) {
        self.insert_line(edits, media.section.end(), line);
    }

    /// The last line of a description may lack its end; a line put after it brings one along.
    fn insert_line(&self, edits: &mut Splices, at: usize, line: Arguments) {
        let end = self.line_end();
        let ended = matches!(*self.text(Span::new(0, at)), [.., b'\r' | b'\n']);
        edits.replace_with(Span::at(at), |out| {
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

    fn edited(text: &str, edit: impl FnOnce(&Description, &mut Splices)) -> String {
        let description = Description::parse(text.as_bytes()).unwrap();
        let mut edits = Splices::new();
        edit(&description, &mut edits);
        let mut out = Vec::new();
        edits.apply(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_inserted_where_they_belong() {
        let ip = "2001:db8::1".parse().unwrap();
        let text = edited(OFFER, |offer, edits| {
            for media in offer.media() {
                offer.insert_connection(edits, media, ip);
                offer.append_line(edits, media, format_args!("a=rtcp:{}", media.port + 1));
            }
        });
        for place in [
            "RTP/AVP 8 0\r\nc=IN IP6 2001:db8::1\r\na=rtcp:53020",
            "2001:db8::7\r\na=rtcp:4001\r\nm=video",
            "i=title\r\nc=IN IP6 2001:db8::1\r\nc=IN",
            "m=image 5000 udptl t38\r\nc=IN IP6 2001:db8::1\r\na=rtcp:5001",
        ] {
            assert!(text.contains(place), "{place} in\n{text}");
        }
        assert!(text.ends_with("a=rtcp:5001"));
    }

    #[test]
    fn line_ends_are_kept_whatever_they_are() {
        for end in ["\r\n", "\n", "\r"] {
            let text = OFFER.replace("\r\n", end) + end;
            let offer = Description::parse(text.as_bytes()).unwrap();
            assert_eq!(offer.line_end(), end.as_bytes());
            assert_eq!(offer.media().len(), 3);
            let added = edited(&text, |offer, edits| {
                offer.append_line(edits, &offer.media()[2], format_args!("a=x"));
            });
            assert_eq!(added, format!("{text}a=x{end}"));
        }
    }

    #[test]
    fn all_that_offers_other_addresses_is_listed() {
        let text = "v=0\nc=IN IP4 10.0.0.1\nc=IN IP4 10.0.0.2\na=ice-lite\n\
            a=rtcp:1 IN IP4 10.0.0.3\na=group:ANAT 1 2\nm=audio 1 RTP/AVP 0\na=rtcp:2\n\
            a=RTCP:3 IN IP4 10.0.0.4\na=candidate:1 1 UDP 1 10.0.0.5 9 typ host\n\
            a=Remote-Candidates:1 10.0.0.6 9\na=end-of-candidates\na=ice-ufrag:x\n\
            a=altc:1 IP4 10.0.0.7 9\na=alt:1 1\na=source-filter: incl IN IP4 * 10.0.0.8\n\
            a=rtcp-fb:* nack\na=setup:active\na=fingerprint:x\na=crypto:1\na=ssrc:1\na=mid:1\n";
        let left = edited(text, |offer, edits| {
            offer
                .alternatives()
                .for_each(|line| edits.remove(line.whole));
        });
        assert_eq!(
            left,
            "v=0\nc=IN IP4 10.0.0.1\na=group:ANAT 1 2\nm=audio 1 RTP/AVP 0\na=rtcp:2\n\
            a=rtcp-fb:* nack\na=setup:active\na=fingerprint:x\na=crypto:1\na=ssrc:1\na=mid:1\n"
        );
    }
}
