//! The way to a key: `realms[0].media[1].ports`.

use std::fmt;

/// The keys and indices from the top of the file to a value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Path(Vec<Step>);

/// One step down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
    /// Every item of a list.
    Items,
}

impl Path {
    /// The whole file.
    pub(crate) fn root() -> Path {
        Path::default()
    }

    /// The value of `key` in the mapping here.
    pub(crate) fn key(&self, key: &str) -> Path {
        self.then(Step::Key(key.to_owned()))
    }

    /// The item at `index` in the list here.
    pub(crate) fn index(&self, index: usize) -> Path {
        self.then(Step::Index(index))
    }

    /// Any item of the list here.
    pub(crate) fn items(&self) -> Path {
        self.then(Step::Items)
    }

    /// What holds the last step; the whole file holds itself.
    pub(crate) fn parent(&self) -> Path {
        Path(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// How many steps down from the top.
    pub(crate) fn depth(&self) -> usize {
        self.0.len()
    }

    /// The steps, from the top.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    fn then(&self, step: Step) -> Path {
        Path(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth == 0 => write!(f, "{}", key.escape_debug())?,
                Step::Key(key) => write!(f, ".{}", key.escape_debug())?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Items => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}
