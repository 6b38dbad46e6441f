//! RTCP compound packets (RFC 3550 §6): sender and receiver reports, CNAME, BYE.

use super::heard::Reception;
use super::packet::Ssrc;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// A sender's part of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderInfo {
    /// Sending time, 32.32 seconds; counted from the start of the sender's own clock, which
    /// RFC 3550 §6.4.1 allows.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub bytes: u32,
}

/// A report block as sent: what was received, and the echo that lets the sender measure its round
/// trip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// What was received.
    pub reception: Reception,
    /// Middle 32 bits of the last sender report's `ntp`; 0 before the first.
    pub last_report: u32,
    /// Delay since then, in 1/65536 s.
    pub delay: u32,
}

/// A compound packet, as far as the parties use one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Who reports.
    pub ssrc: Option<Ssrc>,
    /// Present in a sender report.
    pub sender: Option<SenderInfo>,
    /// What the reporter hears.
    pub blocks: Vec<Block>,
    /// Whether the reporter leaves.
    pub goodbye: bool,
}

/// Builds a compound packet: report, CNAME, and BYE if `goodbye`.
pub fn build(
    ssrc: Ssrc,
    cname: &str,
    sender: Option<&SenderInfo>,
    block: Option<&Block>,
    goodbye: bool,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let kind = if sender.is_some() {
        SENDER_REPORT
    } else {
        RECEIVER_REPORT
    };
    packet(&mut bytes, u8::from(block.is_some()), kind, |bytes| {
        bytes.extend_from_slice(&ssrc.0.to_be_bytes());
        if let Some(sender) = sender {
            bytes.extend_from_slice(&sender.ntp.to_be_bytes());
            for word in [sender.timestamp, sender.packets, sender.bytes] {
                bytes.extend_from_slice(&word.to_be_bytes());
            }
        }
        if let Some(block) = block {
            let heard = &block.reception;
            let lost = heard.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
            let fraction_and_lost = u32::from(heard.fraction) << 24 | lost;
            for word in [heard.ssrc.0, fraction_and_lost, heard.highest, heard.jitter] {
                bytes.extend_from_slice(&word.to_be_bytes());
            }
            for word in [block.last_report, block.delay] {
                bytes.extend_from_slice(&word.to_be_bytes());
            }
        }
    });
    packet(&mut bytes, 1, SOURCE_DESCRIPTION, |bytes| {
        bytes.extend_from_slice(&ssrc.0.to_be_bytes());
        let cname = &cname.as_bytes()[..cname.len().min(255)];
        bytes.extend_from_slice(&[1, cname.len() as u8]);
        bytes.extend_from_slice(cname);
        // The list of items ends with at least one zero byte, up to a whole word (§6.5).
        bytes.push(0);
        while bytes.len() % 4 != 0 {
            bytes.push(0);
        }
    });
    if goodbye {
        packet(&mut bytes, 1, GOODBYE, |bytes| {
            bytes.extend_from_slice(&ssrc.0.to_be_bytes())
        });
    }
    bytes
}

/// Reads a compound packet; `None` if its structure is broken or it does not begin with a report
/// (§6.1).
pub fn parse(mut bytes: &[u8]) -> Option<Report> {
    let mut report = Report::default();
    let mut first = true;
    while !bytes.is_empty() {
        let header: &[u8; 4] = bytes.first_chunk()?;
        let length = 4 * (1 + usize::from(u16::from_be_bytes([header[2], header[3]])));
        let body = bytes.get(4..length)?;
        let (count, kind) = (usize::from(header[0] & 0x1f), header[1]);
        if header[0] >> 6 != 2 || first && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT) {
            return None;
        }
        match kind {
            SENDER_REPORT | RECEIVER_REPORT => read_report(&mut report, kind, count, body)?,
            GOODBYE => report.goodbye = true,
            _ => {}
        }
        first = false;
        bytes = &bytes[length..];
    }
    (!first).then_some(report)
}

fn packet(bytes: &mut Vec<u8>, count: u8, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0x80 | count, kind, 0, 0]);
    body(bytes);
    let words = ((bytes.len() - start) / 4 - 1) as u16;
    bytes[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn read_report(report: &mut Report, kind: u8, count: usize, body: &[u8]) -> Option<()> {
    let mut words = body
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    report.ssrc = Some(Ssrc(words.next()?));
    if kind == SENDER_REPORT {
        let ntp = u64::from(words.next()?) << 32 | u64::from(words.next()?);
        let (timestamp, packets, bytes) = (words.next()?, words.next()?, words.next()?);
        report.sender = Some(SenderInfo {
            ntp,
            timestamp,
            packets,
            bytes,
        });
    }
    for _ in 0..count {
        let (ssrc, lost, highest, jitter) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        // Twenty-four bits, signed.
        let signed = i64::from(((lost << 8) as i32) >> 8);
        let reception = Reception {
            ssrc: Ssrc(ssrc),
            lost: signed,
            fraction: (lost >> 24) as u8,
            highest,
            jitter,
        };
        report.blocks.push(Block {
            reception,
            last_report: words.next()?,
            delay: words.next()?,
        });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lost: i64) -> Block {
        let reception = Reception {
            ssrc: Ssrc(7),
            lost,
            fraction: 25,
            highest: 70_000,
            jitter: 12,
        };
        Block {
            reception,
            last_report: 0x1234_5678,
            delay: 65_536,
        }
    }

    #[test]
    fn what_is_built_is_read_back() {
        let sender = SenderInfo {
            ntp: 1 << 33,
            timestamp: 5,
            packets: 6,
            bytes: 960,
        };
        for (sender, lost, goodbye) in [(Some(sender), 3, false), (None, -2, true)] {
            let bytes = build(
                Ssrc(9),
                "a@host",
                sender.as_ref(),
                Some(&block(lost)),
                goodbye,
            );
            assert_eq!(bytes.len() % 4, 0);
            let report = parse(&bytes).unwrap();
            assert_eq!(report.ssrc, Some(Ssrc(9)));
            assert_eq!((report.sender, report.goodbye), (sender, goodbye));
            assert_eq!(report.blocks, [block(lost)]);
        }
    }

    #[test]
    fn broken_structure_is_refused() {
        let bytes = build(Ssrc(9), "c", None, Some(&block(0)), true);
        for cut in 1..bytes.len() {
            // A cut between two packets leaves a shorter compound; anywhere else breaks it.
            assert!(cut % 4 == 0 || parse(&bytes[..cut]).is_none());
        }
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&bytes[32..]), None, "does not begin with a report");
    }
}
