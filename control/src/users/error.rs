//! What can be wrong with a user file, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A user file cannot be used. Reads `FILE:LINE: what is wrong: what to do`.
#[derive(Debug)]
pub struct UsersError {
    path: PathBuf,
    line: Option<u64>,
    problem: Problem,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be opened or read.
    #[error("cannot be read ({0}): give a file that the process may read")]
    Unreadable(std::io::Error),
    /// It is larger than any table of users.
    #[error("is larger than {0} bytes: split the users over several domains' files")]
    TooLarge(u64),
    /// There are more users than are held.
    #[error("has more than {0} users: split them over several files")]
    TooMany(usize),
    /// It is not YAML, or not a list of users.
    #[error("{0}: write a list whose entries read `- user: alice`, `domain: …`, `password: …`")]
    NotYaml(String),
    /// It is not CSV.
    #[error("{0}: write one user a line, with as many fields as the first line names columns")]
    NotCsv(String),
    /// A table without a column that is needed.
    #[error(
        "the first line names no column `{0}`: name the columns username, domain, and \
             password, ha1 or ha1_sha256"
    )]
    NoColumn(&'static str),
    /// A key that is not known.
    #[error("unknown key `{0}`: there are user, domain, password, md5 and sha-256")]
    UnknownKey(String),
    /// A key that stands twice in one entry.
    #[error("`{0}` stands there twice: leave one of them")]
    Twice(String),
    /// A user or domain is missing or empty.
    #[error("the entry has no `{0}`: each needs a user and a domain")]
    Missing(&'static str),
    /// Neither a password nor a hash.
    #[error("the entry has no secret: give a password, or the hash of user:domain:password")]
    NoSecret,
    /// A hash that is none.
    #[error("`{name}` is not {digits} hexadecimal digits: give the hash of user:domain:password")]
    NotAHash {
        /// The key or column.
        name: &'static str,
        /// How many there have to be.
        digits: usize,
    },
    /// Longer than any name or password.
    #[error("a text is longer than {0} bytes: shorten it")]
    TooLong(usize),
    /// Two entries for one user.
    #[error("the same user as on line {0}: leave one of them")]
    Duplicate(u64),
}

impl UsersError {
    pub(super) fn new(path: &Path, line: Option<u64>, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            line,
            problem,
        }
    }
}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for UsersError {}
