//! What must hold for any text whatever: run by the fuzzer, and over a corpus by plain tests.

use crate::{check, geometry, schema::schema, structure, yaml};

/// Judges `data` as a configuration file.
///
/// # Panics
/// When a promise is broken: reading ends without a panic; a configuration comes exactly without
/// errors; it makes a geometry; and it reads back equal from what it is written as.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let checked = check(text, "fuzzed");
    let printed = checked.report.to_string();
    assert_eq!(
        checked.config.is_none(),
        checked.report.has_errors(),
        "{printed}"
    );
    // YAML breaks lines at CR too (YAML 1.2 §5.4).
    let lines = text.split(['\r', '\n']).count() + 1;
    for finding in &checked.report.findings {
        assert!((1..=lines).contains(&finding.position.line), "{printed}");
    }
    let Some(config) = checked.config else { return };
    geometry(&config).expect("a valid configuration makes a geometry");
    let written = serde_yaml::to_string(&config).expect("a configuration is plain data");
    let again = check(&written, "written").config;
    assert_eq!(again.as_ref(), Some(&config));
}

/// Whether the file's shape is right by our own judgement, and the same value as JSON, so that
/// another validator can be asked; `None` when it is no YAML of ours at all.
pub fn shape(text: &str) -> Option<(bool, serde_json::Value)> {
    let (tree, findings) = yaml::read(text);
    let tree = tree.filter(|_| findings.is_empty())?;
    Some((
        structure::check(schema(), &tree).findings.is_empty(),
        tree.to_json(),
    ))
}
