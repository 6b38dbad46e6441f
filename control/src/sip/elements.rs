//! Comma-separated header values taken apart (RFC 3261 §7.3.1).

use memchr::memchr;

use super::message::Header;
use super::name::HeaderName;
use super::scanner::trim;
use super::span::{Span, Text};

/// One value of a header that may hold several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The value without white space at either end.
    pub text: Text<'a>,
    /// The header line it stands in.
    pub header: Header,
    /// What to remove so that the value is gone: the value and one comma, or the whole line
    /// where it is the only value. Where all values of a line go, remove the line instead.
    pub removal: Span,
}

/// Iterates over the values of all headers of one name, in order.
pub struct Elements<'a, 'm> {
    bytes: &'a [u8],
    headers: std::slice::Iter<'m, Header>,
    name: HeaderName,
    line: Option<Line>,
}

/// What is left of the line at hand.
struct Line {
    header: Header,
    next: usize,
    previous_end: Option<usize>,
}

impl<'a, 'm> Elements<'a, 'm> {
    pub(crate) fn new(bytes: &'a [u8], headers: &'m [Header], name: HeaderName) -> Self {
        Self {
            bytes,
            headers: headers.iter(),
            name,
            line: None,
        }
    }

    fn take_from(&mut self, line: Line) -> Element<'a> {
        let value_end = line.header.value.end();
        let is_list = self.name.is_list();
        let comma = is_list
            .then(|| comma(self.bytes, line.next, value_end))
            .flatten();
        let text = trim(self.bytes, Span::new(line.next, comma.unwrap_or(value_end)));
        let removal = match (line.previous_end, comma) {
            (None, None) => line.header.line,
            (Some(previous), None) => Span::new(previous, text.end()),
            (_, Some(comma)) => Span::new(text.start(), self.skip_blanks(comma + 1, value_end)),
        };
        self.line = comma.map(|comma| Line {
            header: line.header,
            next: comma + 1,
            previous_end: Some(text.end()),
        });
        Element {
            text: Text::new(self.bytes, text),
            header: line.header,
            removal,
        }
    }

    fn skip_blanks(&self, from: usize, end: usize) -> usize {
        trim(self.bytes, Span::new(from, end)).start()
    }
}

impl<'a> Iterator for Elements<'a, '_> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let line = match self.line.take() {
            Some(line) => line,
            None => {
                let header = *self.headers.find(|header| header.name == self.name)?;
                Line {
                    header,
                    next: header.value.start(),
                    previous_end: None,
                }
            }
        };
        Some(self.take_from(line))
    }
}

/// The next comma that parts values: outside quotes and angle brackets.
fn comma(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    memchr(b',', &bytes[start..end])?;
    let (mut quoted, mut bracketed) = (false, false);
    let mut at = start;
    while at < end {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' if !bracketed => quoted = !quoted,
            _ if quoted => {}
            b'<' => bracketed = true,
            b'>' => bracketed = false,
            b',' if !bracketed => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::sip::{HeaderName, Message, Splices};

    const REQUEST: &[u8] = b"OPTIONS sip:a SIP/2.0\r\n\
        Route: <sip:1;lr> , \"x, y\" <sip:2,2>\r\n\
        ROUTE:<sip:3>,<sip:4>;p=\"a,b\\\",\",\r\n <sip:5>\r\n\
        To: Bell, A <sip:a>\r\n\
        Via: SIP/2.0/UDP a\r\n\r\n";

    #[test]
    fn lists_come_apart_in_order_across_lines() {
        let message = Message::parse(REQUEST).unwrap();
        let texts = |name| -> Vec<&str> {
            message
                .elements(name)
                .map(|element| element.text.as_str().unwrap())
                .collect()
        };
        let routes = [
            "<sip:1;lr>",
            "\"x, y\" <sip:2,2>",
            "<sip:3>",
            "<sip:4>;p=\"a,b\\\",\"",
            "<sip:5>",
        ];
        assert_eq!(texts(HeaderName::Route), routes);
        assert_eq!(texts(HeaderName::To), ["Bell, A <sip:a>"]);
        assert_eq!(texts(HeaderName::Contact), [""; 0]);
    }

    #[test]
    fn removing_one_takes_one_comma_along() {
        let message = Message::parse(REQUEST).unwrap();
        let without = |name, index: usize| {
            let mut edits = Splices::new();
            edits.remove(message.elements(name).nth(index).unwrap().removal);
            let mut out = Vec::new();
            message.render(&mut edits, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(without(HeaderName::Route, 0).contains("Route: \"x, y\" <sip:2,2>\r\n"));
        assert!(without(HeaderName::Route, 1).contains("Route: <sip:1;lr>\r\n"));
        assert!(without(HeaderName::Route, 3).contains("ROUTE:<sip:3>,<sip:5>\r\n"));
        assert!(without(HeaderName::Route, 4).contains("ROUTE:<sip:3>,<sip:4>;p=\"a,b\\\",\"\r\n"));
        assert!(!without(HeaderName::Via, 0).contains("Via"));
    }
}
