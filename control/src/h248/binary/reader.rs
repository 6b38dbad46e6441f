//! Messages, transactions and actions (Annex A).

use super::identity;
use super::tree::{Node, Tree, refuse};
use super::{Place, Sites};
use crate::h248::limits::{MAX_PARTS, MAX_TRANSACTIONS};
use crate::h248::model::{
    Action, Body, Content, ErrorCode, ErrorDescriptor, Placed, Segment, Site, SyntaxError,
    Transaction, TransactionId, TransactionKind,
};

/// The protocol's latest version.
const VERSION_MAX: u16 = 3;

/// The first version with segments of replies and lists of terminations.
pub(super) const VERSION_SEGMENTS: u16 = 3;

pub(super) type Result<T, E = SyntaxError> = std::result::Result<T, E>;

/// Reads one message of at most [`MAX_MESSAGE_BYTES`].
///
/// [`MAX_MESSAGE_BYTES`]: crate::h248::limits::MAX_MESSAGE_BYTES
pub(in crate::h248) fn read(bytes: &[u8]) -> Result<(Content, Sites)> {
    let tree = Tree::read(bytes)?;
    let mut reader = Reader {
        version: 0,
        places: Vec::new(),
        parts: 0,
    };
    let content = reader.message(tree.root(bytes))?;
    let places = reader.places;
    Ok((content, Sites { tree, places }))
}

/// What is known while a message is read.
pub(super) struct Reader {
    pub(super) version: u16,
    places: Vec<Place>,
    parts: usize,
}

impl Reader {
    /// A new site.
    pub(super) fn place(&mut self, place: Place) -> Site {
        self.places.push(place);
        Site(self.places.len() as u32 - 1)
    }

    /// Counts something that takes memory.
    pub(super) fn count(&mut self, node: Node) -> Result<()> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let code = ErrorCode::INSUFFICIENT_RESOURCES;
            return refuse(code, "too much in one message", node.at());
        }
        Ok(())
    }

    fn message(&mut self, root: Node) -> Result<Content> {
        let outer = root.fields()?;
        let message = outer.need(1, "a message was expected")?.fields()?;
        let version = message.need(0, "a version was expected")?;
        self.version = match version.short()? {
            known @ 1..=VERSION_MAX => known,
            _ => {
                let code = ErrorCode::VERSION_NOT_SUPPORTED;
                return refuse(code, "version not supported", version.at());
            }
        };
        let sender = message.need(1, "a message identifier was expected")?;
        let sender = Placed {
            value: identity::message_id(sender)?,
            site: self.place(Place::MessageId(sender.index())),
        };
        let body = message.need(2, "a body was expected")?;
        Ok(Content {
            version: self.version,
            sender,
            authenticated: outer.get(0).is_some(),
            body: self.body(body)?,
        })
    }

    fn body(&mut self, node: Node) -> Result<Body> {
        match node.chosen()? {
            (0, error) => error_descriptor(error).map(Body::Error),
            (1, list) => {
                let mut transactions = Vec::new();
                for item in list.items()? {
                    if transactions.len() == MAX_TRANSACTIONS {
                        let code = ErrorCode::TOO_MANY_TRANSACTIONS;
                        return refuse(code, "too many transactions", item.at());
                    }
                    transactions.push(self.transaction(item)?);
                }
                match transactions.is_empty() {
                    true => malformed("a transaction was expected", list),
                    false => Ok(Body::Transactions(transactions)),
                }
            }
            (_, other) => malformed("unknown kind of body", other),
        }
    }

    fn transaction(&mut self, node: Node) -> Result<Transaction> {
        let kind = match node.number() {
            Some(0) => self.request(node)?,
            Some(1) => TransactionKind::Pending {
                id: transaction_id(node)?,
            },
            Some(2) => self.reply(node)?,
            Some(3) => TransactionKind::Acknowledgement {
                ranges: self.ranges(node)?,
            },
            Some(4) if self.version >= VERSION_SEGMENTS => TransactionKind::SegmentReply {
                id: transaction_id(node)?,
                segment: segment(node, 1)?.ok_or(SyntaxError {
                    code: ErrorCode::SYNTAX_IN_MESSAGE,
                    reason: "a segment's number was expected",
                    at: node.at(),
                })?,
            },
            _ => return malformed("unknown kind of transaction", node),
        };
        let site = self.place(Place::Transaction(node.index()));
        Ok(Transaction { site, kind })
    }

    fn request(&mut self, node: Node) -> Result<TransactionKind> {
        let actions = node.fields()?.need(1, "actions were expected")?;
        let mut list = Vec::new();
        for item in actions.sequences()? {
            list.push(self.action(item, false)?);
        }
        Ok(TransactionKind::Request {
            id: transaction_id(node)?,
            actions: list,
        })
    }

    fn reply(&mut self, node: Node) -> Result<TransactionKind> {
        let fields = node.fields()?;
        let result = fields.need(2, "a result was expected")?;
        let result = match result.chosen()? {
            (0, error) => Err(error_descriptor(error)?),
            (1, actions) => {
                let mut list = Vec::new();
                for item in actions.sequences()? {
                    list.push(self.action(item, true)?);
                }
                Ok(list)
            }
            (_, other) => return malformed("unknown kind of result", other),
        };
        let segment = match self.version {
            VERSION_SEGMENTS.. => segment(node, 3)?,
            _ => None,
        };
        Ok(TransactionKind::Reply {
            id: transaction_id(node)?,
            acknowledge: fields.get(1).is_some(),
            segment,
            result,
        })
    }

    fn ranges(&mut self, node: Node) -> Result<Vec<(TransactionId, TransactionId)>> {
        let mut ranges = Vec::new();
        for item in node.sequences()? {
            self.count(item)?;
            let first = transaction_id(item)?;
            let last = item.fields()?.get(1).map(Node::word).transpose()?;
            ranges.push((first, last.map_or(first, TransactionId)));
        }
        Ok(ranges)
    }

    fn action(&mut self, node: Node, reply: bool) -> Result<Action> {
        self.count(node)?;
        let fields = node.fields()?;
        let context = fields.need(0, "a context was expected")?.word()?;
        let error = match fields.get(1) {
            Some(error) if reply => Some(error_descriptor(error)?),
            _ => None,
        };
        let mut commands = Vec::new();
        let list = fields.need(3, "commands were expected")?;
        if reply {
            for item in list.items()? {
                commands.push(self.command_reply(item)?);
            }
        } else {
            for item in list.sequences()? {
                commands.push(self.command_request(item)?);
            }
        }
        Ok(Action {
            context: identity::context(context),
            commands,
            error,
        })
    }
}

/// Reads an ErrorDescriptor.
pub(super) fn error_descriptor(node: Node) -> Result<ErrorDescriptor> {
    let fields = node.fields()?;
    let code = fields.need(0, "an error code was expected")?.short()?;
    let text = fields.get(1).map(Node::octets).transpose()?;
    let text = text.unwrap_or_default();
    Ok(ErrorDescriptor {
        code: ErrorCode(code),
        text: String::from_utf8_lossy(&text).into(),
    })
}

/// The `transactionId`, which is the first component wherever there is one.
fn transaction_id(node: Node) -> Result<TransactionId> {
    let id = node
        .fields()?
        .need(0, "a transaction's number was expected")?;
    id.word().map(TransactionId)
}

/// `segmentNumber`, which is the component of that number, and `segmentationComplete` behind it.
fn segment(node: Node, number: u32) -> Result<Option<Segment>> {
    let fields = node.fields()?;
    let Some(found) = fields.get(number) else {
        return Ok(None);
    };
    Ok(Some(Segment {
        number: found.short()?,
        last: fields.get(number + 1).is_some(),
    }))
}

fn malformed<T>(reason: &'static str, node: Node) -> Result<T> {
    refuse(ErrorCode::SYNTAX_IN_MESSAGE, reason, node.at())
}
