//! An external table of users, as CSV with a line of column names (RFC 4180): those of Kamailio's
//! and OpenSIPS's `subscriber` table, in any order; other columns are not looked at.

use ::csv::{ReaderBuilder, StringRecord, Trim};

use super::error::Problem;
use super::table::{HashNames, Making, Record, Users};

const NAMES: HashNames = HashNames {
    md5: "ha1",
    sha256: "ha1_sha256",
};

/// Reads a file's text; else the line, from 1, and what is wrong with it.
pub fn read(text: &str) -> Result<Users, (u64, Problem)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .trim(Trim::Headers)
        .from_reader(text.as_bytes());
    let columns = Columns::of(reader.headers().map_err(|error| broken(&error))?);
    let columns = columns.map_err(|problem| (1, problem))?;
    let mut making = Making::new(NAMES);
    let mut row = StringRecord::new();
    while reader
        .read_record(&mut row)
        .map_err(|error| broken(&error))?
    {
        let line = row.position().map_or(0, |position| position.line());
        let added = making.add(&columns.record(&row), line);
        added.map_err(|problem| (line, problem))?;
    }
    making.finish()
}

/// Where in a row things stand.
struct Columns {
    user: usize,
    domain: usize,
    password: Option<usize>,
    md5: Option<usize>,
    sha256: Option<usize>,
}

impl Columns {
    fn of(names: &StringRecord) -> Result<Self, Problem> {
        let find = |name: &str| {
            names
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
        };
        let (password, md5) = (find("password"), find(NAMES.md5));
        let sha256 = find(NAMES.sha256);
        if password.or(md5).or(sha256).is_none() {
            return Err(Problem::NoColumn("password"));
        }
        Ok(Self {
            user: find("username").ok_or(Problem::NoColumn("username"))?,
            domain: find("domain").ok_or(Problem::NoColumn("domain"))?,
            password,
            md5,
            sha256,
        })
    }

    fn record<'a>(&self, row: &'a StringRecord) -> Record<'a> {
        let text = |column: Option<usize>| column.and_then(|at| row.get(at)).unwrap_or_default();
        Record {
            user: text(Some(self.user)),
            domain: text(Some(self.domain)),
            password: text(self.password),
            md5: text(self.md5),
            sha256: text(self.sha256),
        }
    }
}

fn broken(error: &::csv::Error) -> (u64, Problem) {
    let line = error.position().map_or(1, |position| position.line());
    let what = match error.kind() {
        ::csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("{len} fields where the first line names {expected_len} columns")
        }
        _ => format!("this is not CSV ({error})"),
    };
    (line, Problem::NotCsv(what))
}
