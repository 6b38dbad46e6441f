//! The highest load at which less than a bound is lost: doubling, then bisection.

use crate::Failure;
use crate::report::Report;

/// Every rung that was tried, and the best good one.
pub struct Search<Rung> {
    /// In the order they were tried.
    pub rungs: Vec<Rung>,
    /// The highest that was good; nothing when the first rung was bad.
    pub best: Option<Rung>,
}

/// Searches from `from` up to `most`, until the next step would be smaller than this share;
/// `attempt` makes a rung, `is_good` judges it.
pub fn search<Rung: Clone>(
    from: usize,
    most: usize,
    resolution: f64,
    mut attempt: impl FnMut(usize) -> Result<Rung, Failure>,
    is_good: impl Fn(&Rung) -> bool,
) -> Result<Search<Rung>, Failure> {
    let mut found = Search {
        rungs: Vec::new(),
        best: None,
    };
    let (mut good, mut bad) = (0, most + 1);
    let mut load = from.clamp(1, most);
    loop {
        let rung = attempt(load)?;
        found.rungs.push(rung.clone());
        if is_good(&rung) {
            good = load;
            found.best = Some(rung);
        } else {
            bad = load;
        }
        let step = if bad > most {
            good.min(most - good)
        } else {
            (bad - good) / 2
        };
        let enough = (good as f64 * resolution) as usize;
        // Below the first rung there is nothing to look for: it was the user's least.
        if step <= enough.max(1) && (good > 0 || step == 0) || good == 0 && load <= 1 {
            return Ok(found);
        }
        load = good + step;
    }
}

/// The trial in the middle, by loss.
pub fn median(mut trials: Vec<Report>) -> Report {
    trials.sort_by(|a, b| a.loss_percent.total_cmp(&b.loss_percent));
    trials.swap_remove(trials.len() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_good_load_is_found_wherever_it_is() {
        for limit in [1, 2, 49, 50, 51, 777, 4_999, 5_000, 9_999] {
            let found = search(50, 5_000, 0.02, Ok, |load| *load <= limit).unwrap();
            let best = found.best.unwrap_or(0);
            let least = (limit.min(5_000) as f64 * 0.96) as usize;
            assert!(best <= limit && best + 1 >= least, "{best} of {limit}");
            assert!(found.rungs.len() < 30);
        }
    }
}
