//! What RFC 4475 says of each of its messages, in the words of somebody who forwards messages.

use super::Asked::{self, Either, Forward, Refuse, Silence};

/// File, section, what is asked for, and the same in words.
pub const CASES: [(&str, &str, Asked, &str); 45] = [
    (
        "wsinv",
        "3.1.1.1",
        Refuse(&[481]),
        "valid, folds and all; 481, its To names a dialog nobody has",
    ),
    (
        "intmeth",
        "3.1.1.2",
        Forward,
        "valid: unusual characters; to be proxied",
    ),
    (
        "esc01",
        "3.1.1.3",
        Forward,
        "valid: escapes mean what they stand for",
    ),
    (
        "escnull",
        "3.1.1.4",
        Forward,
        "valid: two contacts with escaped NULs",
    ),
    (
        "esc02",
        "3.1.1.5",
        Forward,
        "valid: `%` in a method or header name is no escape",
    ),
    ("lwsdisp", "3.1.1.6", Forward, "valid: no blank before `<`"),
    ("longreq", "3.1.1.7", Forward, "valid: long values"),
    (
        "dblreq",
        "3.1.1.8",
        Forward,
        "one request a datagram, what follows is ignored",
    ),
    (
        "semiuri",
        "3.1.1.9",
        Forward,
        "valid: a semicolon in the user part",
    ),
    (
        "transports",
        "3.1.1.10",
        Forward,
        "valid: any transport in lower Vias",
    ),
    (
        "mpart01",
        "3.1.1.11",
        Forward,
        "valid: binary parts in the body",
    ),
    (
        "badinv01",
        "3.1.2.1",
        Refuse(&[400]),
        "400: separators without values",
    ),
    (
        "clerr",
        "3.1.2.2",
        Refuse(&[400]),
        "400 in a datagram; a stream waits for the rest",
    ),
    (
        "ncl",
        "3.1.2.3",
        Refuse(&[400]),
        "400; a stream may be closed",
    ),
    (
        "scalar02",
        "3.1.2.4",
        Refuse(&[400]),
        "400: CSeq out of range",
    ),
    (
        "scalarlg",
        "3.1.2.5",
        Silence,
        "a response with CSeq out of range is discarded",
    ),
    ("quotbal", "3.1.2.6", Refuse(&[400]), "400: an open quote"),
    (
        "ltgtruri",
        "3.1.2.7",
        Refuse(&[400]),
        "400, or read without the brackets",
    ),
    (
        "lwsruri",
        "3.1.2.8",
        Refuse(&[400]),
        "400: blanks in the Request-URI",
    ),
    (
        "lwsstart",
        "3.1.2.9",
        Refuse(&[400]),
        "400: two blanks in the request line",
    ),
    (
        "trws",
        "3.1.2.10",
        Refuse(&[400]),
        "400, or read without the blanks at the end",
    ),
    (
        "escruri",
        "3.1.2.11",
        Refuse(&[400]),
        "400: headers in the Request-URI",
    ),
    (
        "baddate",
        "3.1.2.12",
        Either(&[400]),
        "400 by who reads Date; a proxy need not",
    ),
    (
        "regbadct",
        "3.1.2.13",
        Refuse(&[400]),
        "400: a question mark outside of brackets",
    ),
    (
        "badaspec",
        "3.1.2.14",
        Either(&[400]),
        "400, or read without the blanks",
    ),
    (
        "baddn",
        "3.1.2.15",
        Either(&[400]),
        "400, or read as if quoted; the file lacks its blank line",
    ),
    ("badvers", "3.1.2.16", Refuse(&[505]), "505"),
    (
        "mismatch01",
        "3.1.2.17",
        Refuse(&[400]),
        "400: CSeq names another method",
    ),
    (
        "mismatch02",
        "3.1.2.18",
        Refuse(&[400, 501]),
        "400, or 501 for the method",
    ),
    (
        "badbranch",
        "3.2.1",
        Forward,
        "not read as an RFC 3261 branch; no fault",
    ),
    (
        "insuf",
        "3.3.1",
        Refuse(&[400]),
        "400: required headers are missing",
    ),
    (
        "unkscm",
        "3.3.2",
        Refuse(&[416]),
        "416: a scheme nobody routes",
    ),
    (
        "novelsc",
        "3.3.3",
        Refuse(&[416]),
        "416 unless the scheme is understood",
    ),
    (
        "unksm2",
        "3.3.4",
        Forward,
        "a proxy ignores schemes in To, From, Contact",
    ),
    (
        "bext01",
        "3.3.5",
        Refuse(&[420]),
        "420 with what Proxy-Require asks for",
    ),
    (
        "invut",
        "3.3.6",
        Forward,
        "415 is the called party's answer",
    ),
    ("regaut01", "3.3.7", Forward, "the registrar's to challenge"),
    (
        "multi01",
        "3.3.8",
        Refuse(&[400]),
        "400: single headers twice",
    ),
    (
        "mcl01",
        "3.3.9",
        Refuse(&[400]),
        "400: two lengths; a stream is closed",
    ),
    (
        "zeromf",
        "3.3.11",
        Refuse(&[200, 483]),
        "483, or answer OPTIONS as its last hop",
    ),
    (
        "cparam01",
        "3.3.12",
        Forward,
        "a header parameter of Contact: registered",
    ),
    (
        "cparam02",
        "3.3.13",
        Forward,
        "a URI parameter of Contact: registered",
    ),
    (
        "regescrt",
        "3.3.14",
        Forward,
        "an escaped header in a Contact: registered",
    ),
    (
        "sdp01",
        "3.3.15",
        Forward,
        "406 or 488 is the called party's answer",
    ),
    (
        "inv2543",
        "3.4.1",
        Either(&[400]),
        "valid for RFC 2543; RFC 3261 wants the Contact it lacks",
    ),
];

/// Requests with the transaction identifier of an earlier one, which a Strait that knew it would
/// take for its repetition.
pub const REUSED: [&str; 2] = ["cparam02", "regescrt"];

/// The request in the folder that the RFC does not have: no version, no Via, a line without colon.
pub const EXTRA: (&str, Asked, &str) = ("test", Silence, "not of the RFC: no Via to answer to");

/// Responses. They come as strangers, and as answers to a request that waits for one: file,
/// section, what the request's sender sees, and in words.
pub const ANSWERS: [(&str, &str, Option<&str>, &str); 5] = [
    (
        "unreason",
        "3.1.1.12",
        Some("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"),
        "valid: any reason phrase",
    ),
    (
        "noreason",
        "3.1.1.13",
        None,
        "valid: an empty reason phrase; 100 goes no further",
    ),
    (
        "bigcode",
        "3.1.2.19",
        None,
        "discarded: no status is that large",
    ),
    ("scalarlg", "3.1.2.5", None, "discarded: CSeq out of range"),
    (
        "bcast",
        "3.3.10",
        None,
        "discarded: the topmost Via is another's",
    ),
];
