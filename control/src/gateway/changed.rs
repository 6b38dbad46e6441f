//! What has changed since the journal last asked: numbers of entries, and where each is now.

/// Changes in the order they happened; several of one number where it changed more than once.
#[derive(Debug)]
pub struct Changed<T>(Vec<(u64, T)>);

impl<T: Copy> Changed<T> {
    /// Nothing has.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes that `number` has changed, and where it is now.
    pub fn note(&mut self, number: u64, place: T) {
        self.0.push((number, place));
    }

    /// What has changed since the last time, by number, each with its last place.
    pub fn take(&mut self) -> Vec<(u64, T)> {
        let mut changed = std::mem::take(&mut self.0);
        changed.reverse();
        changed.sort_by_key(|(number, _)| *number);
        changed.dedup_by_key(|(number, _)| *number);
        changed
    }

    /// How many changes wait to be asked for.
    pub fn waiting(&self) -> usize {
        self.0.len()
    }

    /// Forgets them.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_told_once_with_its_last_place() {
        let mut changed = Changed::new();
        for (number, place) in [(2, 'a'), (1, 'b'), (2, 'c')] {
            changed.note(number, place);
        }
        assert_eq!(changed.waiting(), 3);
        assert_eq!(changed.take(), [(1, 'b'), (2, 'c')]);
        assert_eq!(changed.waiting(), 0);
    }
}
