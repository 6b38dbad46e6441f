//! The most calls at which less than a bound is lost: doubling, then bisection.

use crate::Failure;
use crate::report::Report;

/// The search stops when the next step would be smaller than this share.
const RESOLUTION: f64 = 0.02;

/// Every rung that was tried, and the best good one.
pub struct Search {
    /// In the order they were tried.
    pub rungs: Vec<Report>,
    /// The most calls that were good; nothing when the first rung was bad.
    pub best: Option<Report>,
}

/// Searches from `from` calls up to `most`; `attempt` makes a trial, `is_good` judges it.
pub fn search(
    from: usize,
    most: usize,
    mut attempt: impl FnMut(usize) -> Result<Report, Failure>,
    is_good: impl Fn(&Report) -> bool,
) -> Result<Search, Failure> {
    let mut found = Search {
        rungs: Vec::new(),
        best: None,
    };
    let mut bad = most + 1;
    let mut calls = from.clamp(1, most);
    loop {
        let report = attempt(calls)?;
        found.rungs.push(report.clone());
        if is_good(&report) {
            found.best = Some(report);
        } else {
            bad = calls;
        }
        let good = found.best.as_ref().map_or(0, |best| best.calls);
        let step = if bad > most {
            good.min(most - good)
        } else {
            (bad - good) / 2
        };
        let enough = (good as f64 * RESOLUTION) as usize;
        // Below the first rung there is nothing to look for: it was the user's least.
        if step <= enough.max(1) && (good > 0 || step == 0) || good == 0 && calls <= 1 {
            return Ok(found);
        }
        calls = good + step;
    }
}

/// The trial in the middle, by loss.
pub fn median(mut trials: Vec<Report>) -> Report {
    trials.sort_by(|a, b| a.loss_percent.total_cmp(&b.loss_percent));
    trials.swap_remove(trials.len() / 2)
}
