//! The cases of RFC 5118, each in a message of our own in `tests/golden/rfc5118`.

use super::Asked::{self, Either, Forward, Refuse};

/// File, section, what is asked for, and the same in words.
pub const CASES: [(&str, &str, Asked, &str); 13] = [
    (
        "reference",
        "4.1",
        Forward,
        "valid: IPv6 references in Request-URI, Via, Contact",
    ),
    (
        "no-brackets",
        "4.2",
        Refuse(&[400]),
        "400: an IPv6 address without brackets is no host",
    ),
    (
        "port-inside",
        "4.3",
        Forward,
        "valid, the number is the address's last group",
    ),
    (
        "port-outside",
        "4.4",
        Forward,
        "valid, the number is the port",
    ),
    (
        "received-bare",
        "4.5",
        Forward,
        "valid: `received` without brackets",
    ),
    (
        "received-brackets",
        "4.5",
        Forward,
        "`received` with brackets is to be taken too",
    ),
    (
        "description",
        "4.6",
        Forward,
        "valid: IPv6 in the description",
    ),
    ("many-vias", "4.7", Forward, "valid: Vias of both families"),
    (
        "two-families",
        "4.8",
        Forward,
        "valid: one stream in each family",
    ),
    (
        "mapped",
        "4.9",
        Either(&[488]),
        "mapped addresses are legal; media to one is refused here",
    ),
    (
        "mapped-contact",
        "4.9",
        Forward,
        "valid: a mapped address in Contact",
    ),
    (
        "two-colons",
        "4.10",
        Forward,
        "valid: an IPv4 tail after two colons",
    ),
    (
        "three-colons",
        "4.10",
        Either(&[400]),
        "no address; may be taken for two colons",
    ),
];
