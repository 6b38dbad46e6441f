//! The `pcap` port: frames from one capture file, frames to another.
//!
//! Frames arrive with the distances they were captured at, measured from the first burst.

mod file;

use std::path::Path;
use std::time::Duration;

use strait_shared::statistics::Access;
use strait_shared::time::Instant;

pub use self::file::{CaptureError, Reader, Writer};
use super::{Capabilities, FrameIndex, Port, PortCounters};
use crate::frame::Frame;
use crate::limits::FRAME_BYTES_MAX;
use crate::wire::MacAddress;

const NEAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
const FAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);

/// A NIC made of two files.
pub struct PcapPort {
    name: String,
    reader: Option<Reader>,
    writer: Option<Writer>,
    /// The next frame to arrive and when it was captured.
    pending: Option<Pending>,
    /// When the first frame arrived, by the clock and by its capture.
    start: Option<(Instant, Duration)>,
    counters: PortCounters,
}

struct Pending {
    captured: Duration,
    frame: Frame,
}

impl PcapPort {
    /// Opens both files; either may be left out.
    pub fn open(
        name: &str,
        read: Option<&Path>,
        write: Option<&Path>,
    ) -> Result<Self, CaptureError> {
        Ok(Self {
            name: name.to_owned(),
            reader: read.map(Reader::open).transpose()?,
            writer: write.map(Writer::create).transpose()?,
            pending: None,
            start: None,
            counters: PortCounters::default(),
        })
    }

    /// Whether every frame of the capture has arrived.
    pub fn exhausted(&self) -> bool {
        self.reader.is_none() && self.pending.is_none()
    }

    fn advance(&mut self) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        let mut frame = self
            .pending
            .take()
            .map_or_else(Frame::new, |pending| pending.frame);
        loop {
            match reader.next(&mut frame) {
                Ok(Some(captured)) => {
                    self.pending = Some(Pending { captured, frame });
                    return;
                }
                Err(CaptureError::Oversized) => self.counters.oversized += 1,
                Ok(None) => break,
                Err(error) => {
                    self.counters.receive_errors += 1;
                    tracing::warn!(nic = self.name, %error, "the capture ends early");
                    break;
                }
            }
        }
        self.reader = None;
    }
}

impl Port for PcapPort {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> MacAddress {
        NEAR
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            frame_bytes_max: FRAME_BYTES_MAX as u16,
            next_hop: Some(FAR),
            access: Access::Pcap,
        }
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        let mut filled = 0;
        while filled < frames.len() {
            if self.pending.is_none() {
                self.advance();
            }
            let Some(pending) = &mut self.pending else {
                break;
            };
            let (began, first) = *self.start.get_or_insert((now, pending.captured));
            if now.since(began) < pending.captured.saturating_sub(first) {
                break;
            }
            frames[filled].fill(pending.frame.bytes());
            frames[filled].received = now;
            filled += 1;
            self.pending = None;
        }
        filled
    }

    fn tx_burst(&mut self, now: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        let Some(writer) = &mut self.writer else {
            return chosen.len();
        };
        let mut taken = 0;
        for &index in chosen {
            match writer.write(now, frames[usize::from(index)].bytes()) {
                Ok(()) => taken += 1,
                Err(_) => self.counters.send_errors += 1,
            }
        }
        taken
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst() -> Vec<Frame> {
        std::iter::repeat_with(Frame::new).take(4).collect()
    }

    fn round_trip(file: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(file);
        let mut out = PcapPort::open("out", None, Some(&path)).unwrap();
        let mut frames = burst();
        for (frame, text) in frames
            .iter_mut()
            .zip([&b"first frame"[..], b"second", b"third"])
        {
            assert!(frame.fill(text));
        }
        let at = Instant::from_millis;
        assert_eq!(out.tx_burst(at(1_000), &mut frames, &[0]), 1);
        assert_eq!(out.tx_burst(at(1_020), &mut frames, &[2, 1]), 2);
        drop(out);

        let mut back = PcapPort::open("in", Some(&path), None).unwrap();
        let mut frames = burst();
        assert_eq!(back.rx_burst(at(5_000), &mut frames), 1);
        assert_eq!(frames[0].bytes(), b"first frame");
        assert_eq!(back.rx_burst(at(5_019), &mut frames), 0);
        assert_eq!(back.rx_burst(at(5_020), &mut frames), 2);
        assert_eq!(
            (frames[0].bytes(), frames[1].bytes()),
            (&b"third"[..], &b"second"[..])
        );
        assert_eq!(back.rx_burst(at(6_000), &mut frames), 0);
        assert!(back.exhausted());
    }

    #[test]
    fn pcap_comes_back_with_its_times() {
        round_trip("frames.pcap");
    }

    #[test]
    fn pcapng_comes_back_with_its_times() {
        round_trip("frames.pcapng");
    }

    #[test]
    fn what_is_no_capture_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("not a capture");
        std::fs::write(&path, b"hello there, this is text").unwrap();
        let error = PcapPort::open("in", Some(&path), None).err().unwrap();
        assert!(error.to_string().contains("not a capture"), "{error}");
    }

    #[test]
    fn a_truncated_capture_ends_early_and_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cut.pcap");
        let mut writer = Writer::create(&path).unwrap();
        writer.write(Instant::ZERO, b"one").unwrap();
        writer.write(Instant::ZERO, b"two").unwrap();
        drop(writer);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        let mut port = PcapPort::open("in", Some(&path), None).unwrap();
        assert_eq!(port.rx_burst(Instant::ZERO, &mut burst()), 1);
        assert_eq!(port.counters().receive_errors, 1);
    }
}
