//! Wraps any port and copies what passes into a capture file, for whoever looks for a fault.

use std::os::fd::BorrowedFd;
use std::path::Path;

use strait_shared::time::Instant;

use super::pcap::{CaptureError, Writer};
use super::{Capabilities, FrameIndex, Port, PortCounters};
use crate::frame::{Buffer, Frame};
use crate::limits::CAPTURE_BYTES_MAX;
use crate::wire::MacAddress;

/// A port with a tap on it. Stops copying, and goes on relaying, when the file is full.
pub struct Capture {
    inner: Box<dyn Port>,
    writer: Option<Writer>,
    bytes_left: u64,
}

impl Capture {
    /// Taps `inner` into a new file at `path`.
    pub fn new(inner: Box<dyn Port>, path: &Path) -> Result<Self, CaptureError> {
        let writer = Some(Writer::create(path)?);
        Ok(Self {
            inner,
            writer,
            bytes_left: CAPTURE_BYTES_MAX,
        })
    }

    fn tap(&mut self, now: Instant, frame: &[u8]) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        self.bytes_left = self.bytes_left.saturating_sub(frame.len() as u64);
        let full = self.bytes_left == 0;
        if full || writer.write(now, frame).is_err() {
            tracing::warn!(nic = self.inner.name(), full, "the capture stops");
            self.writer = None;
        }
    }
}

impl Port for Capture {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn mac(&self) -> MacAddress {
        self.inner.mac()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        let filled = self.inner.rx_burst(now, frames);
        for frame in &frames[..filled] {
            self.tap(frame.received, frame.bytes());
        }
        filled
    }

    fn tx_burst(&mut self, now: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        for &index in chosen {
            self.tap(now, frames[usize::from(index)].bytes());
        }
        self.inner.tx_burst(now, frames, chosen)
    }

    fn lend(&mut self, count: usize) -> Option<Vec<Buffer>> {
        self.inner.lend(count)
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        self.inner.readiness()
    }

    fn counters(&self) -> PortCounters {
        self.inner.counters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::memory::Link;
    use crate::port::pcap::Reader;

    #[test]
    fn both_directions_are_copied_and_still_pass() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tap.pcap");
        let link = Link::create(1, 8).unwrap();
        let mut far = link.far_end(0);
        let port = link.port(0, "a", MacAddress::default());
        let mut tapped = Capture::new(Box::new(port), &path).unwrap();
        let mut frames = vec![Frame::new(), Frame::new()];
        assert!(far.send(b"inward"));
        assert_eq!(tapped.rx_burst(Instant::ZERO, &mut frames), 1);
        frames[1].fill(b"outward");
        assert_eq!(tapped.tx_burst(Instant::ZERO, &mut frames, &[1]), 1);
        assert_eq!(far.receive(frames[0].space()), Some(7));
        drop(tapped);

        let mut reader = Reader::open(&path).unwrap();
        let mut frame = Frame::new();
        for expected in [&b"inward"[..], b"outward"] {
            assert!(reader.next(&mut frame).unwrap().is_some());
            assert_eq!(frame.bytes(), expected);
        }
        assert!(reader.next(&mut frame).unwrap().is_none());
    }
}
