//! From a file's text to a [`Config`], or to everything that is wrong with it.

use std::str::FromStr;

use crate::{
    Config, meaning,
    path::Path,
    report::{Finding, Position, Report},
    resolved::Resolved,
    schema::schema,
    structure, yaml,
};

/// A configuration and what was found on the way to it.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked {
    /// The configuration; there is one exactly when the report has no errors.
    pub config: Option<Config>,
    /// Errors and warnings, in the file's order.
    pub report: Report,
}

impl Config {
    /// Reads and validates the file at `path`.
    ///
    /// # Errors
    /// The [`Report`] of everything that is wrong, in the file's order.
    pub fn load(path: &std::path::Path) -> Result<Config, Report> {
        let Checked { config, report } = check_file(path);
        config.ok_or(report)
    }

    /// Validates `text`, which reports call `name`.
    ///
    /// # Errors
    /// The [`Report`] of everything that is wrong, in the text's order.
    pub fn parse(text: &str, name: &str) -> Result<Config, Report> {
        let Checked { config, report } = check(text, name);
        config.ok_or(report)
    }
}

impl FromStr for Config {
    type Err = Report;

    /// Validates a configuration that is in no file; reports call it `configuration`.
    fn from_str(text: &str) -> Result<Config, Report> {
        Config::parse(text, "configuration")
    }
}

/// Reads and judges the file at `path`.
pub fn check_file(path: &std::path::Path) -> Checked {
    let name = path.display().to_string();
    let text = match std::fs::read(path) {
        Ok(bytes) => decode(bytes),
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            Err(Finding::error(Position::START, &Path::root(), message))
        }
    };
    match text {
        Ok(text) => check(&text, &name),
        Err(finding) => conclude(&name, None, vec![finding], true),
    }
}

fn decode(bytes: Vec<u8>) -> Result<String, Finding> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let before = String::from_utf8_lossy(valid);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count())
            + 1;
        let what = match error.as_bytes() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16",
            _ => "no UTF-8 from here on",
        };
        Finding::error(Position { line, column }, &Path::root(), what.to_owned())
            .allowed("a file saved as UTF-8")
    })
}

/// Judges `text`; `name` is what the report calls it.
pub fn check(text: &str, name: &str) -> Checked {
    let (tree, mut findings) = yaml::read(text);
    let Some(tree) = tree else {
        return conclude(name, None, findings, true);
    };
    let readable = findings.is_empty();
    let structure = structure::check(schema(), &tree);
    findings.extend(structure.findings);
    let Some(left_out) = structure.mended_without.filter(|_| readable) else {
        return conclude(name, None, findings, false);
    };
    match serde_yaml::from_value::<Config>(tree.without(&left_out).to_yaml()) {
        Ok(mut config) => {
            findings.extend(meaning::check(&config, &tree, &left_out));
            let resolved = Resolved::new(&config);
            config.resolved = resolved.unwrap_or_default();
            conclude(name, Some(config), findings, true)
        }
        Err(error) => {
            findings.push(Finding::error(
                tree.position,
                &Path::root(),
                error.to_string(),
            ));
            conclude(name, None, findings, false)
        }
    }
}

/// The findings in the file's order, and the configuration when none of them forbids it.
fn conclude(
    name: &str,
    config: Option<Config>,
    mut findings: Vec<Finding>,
    complete: bool,
) -> Checked {
    findings.sort_by(|one, other| {
        (one.position, &one.path, one.severity).cmp(&(other.position, &other.path, other.severity))
    });
    let report = Report {
        file: name.to_owned(),
        findings,
        complete,
    };
    Checked {
        config: config.filter(|_| !report.has_errors()),
        report,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_pointed_at() {
        let refused = |bytes: &[u8]| decode(bytes.to_vec()).expect_err("no UTF-8");
        let latin = refused(b"instance: strait\nrealms: \xe9\n");
        assert_eq!(latin.position, Position { line: 2, column: 9 });
        assert_eq!(refused(b"\xff\xfer\0e\0").message, "the file is UTF-16");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_finding() {
        let report = Config::load(std::path::Path::new("no/such.yaml")).expect_err("no file");
        assert!(
            report
                .to_string()
                .starts_with("no/such.yaml:1:1: error: the file cannot be read")
        );
    }

    #[test]
    fn a_file_too_long_is_not_read() {
        let text = "#".repeat(crate::limits::FILE_BYTES_MAX + 1);
        let report = Config::parse(&text, "long").expect_err("too long");
        assert!(report.to_string().contains("1048577 bytes"), "{report}");
    }
}
