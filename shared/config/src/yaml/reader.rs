//! From text to the tree, with every duplicate and unsupported construct noted on the way.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{Entry, Node, Value, scalar};
use crate::{
    limits::{DEPTH_MAX, FILE_BYTES_MAX},
    path::Path,
    report::{Finding, Position},
};

/// Reads `text`. The tree is there as far as the text could be read at all.
pub(crate) fn read(text: &str) -> (Option<Node>, Vec<Finding>) {
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes", text.len());
        let finding = Finding::error(Position::START, &Path::root(), message);
        return (
            None,
            vec![finding.allowed(format!("at most {FILE_BYTES_MAX} bytes"))],
        );
    }
    // A byte-order mark is legal at the start (YAML 1.2 §5.2) and takes no column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parser = Parser::new_from_str(text);
    let mut reader = Reader {
        parser,
        findings: Vec::new(),
        open: Vec::new(),
    };
    match reader.document() {
        Ok(tree) => (tree, reader.findings),
        Err(Stop::Scan(error)) => {
            reader
                .findings
                .push(syntax(text, &error, reader.open.last()));
            (None, reader.findings)
        }
        Err(Stop::Noted) => (None, reader.findings),
    }
}

/// Why reading cannot go on.
enum Stop {
    /// The text is no YAML from here on.
    Scan(ScanError),
    /// The reason is among the findings.
    Noted,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Stop {
        Stop::Scan(error)
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    findings: Vec<Finding>,
    /// Where the lists and mappings around start, outermost first.
    open: Vec<Position>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut tree = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if tree.is_some() => {
                    let message = "a second document starts here".to_owned();
                    let finding = Finding::error(position(span.start), &Path::root(), message);
                    self.findings.push(finding.allowed("one document a file"));
                    break;
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    tree = Some(self.node(event, span, &Path::root())?);
                }
                _ => {}
            }
        }
        if tree.as_ref().is_none_or(|node| node.value == Value::Null) {
            let message = "the file is empty".to_owned();
            let finding = Finding::error(Position::START, &Path::root(), message);
            self.findings
                .push(finding.allowed("a mapping with at least the key `realms`"));
            return Ok(None);
        }
        Ok(tree)
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        let end = Marker::new(0, 1, 0);
        Ok(self
            .parser
            .next_event()
            .unwrap_or(Ok((Event::StreamEnd, Span::empty(end))))?)
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &Path) -> Result<Node, Stop> {
        let position = position(span.start);
        if path.depth() > DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels");
            self.findings
                .push(Finding::error(position, &Path::root(), message));
            return Err(Stop::Noted);
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(position, path, anchor, tag.is_some());
                match style {
                    ScalarStyle::Plain => scalar::plain(&text),
                    _ => Value::Text(text.into_owned()),
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(position, path, anchor, tag.is_some());
                self.open.push(position);
                self.list(path)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(position, path, anchor, tag.is_some());
                self.open.push(position);
                self.map(path)?
            }
            Event::Alias(_) => {
                self.unsupported(position, path, "an alias (`*`)");
                Value::Null
            }
            _ => Value::Null,
        };
        Ok(Node { position, value })
    }

    fn list(&mut self, path: &Path) -> Result<Value, Stop> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => {
                    self.open.pop();
                    return Ok(Value::List(nodes));
                }
                (event, span) => {
                    let node = self.node(event, span, &path.index(nodes.len()))?;
                    nodes.push(node);
                }
            }
        }
    }

    fn map(&mut self, path: &Path) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut first_lines: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            let start = position(span.start);
            let key = match event {
                Event::MappingEnd | Event::StreamEnd => {
                    self.open.pop();
                    return Ok(Value::Map(entries));
                }
                Event::Scalar(text, ..) => text.into_owned(),
                _ => {
                    let message = "a key that is a list, a mapping or an alias".to_owned();
                    let finding = Finding::error(start, path, message);
                    self.findings.push(finding.allowed("keys are plain words"));
                    return Err(Stop::Noted);
                }
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, &path.key(&key))?;
            if let Some(line) = first_lines.get(&key) {
                let message = format!("the key is given twice, first in line {line}");
                self.findings
                    .push(Finding::error(start, &path.key(&key), message));
            } else {
                first_lines.insert(key.clone(), start.line);
                entries.push(Entry {
                    key,
                    position: start,
                    node,
                });
            }
        }
    }

    fn refuse_extras(&mut self, position: Position, path: &Path, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.unsupported(position, path, "an anchor (`&`)");
        }
        if tag {
            self.unsupported(position, path, "a tag (`!`)");
        }
    }

    fn unsupported(&mut self, position: Position, path: &Path, what: &str) {
        let finding = Finding::error(position, path, format!("{what} is not supported"));
        self.findings
            .push(finding.allowed("values written out; quote text that starts with it"));
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// Says a syntax error so that it can be found: the scanner notices most of them late.
fn syntax(text: &str, error: &ScanError, inside: Option<&Position>) -> Finding {
    let noticed = position(*error.marker());
    match indenting_tab(text, noticed.line) {
        Some(tab) => Finding::error(tab, &Path::root(), "a tab in the indentation".to_owned())
            .allowed("spaces: YAML does not indent with tabs (YAML 1.2 §6.1)"),
        None => {
            let inside = inside.map_or_else(String::new, |start| {
                format!(
                    ", in what starts at line {}, column {}",
                    start.line, start.column
                )
            });
            let message = format!("not YAML: {}{inside}", error.info());
            Finding::error(noticed, &Path::root(), message).allowed(
                "`key: value` lines and `- item` lists; text with `: `, ` #` or a \
                          leading special character stands in quotes",
            )
        }
    }
}

/// The first tab before the first other character of a line, up to the one after `last`.
fn indenting_tab(text: &str, last: usize) -> Option<Position> {
    text.lines()
        .take(last + 1)
        .enumerate()
        .find_map(|(index, line)| {
            let indentation = line.len() - line.trim_start().len();
            let tab = line[..indentation].find('\t')?;
            (indentation < line.len()).then_some(Position {
                line: index + 1,
                column: tab + 1,
            })
        })
}
