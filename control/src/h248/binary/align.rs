//! Which lines of a description stay, which change, which are gone and which are new.

/// What becomes of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The old line of that number stays.
    Keep(usize),
    /// The old line of that number becomes the new one of that number, of the same kind.
    Change(usize, usize),
    /// The old line of that number goes.
    Remove(usize),
    /// The new line of that number comes here.
    Insert(usize),
}

/// How `old` lines become the `new` ones: as many as can be stay. Of those between, lines of one
/// letter become each other.
pub(super) fn steps(old: &[&[u8]], new: &[&[u8]]) -> Vec<Step> {
    let common = common_from(old, new);
    let mut steps = Vec::with_capacity(old.len().max(new.len()));
    let (mut i, mut j) = (0, 0);
    let (mut gone, mut come) = (0, 0);
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            between(old, new, gone..i, come..j, &mut steps);
            steps.push(Step::Keep(i));
            (i, j) = (i + 1, j + 1);
            (gone, come) = (i, j);
        } else if common[i + 1][j] >= common[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    between(old, new, gone..old.len(), come..new.len(), &mut steps);
    steps
}

/// How many lines of the rests can stay, from each pair of places on.
fn common_from(old: &[&[u8]], new: &[&[u8]]) -> Vec<Vec<u16>> {
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    common
}

fn between(
    old: &[&[u8]],
    new: &[&[u8]],
    mut gone: std::ops::Range<usize>,
    come: std::ops::Range<usize>,
    steps: &mut Vec<Step>,
) {
    for j in come {
        let same = |i: &usize| old[*i].first() == new[j].first();
        match gone.clone().find(same) {
            Some(i) => {
                steps.extend((gone.start..i).map(Step::Remove));
                steps.push(Step::Change(i, j));
                gone.start = i + 1;
            }
            None => steps.push(Step::Insert(j)),
        }
    }
    steps.extend(gone.map(Step::Remove));
}

#[cfg(test)]
mod tests {
    use super::Step::*;
    use super::*;

    fn of(old: &str, new: &str) -> Vec<Step> {
        let lines = |text: &'static str| text.split(' ').map(str::as_bytes).collect::<Vec<_>>();
        let (old, new) = (old.to_owned().leak(), new.to_owned().leak());
        steps(&lines(old), &lines(new))
    }

    #[test]
    fn lines_stay_change_come_and_go() {
        assert_eq!(of("v o c", "v o c"), [Keep(0), Keep(1), Keep(2)]);
        assert_eq!(of("v c1 m1", "v c2 m1"), [Keep(0), Change(1, 1), Keep(2)]);
        assert_eq!(of("v m1", "v c1 m1"), [Keep(0), Insert(1), Keep(1)]);
        assert_eq!(
            of("v a1 a2 m1 a3", "v a2 m2 a3 a4"),
            [
                Keep(0),
                Remove(1),
                Keep(2),
                Change(3, 2),
                Keep(4),
                Insert(4)
            ]
        );
        assert_eq!(
            of("o1 c1 m1", "c2 b1 m2"),
            [Remove(0), Change(1, 0), Insert(1), Change(2, 2)]
        );
    }
}
