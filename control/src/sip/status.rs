//! Status codes and their usual reason phrases (RFC 3261 §21 and extensions).

use std::fmt;

/// A status code, 100 to 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

impl Status {
    /// 100 Trying
    pub const TRYING: Status = Status(100);
    /// 180 Ringing
    pub const RINGING: Status = Status(180);
    /// 200 OK
    pub const OK: Status = Status(200);
    /// 400 Bad Request
    pub const BAD_REQUEST: Status = Status(400);
    /// 403 Forbidden
    pub const FORBIDDEN: Status = Status(403);
    /// 404 Not Found
    pub const NOT_FOUND: Status = Status(404);
    /// 405 Method Not Allowed
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    /// 408 Request Timeout
    pub const REQUEST_TIMEOUT: Status = Status(408);
    /// 416 Unsupported URI Scheme
    pub const UNSUPPORTED_URI_SCHEME: Status = Status(416);
    /// 420 Bad Extension
    pub const BAD_EXTENSION: Status = Status(420);
    /// 422 Session Interval Too Small
    pub const SESSION_INTERVAL_TOO_SMALL: Status = Status(422);
    /// 480 Temporarily Unavailable
    pub const TEMPORARILY_UNAVAILABLE: Status = Status(480);
    /// 481 Call/Transaction Does Not Exist
    pub const CALL_DOES_NOT_EXIST: Status = Status(481);
    /// 482 Loop Detected
    pub const LOOP_DETECTED: Status = Status(482);
    /// 483 Too Many Hops
    pub const TOO_MANY_HOPS: Status = Status(483);
    /// 487 Request Terminated
    pub const REQUEST_TERMINATED: Status = Status(487);
    /// 488 Not Acceptable Here
    pub const NOT_ACCEPTABLE_HERE: Status = Status(488);
    /// 491 Request Pending
    pub const REQUEST_PENDING: Status = Status(491);
    /// 500 Server Internal Error
    pub const SERVER_INTERNAL_ERROR: Status = Status(500);
    /// 501 Not Implemented
    pub const NOT_IMPLEMENTED: Status = Status(501);
    /// 503 Service Unavailable
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    /// 504 Server Time-out
    pub const SERVER_TIMEOUT: Status = Status(504);
    /// 505 Version Not Supported
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);
    /// 513 Message Too Large
    pub const MESSAGE_TOO_LARGE: Status = Status(513);

    /// `None` outside 100 to 699 (RFC 3261 §7.2).
    pub fn new(code: u16) -> Option<Self> {
        (100..700).contains(&code).then_some(Self(code))
    }

    /// The number.
    pub fn code(self) -> u16 {
        self.0
    }

    /// 1xx: more is to come.
    pub fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx.
    pub fn is_success(self) -> bool {
        (200..300).contains(&self.0)
    }

    /// 3xx.
    pub fn is_redirection(self) -> bool {
        (300..400).contains(&self.0)
    }

    /// 2xx to 6xx: ends the transaction.
    pub fn is_final(self) -> bool {
        self.0 >= 200
    }

    /// The usual phrase for the code, or that of its class.
    pub fn reason(self) -> &'static str {
        match PHRASES.binary_search_by_key(&self.0, |phrase| phrase.0) {
            Ok(index) => PHRASES[index].1,
            Err(_) => match self.0 / 100 {
                1 => "Session Progress",
                2 => "OK",
                3 => "Redirected",
                4 => "Request Failure",
                5 => "Server Failure",
                _ => "Global Failure",
            },
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const PHRASES: &[(u16, &str)] = &[
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (199, "Early Dialog Terminated"),
    (200, "OK"),
    (202, "Accepted"),
    (204, "No Notification"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (412, "Conditional Request Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (428, "Use Identity Header"),
    (430, "Flow Failed"),
    (433, "Anonymity Disallowed"),
    (439, "First Hop Lacks Outbound Support"),
    (440, "Max-Breadth Exceeded"),
    (469, "Bad Info Package"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (494, "Security Agreement Required"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (580, "Precondition Failure"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (604, "Does Not Exist Anywhere"),
    (606, "Not Acceptable"),
    (607, "Unwanted"),
    (608, "Rejected"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_sorted_so_that_they_are_found() {
        assert!(PHRASES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(Status::new(380).unwrap().reason(), "Alternative Service");
        assert_eq!(Status::new(699).unwrap().reason(), "Global Failure");
        assert_eq!(Status::new(700), None);
        assert_eq!(Status::new(99), None);
    }
}
