//! Messages made at random and written in many ways: what they say does not depend on it.

use proptest::prelude::*;
use strait_control::h248::{Encoding, Message, fuzz};

proptest! {
    #[test]
    fn what_is_said_does_not_depend_on_the_spelling(what in any::<u64>(), how in any::<u64>()) {
        let plain = Writer::new(what, Style::Long, 0).message();
        let compact = Writer::new(what, Style::Short, 0).message();
        let any = Writer::new(what, Style::Any, how).message();
        let read = Message::parse(plain.as_bytes()).unwrap_or_else(|e| panic!("{e}: {plain}"));
        let short = Message::parse(compact.as_bytes()).unwrap();
        prop_assert_eq!(read.encoding(), Encoding::Text);
        prop_assert_eq!(short.encoding(), Encoding::Compact);
        prop_assert_eq!(&read.content, &short.content);
        let mixed = Message::parse(any.as_bytes()).unwrap_or_else(|e| panic!("{e}: {any}"));
        prop_assert_eq!(&read.content, &mixed.content);
        for text in [plain, compact, any] {
            fuzz::text(text.as_bytes());
        }
    }

    #[test]
    fn damage_is_refused_or_understood(
        what in any::<u64>(),
        how in any::<u64>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = Writer::new(what, Style::Any, how).message().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fuzz::text(&bytes);
    }
}

/// How words and what is between them are written.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Long,
    Short,
    Any,
}

/// Writes a message: `what` is drawn from one seed, how from the other.
struct Writer {
    what: fastrand::Rng,
    how: fastrand::Rng,
    style: Style,
    text: String,
}

impl Writer {
    fn new(what: u64, style: Style, how: u64) -> Self {
        Self {
            what: fastrand::Rng::with_seed(what),
            how: fastrand::Rng::with_seed(how),
            style,
            text: String::new(),
        }
    }

    fn message(mut self) -> String {
        self.word("MEGACO", "!");
        self.text.push_str(["/1", "/2", "/3"][self.what.usize(..3)]);
        self.text.push(' ');
        let ids = [
            "[10.0.0.1]:2944",
            "<mg.example.net>",
            "mg1/a@b",
            "MTP{0A0B}",
        ];
        self.pick(&ids);
        self.text.push('\n');
        for _ in 0..self.what.usize(1..4) {
            self.transaction();
            self.blanks();
        }
        self.text
    }

    fn transaction(&mut self) {
        let id = self.what.u32(1..);
        match self.what.usize(..6) {
            0 => {
                self.word("Pending", "PN");
                self.valued(&id.to_string());
                self.braces(|_, _| unreachable!("no items"), 0);
            }
            1 => {
                self.word("TransactionResponseAck", "K");
                let items = self.what.usize(1..4);
                self.braces(
                    |writer, at| writer.text.push_str(&format!("{at}-{id}")),
                    items,
                );
            }
            2 | 3 => {
                self.word("Reply", "P");
                self.valued(&id.to_string());
                let items = self.what.usize(1..3);
                self.braces(|writer, _| writer.action(true), items);
            }
            _ => {
                self.word("Transaction", "T");
                self.valued(&id.to_string());
                let items = self.what.usize(1..3);
                self.braces(|writer, _| writer.action(false), items);
            }
        }
    }

    fn action(&mut self, reply: bool) {
        self.word("Context", "C");
        self.sign();
        self.pick(&["-", "$", "*", "7", "4294967290"]);
        let items = self.what.usize(1..4);
        self.braces(|writer, _| writer.command(reply), items);
    }

    fn command(&mut self, reply: bool) {
        let commands = [
            ("Add", "A"),
            ("Move", "MV"),
            ("Modify", "MF"),
            ("Subtract", "S"),
            ("AuditValue", "AV"),
            ("AuditCapability", "AC"),
            ("Notify", "N"),
            ("ServiceChange", "SC"),
        ];
        let (long, short) = commands[self.what.usize(..8)];
        if !reply && self.what.bool() {
            self.pick(&["O-", "W-", "O-W-"]);
        }
        self.word(long, short);
        self.sign();
        self.pick(&["$", "*", "root", "rtp/1", "tdm/*/3", "[a1,a2]"]);
        match self.what.usize(..5) {
            0 => {}
            1 if reply => self.braces(|writer, _| writer.error(), 1),
            2 => self.braces(|writer, _| writer.services(), 1),
            _ => self.braces(|writer, _| writer.media(), 1),
        }
    }

    fn error(&mut self) {
        self.word("Error", "ER");
        self.valued("430");
        self.braces(|writer, _| writer.text.push_str("\"un{k}nown; it, is\""), 1);
    }

    fn services(&mut self) {
        self.word("Services", "SV");
        let items = self.what.usize(1..6);
        self.braces(
            |writer, at| match at {
                0 => {
                    writer.word("Method", "MT");
                    writer.sign();
                    let methods = [("Restart", "RS"), ("HandOff", "HO"), ("Failover", "FL")];
                    let (long, short) = methods[writer.what.usize(..3)];
                    writer.word(long, short);
                }
                1 => {
                    writer.word("Reason", "RE");
                    writer.valued("\"901 Cold = boot, {\"");
                }
                2 => {
                    writer.word("ServiceChangeAddress", "AD");
                    writer.sign();
                    writer.pick(&["2944", "[2001:db8::1]:2944", "MTP{0102}", "mg1"]);
                }
                3 => {
                    writer.word("MgcIdToTry", "MG");
                    writer.sign();
                    writer.pick(&["<b.example>:2944", "[10.0.0.9]", "mgc2"]);
                }
                _ => {
                    writer.word("Version", "V");
                    writer.valued("2");
                }
            },
            items,
        );
    }

    fn media(&mut self) {
        self.word("Media", "M");
        let items = self.what.usize(1..3);
        match self.what.bool() {
            true => self.braces(|writer, _| writer.parameters(), 1),
            false => self.braces(
                |writer, at| {
                    writer.word("Stream", "ST");
                    writer.valued(&(at + 2).to_string());
                    writer.braces(|writer, _| writer.parameters(), 1);
                },
                items,
            ),
        }
    }

    /// Several, with commas of their own.
    fn parameters(&mut self) {
        self.word("LocalControl", "O");
        let modes = [
            ("SendOnly", "SO"),
            ("ReceiveOnly", "RC"),
            ("SendReceive", "SR"),
            ("Inactive", "IN"),
            ("Loopback", "LB"),
        ];
        let (long, short) = modes[self.what.usize(..5)];
        self.braces(
            |writer, at| match at {
                0 => writer.text.push_str("nt/jit<40"),
                _ => {
                    writer.word("Mode", "MO");
                    writer.sign();
                    writer.word(long, short);
                }
            },
            2,
        );
        self.text.push(',');
        self.blanks();
        self.word("Local", "L");
        self.description();
        if self.what.bool() {
            self.text.push(',');
            self.word("Remote", "R");
            self.description();
        }
    }

    fn description(&mut self) {
        self.blanks();
        self.text.push('{');
        self.blanks();
        let said = ["v=0\r\nm=audio $ RTP/AVP 0\n", "v=0\na=x\\}{;y\nb\\x\n", ""];
        self.pick(&said);
        if self.style == Style::Any {
            self.text.push_str(["", " ", "\t "][self.how.usize(..3)]);
        }
        self.text.push('}');
        self.blanks();
    }

    fn word(&mut self, long: &str, short: &str) {
        let short_one = match self.style {
            Style::Long => false,
            Style::Short => true,
            Style::Any => self.how.bool(),
        };
        let mut word = if short_one { short } else { long }.to_owned();
        if self.style == Style::Any {
            match self.how.usize(..3) {
                0 => word.make_ascii_lowercase(),
                1 => word.make_ascii_uppercase(),
                _ => {}
            }
        }
        self.text.push_str(&word);
    }

    fn valued(&mut self, value: &str) {
        self.sign();
        self.text.push_str(value);
    }

    fn sign(&mut self) {
        self.blanks();
        self.text.push('=');
        self.blanks();
    }

    fn pick(&mut self, choices: &[&str]) {
        let choice = choices[self.what.usize(..choices.len())];
        self.text.push_str(choice);
    }

    fn braces(&mut self, mut item: impl FnMut(&mut Self, usize), items: usize) {
        self.blanks();
        self.text.push('{');
        self.blanks();
        for at in 0..items {
            if at > 0 {
                self.blanks();
                self.text.push(',');
                self.blanks();
            }
            item(self, at);
        }
        self.blanks();
        self.text.push('}');
    }

    fn blanks(&mut self) {
        if self.style == Style::Any {
            let blanks = ["", "", " ", "\r\n\t", "; {a} \"comment\n ", ";\r", "\n\n"];
            self.text.push_str(blanks[self.how.usize(..blanks.len())]);
        }
    }
}
