//! Capture files: pcap and pcapng, Ethernet only, told apart by their first octets on reading
//! and by their extension on writing.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use pcap_file::{DataLink, PcapError, TsResolution};
use strait_shared::time::Instant;

use crate::frame::Frame;
use crate::limits::FRAME_BYTES_MAX;

const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const EXTENSION_PCAPNG: &str = "pcapng";
const SNAP_BYTES: u32 = 65_535;
/// `if_tsresol`: a power of ten, unless the top bit says a power of two.
const RESOLUTION_NS: u8 = 9;
const RESOLUTION_DEFAULT: u8 = 6;

/// Why a capture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or created.
    #[error("{path}: {error}", path = path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is neither pcap nor pcapng.
    #[error("{path} is no capture: pcap or pcapng is needed ({error})", path = path.display())]
    Foreign {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: PcapError,
    },
    /// The capture is of something else than Ethernet.
    #[error("a capture of {0:?}: only Ethernet is understood")]
    LinkType(DataLink),
    /// A frame was captured cut short or is longer than a frame may be.
    #[error("a frame longer than {FRAME_BYTES_MAX} octets, or cut short")]
    Oversized,
    /// The capture is damaged or cannot be read further.
    #[error("damaged: {0}")]
    Damaged(PcapError),
    /// The capture cannot be written further.
    #[error("not written: {0}")]
    Write(PcapError),
}

/// A capture being read.
pub enum Reader {
    /// The classic format.
    Pcap(PcapReader<BufReader<File>>),
    /// The block format.
    PcapNg(PcapNgReader<BufReader<File>>),
}

impl Reader {
    /// Opens a capture and checks that it is one.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let open = |error| CaptureError::Open {
            path: path.to_owned(),
            error,
        };
        let foreign = |error| CaptureError::Foreign {
            path: path.to_owned(),
            error,
        };
        let mut file = File::open(path).map_err(open)?;
        let mut magic = [0; 4];
        file.read_exact(&mut magic).map_err(open)?;
        file.rewind().map_err(open)?;
        let file = BufReader::new(file);
        if magic == PCAPNG_MAGIC {
            return PcapNgReader::new(file).map(Self::PcapNg).map_err(foreign);
        }
        let reader = PcapReader::new(file).map_err(foreign)?;
        match reader.header().datalink {
            DataLink::ETHERNET => Ok(Self::Pcap(reader)),
            other => Err(CaptureError::LinkType(other)),
        }
    }

    /// Copies the next frame; returns the time it was captured, or nothing at the end.
    pub fn next(&mut self, frame: &mut Frame) -> Result<Option<Duration>, CaptureError> {
        match self {
            Self::Pcap(reader) => match reader.next_packet() {
                None => Ok(None),
                Some(packet) => {
                    let packet = packet.map_err(CaptureError::Damaged)?;
                    copy(frame, &packet.data, packet.orig_len)?;
                    Ok(Some(packet.timestamp))
                }
            },
            Self::PcapNg(reader) => next_enhanced(reader, frame),
        }
    }
}

fn next_enhanced(
    reader: &mut PcapNgReader<BufReader<File>>,
    frame: &mut Frame,
) -> Result<Option<Duration>, CaptureError> {
    loop {
        let (copied, units, id) = match reader.next_block() {
            None => return Ok(None),
            Some(Err(error)) => return Err(CaptureError::Damaged(error)),
            Some(Ok(Block::EnhancedPacket(packet))) => {
                // The library hands the raw count of units over as nanoseconds.
                let units = packet.timestamp.as_nanos();
                (
                    copy(frame, &packet.data, packet.original_len),
                    units,
                    packet.interface_id,
                )
            }
            Some(Ok(_)) => continue,
        };
        let interface = reader.interfaces().get(id as usize);
        let interface =
            interface.ok_or(CaptureError::Damaged(PcapError::InvalidInterfaceId(id)))?;
        if interface.linktype != DataLink::ETHERNET {
            return Err(CaptureError::LinkType(interface.linktype));
        }
        copied?;
        return Ok(Some(since_epoch(units, resolution(interface))));
    }
}

fn copy(frame: &mut Frame, data: &[u8], original_bytes: u32) -> Result<(), CaptureError> {
    let whole = data.len() == original_bytes as usize;
    if whole && frame.fill(data) {
        Ok(())
    } else {
        Err(CaptureError::Oversized)
    }
}

fn resolution(interface: &InterfaceDescriptionBlock<'_>) -> u8 {
    let stated = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
        _ => None,
    });
    stated.unwrap_or(RESOLUTION_DEFAULT)
}

fn since_epoch(units: u128, resolution: u8) -> Duration {
    let exponent = u32::from(resolution & 0x7f);
    let per_second = match resolution & 0x80 {
        0 => 10u128.checked_pow(exponent),
        _ => 2u128.checked_pow(exponent),
    };
    let ns = per_second
        .and_then(|per_second| units.checked_mul(1_000_000_000)?.checked_div(per_second))
        .unwrap_or(0);
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// A capture being written.
pub struct Writer {
    format: Format,
    /// The time of day at the monotonic clock's origin.
    origin: Duration,
}

enum Format {
    Pcap(PcapWriter<BufWriter<File>>),
    PcapNg(PcapNgWriter<BufWriter<File>>),
}

impl Writer {
    /// Creates the file, over one that is there.
    pub fn create(path: &Path) -> Result<Self, CaptureError> {
        let open = |error| CaptureError::Open {
            path: path.to_owned(),
            error,
        };
        let file = BufWriter::new(File::create(path).map_err(open)?);
        let format = if path
            .extension()
            .is_some_and(|text| text == EXTENSION_PCAPNG)
        {
            pcapng(file).map(Format::PcapNg)
        } else {
            let header = PcapHeader {
                snaplen: SNAP_BYTES,
                datalink: DataLink::ETHERNET,
                ts_resolution: TsResolution::NanoSecond,
                ..PcapHeader::default()
            };
            PcapWriter::with_header(file, header).map(Format::Pcap)
        };
        let since_epoch = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default();
        let since_origin = Duration::from_nanos(Instant::now().as_nanos());
        Ok(Self {
            format: format.map_err(CaptureError::Write)?,
            origin: since_epoch.saturating_sub(since_origin),
        })
    }

    /// Appends a frame seen at `now`.
    pub fn write(&mut self, now: Instant, frame: &[u8]) -> Result<(), CaptureError> {
        let timestamp = self.origin + Duration::from_nanos(now.as_nanos());
        let length = frame.len() as u32;
        let written = match &mut self.format {
            Format::Pcap(writer) => writer.write_packet(&PcapPacket::new(timestamp, length, frame)),
            Format::PcapNg(writer) => writer.write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                timestamp,
                original_len: length,
                data: frame.into(),
                options: Vec::new(),
            }),
        };
        written.map(|_| ()).map_err(CaptureError::Write)
    }
}

fn pcapng(file: BufWriter<File>) -> Result<PcapNgWriter<BufWriter<File>>, PcapError> {
    let mut writer = PcapNgWriter::new(file)?;
    let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, SNAP_BYTES);
    interface
        .options
        .push(InterfaceDescriptionOption::IfTsResol(RESOLUTION_NS));
    writer.write_pcapng_block(interface)?;
    Ok(writer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_time_by_either_kind_of_resolution() {
        assert_eq!(since_epoch(1_500_000, 6), Duration::from_millis(1_500));
        assert_eq!(since_epoch(1_500, 3), Duration::from_millis(1_500));
        assert_eq!(since_epoch(3 << 9, 0x80 | 10), Duration::from_millis(1_500));
        assert_eq!(since_epoch(u128::MAX, 127), Duration::ZERO);
    }
}
