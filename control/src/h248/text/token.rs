//! The words of the text encoding in their two spellings (H.248.1 Annex B, the list of tokens).

/// A word; letters' case means nothing.
#[derive(Clone, Copy)]
pub(super) struct Token {
    long: &'static str,
    short: &'static str,
}

impl Token {
    const fn new(long: &'static str, short: &'static str) -> Self {
        Self { long, short }
    }

    /// Whether `word` is this one, in either spelling.
    pub fn is(self, word: &[u8]) -> bool {
        word.eq_ignore_ascii_case(self.long.as_bytes())
            || word.eq_ignore_ascii_case(self.short.as_bytes())
    }

    /// One of the spellings.
    pub fn spelt(self, compact: bool) -> &'static str {
        if compact { self.short } else { self.long }
    }
}

pub(super) const AUTHENTICATION: Token = Token::new("Authentication", "AU");
pub(super) const MEGACO: Token = Token::new("MEGACO", "!");
pub(super) const MTP: Token = Token::new("MTP", "MTP");
pub(super) const ERROR: Token = Token::new("Error", "ER");

pub(super) const TRANSACTION: Token = Token::new("Transaction", "T");
pub(super) const REPLY: Token = Token::new("Reply", "P");
pub(super) const PENDING: Token = Token::new("Pending", "PN");
pub(super) const RESPONSE_ACK: Token = Token::new("TransactionResponseAck", "K");
pub(super) const SEGMENT: Token = Token::new("Segment", "SM");
pub(super) const SEGMENTATION_COMPLETE: Token = Token::new("END", "&");
pub(super) const IMM_ACK_REQUIRED: Token = Token::new("ImmAckRequired", "IA");

pub(super) const CONTEXT: Token = Token::new("Context", "C");
pub(super) const ADD: Token = Token::new("Add", "A");
pub(super) const MOVE: Token = Token::new("Move", "MV");
pub(super) const MODIFY: Token = Token::new("Modify", "MF");
pub(super) const SUBTRACT: Token = Token::new("Subtract", "S");
pub(super) const AUDIT_VALUE: Token = Token::new("AuditValue", "AV");
pub(super) const AUDIT_CAPABILITY: Token = Token::new("AuditCapability", "AC");
pub(super) const NOTIFY: Token = Token::new("Notify", "N");
pub(super) const SERVICE_CHANGE: Token = Token::new("ServiceChange", "SC");

pub(super) const AUDIT: Token = Token::new("Audit", "AT");
pub(super) const DIGIT_MAP: Token = Token::new("DigitMap", "DM");
pub(super) const MEDIA: Token = Token::new("Media", "M");
pub(super) const STREAM: Token = Token::new("Stream", "ST");
pub(super) const LOCAL: Token = Token::new("Local", "L");
pub(super) const REMOTE: Token = Token::new("Remote", "R");
pub(super) const LOCAL_CONTROL: Token = Token::new("LocalControl", "O");
pub(super) const MODE: Token = Token::new("Mode", "MO");
pub(super) const SEND_ONLY: Token = Token::new("SendOnly", "SO");
pub(super) const RECEIVE_ONLY: Token = Token::new("ReceiveOnly", "RC");
pub(super) const SEND_RECEIVE: Token = Token::new("SendReceive", "SR");
pub(super) const INACTIVE: Token = Token::new("Inactive", "IN");
pub(super) const LOOPBACK: Token = Token::new("Loopback", "LB");

pub(super) const SERVICES: Token = Token::new("Services", "SV");
pub(super) const METHOD: Token = Token::new("Method", "MT");
pub(super) const REASON: Token = Token::new("Reason", "RE");
pub(super) const ADDRESS: Token = Token::new("ServiceChangeAddress", "AD");
pub(super) const MGC_ID: Token = Token::new("MgcIdToTry", "MG");
pub(super) const VERSION: Token = Token::new("Version", "V");
pub(super) const FAILOVER: Token = Token::new("Failover", "FL");
pub(super) const FORCED: Token = Token::new("Forced", "FO");
pub(super) const GRACEFUL: Token = Token::new("Graceful", "GR");
pub(super) const RESTART: Token = Token::new("Restart", "RS");
pub(super) const DISCONNECTED: Token = Token::new("Disconnected", "DC");
pub(super) const HANDOFF: Token = Token::new("HandOff", "HO");
