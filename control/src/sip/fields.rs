//! The remaining headers a proxy reads: numbers, tags, dialogs and subscriptions.

use super::content_type::ContentType;
use super::fault::Fault;
use super::limits::{MAX_CSEQ, MAX_MAX_FORWARDS};
use super::message::Message;
use super::method::Method;
use super::name::HeaderName;
use super::params::Params;
use super::scanner::{Scanner, number, seconds};
use super::span::{Span, Text};

/// `CSeq: number method` (RFC 3261 §20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31.
    pub number: u32,
    /// The number as written.
    pub number_text: Text<'a>,
    /// The request's method.
    pub method: Method<'a>,
}

/// `RAck: response-number cseq-number method` (RFC 3262 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The RSeq of the response that is acknowledged.
    pub rseq: u32,
    /// The CSeq of that response.
    pub cseq: CSeq<'a>,
}

/// A value followed by parameters: Event, Subscription-State, Session-Expires, Replaces …
#[derive(Clone, Copy, Debug)]
pub struct Parametrised<'a> {
    /// What stands before the first semicolon.
    pub value: Text<'a>,
    /// What follows it.
    pub params: Params<'a>,
}

/// `Session-Expires: seconds;refresher=…` (RFC 4028 §4).
#[derive(Clone, Copy, Debug)]
pub struct SessionExpires<'a> {
    /// The interval in seconds.
    pub seconds: u32,
    /// The interval as written.
    pub seconds_text: Text<'a>,
    /// `uac` or `uas`, where it is said.
    pub refresher: Option<Text<'a>>,
}

/// A dialog named by another: Replaces (RFC 3891), Join (RFC 3911), Target-Dialog (RFC 4538).
#[derive(Clone, Copy, Debug)]
pub struct DialogName<'a> {
    /// The dialog's Call-ID.
    pub call_id: Text<'a>,
    /// `to-tag`, or `remote-tag` in Target-Dialog.
    pub to_tag: Text<'a>,
    /// `from-tag`, or `local-tag` in Target-Dialog.
    pub from_tag: Text<'a>,
    /// Replaces only dialogs that are not confirmed yet.
    pub early_only: bool,
}

impl<'a> CSeq<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, span);
        let number_text = scanner.take_while(|byte| byte.is_ascii_digit());
        let number = number(&number_text).filter(|number| *number <= MAX_CSEQ)?;
        let before = scanner.pos();
        scanner.skip_lws();
        let parted = scanner.pos() > before;
        let method = Method::new(scanner.token()?.as_bytes());
        (parted && scanner.at_end()).then_some(Self {
            number,
            number_text,
            method,
        })
    }
}

impl<'a> RAck<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, span);
        let rseq = number(&scanner.take_while(|byte| byte.is_ascii_digit()))?;
        scanner.skip_lws();
        let cseq = CSeq::parse(bytes, Span::new(scanner.pos(), span.end()))?;
        Some(Self { rseq, cseq })
    }
}

impl<'a> Parametrised<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, span);
        let text = scanner.take_while(|byte| byte != b';');
        let value = text.slice(0, text.trim_ascii_end().len());
        let params = Params::read(bytes, Span::new(scanner.pos(), span.end()))?;
        let complete = params.span().end() == span.end() && !value.is_empty();
        complete.then_some(Self { value, params })
    }
}

impl<'a> SessionExpires<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let Parametrised { value, params } = Parametrised::parse(bytes, span)?;
        let seconds = seconds(&value)?;
        Some(Self {
            seconds,
            seconds_text: value,
            refresher: params.value("refresher"),
        })
    }
}

impl<'a> DialogName<'a> {
    /// Reads a header value that fills `bytes`, unescaped where it stood in a URI.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let fits = bytes.len() <= super::limits::MAX_MESSAGE_BYTES;
        let span = Span::new(0, if fits { bytes.len() } else { return None });
        Self::parse_at(bytes, span)
    }

    /// Reads the value that fills `span` of `bytes`.
    pub fn parse_at(bytes: &'a [u8], span: Span) -> Option<Self> {
        let Parametrised {
            value: call_id,
            params,
        } = Parametrised::parse(bytes, span)?;
        let to_tag = params
            .value("to-tag")
            .or_else(|| params.value("remote-tag"))?;
        let from_tag = params
            .value("from-tag")
            .or_else(|| params.value("local-tag"))?;
        Some(Self {
            call_id,
            to_tag,
            from_tag,
            early_only: params.has("early-only"),
        })
    }
}

impl<'a> Message<'a> {
    /// CSeq; its absence is a fault.
    pub fn cseq(&self) -> Result<CSeq<'a>, Fault> {
        self.field(HeaderName::CSeq, CSeq::parse)?
            .ok_or(Fault::Missing(HeaderName::CSeq))
    }

    /// Call-ID as written; its absence is a fault.
    pub fn call_id(&self) -> Result<Text<'a>, Fault> {
        let name = HeaderName::CallId;
        let value = self.value(name).ok_or(Fault::Missing(name))?;
        let is_word = !value.is_empty() && value.iter().all(|byte| *byte > b' ');
        is_word.then_some(value).ok_or(Fault::Malformed(name))
    }

    /// Max-Forwards, 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, Fault> {
        self.field(HeaderName::MaxForwards, |bytes, span| {
            let hops = number(&bytes[span.start()..span.end()])?;
            (hops <= MAX_MAX_FORWARDS).then_some(hops as u8)
        })
    }

    /// A header of seconds: Expires, Min-Expires, Min-SE, Retry-After, Session-Expires; what
    /// follows the number is ignored, and a number too large is the largest.
    pub fn seconds(&self, name: HeaderName) -> Result<Option<u32>, Fault> {
        self.field(name, |bytes, span| {
            let mut scanner = Scanner::new(bytes, span);
            let digits = scanner.take_while(|byte| byte.is_ascii_digit());
            scanner.skip_lws();
            let complete = matches!(scanner.peek(), None | Some(b';' | b'('));
            seconds(&digits).filter(|_| complete)
        })
    }

    /// RSeq of a reliable provisional response (RFC 3262 §7.1).
    pub fn rseq(&self) -> Result<Option<u32>, Fault> {
        self.field(HeaderName::RSeq, |bytes, span| {
            number(&bytes[span.start()..span.end()])
        })
    }

    /// RAck of a PRACK.
    pub fn rack(&self) -> Result<Option<RAck<'a>>, Fault> {
        self.field(HeaderName::RAck, RAck::parse)
    }

    /// Session-Expires.
    pub fn session_expires(&self) -> Result<Option<SessionExpires<'a>>, Fault> {
        self.field(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Content-Type.
    pub fn content_type(&self) -> Result<Option<ContentType<'a>>, Fault> {
        self.field(HeaderName::ContentType, ContentType::parse)
    }

    /// Event, Subscription-State and other headers of one value with parameters.
    pub fn parametrised(&self, name: HeaderName) -> Result<Option<Parametrised<'a>>, Fault> {
        self.field(name, Parametrised::parse)
    }

    /// The dialog that Replaces, Join or Target-Dialog names.
    pub fn dialog_name(&self, name: HeaderName) -> Result<Option<DialogName<'a>>, Fault> {
        self.field(name, DialogName::parse_at)
    }

    /// Whether a list of option tags or methods (Supported, Require, Allow …) holds `tag`.
    pub fn lists(&self, name: HeaderName, tag: &str) -> bool {
        self.elements(name).any(|element| element.text.is(tag))
    }

    fn field<T>(
        &self,
        name: HeaderName,
        parse: impl FnOnce(&'a [u8], Span) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(header) = self.header(name) else {
            return Ok(None);
        };
        parse(self.bytes(), header.value)
            .map(Some)
            .ok_or(Fault::Malformed(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one header of a message that has no other.
    fn read<T>(line: &str, read: impl FnOnce(&Message) -> T) -> T {
        let text = format!("OPTIONS sip:a SIP/2.0\r\n{line}\r\n\r\n");
        read(&Message::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn cseq_is_a_number_and_a_method() {
        let cseq = |line: &str| {
            read(line, |m| {
                m.cseq().map(|c| (c.number, c.method == Method::Invite))
            })
        };
        assert_eq!(cseq("CSeq: 0009\r\n  INVITE"), Ok((9, true)));
        assert_eq!(cseq("cseq:2147483647 invite"), Ok((2_147_483_647, false)));
        assert_eq!(cseq("X: 1"), Err(Fault::Missing(HeaderName::CSeq)));
        for value in [
            "",
            "1",
            "INVITE",
            "1INVITE",
            "-1 INVITE",
            "2147483648 INVITE",
            "1 A B",
        ] {
            let fault = Err(Fault::Malformed(HeaderName::CSeq));
            assert_eq!(cseq(&format!("CSeq: {value}")), fault, "{value}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        let hops = |value| read(&format!("Max-Forwards: {value}"), |m| m.max_forwards());
        assert_eq!(hops("0068"), Ok(Some(68)));
        assert_eq!(hops("255"), Ok(Some(255)));
        for value in ["256", "-1", "", "a", "1 2"] {
            assert!(hops(value).is_err(), "{value}");
        }
        let expires = |value| {
            read(&format!("Expires: {value}"), |m| {
                m.seconds(HeaderName::Expires)
            })
        };
        assert_eq!(expires("60"), Ok(Some(60)));
        assert_eq!(expires("99999999999999999999"), Ok(Some(u32::MAX)));
        assert!(expires("1x").is_err() && expires("").is_err());
        let retry = |value| {
            read(&format!("Retry-After: {value}"), |m| {
                m.seconds(HeaderName::RetryAfter)
            })
        };
        assert_eq!(retry("18 (in a meeting);duration=9"), Ok(Some(18)));
        assert_eq!(read("RSeq: 4294967295", |m| m.rseq()), Ok(Some(u32::MAX)));
        let rack = read("RAck: 5 7 INVITE", |m| {
            m.rack().unwrap().map(|r| (r.rseq, r.cseq.number))
        });
        assert_eq!(rack, Some((5, 7)));
    }

    #[test]
    fn call_id_is_one_word() {
        let call_id = |line| read(line, |m| m.call_id().map(|text| text.to_vec()));
        assert_eq!(call_id("i:a)(*@[x]").as_deref(), Ok(&b"a)(*@[x]"[..]));
        assert!(call_id("i: a b").is_err() && call_id("i:").is_err() && call_id("X: 1").is_err());
    }

    #[test]
    fn session_timers_and_types() {
        let timer = |line| {
            read(line, |m| {
                m.session_expires().map(|found| {
                    found.map(|timer| (timer.seconds, timer.refresher.is_some_and(|r| r.is("UAC"))))
                })
            })
        };
        assert_eq!(timer("x: 90 ; refresher = uac"), Ok(Some((90, true))));
        assert_eq!(timer("Session-Expires: 90"), Ok(Some((90, false))));
        assert!(timer("x: soon").is_err());
        assert!(read("c: Application / SDP ;charset=x", |m| {
            m.content_type().unwrap().unwrap().is("application", "sdp")
        }));
        for value in ["sdp", "application/", "a/b c", "a/b;;"] {
            assert!(
                read(&format!("c: {value}"), |m| m.content_type().is_err()),
                "{value}"
            );
        }
    }

    #[test]
    fn dialogs_are_named_with_tags_in_either_spelling() {
        let name = |line, header| {
            read(line, |m| {
                m.dialog_name(header).map(|found| {
                    found.map(|dialog| {
                        let tags =
                            [dialog.call_id, dialog.to_tag, dialog.from_tag].map(|t| t.to_vec());
                        (tags.concat(), dialog.early_only)
                    })
                })
            })
        };
        let replaces = name(
            "Replaces: 1@x;from-tag=f;to-tag=t;early-only",
            HeaderName::Replaces,
        );
        assert_eq!(replaces, Ok(Some((b"1@xtf".to_vec(), true))));
        let target = "Target-Dialog: 1;local-tag=l ;remote-tag=r";
        assert_eq!(
            name(target, HeaderName::TargetDialog),
            Ok(Some((b"1rl".to_vec(), false)))
        );
        assert!(name("Replaces: 1@x;from-tag=f", HeaderName::Replaces).is_err());
    }

    #[test]
    fn lists_are_searched_across_lines_without_regard_to_case() {
        let text = "k: timer ,100REL\r\nSupported: replaces";
        let lists = |tag: &'static str| read(text, |m| m.lists(HeaderName::Supported, tag));
        assert!(lists("100rel") && lists("REPLACES") && lists("timer") && !lists("path"));
        let event = "Event: refer;id=9";
        read(event, |m| {
            let event = m.parametrised(HeaderName::Event).unwrap().unwrap();
            assert_eq!(
                (&*event.value, event.params.value("id").as_deref()),
                (&b"refer"[..], Some(&b"9"[..]))
            );
        });
    }
}
