//! A user file in YAML: a list of mappings, read as it comes and never held as a whole tree.

use saphyr_parser::{Event, Parser, ScanError, Span, StrInput};

use super::error::Problem;
use super::table::{HashNames, Making, Record, Users};

const NAMES: HashNames = HashNames {
    md5: "md5",
    sha256: "sha-256",
};

/// Reads a file's text; else the line, from 1, and what is wrong with it.
pub fn read(text: &str) -> Result<Users, (u64, Problem)> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
    };
    let mut making = Making::new(NAMES);
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::SequenceStart(..), _) => reader.list(&mut making)?,
            // An empty file has no users.
            (Event::Scalar(text, ..), _) if text.is_empty() || text == "~" => {}
            (Event::Scalar(..) | Event::MappingStart(..) | Event::Alias(_), span) => {
                return Err(unexpected(span, "this is not a list"));
            }
            _ => {}
        }
    }
    making.finish()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), (u64, Problem)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn list(&mut self, making: &mut Making) -> Result<(), (u64, Problem)> {
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(()),
                (Event::MappingStart(..), span) => self.user(line(span), making)?,
                (_, span) => return Err(unexpected(span, "this is not a user")),
            }
        }
    }

    fn user(&mut self, first: u64, making: &mut Making) -> Result<(), (u64, Problem)> {
        const KEYS: [&str; 5] = ["user", "domain", "password", NAMES.md5, NAMES.sha256];
        let mut texts = [const { None }; KEYS.len()];
        loop {
            let (key, span) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(key, ..), span) => (key, span),
                (_, span) => return Err(unexpected(span, "this is not a key")),
            };
            let Some(index) = KEYS.iter().position(|known| *known == key) else {
                return Err((line(span), Problem::UnknownKey(key.into_owned())));
            };
            if texts[index].is_some() {
                return Err((line(span), Problem::Twice(key.into_owned())));
            }
            match self.next()? {
                // Whatever it would mean elsewhere, a number, a date: here it is text.
                (Event::Scalar(text, ..), _) => texts[index] = Some(text),
                (_, span) => return Err(unexpected(span, "this is not a text")),
            }
        }
        let [user, domain, password, md5, sha256] = texts
            .each_ref()
            .map(|text| text.as_deref().unwrap_or_default());
        let record = Record {
            user,
            domain,
            password,
            md5,
            sha256,
        };
        making
            .add(&record, first)
            .map_err(|problem| (first, problem))
    }
}

fn line(span: Span) -> u64 {
    span.start.line() as u64
}

fn unexpected(span: Span, what: &str) -> (u64, Problem) {
    (line(span), Problem::NotYaml(what.to_owned()))
}

fn syntax(error: &ScanError) -> (u64, Problem) {
    let what = format!("this is not YAML ({})", error.info());
    (error.marker().line() as u64, Problem::NotYaml(what))
}
