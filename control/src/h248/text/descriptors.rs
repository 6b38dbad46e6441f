//! What commands carry, as far as it matters: media, service changes and errors.

use super::super::limits::MAX_STREAMS;
use super::super::model::{
    Descriptor, ErrorCode, ErrorDescriptor, Mode, Placed, ServiceChange, ServiceChangeMethod,
    Stream, SyntaxError,
};
use super::Place;
use super::identity;
use super::octets;
use super::reader::Reader;
use super::scanner::Item;
use super::token::{self, Token};

const MODES: [(Token, Mode); 5] = [
    (token::SEND_RECEIVE, Mode::SendReceive),
    (token::RECEIVE_ONLY, Mode::ReceiveOnly),
    (token::SEND_ONLY, Mode::SendOnly),
    (token::INACTIVE, Mode::Inactive),
    (token::LOOPBACK, Mode::LoopBack),
];

const METHODS: [(Token, ServiceChangeMethod); 6] = [
    (token::RESTART, ServiceChangeMethod::Restart),
    (token::FORCED, ServiceChangeMethod::Forced),
    (token::GRACEFUL, ServiceChangeMethod::Graceful),
    (token::DISCONNECTED, ServiceChangeMethod::Disconnected),
    (token::HANDOFF, ServiceChangeMethod::Handoff),
    (token::FAILOVER, ServiceChangeMethod::Failover),
];

/// The only stream, where none is named.
const ONLY_STREAM: u16 = 1;

impl<'a> Reader<'a> {
    /// A media descriptor, added to what is known of the termination's streams.
    pub(super) fn media(&mut self, streams: &mut Vec<Stream>) -> Result<(), SyntaxError> {
        if !self.scanner.enter()? {
            return Ok(());
        }
        while let Some(item) = self.scanner.next()? {
            if !token::STREAM.is(item.name) {
                self.stream_parameter(item, ONLY_STREAM, streams)?;
                continue;
            }
            let Some(id) = identity::number(item.value) else {
                return Err(self.scanner.error("expected a stream's number"));
            };
            self.stream(id, streams)?;
            if self.scanner.enter()? {
                while let Some(item) = self.scanner.next()? {
                    self.stream_parameter(item, id, streams)?;
                }
            }
        }
        Ok(())
    }

    /// What changes with a termination; said at most once.
    pub(super) fn service_change(
        &mut self,
        known: &mut Option<ServiceChange>,
    ) -> Result<(), SyntaxError> {
        let mut change = ServiceChange {
            method: None,
            reason: None,
            address: None,
            controller: None,
            version: None,
        };
        if self.scanner.enter()? {
            while let Some(item) = self.scanner.next()? {
                self.service_change_parameter(item, &mut change)?;
            }
        }
        self.once(known, change)
    }

    /// An error descriptor, of which the code has been read.
    pub(super) fn error_descriptor(
        &mut self,
        item: Item<'a>,
    ) -> Result<ErrorDescriptor, SyntaxError> {
        let Some(code) = identity::number(item.value) else {
            return Err(self.scanner.error("expected an error's code"));
        };
        let mut text = Box::default();
        if self.scanner.enter()? {
            while let Some(item) = self.scanner.next()? {
                text = String::from_utf8_lossy(item.value).into();
                self.scanner.skip_braces()?;
            }
        }
        let code = ErrorCode(code);
        Ok(ErrorDescriptor { code, text })
    }

    fn stream_parameter(
        &mut self,
        item: Item<'a>,
        id: u16,
        streams: &mut Vec<Stream>,
    ) -> Result<(), SyntaxError> {
        if let Some(span) = item.octets {
            let text = octets::unescaped(self.scanner.text(span));
            let site = self.place(Place::Descriptor(span));
            let at = self.stream(id, streams)?;
            let known = match token::LOCAL.is(item.name) {
                true => &mut streams[at].local,
                false => &mut streams[at].remote,
            };
            self.once(known, Descriptor { site, text })
        } else if token::LOCAL_CONTROL.is(item.name) && self.scanner.enter()? {
            while let Some(item) = self.scanner.next()? {
                if token::MODE.is(item.name) {
                    let mode = one_of(&MODES, item.value);
                    let mode = mode.ok_or_else(|| self.scanner.error("expected a mode"))?;
                    let at = self.stream(id, streams)?;
                    streams[at].mode = Some(mode);
                }
                self.scanner.skip_braces()?;
            }
            Ok(())
        } else {
            self.scanner.skip_braces()
        }
    }

    /// Where a stream is in the list, from now on.
    fn stream(&mut self, id: u16, streams: &mut Vec<Stream>) -> Result<usize, SyntaxError> {
        if let Some(at) = streams.iter().position(|stream| stream.id == id) {
            return Ok(at);
        }
        self.count()?;
        if streams.len() == MAX_STREAMS {
            let code = ErrorCode::INSUFFICIENT_RESOURCES;
            return Err(self.scanner.error_of(code, "too many streams"));
        }
        streams.push(Stream {
            id,
            mode: None,
            local: None,
            remote: None,
        });
        Ok(streams.len() - 1)
    }

    fn service_change_parameter(
        &mut self,
        item: Item<'a>,
        change: &mut ServiceChange,
    ) -> Result<(), SyntaxError> {
        if token::METHOD.is(item.name) {
            let method = one_of(&METHODS, item.value);
            change.method = Some(method.unwrap_or(ServiceChangeMethod::Other));
        } else if token::REASON.is(item.name) {
            let digits = item.value.iter().position(|byte| !byte.is_ascii_digit());
            let code = &item.value[..digits.unwrap_or(item.value.len())];
            change.reason = identity::number(code);
        } else if token::VERSION.is(item.name) {
            change.version = identity::number(item.value);
        } else if token::MGC_ID.is(item.name) {
            let controller = self.message_id(item.value_span)?;
            return self.once(&mut change.controller, controller);
        } else if token::ADDRESS.is(item.name) {
            let Some(value) = identity::address(self.scanner.text(item.value_span)) else {
                return Err(self.scanner.error("expected an address"));
            };
            let site = self.place(Place::Address(item.value_span));
            return self.once(&mut change.address, Placed { value, site });
        }
        self.scanner.skip_braces()
    }

    /// Sets what is said at most once: a second one would not be looked at.
    fn once<T>(&self, known: &mut Option<T>, value: T) -> Result<(), SyntaxError> {
        match known.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.scanner.error("said twice")),
        }
    }
}

fn one_of<T: Copy>(words: &[(Token, T)], word: &[u8]) -> Option<T> {
    let found = words.iter().find(|(token, _)| token.is(word));
    found.map(|(_, meaning)| *meaning)
}
