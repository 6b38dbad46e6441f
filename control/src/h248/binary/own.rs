//! The few messages of our own.

use super::identity::write_message_id;
use super::write::Kind::{Constructed, Sequence};
use super::write::{integer, string, tlv};
use crate::h248::model::ErrorDescriptor;
use crate::h248::own::{Own, OwnMessage};

/// Appends a message of our own.
pub(in crate::h248) fn own(message: &OwnMessage, out: &mut Vec<u8>) {
    tlv(Sequence, out, |out| {
        tlv(Constructed(1), out, |out| {
            integer(0, u32::from(message.version), out);
            tlv(Constructed(1), out, |out| {
                write_message_id(message.sender, out);
            });
            tlv(Constructed(2), out, |out| body(&message.what, out));
        });
    });
}

fn body(what: &Own, out: &mut Vec<u8>) {
    if let Own::MessageError(error) = what {
        return write_error(0, error, out);
    }
    tlv(Constructed(1), out, |out| match what {
        Own::MessageError(_) => {}
        Own::Refusal { transaction, error } => tlv(Constructed(2), out, |out| {
            integer(0, transaction.0, out);
            tlv(Constructed(2), out, |out| write_error(0, error, out));
        }),
        Own::Pending(transaction) => tlv(Constructed(1), out, |out| {
            integer(0, transaction.0, out);
        }),
        Own::Acknowledgement(transaction) => tlv(Constructed(3), out, |out| {
            tlv(Sequence, out, |out| integer(0, transaction.0, out));
        }),
        Own::AuditRoot(transaction) => tlv(Constructed(0), out, |out| {
            integer(0, transaction.0, out);
            tlv(Constructed(1), out, audit_root);
        }),
    });
}

/// An action in the null context: AuditValue on ROOT, with an empty audit descriptor.
fn audit_root(out: &mut Vec<u8>) {
    let termination = |out: &mut Vec<u8>| {
        tlv(Constructed(0), out, |_| {});
        string(1, &[0xff; 8], out);
    };
    let audit = |out: &mut Vec<u8>| {
        tlv(Constructed(0), out, termination);
        tlv(Constructed(1), out, |_| {});
    };
    tlv(Sequence, out, |out| {
        integer(0, 0, out);
        tlv(Constructed(3), out, |out| {
            tlv(Sequence, out, |out| {
                tlv(Constructed(0), out, |out| tlv(Constructed(5), out, audit));
            });
        });
    });
}

/// Appends an ErrorDescriptor; what its alphabet does not have is a question mark in it.
fn write_error(number: u32, error: &ErrorDescriptor, out: &mut Vec<u8>) {
    tlv(Constructed(number), out, |out| {
        integer(0, u32::from(error.code.0), out);
        if !error.text.is_empty() {
            let letters = error.text.chars();
            let plain = |letter: char| matches!(letter, ' '..='~');
            let letters = letters.map(|letter| if plain(letter) { letter } else { '?' });
            string(1, letters.collect::<String>().as_bytes(), out);
        }
    });
}
