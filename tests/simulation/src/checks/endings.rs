//! A call ends when one of its people ends it, and nobody else can.
//!
//! A BYE that reaches a phone was said by the other one before, in the same dialog; a CANCEL by the
//! caller. Either may follow another final answer to the same INVITE, where it rang in several
//! places or was tried at the next one. Strait may end a call too, and says so in its record.

use std::collections::{BTreeMap, BTreeSet};

use strait_control::gateway::record::{CallRecord, EndedBy};
use strait_shared::time::Instant;

use super::{Checker, Checks};

/// Who ended which call.
#[derive(Default)]
pub struct Endings {
    /// Calls by their Call-IDs, which Strait leaves as they are, and when their INVITE was sent.
    began: BTreeMap<String, Instant>,
    /// Call-ID and tag of phones that have left, or given up.
    left: BTreeSet<(String, String)>,
    /// The tags of phones that have answered a call for good, or refused it.
    answered: BTreeMap<String, BTreeSet<String>>,
    /// INVITEs that are over, by Call-ID and number, but for such that were taken back: the tags of
    /// who ended them.
    settled: BTreeMap<(String, u32), BTreeSet<String>>,
    /// What phones were told of calls that none of their people had ended.
    unwanted: Vec<Unwanted>,
    /// Calls that Strait ended.
    by_strait: BTreeSet<String>,
    /// When control died last: it says nothing of calls from before.
    died: Option<Instant>,
}

/// What a phone was told of a call's end.
struct Unwanted {
    call_id: String,
    /// The number of the INVITE.
    number: u32,
    /// The tag of who is told.
    tag: String,
    /// The caller's tag, where its INVITE is taken back: it may have been tried at the next place,
    /// and then the caller gave up there.
    taken_back: Option<String>,
    text: String,
}

impl Endings {
    pub(super) fn recorded(&mut self, record: &CallRecord) {
        let by = record.ending.as_ref().map(|ending| ending.ended_by);
        if matches!(by, Some(EndedBy::Strait | EndedBy::Operator)) {
            self.by_strait.insert(record.caller.call_id.clone());
        }
    }

    pub(super) fn control_died(&mut self, at: Instant) {
        self.died = Some(at);
        self.unwanted.clear();
    }

    fn says(&mut self, now: Instant, said: &Said<'_>) {
        let call = said.call_id.to_owned();
        match said.what {
            What::Invite if said.of_stranger => {}
            What::Invite => {
                self.began.entry(call).or_insert(now);
            }
            What::Bye | What::Cancel => {
                self.left.insert((call, said.from.to_owned()));
            }
            What::Final => {
                let by = self.answered.entry(call).or_default();
                by.insert(said.to.to_owned());
                self.settles(said);
            }
        }
    }

    fn settles(&mut self, said: &Said<'_>) {
        if !said.taken_back {
            let invite = (said.call_id.to_owned(), said.number);
            let by = self.settled.entry(invite).or_default();
            by.insert(said.to.to_owned());
        }
    }

    /// Whether a phone may be told this.
    fn is_wanted(&self, said: &Said<'_>) -> bool {
        let call = said.call_id.to_owned();
        let Some(began) = self.began.get(&call) else {
            // No phone of ours placed it: a stranger's call is a stranger's to end.
            return true;
        };
        let forgotten = self.died.is_some_and(|died| *began <= died);
        let mut answered = self.answered.get(&call).into_iter().flatten();
        let elsewhere = said.what == What::Bye && answered.any(|by| by != said.to);
        forgotten || elsewhere || self.left.contains(&(call, said.from.to_owned()))
    }

    fn unwanted(&self) -> Result<(), String> {
        let is_excused = |told: &&Unwanted| {
            let invite = (told.call_id.clone(), told.number);
            let mut settled = self.settled.get(&invite).into_iter().flatten();
            let given_up = told.taken_back.as_ref().is_some_and(|caller| {
                let left = (told.call_id.clone(), caller.clone());
                self.left.contains(&left)
            });
            let ended = self.by_strait.contains(&told.call_id) || given_up;
            ended || settled.any(|by| *by != told.tag)
        };
        match self.unwanted.iter().find(|told| !is_excused(told)) {
            Some(told) => Err(format!("nobody has ended {}:\n{}", told.call_id, told.text)),
            None => Ok(()),
        }
    }
}

impl Checks {
    /// A phone sends a message.
    pub fn phone_says(&mut self, bytes: &[u8]) {
        if let Some(said) = Said::read(bytes) {
            self.endings.says(self.now, &said);
        }
    }

    /// A message reaches a phone.
    pub fn phone_told(&mut self, bytes: &[u8]) {
        let Some(said) = Said::read(bytes) else {
            return;
        };
        match said.what {
            What::Bye | What::Cancel => {}
            What::Final => return self.endings.settles(&said),
            What::Invite => return,
        }
        self.note(Checker::Endings, Ok(()));
        if !self.endings.is_wanted(&said) {
            self.endings.unwanted.push(Unwanted {
                call_id: said.call_id.to_owned(),
                // A BYE that nobody but Strait says is the first request after the INVITE.
                number: said.number - u32::from(said.what == What::Bye && said.number > 0),
                tag: said.to.to_owned(),
                taken_back: (said.what == What::Cancel).then(|| said.from.to_owned()),
                text: String::from_utf8_lossy(bytes).into_owned(),
            });
        }
    }

    /// Everything is over.
    pub fn endings_over(&mut self) {
        let verdict = self.endings.unwanted();
        self.note(Checker::Endings, verdict);
    }
}

/// The domain of people whose calls are not watched.
const STRANGERS_DOMAIN: &str = crate::configuration::ANNEX_DOMAIN;

/// What matters here of what is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Invite,
    Bye,
    Cancel,
    /// A final response to an INVITE.
    Final,
}

struct Said<'a> {
    what: What,
    call_id: &'a str,
    /// The tag in From.
    from: &'a str,
    /// The tag in To, where there is one.
    to: &'a str,
    /// The number in CSeq.
    number: u32,
    /// Whether it is a response to what was cancelled.
    taken_back: bool,
    /// Whether it begins a call that is answered by whoever likes.
    of_stranger: bool,
}

impl<'a> Said<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let starts = |start: &str| bytes.starts_with(start.as_bytes());
        let what = match () {
            () if starts("INVITE ") => What::Invite,
            () if starts("BYE ") => What::Bye,
            () if starts("CANCEL ") => What::Cancel,
            () if starts("SIP/2.0 ") && !starts("SIP/2.0 1") => What::Final,
            () => return None,
        };
        let text = std::str::from_utf8(bytes).ok()?;
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let (number, method) = value("CSeq:")?.trim().split_once(' ')?;
        if what == What::Final && method != "INVITE" {
            return None;
        }
        let tag = |name| {
            let (_, tag) = value(name)?.split_once(";tag=")?;
            tag.split([';', ' ']).next()
        };
        Some(Self {
            what,
            call_id: value("Call-ID:")?.trim(),
            from: tag("From:")?,
            to: tag("To:").unwrap_or_default(),
            number: number.parse().ok()?,
            taken_back: starts("SIP/2.0 487"),
            of_stranger: value("From:")?.contains(STRANGERS_DOMAIN),
        })
    }
}
