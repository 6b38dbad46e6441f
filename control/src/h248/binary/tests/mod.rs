//! The vectors in `tests/h248/vectors`, encoded by others: read, rendered and edited, in every form
//! of length, with extensions nobody knows.

mod descriptions;
mod own;

use std::collections::BTreeMap;

use super::super::model::*;
use super::super::{Edits, Replacement};
use super::changes::Changes;
use super::tree::{Node, Tree};
use super::write::Kind::Constructed;
use super::write::tlv;
use super::{Sites, read, render};

fn vectors() -> BTreeMap<String, Vec<u8>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/h248/vectors");
    let mut vectors = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "hex") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            vectors.insert(name, octets(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(vectors.len() > 20);
    vectors
}

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.trim().as_bytes().chunks(2);
    let digits = digits.map(|two| std::str::from_utf8(two).unwrap());
    digits
        .map(|two| u8::from_str_radix(two, 16).unwrap())
        .collect()
}

fn rendered(bytes: &[u8], sites: &Sites, edits: &Edits) -> Vec<u8> {
    let mut out = Vec::new();
    render(bytes, sites, edits, &mut out);
    out
}

fn transactions(content: &Content) -> &[Transaction] {
    match &content.body {
        Body::Transactions(transactions) => transactions,
        Body::Error(error) => panic!("{error:?}"),
    }
}

fn actions(transaction: &Transaction) -> &[Action] {
    match &transaction.kind {
        TransactionKind::Request { actions, .. } => actions,
        TransactionKind::Reply { result, .. } => result.as_deref().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn command(content: &Content) -> &Command {
    &actions(&transactions(content)[0])[0].commands[0]
}

fn text(descriptor: &Option<Descriptor>) -> &str {
    std::str::from_utf8(&descriptor.as_ref().unwrap().text).unwrap()
}

/// Every place that can be changed but transactions, and what it then says.
fn edited(content: &Content, text: impl Fn(&str) -> String) -> Edits {
    let mut edits = Edits::new();
    let id = || MessageId::Domain {
        name: "a.much-longer.name.example.net".into(),
        port: Some(2945),
    };
    edits.set(content.sender.site, Replacement::MessageId(id()));
    let Body::Transactions(transactions) = &content.body else {
        return edits;
    };
    for transaction in transactions {
        let actions = match &transaction.kind {
            TransactionKind::Request { actions, .. } => actions,
            TransactionKind::Reply {
                result: Ok(actions),
                ..
            } => actions,
            _ => continue,
        };
        for command in actions.iter().flat_map(|action| &action.commands) {
            let descriptors = command.streams.iter();
            let descriptors = descriptors.flat_map(|stream| [&stream.local, &stream.remote]);
            for descriptor in descriptors.flatten() {
                let text = text(std::str::from_utf8(&descriptor.text).unwrap());
                edits.set(descriptor.site, Replacement::Descriptor(text.into_bytes()));
            }
            let Some(change) = &command.service_change else {
                continue;
            };
            if let Some(address) = &change.address {
                let address = (address.site, ServiceChangeAddress::Elsewhere(id()));
                edits.set(address.0, Replacement::Address(address.1));
            }
            if let Some(controller) = &change.controller {
                edits.set(controller.site, Replacement::MessageId(id()));
            }
        }
    }
    edits
}

/// What is said apart from where it stands.
fn said(content: &Content) -> String {
    let mut said = format!("{content:?}");
    while let Some(start) = said.find("Site(") {
        let end = start + said[start..].find(')').unwrap();
        said.replace_range(start..=end, "");
    }
    said
}

/// The same elements, with lengths that are indefinite, or longer than they need be.
fn with_lengths(node: Node, bytes: &[u8], indefinite: bool, out: &mut Vec<u8>) {
    let start = node.whole().start;
    out.push(bytes[start]);
    let mut contents = Vec::new();
    if !node.is_constructed() {
        contents.extend_from_slice(&bytes[node.contents()]);
    } else {
        for item in node.items().unwrap() {
            with_lengths(item, bytes, indefinite, &mut contents);
        }
    }
    if indefinite && node.is_constructed() {
        out.push(0x80);
        out.extend_from_slice(&contents);
        out.extend_from_slice(&[0, 0]);
    } else {
        out.push(0x84);
        out.extend_from_slice(&(contents.len() as u32).to_be_bytes());
        out.extend_from_slice(&contents);
    }
}

fn in_every_form(bytes: &[u8]) -> [Vec<u8>; 3] {
    let tree = Tree::read(bytes).unwrap();
    let form = |indefinite: bool| {
        let mut out = Vec::new();
        with_lengths(tree.root(bytes), bytes, indefinite, &mut out);
        out
    };
    [bytes.to_vec(), form(true), form(false)]
}

#[test]
fn what_is_not_edited_leaves_as_it_came_whatever_its_lengths() {
    for (name, bytes) in vectors() {
        let (content, _) = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        for bytes in in_every_form(&bytes) {
            let (same, sites) = read(&bytes).unwrap();
            assert_eq!(said(&same), said(&content), "{name}");
            assert_eq!(rendered(&bytes, &sites, &Edits::new()), bytes);
            let mut edits = Edits::new();
            for (site, replacement) in edited(&same, str::to_owned).iter() {
                if matches!(replacement, Replacement::Descriptor(_)) {
                    edits.set(site, replacement.clone());
                }
            }
            assert_eq!(rendered(&bytes, &sites, &edits), bytes, "{name}");
        }
    }
}

fn moved(text: &str) -> String {
    let lines = text.lines().map(|line| match line.as_bytes()[0] {
        b'c' => "c=IN IP4 192.0.2.250\r\n".to_owned(),
        b'm' => {
            let mut words: Vec<_> = line.split(' ').collect();
            words[1] = "65534";
            words.join(" ") + "\r\n"
        }
        b'a' if line.contains("ptime") => String::new(),
        b'v' => format!("{line}\r\no=- 1 1 IN IP4 192.0.2.250\r\n"),
        b'o' => String::new(),
        _ => format!("{line}\r\n"),
    });
    lines.collect()
}

#[test]
fn every_site_can_be_changed_and_nothing_else_is() {
    for (name, original) in vectors() {
        let before = read(&original).unwrap().0;
        for bytes in in_every_form(&original) {
            let (content, sites) = read(&bytes).unwrap();
            let edits = edited(&content, moved);
            let bytes = rendered(&bytes, &sites, &edits);
            let (after, _) = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (site, replacement) in edits.iter() {
                let found = edited(&after, str::to_owned);
                assert_eq!(found.get(site), Some(replacement), "{name}");
            }
            // Changed back, it says what it said.
            let (_, sites) = read(&bytes).unwrap();
            let mut back = Edits::new();
            back.set(
                before.sender.site,
                Replacement::MessageId(before.sender.value.clone()),
            );
            for (site, _) in edits.iter() {
                if let Some(Replacement::Descriptor(text)) =
                    edited(&before, str::to_owned).get(site)
                {
                    back.set(site, Replacement::Descriptor(text.clone()));
                }
            }
            let again = read(&rendered(&bytes, &sites, &back)).unwrap().0;
            assert_eq!(again.sender, before.sender);
            for (site, replacement) in back.iter() {
                let found = edited(&again, str::to_owned);
                let of = |what: &Replacement| matches!(what, Replacement::Descriptor(_));
                assert!(
                    !of(replacement) || found.get(site) == Some(replacement),
                    "{name}"
                );
            }
        }
    }
}

/// Wherever an element of an unknown number may follow the known ones, it is left alone, and
/// leaves with the message when what surrounds it is edited.
#[test]
fn extensions_that_nobody_knows_survive() {
    const EXTENSION: &[u8] = b"\xbf\x81\x00\x08\x30\x06\x04\x04live";
    let mut places = 0;
    for (name, bytes) in vectors() {
        let (content, _) = read(&bytes).unwrap();
        let tree = Tree::read(&bytes).unwrap();
        let mut all = vec![tree.root(&bytes)];
        while let Some(node) = all.pop() {
            if !node.is_constructed() {
                continue;
            }
            all.extend(node.items().unwrap());
            let mut changes = Changes::new(&tree);
            let end = node.contents().end;
            changes.replace(node, end..end, EXTENSION.to_vec());
            let mut extended = Vec::new();
            changes.apply(&bytes, &mut extended);
            let Ok((same, sites)) = read(&extended) else {
                continue;
            };
            assert_eq!(said(&same), said(&content), "{name}");
            places += 1;
            let edits = edited(&same, |text| text.replace("10.0.0.9", "192.0.2.250"));
            let out = rendered(&extended, &sites, &edits);
            let mut found = out.windows(EXTENSION.len());
            let gone = edits.iter().any(|(site, replacement)| {
                let wraps = sites.places[site.0 as usize].index();
                let within = extended.windows(EXTENSION.len());
                let at = within.into_iter().position(|piece| piece == EXTENSION);
                let whole = sites.tree.element(wraps).whole();
                !matches!(replacement, Replacement::Descriptor(_)) && whole.contains(&at.unwrap())
            });
            assert!(gone || found.any(|piece| piece == EXTENSION), "{name}");
        }
    }
    assert!(places > 200, "{places}");
}

#[test]
fn transactions_are_left_out_and_replies_ask_to_be_acknowledged() {
    let vectors = vectors();
    let (content, sites) = read(&vectors["refused"]).unwrap();
    let [first, second] = transactions(&content) else {
        panic!("two replies");
    };
    let mut edits = Edits::new();
    edits.set(first.site, Replacement::Nothing);
    edits.set(second.site, Replacement::Acknowledge);
    let bytes = rendered(&vectors["refused"], &sites, &edits);
    let (content, _) = read(&bytes).unwrap();
    let [only] = transactions(&content) else {
        panic!("one reply");
    };
    let TransactionKind::Reply {
        id,
        acknowledge,
        result,
        ..
    } = &only.kind
    else {
        panic!("a reply");
    };
    assert_eq!((id.0, *acknowledge), (10006, true));
    let action = &result.as_ref().unwrap()[0];
    assert_eq!(
        action.error.as_ref().unwrap().code,
        ErrorCode::INSUFFICIENT_RESOURCES
    );
    // Who asks already is not made to ask twice.
    let (content, sites) = read(&vectors["added"]).unwrap();
    let mut edits = Edits::new();
    edits.set(transactions(&content)[0].site, Replacement::Acknowledge);
    assert_eq!(
        rendered(&vectors["added"], &sites, &edits),
        vectors["added"]
    );
}

#[test]
fn who_and_what_is_meant_is_read_by_version() {
    let vectors = vectors();
    let (content, _) = read(&vectors["lists"]).unwrap();
    let [request, reply, segment] = transactions(&content) else {
        panic!("three transactions");
    };
    let [action] = actions(request) else {
        panic!("one action");
    };
    assert_eq!(action.context, ContextId::All);
    assert_eq!(action.commands[0].terminations.len(), 3);
    assert!(action.commands[0].wildcard_reply && !action.commands[0].optional);
    let all = Wildcard::All(Pattern::Prefix { bits: 8 });
    assert_eq!(action.commands[0].terminations[2].wildcard, all);
    assert_eq!(action.commands[1].terminations.len(), 2);
    let part = Some(Segment {
        number: 1,
        last: false,
    });
    assert!(matches!(reply.kind, TransactionKind::Reply { segment, .. } if segment == part));
    let audits = &actions(reply)[0].commands;
    assert_eq!(audits[0].terminations.len(), 2);
    assert_eq!(audits[0].error.as_ref().unwrap().code.0, 501);
    assert_eq!(audits[1].terminations[1].name[..], [1, 4]);
    assert_eq!(
        audits[2].error.as_ref().unwrap().code,
        ErrorCode::UNKNOWN_TERMINATION
    );
    let last = Segment {
        number: 1,
        last: true,
    };
    assert!(
        matches!(segment.kind, TransactionKind::SegmentReply { segment, .. } if segment == last)
    );
    // A version that has no segments does not know their replies.
    let mut older = vectors["lists"].clone();
    let version = older
        .windows(3)
        .position(|piece| piece == b"\x80\x01\x03")
        .unwrap();
    older[version + 2] = 2;
    assert_eq!(read(&older).unwrap_err().reason, "unknown kind of result");
}

/// The shape that version 1 had as first published: termination and result.
#[test]
fn audit_replies_of_the_first_text_are_read() {
    let vectors = vectors();
    let bytes = &vectors["audited"];
    let tree = Tree::read(bytes).unwrap();
    let mut node = tree.root(bytes);
    // From the message down to what AuditReply is since: an alternative around two components.
    for number in [1, 2, 1, 2, 2, 1] {
        node = node
            .items()
            .unwrap()
            .find(|item| item.number() == Some(number))
            .unwrap();
    }
    let action = node.items().unwrap().next().unwrap().fields().unwrap();
    let reply = action.get(3).unwrap().items().unwrap().next().unwrap();
    let fields = reply.chosen().unwrap().1.fields().unwrap();
    let (of, audit) = (fields.get(0).unwrap(), fields.get(1).unwrap());
    let mut older = bytes[of.whole()].to_vec();
    tlv(Constructed(1), &mut older, |out| {
        out.extend_from_slice(&bytes[audit.whole()])
    });
    let mut changes = Changes::new(&tree);
    changes.fill(reply, older);
    let mut older = Vec::new();
    changes.apply(bytes, &mut older);
    let (now, then) = (read(bytes).unwrap().0, read(&older).unwrap().0);
    assert_eq!(said(&then), said(&now));
    assert_eq!(command(&then).streams.len(), 1);
}

#[test]
fn services_change() {
    let vectors = vectors();
    let (content, _) = read(&vectors["registered-elsewhere"]).unwrap();
    assert_eq!(content.sender.value, MessageId::Mtp([1, 2, 3].into()));
    let change = command(&content).service_change.as_ref().unwrap();
    let controller = MessageId::Address {
        ip: "2001:db8::1".parse().unwrap(),
        port: Some(2945),
    };
    assert_eq!(change.controller.as_ref().unwrap().value, controller);
    let address = ServiceChangeAddress::Elsewhere(MessageId::Device("mgc/2".into()));
    assert_eq!(change.address.as_ref().unwrap().value, address);
    assert_eq!((change.version, change.method), (Some(3), None));
    for (name, method, reason) in [
        ("restart-wrapped-reason", ServiceChangeMethod::Failover, 909),
        ("register", ServiceChangeMethod::Restart, 901),
        ("handoff", ServiceChangeMethod::Handoff, 903),
        ("elsewhere", ServiceChangeMethod::Disconnected, 900),
    ] {
        let (content, _) = read(&vectors[name]).unwrap();
        let command = command(&content);
        let change = command.service_change.as_ref().unwrap();
        assert_eq!((change.method, change.reason), (Some(method), Some(reason)));
        assert_eq!(command.terminations[0].name[..], [0xff; 8]);
    }
}

#[test]
fn what_is_no_message_has_the_protocols_error_codes() {
    let vectors = vectors();
    let with = |name: &str, from: &[u8], to: &[u8]| {
        let mut bytes = vectors[name].clone();
        let at = bytes.windows(from.len()).position(|piece| piece == from);
        bytes.splice(at.unwrap()..at.unwrap() + from.len(), to.iter().copied());
        read(&bytes).map(|_| ()).unwrap_err().code
    };
    let version = with("pending", b"\x80\x01\x01", b"\x80\x01\x04");
    assert_eq!(version, ErrorCode::VERSION_NOT_SUPPORTED);
    let command = with("notified", b"\xa6\x0b", b"\xaa\x0b");
    assert_eq!(command, ErrorCode::SYNTAX_IN_COMMAND);
    let break_in_line = with("add", b"ptime:30", b"\r\nm=:30x");
    assert_eq!(break_in_line, ErrorCode::BAD_PROPERTY_VALUE);
    let port = with("native", b"\x02\x03\x00\x9c\x40", b"\x02\x83\x00\x9c\x40");
    assert_eq!(port, ErrorCode::BAD_PROPERTY_VALUE);
    let out_of_order = with("pending", b"\x80\x01\x01", b"\x85\x01\x01");
    assert_eq!(out_of_order, ErrorCode::SYNTAX_IN_MESSAGE);
}
