//! What holds for any bytes whatever as an entry: run by the fuzzer, and over a corpus by plain
//! tests. It panics where a promise is broken.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entry::{Identity, KeptBinding, KeptCall, KeptLocation, KeptRest, Kind};
use super::gateways::KeptGateway;
use super::keep::written;
use super::restore::read;

/// Reads bytes as an entry: what is read is written such that it reads the same. Answers with the
/// number of a call that was read.
pub fn entry(kind: Kind, bytes: &[u8]) -> Option<u64> {
    match kind {
        Kind::Identity => canonical::<Identity>(bytes).and(None),
        Kind::Call => canonical(bytes).map(|call: KeptCall| {
            let _ = call.record.record();
            call.record.number()
        }),
        Kind::Binding => canonical::<KeptBinding>(bytes).and(None),
        Kind::Location => canonical::<KeptLocation>(bytes).and(None),
        Kind::Gateway => canonical::<KeptGateway>(bytes).and(None),
        Kind::Rest => canonical::<KeptRest>(bytes).and(None),
    }
}

fn canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let entry: T = read(bytes)?;
    let once = written(&entry);
    let again: T = read(&once).expect("what was written is read");
    assert_eq!(written(&again), once);
    Some(entry)
}
