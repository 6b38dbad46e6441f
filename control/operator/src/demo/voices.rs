//! What the three people sound like: streams of a capture, or synthesised.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strait_parties::rtp::capture;
use strait_parties::rtp::voice::{Voice, Voices};

use super::failed;
use super::stage::Who;
use crate::exit::Failure;

/// Seconds until a synthesised voice repeats itself.
const SYNTHESISED_SECONDS: u32 = 10;

/// A voice for everyone, each different.
pub fn voices(wanted: Option<&Path>) -> Result<Voices, Failure> {
    let path = wanted.map(Path::to_path_buf).or_else(test_data);
    Ok(Arc::new(match path {
        Some(path) => recorded(&path)?,
        None => synthesised(),
    }))
}

fn test_data() -> Option<PathBuf> {
    let directory = std::env::var_os("STRAIT_TESTDATA")?;
    let path = Path::new(&directory).join("pcap/SIP_CALL_RTP_G711.pcap");
    path.is_file().then_some(path)
}

/// Alice and carol share the longer stream, half each; bob has the other, or the end of it.
fn recorded(path: &Path) -> Result<BTreeMap<String, Voice>, Failure> {
    let cannot = |error: &dyn std::error::Error| failed(&path.display().to_string(), error);
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let streams = capture::streams(BufReader::new(file)).map_err(|error| cannot(&error))?;
    let file = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into());
    let longest = &streams[0];
    let parts = if streams.len() > 1 { 2 } else { 3 };
    let part = longest.frames.len() / parts;
    let slice = |index: usize| (longest, &longest.frames[index * part..(index + 1) * part]);
    let bob = streams
        .get(1)
        .map_or_else(|| slice(2), |stream| (stream, &stream.frames[..]));
    let voice = |(stream, frames): (&capture::Stream, &[_])| {
        let name = format!("{file}, {} → {}", stream.source, stream.destination);
        Voice::new(&name, stream.law, frames).expect("a stream of a capture has many frames")
    };
    Ok(BTreeMap::from([
        (Who::Alice.name().to_owned(), voice(slice(0))),
        (Who::Bob.name().to_owned(), voice(bob)),
        (Who::Carol.name().to_owned(), voice(slice(1))),
    ]))
}

fn synthesised() -> BTreeMap<String, Voice> {
    let pitches_hz = [(Who::Alice, 225.0), (Who::Bob, 130.0), (Who::Carol, 310.0)];
    pitches_hz
        .into_iter()
        .map(|(who, pitch)| {
            let name = who.name();
            (
                name.to_owned(),
                Voice::synthesised(name, pitch, SYNTHESISED_SECONDS),
            )
        })
        .collect()
}
