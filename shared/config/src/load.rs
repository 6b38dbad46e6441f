//! From a file's text to a [`Config`], or to everything that is wrong with it.

use std::{path::Path, str::FromStr};

use crate::{
    Config,
    report::{Finding, Position, Report, Severity},
    resolved::Resolved,
};

impl Config {
    /// Reads and validates the file at `path`.
    ///
    /// # Errors
    /// The [`Report`] of everything that is wrong, in the file's order.
    pub fn load(path: &Path) -> Result<Config, Report> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Config::read(&text, &name),
            Err(error) => Err(one(
                &name,
                Position::START,
                format!("cannot be read: {error}"),
            )),
        }
    }

    /// Validates `text`; `name` is what reports call it.
    ///
    /// # Errors
    /// The [`Report`] of everything that is wrong, in the file's order.
    pub fn read(text: &str, name: &str) -> Result<Config, Report> {
        let mut config: Config = serde_yaml::from_str(text).map_err(|error| {
            let position = error
                .location()
                .map_or(Position::START, |location| Position {
                    line: location.line(),
                    column: location.column(),
                });
            one(name, position, error.to_string())
        })?;
        let unknown = || one(name, Position::START, "a name is not defined".to_owned());
        config.resolved = Resolved::new(&config).ok_or_else(unknown)?;
        Ok(config)
    }
}

impl FromStr for Config {
    type Err = Report;

    fn from_str(text: &str) -> Result<Config, Report> {
        Config::read(text, "configuration")
    }
}

fn one(name: &str, position: Position, message: String) -> Report {
    let finding = Finding {
        severity: Severity::Error,
        position,
        path: String::new(),
        message,
        allowed: None,
        suggestion: None,
    };
    Report {
        file: name.to_owned(),
        findings: vec![finding],
    }
}
