//! What can be overheard of honest people's calls in the core: Call-IDs, tags, Vias. Neither the
//! tokens in Strait's Contacts nor the branches of its own requests: who reads those is believed.

use std::collections::VecDeque;

/// Messages that are remembered.
const REMEMBERED_MAX: usize = 32;

/// What was overheard.
#[derive(Default)]
pub struct Gossip {
    listens: bool,
    heard: VecDeque<Overheard>,
}

/// One message of a dialog between Strait and an honest softswitch.
#[derive(Clone, Debug)]
pub struct Overheard {
    /// Its Call-ID.
    pub call_id: String,
    /// Its From, with the tag.
    pub from: String,
    /// Its To, with the tag where there is one.
    pub to: String,
    /// The Via of a softswitch's own request.
    pub via: String,
    /// The number in its CSeq.
    pub number: u32,
}

impl Overheard {
    /// Whether it names both ends of a dialog.
    pub fn is_of_dialog(&self) -> bool {
        [&self.from, &self.to]
            .iter()
            .all(|end| end.contains(";tag="))
    }
}

impl Gossip {
    /// Somebody listens from now on.
    pub fn listen(&mut self) {
        self.listens = true;
    }

    /// Any message of those heard last.
    pub fn some(&self, random: &mut fastrand::Rng) -> Option<Overheard> {
        let which = random.usize(..self.heard.len().max(1));
        self.heard.get(which).cloned()
    }

    /// A message passes; `by_softswitch` where a softswitch sent it.
    pub fn pass(&mut self, bytes: &[u8], by_softswitch: bool) {
        let Some(overheard) = self.listens.then(|| read(bytes, by_softswitch)).flatten() else {
            return;
        };
        if self.heard.len() == REMEMBERED_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(overheard);
    }
}

fn read(bytes: &[u8], by_softswitch: bool) -> Option<Overheard> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let request = by_softswitch && !text.starts_with("SIP/2.0");
    Some(Overheard {
        call_id: value("Call-ID:")?,
        from: value("From:")?,
        to: value("To:")?,
        via: value("Via:").filter(|_| request).unwrap_or_default(),
        number: value("CSeq:")?.split(' ').next()?.parse().ok()?,
    })
}
