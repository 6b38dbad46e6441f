//! Spellings put together at random.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{invite, leaks, passed};

/// An address of the phone's side, spelled in one of many ways.
fn address() -> impl Strategy<Value = String> {
    let plain = select(vec![
        "192.168.1.5",
        "172.16.9.9",
        "203.0.113.7",
        "192.168.001.005",
    ]);
    (plain, vec(0..4_u8, 15)).prop_map(|(plain, ways)| {
        let spelled = plain.bytes().zip(ways).map(|(byte, way)| match way {
            0 => format!("%{byte:02X}"),
            1 => format!("%{byte:02x}"),
            _ => char::from(byte).to_string(),
        });
        spelled.collect()
    })
}

fn value() -> impl Strategy<Value = String> {
    let before = select(vec![
        "",
        "<sip:",
        "sip:a@",
        "\"x\" <sip:a%40",
        "\"",
        "a, ",
        "x=",
        ";",
        "[",
        "\n ",
    ]);
    let after = select(vec![
        "", ">", ":5060", ";lr", "\"", ", b", "?Route=", "]", ".", "\n\ty",
    ]);
    (before, address(), after)
        .prop_map(|(before, address, after)| [before, &address, after].concat())
}

fn line() -> impl Strategy<Value = String> {
    let name = select(vec![
        "Contact",
        "m",
        "Via",
        "v",
        "Route",
        "Record-Route",
        "Path",
        "Refer-To",
        "r",
        "b",
        "s",
        "Subject",
        "P-Asserted-Identity",
        "Diversion",
        "History-Info",
        "Warning",
        "Call-Info",
        "In-Reply-To",
        "Replaces",
        "Event",
        "o",
        "X-Any",
        "z",
        "Reply-To",
        "Organization",
    ]);
    let colon = select(vec![":", " :", ": ", "\t:\t", ":\n "]);
    let upper = any::<bool>();
    (name, colon, vec(value(), 1..3), upper).prop_map(|(name, colon, values, upper)| {
        let name = if upper {
            name.to_uppercase()
        } else {
            name.to_owned()
        };
        format!("{name}{colon}{}\n", values.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_mixture_of_spellings_brings_an_address_across(lines in vec(line(), 1..4)) {
        let text = invite(&format!("Contact: <sip:a@192.168.1.5>\n{}", lines.concat()), "");
        if let Ok(passed) = passed(&text) {
            prop_assert!(leaks(&passed).is_empty(), "{:?} in\n{passed}", leaks(&passed));
        }
    }
}
