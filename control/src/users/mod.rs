//! Who may register and call: the users of the domains we serve, from a file.
//!
//! A file that ends in `.csv` is an external table, as a subscriber database exports it; any other
//! is YAML:
//!
//! ```yaml
//! - user: alice
//!   domain: example.net
//!   password: correct horse
//! - { user: bob, domain: example.net, md5: 2e11d5bd1a49a5e8ad35d5b1bcd02a8d }
//! ```
//!
//! `md5` and `sha-256` are the hashes of `user:domain:password`; where they are given, the password
//! may be left out.

mod csv;
mod error;
pub mod limits;
mod table;
mod watch;
mod yaml;

use std::path::Path;

pub use self::error::UsersError;
pub use self::table::Users;
pub use self::watch::Watch;

use self::error::Problem;
use self::limits::MAX_FILE_BYTES;

impl Users {
    /// Reads a file of users. Takes about a second for a million; blocks meanwhile.
    pub fn load(path: &Path) -> Result<Self, UsersError> {
        let failed = |line, problem| UsersError::new(path, line, problem);
        let unreadable = |error| failed(None, Problem::Unreadable(error));
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(failed(None, Problem::TooLarge(MAX_FILE_BYTES)));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let is_csv = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let read = if is_csv { csv::read } else { yaml::read };
        read(&text).map_err(|(line, problem)| failed(Some(line), problem))
    }
}

#[cfg(test)]
mod tests;
