//! Who can call whom: every kind of terminal, through every kind of server, by every policy. The
//! table is `docs/DUAL-STACK.md`'s.

use std::fmt::Write;

use crate::serve::network::Ip::{V4, V6};
use crate::serve::network::{Call, Kind, Place};

const KINDS: [Kind; 5] = [
    Kind::new("IPv4", &[V4], &[V4]),
    Kind::new("IPv6", &[V6], &[V6]),
    Kind::new("dual under 4", &[V4, V6], &[V4]),
    Kind::new("dual under 6", &[V4, V6], &[V6]),
    Kind::new("dual under both", &[V4, V6], &[V4, V6]),
];

const POLICIES: [(&str, &str); 3] = [
    (
        "redirect",
        "{ media: direct, judge: offer, mismatch: redirect }",
    ),
    ("relay", "{ media: direct, judge: offer, mismatch: relay }"),
    ("altc", "{ media: direct, judge: offer, mismatch: altc }"),
];

const PLACES: [(&str, Place); 3] = [
    ("the same server", Place::Same),
    ("a dual server of another domain", Place::Dual),
    ("an IPv4 server of another domain", Place::Ipv4),
];

/// The table for one place: a row for each caller and policy, a column for each callee.
fn table(place: Place) -> String {
    let mut text = String::from("| caller | policy |");
    for callee in KINDS {
        write!(text, " {} |", callee.name).unwrap();
    }
    text += "\n|---|---|---|---|---|---|---|\n";
    for caller in KINDS {
        for (policy, steering) in POLICIES {
            write!(text, "| {} | `{policy}` |", caller.name).unwrap();
            for callee in KINDS {
                let reachable = place != Place::Ipv4 || callee.registered.contains(&V4);
                let cell = match reachable {
                    true => Call::new(caller, callee, place, steering).place(),
                    false => "not registered".to_owned(),
                };
                write!(text, " {cell} |").unwrap();
            }
            text += "\n";
        }
    }
    text
}

#[test]
fn the_page_tells_who_can_call_whom() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/DUAL-STACK.md");
    let mut page = std::fs::read_to_string(path).unwrap();
    for (title, place) in PLACES {
        let made = format!("### To {title}\n\n{}", table(place));
        let begin = page
            .find(&format!("### To {title}\n"))
            .expect("the page has the section");
        let end = page[begin..].find("|\n\n").expect("the table ends") + begin + 2;
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            page.replace_range(begin..end, &made);
            std::fs::write(path, &page).unwrap();
        } else {
            assert_eq!(page[begin..end], made, "UPDATE_GOLDEN=1 writes it anew");
        }
    }
}
