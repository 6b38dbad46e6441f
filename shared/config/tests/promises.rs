//! What holds for any text: the fuzzer's promises over its corpus, and random damage to real files.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use strait_config::{fuzz, schema};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every file of the corpus, every bad file with an agreed report, every sample configuration.
fn texts() -> Vec<Vec<u8>> {
    let folders = [
        "../../tests/fuzz/corpus/configuration",
        "tests/reports",
        "../../configs",
    ];
    let paths = folders.iter().flat_map(|name| {
        fs::read_dir(folder(name))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
    });
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a file"))
        .collect()
}

#[test]
fn promises_hold_over_the_corpus() {
    let texts = texts();
    assert!(texts.len() > 50, "{} files", texts.len());
    for text in texts {
        fuzz::configuration(&text);
    }
}

fn validator() -> jsonschema::Validator {
    let mut schema = schema().clone();
    only_patterns(&mut schema);
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

/// Our own formats mean nothing to others; patterns say less than they do.
fn only_patterns(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(keys) => {
            keys.retain(|key, value| key != "format" || !value.is_string());
            keys.values_mut().for_each(only_patterns);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(only_patterns),
        _ => {}
    }
}

/// What we take to be of the right shape, editors that use the published schema do too.
#[test]
fn another_validator_refuses_nothing_that_we_accept() {
    let validator = validator();
    let mut accepted = 0;
    for text in texts() {
        let Ok(text) = String::from_utf8(text) else {
            continue;
        };
        let Some((right, json)) = fuzz::shape(&text) else {
            continue;
        };
        let theirs = validator.is_valid(&json);
        assert!(theirs || !right, "{text}");
        accepted += usize::from(right && theirs);
    }
    assert!(accepted > 10, "{accepted} accepted");
}

/// Where no word of ours is involved, the two agree in both directions.
#[test]
fn another_validator_accepts_nothing_that_we_refuse_but_words() {
    let validator = validator();
    let words = ["wrong-words", "domain-is-an-address"];
    for entry in fs::read_dir(folder("tests/reports")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let stem = path
            .file_stem()
            .expect("a stem")
            .to_string_lossy()
            .into_owned();
        if path.extension().is_none_or(|e| e != "yaml") || words.contains(&stem.as_str()) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let Some((right, json)) = fuzz::shape(&text) else {
            continue;
        };
        assert_eq!(right, validator.is_valid(&json), "{stem}");
    }
}

proptest! {
    #[test]
    fn promises_hold_for_damaged_files(
        file in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..40, "[ -~\n\t:{}\\[\\]&*!#\"']{0,12}"),
            1..6,
        ),
    ) {
        let texts = texts();
        let mut text = file.get(&texts).clone();
        for (at, length, instead) in cuts {
            if text.is_empty() {
                break;
            }
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, instead.bytes());
        }
        fuzz::configuration(&text);
    }

    #[test]
    fn promises_hold_for_noise(text in "\\PC{0,200}|[ -~\n\t]{0,300}") {
        fuzz::configuration(text.as_bytes());
    }
}
