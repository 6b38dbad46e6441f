//! Runs the fuzz targets' bodies over their committed corpora, over every prefix of each file and
//! over every file with one byte changed.
#![cfg(all(not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use strait_shared::fuzz;

#[test]
fn records() {
    replay("record", fuzz::record);
}

#[test]
fn rings() {
    replay("ring", fuzz::ring);
}

#[test]
fn regions() {
    replay("attach", fuzz::attach);
}

fn replay(target: &str, body: fn(&[u8])) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    let mut files = 0;
    for entry in std::fs::read_dir(directory.join(target)).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        body(&data);
        for at in 0..data.len() {
            body(&data[..at]);
            let mut changed = data.clone();
            changed[at] ^= [1, 0x80, 0xff][at % 3];
            body(&changed);
        }
    }
    assert!(files > 0, "{target}: an empty corpus");
}
