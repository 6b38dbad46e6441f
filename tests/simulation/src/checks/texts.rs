//! What people say beside media arrives unaltered, at whom it is meant for, from whom it is said to
//! be; once; and whoever is told that it arrived is told the truth.

use std::collections::BTreeMap;

use super::{Checker, Checks};

/// What was said.
#[derive(Default)]
pub struct Texts {
    said: BTreeMap<String, Said>,
    /// Whether something may be delivered again: whoever would know the copy has forgotten it.
    forgetful: bool,
}

struct Said {
    from: String,
    /// Nobody where it is told to all who watch.
    to: Option<String>,
    arrived: u64,
    /// Whether its sender knows that it arrived.
    confirmed: bool,
}

impl Texts {
    /// Copies may be delivered: processes die or change, or clocks leap.
    pub fn expect_copies(&mut self) {
        self.forgetful = true;
    }

    /// Somebody says something that nobody has said before.
    pub fn say(&mut self, text: &str, from: &str, to: Option<&str>) {
        let said = Said {
            from: from.to_owned(),
            to: to.map(str::to_owned),
            arrived: 0,
            confirmed: false,
        };
        self.said.insert(text.to_owned(), said);
    }

    /// Its sender is told that it arrived.
    pub fn confirm(&mut self, text: &str) {
        let said = self.said.get_mut(text);
        said.into_iter().for_each(|said| said.confirmed = true);
    }

    fn hear(&mut self, user: &str, from: &str, text: &str) -> Result<(), String> {
        let Some(said) = self.said.get_mut(text) else {
            return Err(format!(
                "{user} is told by {from} what nobody said: {text:?}"
            ));
        };
        said.arrived += 1;
        if said.from != from || said.to.as_ref().is_some_and(|to| to != user) {
            let (by, to) = (&said.from, &said.to);
            return Err(format!(
                "{user} is told by {from} what {by} said to {to:?}: {text:?}"
            ));
        }
        match said.to.is_some() && said.arrived > 1 && !self.forgetful {
            true => Err(format!("{user} is told {text:?} again")),
            false => Ok(()),
        }
    }

    fn lost(&self) -> Result<(), String> {
        let lost = |(_, said): &(&String, &Said)| said.confirmed && said.arrived == 0;
        match self.said.iter().find(lost) {
            Some((text, said)) => Err(format!("{} believes that {text:?} arrived", said.from)),
            None => Ok(()),
        }
    }
}

impl Checks {
    /// A user's phone shows what somebody says. What strangers say is their own affair.
    pub fn text_shown(&mut self, user: &str, from: &str, text: &str) {
        if !STRANGERS.contains(&from) {
            let verdict = self.texts.hear(user, from, text);
            self.note(Checker::Texts, verdict);
        }
    }

    /// Everything is over.
    pub fn texts_over(&mut self) {
        let verdict = self.texts.lost();
        self.note(Checker::Texts, verdict);
    }
}

/// Who calls and says things that nobody keeps count of.
pub const STRANGERS: [&str; 2] = ["mallory", crate::rogue::NAME];
