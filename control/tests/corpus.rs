//! Runs the fuzz targets' bodies over their committed corpora, and over every prefix and every
//! single-byte change of each entry.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use strait_control::{sdp, sip};

#[test]
fn messages() {
    replay("message", sip::fuzz::message);
}

#[test]
fn framing() {
    replay("framing", sip::fuzz::framing);
}

#[test]
fn descriptions() {
    replay("sdp", sdp::fuzz::description);
}

#[test]
fn uris() {
    replay("uri", sip::fuzz::uri);
}

/// Bytes that mean something to one of the parsers.
const TELLING: &[u8] = b"\r\n \t:;,<>\"\\=@?[]%*-0\x00\xff";

fn replay(target: &str, body: fn(&[u8])) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    let mut entries = 0;
    for entry in std::fs::read_dir(directory.join(target)).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        body(&bytes);
        for end in 0..bytes.len() {
            body(&bytes[..end]);
            let mut changed = bytes.clone();
            changed[end] = TELLING[end % TELLING.len()];
            body(&changed);
            changed.remove(end);
            body(&changed);
        }
        entries += 1;
    }
    assert!(entries > 0, "no corpus for {target}");
}
