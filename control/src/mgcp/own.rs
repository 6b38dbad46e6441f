//! The few messages of our own: what a proxy says for itself.

use std::io::Write;

use super::model::{ReturnCode, TransactionId};

/// What a proxy says for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own<'a> {
    /// What came of a command: refused, being worked on, or 000, that its response has arrived.
    Response {
        /// What came of it.
        code: ReturnCode,
        /// The command's number.
        transaction: TransactionId,
    },
    /// AUEP that asks for nothing: is the gateway there?
    Audit {
        /// Its number.
        transaction: TransactionId,
        /// The endpoint's name with its domain, `*` for all of them.
        endpoint: &'a str,
        /// `MGCP 1.0`, or what its receiver writes.
        version: &'a str,
    },
    /// DLCX to a gateway: a connection ends.
    Delete {
        /// Its number.
        transaction: TransactionId,
        /// The endpoint's name with its domain.
        endpoint: &'a str,
        /// `MGCP 1.0`, or what its receiver writes.
        version: &'a str,
        /// The connection.
        connection: &'a str,
    },
    /// DLCX to a call agent in a gateway's name: a connection cannot go on (RFC 3435 §2.3.8).
    Lost {
        /// Its number.
        transaction: TransactionId,
        /// The endpoint's name with its domain.
        endpoint: &'a str,
        /// `MGCP 1.0`, or what the gateway writes.
        version: &'a str,
        /// The call, where it is known.
        call: &'a str,
        /// The connection.
        connection: &'a str,
        /// Why.
        reason: LossReason,
    },
}

/// Why a connection cannot go on (RFC 3435 §2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossReason {
    /// 902: what lies below is lost: its media.
    LayerLost,
    /// 904: somebody has ended it.
    Intervention,
}

impl LossReason {
    const fn text(self) -> &'static str {
        match self {
            Self::LayerLost => "902 - Loss of lower layer connectivity",
            Self::Intervention => "904 - Manual intervention",
        }
    }
}

/// What ends lines: as the receiver writes them itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LineEnd {
    /// CRLF.
    #[default]
    CrLf,
    /// LF.
    Lf,
}

impl Own<'_> {
    /// Appends the message to a datagram, after a line with a dot where another one stands there.
    pub fn write(&self, end: LineEnd, out: &mut Vec<u8>) {
        if !out.is_empty() {
            end.write_line(b".", out);
        }
        let mut line = |text: std::fmt::Arguments| {
            out.write_fmt(text)
                .expect("writing to memory does not fail");
            out.extend_from_slice(end.as_bytes());
        };
        match *self {
            Self::Response { code, transaction } => {
                let (number, comment) = (transaction.number(), code.comment());
                let blank = if comment.is_empty() { "" } else { " " };
                line(format_args!("{:03} {number}{blank}{comment}", code.0));
            }
            Self::Audit {
                transaction,
                endpoint,
                version,
            } => {
                let number = transaction.number();
                line(format_args!("AUEP {number} {endpoint} {version}"));
            }
            Self::Delete {
                transaction,
                endpoint,
                version,
                connection,
            } => {
                let number = transaction.number();
                line(format_args!("DLCX {number} {endpoint} {version}"));
                line(format_args!("I: {connection}"));
            }
            Self::Lost {
                transaction,
                endpoint,
                version,
                call,
                connection,
                reason,
            } => {
                let (number, why) = (transaction.number(), reason.text());
                line(format_args!("DLCX {number} {endpoint} {version}"));
                if !call.is_empty() {
                    line(format_args!("C: {call}"));
                }
                line(format_args!("I: {connection}"));
                line(format_args!("E: {why}"));
            }
        }
    }
}

impl LineEnd {
    /// Its octets.
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
        }
    }

    pub(super) fn write_line(self, content: &[u8], out: &mut Vec<u8>) {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(self.as_bytes());
        }
        out.extend_from_slice(content);
        out.extend_from_slice(self.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(own: Own, end: LineEnd) -> String {
        let mut out = Vec::new();
        own.write(end, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_we_say_is_as_the_protocol_has_it() {
        let transaction = TransactionId::new(1201).unwrap();
        let response = |code| Own::Response { code, transaction };
        assert_eq!(
            written(response(ReturnCode::PROTOCOL_ERROR), LineEnd::CrLf),
            "510 1201 Protocol error\r\n"
        );
        assert_eq!(
            written(response(ReturnCode::RESPONSE_ACK), LineEnd::Lf),
            "000 1201\n"
        );
        assert_eq!(
            written(response(ReturnCode::PENDING), LineEnd::Lf),
            "100 1201 Pending\n"
        );
        let audit = Own::Audit {
            transaction,
            endpoint: "*@[10.0.0.7]",
            version: "MGCP 1.0 NCS 1.0",
        };
        assert_eq!(
            written(audit, LineEnd::CrLf),
            "AUEP 1201 *@[10.0.0.7] MGCP 1.0 NCS 1.0\r\n"
        );
        let delete = Own::Delete {
            transaction,
            endpoint: "aaln/1@rgw",
            version: "MGCP 1.0",
            connection: "FD",
        };
        assert_eq!(
            written(delete, LineEnd::Lf),
            "DLCX 1201 aaln/1@rgw MGCP 1.0\nI: FD\n"
        );
        let lost = |call, reason| Own::Lost {
            transaction,
            endpoint: "aaln/1@rgw",
            version: "MGCP 1.0",
            call,
            connection: "FD",
            reason,
        };
        assert_eq!(
            written(lost("A3", LossReason::Intervention), LineEnd::Lf),
            "DLCX 1201 aaln/1@rgw MGCP 1.0\nC: A3\nI: FD\nE: 904 - Manual intervention\n"
        );
        assert_eq!(
            written(lost("", LossReason::LayerLost), LineEnd::CrLf),
            "DLCX 1201 aaln/1@rgw MGCP 1.0\r\nI: FD\r\n\
             E: 902 - Loss of lower layer connectivity\r\n"
        );
    }

    #[test]
    fn a_second_message_follows_a_dot() {
        let mut out = b"200 1 OK".to_vec();
        let transaction = TransactionId::new(2).unwrap();
        let code = ReturnCode::OK;
        Own::Response { code, transaction }.write(LineEnd::Lf, &mut out);
        assert_eq!(out, b"200 1 OK\n.\n200 2 OK\n");
    }
}
