//! The few messages of our own.

use asn1_rs::Tag;

use super::identity::{write_context, write_message_id};
use super::write::Kind::{Constructed, OctetString, Sequence, Universal};
use super::write::{integer, string, tlv};
use crate::h248::model::{ContextId, ErrorDescriptor, TransactionId};
use crate::h248::own::{Own, OwnMessage, OwnTermination, ServiceChangeReason};

/// The numbers of commands (Annex A, `Command`).
const MODIFY: u32 = 2;
const SUBTRACT: u32 = 3;
const AUDIT_VALUE: u32 = 5;
const SERVICE_CHANGE: u32 = 7;

/// Of methods (`ServiceChangeMethod`) and modes (`StreamMode`).
const FORCED: u32 = 1;
const INACTIVE: u32 = 3;

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
        Own::AuditRoot(transaction) => {
            request(*transaction, ContextId::Null, AUDIT_VALUE, out, |out| {
                tlv(Constructed(0), out, |out| termination(&[0xff; 8], out));
                tlv(Constructed(1), out, |_| {});
            });
        }
        Own::Forced {
            transaction,
            termination,
            reason,
        } => about(*transaction, termination, SERVICE_CHANGE, out, |out| {
            forced(*reason, out);
        }),
        Own::Silence {
            transaction,
            termination,
            streams,
        } => about(*transaction, termination, MODIFY, out, |out| {
            tlv(Constructed(1), out, |out| silent_media(streams, out));
        }),
        Own::Subtract {
            transaction,
            termination,
        } => about(*transaction, termination, SUBTRACT, out, |out| {
            tlv(Constructed(1), out, |_| {});
        }),
    });
}

/// A request of one command, whose components are what `components` appends.
fn request(
    transaction: TransactionId,
    context: ContextId,
    command: u32,
    out: &mut Vec<u8>,
    components: impl FnOnce(&mut Vec<u8>),
) {
    let action = |out: &mut Vec<u8>| {
        write_context(context, out);
        tlv(Constructed(3), out, |out| {
            tlv(Sequence, out, |out| {
                tlv(Constructed(0), out, |out| {
                    tlv(Constructed(command), out, components);
                });
            });
        });
    };
    tlv(Constructed(0), out, |out| {
        integer(0, transaction.0, out);
        tlv(Constructed(1), out, |out| tlv(Sequence, out, action));
    });
}

/// A request of one command whose first component is a list of one termination.
fn about(
    transaction: TransactionId,
    of: &OwnTermination,
    command: u32,
    out: &mut Vec<u8>,
    rest: impl FnOnce(&mut Vec<u8>),
) {
    request(transaction, of.context, command, out, |out| {
        tlv(Constructed(0), out, |out| {
            tlv(Sequence, out, |out| termination(&of.name, out));
        });
        rest(out);
    });
}

fn termination(name: &[u8], out: &mut Vec<u8>) {
    tlv(Constructed(0), out, |_| {});
    string(1, name, out);
}

/// A ServiceChangeParm. Its reason is an IA5String within the octets (Annex A,
/// `serviceChangeReason`).
fn forced(reason: ServiceChangeReason, out: &mut Vec<u8>) {
    let text = |out: &mut Vec<u8>| out.extend_from_slice(reason.text().as_bytes());
    tlv(Constructed(1), out, |out| {
        integer(0, FORCED, out);
        tlv(Constructed(4), out, |out| {
            tlv(OctetString, out, |out| {
                tlv(Universal(Tag::Ia5String), out, text);
            });
        });
    });
}

/// A MediaDescriptor among others: each stream's mode is Inactive, and its properties are none.
fn silent_media(streams: &[u16], out: &mut Vec<u8>) {
    let control = |out: &mut Vec<u8>| {
        integer(0, INACTIVE, out);
        tlv(Constructed(3), out, |_| {});
    };
    let stream = |id: u16, out: &mut Vec<u8>| {
        integer(0, u32::from(id), out);
        tlv(Constructed(1), out, |out| tlv(Constructed(0), out, control));
    };
    let all = |out: &mut Vec<u8>| {
        for id in streams {
            tlv(Sequence, out, |out| stream(*id, out));
        }
    };
    tlv(Constructed(0), out, |out| {
        tlv(Constructed(1), out, |out| tlv(Constructed(1), out, all));
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
