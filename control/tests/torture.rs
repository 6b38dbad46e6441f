//! What becomes of the torture messages of RFC 4475: each one's verdict, and that no byte of
//! those that pass is changed.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use strait_control::sip::{Message, Splices};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Relayed as it is, as far as the parsers are concerned.
    Pass,
    /// A request answered with this status.
    Refuse(u16),
    /// Neither relayed nor answered.
    Drop,
}

use Verdict::{Drop, Pass, Refuse};

/// Verdicts of a proxy that relays what it need not understand. The 27 messages a lexical
/// parser has to accept come first; `novelsc` and `unkscm` are among them, since only their
/// scheme cannot be routed.
const VERDICTS: [(&str, Verdict); 49] = [
    // §3.1.1 valid messages
    ("wsinv", Pass),
    ("intmeth", Pass),
    ("esc01", Pass),
    ("escnull", Pass),
    ("esc02", Pass),
    ("lwsdisp", Pass),
    ("longreq", Pass),
    ("dblreq", Pass),
    ("semiuri", Pass),
    ("transports", Pass),
    ("mpart01", Pass),
    ("unreason", Pass),
    ("noreason", Pass),
    // §3.2 transaction layer, §3.3 application layer, §3.4 backward compatibility
    ("badbranch", Pass),
    ("unkscm", Refuse(416)),
    ("novelsc", Refuse(416)),
    ("unksm2", Pass),
    ("bext01", Pass),
    ("invut", Pass),
    ("regaut01", Pass),
    ("bcast", Pass),
    ("zeromf", Pass),
    ("cparam01", Pass),
    ("cparam02", Pass),
    ("regescrt", Pass),
    ("sdp01", Pass),
    ("inv2543", Pass),
    // §3.1.2 invalid messages
    ("badinv01", Refuse(400)),
    ("clerr", Refuse(400)),
    ("ncl", Refuse(400)),
    ("scalar02", Refuse(400)),
    ("scalarlg", Drop),
    ("quotbal", Refuse(400)),
    ("ltgtruri", Refuse(400)),
    ("lwsruri", Refuse(400)),
    ("lwsstart", Refuse(400)),
    ("trws", Refuse(400)),
    ("escruri", Refuse(400)),
    // Only the date is wrong, which is for whoever reads it to say.
    ("baddate", Pass),
    ("regbadct", Refuse(400)),
    ("badaspec", Refuse(400)),
    ("baddn", Refuse(400)),
    ("badvers", Refuse(505)),
    ("mismatch01", Refuse(400)),
    ("mismatch02", Refuse(400)),
    ("bigcode", Drop),
    // §3.3 messages that are lexically sound and make no sense
    ("insuf", Refuse(400)),
    ("multi01", Refuse(400)),
    ("mcl01", Refuse(400)),
];

const VALID: usize = 27;

#[test]
fn every_torture_message_gets_its_verdict() {
    let Some(directory) = torture_directory() else {
        return;
    };
    for (name, expected) in VERDICTS {
        let bytes = std::fs::read(directory.join(name).with_extension("dat")).unwrap();
        let (verdict, why) = judge(&bytes);
        assert_eq!(verdict, expected, "{name}: {why}");
    }
}

#[test]
fn valid_torture_messages_survive_byte_for_byte() {
    let Some(directory) = torture_directory() else {
        return;
    };
    for (name, _) in &VERDICTS[..VALID] {
        let bytes = std::fs::read(directory.join(name).with_extension("dat")).unwrap();
        let message = Message::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut rendered = Vec::new();
        message.render(&mut Splices::new(), &mut rendered);
        assert_eq!(rendered, message.bytes(), "{name}");
        // What follows the body of dblreq is no part of the message (RFC 4475 §3.1.1.8).
        assert!(rendered.len() == bytes.len() || bytes[rendered.len()..].starts_with(b"\r\n"));
    }
}

fn judge(bytes: &[u8]) -> (Verdict, String) {
    let checked = Message::parse(bytes).and_then(|message| message.check());
    match checked {
        Ok(()) => (Pass, String::new()),
        Err(error) => {
            let verdict = error.reply().map_or(Drop, |status| Refuse(status.code()));
            (verdict, error.to_string())
        }
    }
}

/// The messages lie outside the repository: `STRAIT_TESTDATA`, or beside it.
fn torture_directory() -> Option<PathBuf> {
    let root = std::env::var_os("STRAIT_TESTDATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata"));
    let directory = root.join("rfc4475");
    if !directory.is_dir() {
        println!("skipped: no torture messages in {}", directory.display());
        return None;
    }
    Some(directory)
}
