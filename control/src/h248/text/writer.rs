//! Messages written: a received one with its edits, and those of our own.

use std::io::Write;

use super::super::edits::{Edits, Replacement};
use super::super::model::{
    ContextId, Encoding, ErrorDescriptor, ServiceChangeAddress, TransactionId,
};
use super::super::own::{Own, OwnMessage, OwnTermination};
use super::identity::write_message_id;
use super::octets::escape;
use super::scanner::is_safe;
use super::token::{
    AUDIT, AUDIT_VALUE, CONTEXT, ERROR, FORCED, IMM_ACK_REQUIRED, INACTIVE, LOCAL_CONTROL, MEDIA,
    MEGACO, METHOD, MODE, MODIFY, PENDING, REASON, REPLY, RESPONSE_ACK, SERVICE_CHANGE, SERVICES,
    STREAM, SUBTRACT, TRANSACTION, Token,
};
use super::{Place, Sites};
use crate::sip::{Span, Splices};

/// Appends `bytes` with `edits`, which name sites of this message.
pub(in super::super) fn render(bytes: &[u8], sites: &Sites, edits: &Edits, out: &mut Vec<u8>) {
    let mut splices = Splices::new();
    for (site, replacement) in edits.iter() {
        let place = sites.places.get(site.0 as usize).copied();
        match (place, replacement) {
            (Some(Place::MessageId(span)), Replacement::MessageId(id)) => {
                splices.replace_with(span, |out| {
                    apart(bytes, span, out, |out| write_message_id(id, out));
                });
            }
            (Some(Place::Address(span)), Replacement::Address(address)) => {
                splices.replace_with(span, |out| {
                    apart(bytes, span, out, |out| write_address(address, out));
                });
            }
            (Some(Place::Descriptor(span)), Replacement::Descriptor(text)) => {
                splices.replace_with(span, |out| escape(text, out));
            }
            (Some(Place::Transaction { whole, .. }), Replacement::Nothing) => {
                splices.remove(whole);
            }
            (Some(Place::Transaction { acknowledge, .. }), Replacement::Acknowledge) => {
                if let Some(at) = acknowledge {
                    let word = IMM_ACK_REQUIRED.spelt(sites.compact);
                    splices.replace_fmt(Span::at(at), format_args!("{word},"));
                }
            }
            _ => debug_assert!(false, "{replacement:?} is not for site {site:?}"),
        }
    }
    splices.apply(bytes, out);
}

/// Appends a message of our own.
pub(in super::super) fn own(message: &OwnMessage, out: &mut Vec<u8>) {
    let compact = message.encoding == Encoding::Compact;
    let word = |token: Token| token.spelt(compact);
    let (start, version) = (word(MEGACO), message.version);
    write!(out, "{start}/{version} ").expect("writing to memory does not fail");
    write_message_id(message.sender, out);
    out.push(b'\n');
    let written = match &message.what {
        Own::MessageError(error) => return write_error(error, compact, out),
        Own::Refusal { transaction, error } => {
            write!(out, "{}={}{{", word(REPLY), transaction.0)
                .expect("writing to memory does not fail");
            write_error(error, compact, out);
            return out.push(b'}');
        }
        Own::Pending(transaction) => write!(out, "{}={}{{}}", word(PENDING), transaction.0),
        Own::Acknowledgement(transaction) => {
            write!(out, "{}{{{}}}", word(RESPONSE_ACK), transaction.0)
        }
        Own::AuditRoot(transaction) => write!(
            out,
            "{}={}{{{}=-{{{}=ROOT{{{}{{}}}}}}}}",
            word(TRANSACTION),
            transaction.0,
            word(CONTEXT),
            word(AUDIT_VALUE),
            word(AUDIT),
        ),
        Own::Forced {
            transaction,
            termination,
            reason,
        } => {
            let (services, method, forced) = (word(SERVICES), word(METHOD), word(FORCED));
            let (why, text) = (word(REASON), reason.text());
            let change = format!("{services}{{{method}={forced},{why}=\"{text}\"}}");
            let command = word(SERVICE_CHANGE);
            return write_request(*transaction, termination, (command, &change), compact, out);
        }
        Own::Silence {
            transaction,
            termination,
            streams,
        } => {
            let (control, mode, none) = (word(LOCAL_CONTROL), word(MODE), word(INACTIVE));
            let stream = |id: &u16| format!("{}={id}{{{control}{{{mode}={none}}}}}", word(STREAM));
            let streams: Vec<String> = streams.iter().map(stream).collect();
            let media = format!("{}{{{}}}", word(MEDIA), streams.join(","));
            let command = word(MODIFY);
            return write_request(*transaction, termination, (command, &media), compact, out);
        }
        Own::Subtract {
            transaction,
            termination,
        } => {
            let audit = format!("{}{{}}", word(AUDIT));
            let command = word(SUBTRACT);
            return write_request(*transaction, termination, (command, &audit), compact, out);
        }
    };
    written.expect("writing to memory does not fail");
}

/// Appends a request of one command, with what it carries.
fn write_request(
    transaction: TransactionId,
    termination: &OwnTermination,
    (command, carried): (&str, &str),
    compact: bool,
    out: &mut Vec<u8>,
) {
    let (request, number) = (TRANSACTION.spelt(compact), transaction.0);
    write!(out, "{request}={number}{{{}=", CONTEXT.spelt(compact))
        .expect("writing to memory does not fail");
    match termination.context {
        ContextId::Null => out.push(b'-'),
        ContextId::Choose => out.push(b'$'),
        ContextId::All => out.push(b'*'),
        ContextId::Number(number) => {
            write!(out, "{number}").expect("writing to memory does not fail");
        }
    }
    write!(out, "{{{command}=").expect("writing to memory does not fail");
    out.extend_from_slice(&termination.name);
    write!(out, "{{{carried}}}}}}}").expect("writing to memory does not fail");
}

fn write_address(address: &ServiceChangeAddress, out: &mut Vec<u8>) {
    match address {
        ServiceChangeAddress::Port(port) => {
            write!(out, "{port}").expect("writing to memory does not fail");
        }
        ServiceChangeAddress::Elsewhere(id) => write_message_id(id, out),
    }
}

/// Appends an error descriptor; what a quoted string cannot hold is a question mark in it.
fn write_error(error: &ErrorDescriptor, compact: bool, out: &mut Vec<u8>) {
    write!(out, "{}={}{{", ERROR.spelt(compact), error.code.0)
        .expect("writing to memory does not fail");
    if !error.text.is_empty() {
        out.push(b'"');
        let quotable = |letter: char| matches!(letter, ' '..='~') && letter != '"';
        let letters = error.text.chars();
        out.extend(letters.map(|letter| match quotable(letter) {
            true => letter as u8,
            false => b'?',
        }));
        out.push(b'"');
    }
    out.push(b'}');
}

/// Has `write` append what replaces `span`, and parts it with blanks from words it would run into:
/// an address needs none, a name does.
fn apart(bytes: &[u8], span: Span, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let word_at = |at: usize| bytes.get(at).is_some_and(|byte| is_safe(*byte));
    if span.start() > 0 && word_at(span.start() - 1) {
        out.push(b' ');
    }
    write(out);
    if word_at(span.end()) {
        out.push(b' ');
    }
}
