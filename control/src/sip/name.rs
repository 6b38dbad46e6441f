//! Header field names: the registered ones with their compact forms, and the rest.

use std::fmt;

macro_rules! header_names {
    ($($variant:ident = $text:literal $($compact:literal)?,)*) => {
        /// A header field's name. Long, compact and differently cased spellings are the same
        /// name; one that is not listed is [`HeaderName::Other`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = $text] $variant,)*
            /// A name that is not listed.
            #[default]
            Other,
        }

        /// In the order of the variants.
        const NAMES: &[(HeaderName, &str)] = &[$((HeaderName::$variant, $text),)*];

        fn compact(letter: u8) -> HeaderName {
            match letter.to_ascii_lowercase() {
                $($($compact => HeaderName::$variant,)?)*
                _ => HeaderName::Other,
            }
        }
    };
}

header_names! {
    To = "To" b't',
    Via = "Via" b'v',
    From = "From" b'f',
    Date = "Date",
    CSeq = "CSeq",
    RSeq = "RSeq",
    RAck = "RAck",
    Path = "Path",
    Join = "Join",
    Allow = "Allow",
    Event = "Event" b'o',
    Route = "Route",
    MinSe = "Min-SE",
    Accept = "Accept",
    CallId = "Call-ID" b'i',
    Contact = "Contact" b'm',
    Expires = "Expires",
    ReferTo = "Refer-To" b'r',
    Require = "Require",
    Warning = "Warning",
    Subject = "Subject" b's',
    Privacy = "Privacy",
    Reason = "Reason",
    ReplyTo = "Reply-To",
    Replaces = "Replaces",
    Server = "Server",
    Identity = "Identity" b'y',
    Priority = "Priority",
    InfoPackage = "Info-Package",
    RecvInfo = "Recv-Info",
    SipEtag = "SIP-ETag",
    SipIfMatch = "SIP-If-Match",
    Supported = "Supported" b'k',
    Timestamp = "Timestamp",
    Diversion = "Diversion",
    AlertInfo = "Alert-Info",
    CallInfo = "Call-Info",
    ErrorInfo = "Error-Info",
    FlowTimer = "Flow-Timer",
    MinExpires = "Min-Expires",
    ReferredBy = "Referred-By" b'b',
    ReferSub = "Refer-Sub",
    RetryAfter = "Retry-After",
    UserAgent = "User-Agent",
    HistoryInfo = "History-Info",
    InReplyTo = "In-Reply-To",
    MaxBreadth = "Max-Breadth",
    MaxForwards = "Max-Forwards",
    MimeVersion = "MIME-Version",
    AllowEvents = "Allow-Events" b'u',
    ContentType = "Content-Type" b'c',
    RecordRoute = "Record-Route",
    Organization = "Organization",
    Unsupported = "Unsupported",
    IdentityInfo = "Identity-Info" b'n',
    Authorization = "Authorization",
    ProxyRequire = "Proxy-Require",
    ServiceRoute = "Service-Route",
    ContentLength = "Content-Length" b'l',
    AcceptContact = "Accept-Contact" b'a',
    RejectContact = "Reject-Contact" b'j',
    RemotePartyId = "Remote-Party-ID",
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    SessionExpires = "Session-Expires" b'x',
    SessionId = "Session-ID",
    TargetDialog = "Target-Dialog",
    SecurityClient = "Security-Client",
    SecurityServer = "Security-Server",
    SecurityVerify = "Security-Verify",
    WwwAuthenticate = "WWW-Authenticate",
    ContentEncoding = "Content-Encoding" b'e',
    ContentLanguage = "Content-Language",
    PAssertedIdentity = "P-Asserted-Identity",
    PPreferredIdentity = "P-Preferred-Identity",
    PAssociatedUri = "P-Associated-URI",
    PCalledPartyId = "P-Called-Party-ID",
    PServedUser = "P-Served-User",
    PChargingVector = "P-Charging-Vector",
    PChargingFunctionAddresses = "P-Charging-Function-Addresses",
    PAccessNetworkInfo = "P-Access-Network-Info",
    PVisitedNetworkId = "P-Visited-Network-ID",
    PEarlyMedia = "P-Early-Media",
    AuthenticationInfo = "Authentication-Info",
    ContentDisposition = "Content-Disposition",
    RequestDisposition = "Request-Disposition" b'd',
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    SubscriptionState = "Subscription-State",
    UserToUser = "User-to-User",
    Geolocation = "Geolocation",
}

impl HeaderName {
    /// Looks a name up, without regard to case (RFC 3261 §7.3.1) and in compact form (§7.3.3).
    pub fn new(name: &[u8]) -> Self {
        if let [letter] = name {
            return compact(*letter);
        }
        if name.len() > LONGEST {
            return HeaderName::Other;
        }
        let same_length = usize::from(FIRST[name.len()])..usize::from(FIRST[name.len() + 1]);
        SORTED[same_length]
            .iter()
            .find(|(_, text)| name.eq_ignore_ascii_case(text.as_bytes()))
            .map_or(HeaderName::Other, |found| found.0)
    }

    /// The usual long spelling; `None` for [`HeaderName::Other`].
    pub fn as_str(self) -> Option<&'static str> {
        NAMES.get(self as usize).map(|entry| entry.1)
    }

    /// Whether one line may carry several comma-separated values that can be told apart without
    /// knowing more about the field (RFC 3261 §7.3.1). Credentials and challenges cannot.
    pub fn is_list(self) -> bool {
        use HeaderName::*;
        matches!(
            self,
            Via | Contact
                | Route
                | RecordRoute
                | Path
                | ServiceRoute
                | Diversion
                | HistoryInfo
                | PAssertedIdentity
                | PPreferredIdentity
                | PAssociatedUri
                | RemotePartyId
                | Supported
                | Require
                | ProxyRequire
                | Unsupported
                | Allow
                | AllowEvents
                | Accept
                | AcceptEncoding
                | AcceptLanguage
                | AcceptContact
                | RejectContact
                | AlertInfo
                | CallInfo
                | ErrorInfo
                | InReplyTo
                | Warning
                | Reason
                | RecvInfo
                | ContentEncoding
                | ContentLanguage
                | PVisitedNetworkId
                | Geolocation
                | SecurityClient
                | SecurityServer
                | SecurityVerify
                | RequestDisposition
        )
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().unwrap_or("header"))
    }
}

/// Length of the longest listed name.
const LONGEST: usize = SORTED[SORTED.len() - 1].1.len();

/// The listed names in order of length, so that a name is compared only with names of its length.
const SORTED: [(HeaderName, &str); NAMES.len()] = {
    let mut sorted = [NAMES[0]; NAMES.len()];
    let mut count = 0;
    while count < NAMES.len() {
        let mut slot = count;
        while slot > 0 && sorted[slot - 1].1.len() > NAMES[count].1.len() {
            sorted[slot] = sorted[slot - 1];
            slot -= 1;
        }
        sorted[slot] = NAMES[count];
        count += 1;
    }
    sorted
};

/// Index in [`SORTED`] of the first name of each length.
const FIRST: [u8; LONGEST + 2] = {
    let mut first = [0u8; LONGEST + 2];
    let mut length = 0;
    let mut index = 0;
    while length < first.len() {
        while index < SORTED.len() && SORTED[index].1.len() < length {
            index += 1;
        }
        first[length] = index as u8;
        length += 1;
    }
    first
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_found() {
        for (name, text) in NAMES {
            assert_eq!(HeaderName::new(text.as_bytes()), *name, "{text}");
            assert_eq!(HeaderName::new(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(HeaderName::new(text.to_ascii_lowercase().as_bytes()), *name);
            assert_eq!(name.as_str(), Some(*text));
        }
    }

    #[test]
    fn compact_forms_are_the_registered_ones() {
        let registered = "a:Accept-Contact b:Referred-By c:Content-Type d:Request-Disposition \
            e:Content-Encoding f:From i:Call-ID j:Reject-Contact k:Supported l:Content-Length \
            m:Contact n:Identity-Info o:Event r:Refer-To s:Subject t:To u:Allow-Events v:Via \
            x:Session-Expires y:Identity";
        for pair in registered.split_whitespace() {
            let (letter, name) = pair.split_once(':').unwrap();
            let name = HeaderName::new(name.as_bytes());
            assert_eq!(HeaderName::new(letter.as_bytes()), name);
            assert_eq!(
                HeaderName::new(letter.to_ascii_uppercase().as_bytes()),
                name
            );
        }
        for letter in b"ghpqwz" {
            assert_eq!(HeaderName::new(&[*letter]), HeaderName::Other);
        }
    }

    #[test]
    fn unlisted_names_are_other() {
        for name in [&b"X-Foo"[..], b"", b"Too", &[b'a'; 200], b"C%6Fntact"] {
            assert_eq!(HeaderName::new(name), HeaderName::Other);
        }
        assert_eq!(HeaderName::Other.as_str(), None);
    }
}
