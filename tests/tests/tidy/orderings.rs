//! Every memory ordering in the programs is asked for through a site that a model is shown to
//! need, or stands in a file whose orderings are accounted for here.

use super::rust_sources;

const STRONG: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];

/// Files with orderings of their own, and why.
const ACCOUNTED: [(&str, &str); 4] = [
    (
        "shared/src/sync.rs",
        "says what each site is for and where it is weakened",
    ),
    (
        "dataplane/src/port/memory/ring.rs",
        "tests/models runs the file itself and weakens each",
    ),
    (
        "dataplane/src/port/memory/mapping.rs",
        "the header of a link is written before its descriptor is sent, which orders it: weakened, \
         nothing would show",
    ),
    (
        "dataplane/src/port/af_xdp/rings.rs",
        "the kernel is at the other end, and its interface says which index is acquired and which \
         released",
    ),
];

#[test]
fn every_ordering_that_carries_weight_is_modelled() {
    let mut found = Vec::new();
    for source in rust_sources() {
        let path = source.path.to_string_lossy();
        let program = path.contains("/src/") && !path.starts_with("tests/");
        let checks = path.contains("models") || path.contains("tests");
        let accounted = ACCOUNTED.iter().any(|(file, _)| path == *file);
        if !program || checks || accounted {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let strong = STRONG.iter().any(|order| line.contains(order));
            if line.contains("Ordering") && strong && !line.contains("Site::") {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "no model weakens\n{}", found.join("\n"));
}

#[test]
fn files_that_are_accounted_for_have_orderings() {
    let sources = rust_sources();
    for (file, why) in ACCOUNTED {
        let source = sources.iter().find(|source| source.path.ends_with(file));
        let text = &source.unwrap_or_else(|| panic!("{file} is gone")).text;
        let strong = STRONG.iter().any(|order| text.contains(order));
        assert!(strong, "{file} has none ({why})");
    }
}
