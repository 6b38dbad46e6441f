//! What is said about a configuration: every mistake at once, each with its place.

use std::fmt;

use crate::path::Path;

/// Line and column in the file, both counted from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    /// The start of the file.
    pub const START: Position = Position { line: 1, column: 1 };
}

/// Whether a finding keeps Strait from starting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// Strait starts, but the result is probably not what was meant.
    Warning,
}

/// One mistake, or one thing worth a second look.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Where in the file.
    pub position: Position,
    /// The path of the key, such as `realms[0].media[1].ports`; empty for the whole file.
    pub path: String,
    /// What is wrong, with the value as written.
    pub message: String,
    /// What would be right.
    pub allowed: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// Everything found in one configuration, in the file's order.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Report {
    /// The file's name as it was given.
    pub file: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether everything was looked at: names, addresses and ranges are only once the shape of
    /// the file allows it.
    pub complete: bool,
}

impl Report {
    /// Whether something keeps Strait from starting.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many findings are errors.
    pub fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count()
    }

    /// How many findings are warnings.
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }
}

impl fmt::Display for Report {
    /// One block a finding, editors and terminals jump to its first line:
    ///
    /// ```text
    /// strait.yaml:7:13: error: realms[0].dscp: 64 is above 63
    ///     allowed: a whole number from 0 to 63
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{}:{finding}", self.file)?;
        }
        if !self.complete {
            writeln!(
                f,
                "names, addresses and ranges are looked at once these are right"
            )?;
        }
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        match (self.errors(), self.warnings()) {
            (0, 0) => Ok(()),
            (errors, 0) => writeln!(f, "{}", count(errors, "error")),
            (0, warnings) => writeln!(f, "{}", count(warnings, "warning")),
            (errors, warnings) => {
                writeln!(
                    f,
                    "{}, {}",
                    count(errors, "error"),
                    count(warnings, "warning")
                )
            }
        }
    }
}

impl std::error::Error for Report {}

impl Finding {
    /// A mistake that keeps Strait from starting.
    pub(crate) fn error(position: Position, path: &Path, message: String) -> Finding {
        let path = path.to_string();
        Finding {
            severity: Severity::Error,
            position,
            path,
            message,
            allowed: None,
            suggestion: None,
        }
    }

    /// Something that is probably not what was meant.
    pub(crate) fn warning(position: Position, path: &Path, message: String) -> Finding {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(position, path, message)
        }
    }

    /// Says what would be right.
    pub(crate) fn allowed(self, allowed: impl Into<String>) -> Finding {
        Finding {
            allowed: Some(allowed.into()),
            ..self
        }
    }

    /// Says what was probably meant, as it would stand in the file.
    pub(crate) fn suggestion(self, suggestion: Option<String>) -> Finding {
        Finding { suggestion, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            f,
            "{}:{}: {severity}: ",
            self.position.line, self.position.column
        )?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "\n    allowed: {allowed}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n    did you mean `{suggestion}`?")?;
        }
        Ok(())
    }
}
