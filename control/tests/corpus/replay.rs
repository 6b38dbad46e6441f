//! A fuzz target's body over its committed corpus.

use std::path::PathBuf;

/// Bytes that mean something to one of the parsers.
const TELLING: &[u8] = b"\r\n \t:;,<>\"\\=@?[]%*-0\x00\xff";

/// Runs the body over each file.
pub fn whole(target: &str, body: fn(&[u8])) {
    let mut entries = 0;
    for entry in std::fs::read_dir(directory(target)).unwrap() {
        body(&std::fs::read(entry.unwrap().path()).unwrap());
        entries += 1;
    }
    assert!(entries > 0, "no corpus for {target}");
}

/// Runs the body over each file, every prefix and every single-byte change of each.
#[allow(dead_code, reason = "sequences take too long for it")]
pub fn and_its_neighbours(target: &str, body: fn(&[u8])) {
    whole(target, body);
    for entry in std::fs::read_dir(directory(target)).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for end in 0..bytes.len() {
            body(&bytes[..end]);
            let mut changed = bytes.clone();
            changed[end] = TELLING[end % TELLING.len()];
            body(&changed);
            changed.remove(end);
            body(&changed);
        }
    }
}

/// Adds a file to a corpus.
#[allow(
    dead_code,
    reason = "most corpora are written by hand and by the fuzzer"
)]
pub fn write(target: &str, number: u64, bytes: &[u8]) {
    std::fs::create_dir_all(directory(target)).unwrap();
    std::fs::write(directory(target).join(format!("beginning-{number}")), bytes).unwrap();
}

fn directory(target: &str) -> PathBuf {
    let all = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    all.join(target)
}
