//! What is shown while it runs: a live picture on a terminal, a line a second elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use strait_shared::time::Instant;

use super::crossing::Crossings;
use super::script::{Plot, Script};
use super::stage::{Stage, Who};
use super::strait::Sample;

/// How often the picture changes.
const TERMINAL_EVERY: Duration = Duration::from_millis(100);
const LINES_EVERY: Duration = Duration::from_secs(1);

/// The live view, on standard error: standard output is for the report.
pub struct View {
    screen: Option<Screen>,
    next: Instant,
}

struct Screen {
    _all: MultiProgress,
    headline: ProgressBar,
    calls: Vec<ProgressBar>,
}

impl View {
    /// A view with room for `calls` calls.
    pub fn new(calls: usize) -> Self {
        let screen = std::io::stderr().is_terminal().then(|| Screen::new(calls));
        Self {
            screen,
            next: Instant::ZERO,
        }
    }

    /// Says something once.
    pub fn say(&self, text: &str) {
        match &self.screen {
            Some(screen) => screen.headline.set_message(text.to_owned()),
            None => line(text),
        }
    }

    /// Shows the present, if it is time to.
    pub fn show(
        &mut self,
        now: Instant,
        stage: &Stage,
        script: Option<&Script>,
        crossings: &Crossings,
        sample: Option<&Sample>,
    ) {
        if now < self.next {
            return;
        }
        self.next = now
            + if self.screen.is_some() {
                TERMINAL_EVERY
            } else {
                LINES_EVERY
            };
        let headline = headline(stage, crossings, sample);
        let calls: Vec<String> = script
            .into_iter()
            .flat_map(|script| &script.scenes)
            .map(|scene| scene_line(stage, scene))
            .collect();
        match &self.screen {
            Some(screen) => {
                screen.headline.set_message(headline);
                for (bar, text) in screen.calls.iter().zip(calls) {
                    bar.set_message(text);
                }
            }
            None => {
                let words = script.into_iter().flat_map(|script| &script.scenes);
                let words: Vec<&str> = words.map(super::script::Scene::word).collect();
                line(&format!("{headline}; calls: {}", words.join(", ")));
            }
        }
    }

    /// When the picture changes next.
    pub fn next(&self) -> Instant {
        self.next
    }
}

impl Screen {
    fn new(calls: usize) -> Self {
        let all = MultiProgress::new();
        let style =
            |template| ProgressStyle::with_template(template).expect("the template is well-formed");
        let headline = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {msg}")));
        headline.enable_steady_tick(Duration::from_millis(120));
        let bars = (0..calls)
            .map(|_| all.add(ProgressBar::new_spinner().with_style(style("  {msg}"))))
            .collect();
        Self {
            _all: all,
            headline,
            calls: bars,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        for bar in &self.calls {
            bar.finish_and_clear();
        }
        self.headline.finish_and_clear();
    }
}

fn headline(stage: &Stage, crossings: &Crossings, sample: Option<&Sample>) -> String {
    let (entered, left) = crossings.totals();
    let latency = crossings.all_latencies_ns();
    let mut text = format!(
        "registered {}/{}; packets in {entered} out {left}; latency p50 {} µs p99 {} µs",
        stage.registered(),
        Who::ALL.len(),
        latency.value_at_quantile(0.5) / 1000,
        latency.value_at_quantile(0.99) / 1000,
    );
    if let Some(sample) = sample {
        let (calls, registrations) = (sample.status.calls, sample.status.registrations);
        write!(
            text,
            "; Strait: {calls} calls, {registrations} registrations"
        )
        .expect("writing to a string cannot fail");
    }
    text
}

fn scene_line(stage: &Stage, scene: &super::script::Scene) -> String {
    let (caller, callee) = (scene.caller.name(), scene.callee.name());
    let counts = match (scene.call(stage, false), scene.call(stage, true)) {
        (Some(one), Some(other)) if scene.plot != Plot::Cancel => {
            let heard = |call: &strait_parties::phone::Call| call.stream().heard().received;
            format!(
                "  {caller} heard {:4}, {callee} heard {:4}",
                heard(one),
                heard(other)
            )
        }
        _ => String::new(),
    };
    format!("{caller:>5} → {callee:<5}  {:<10}{counts}", scene.word())
}

fn line(text: &str) {
    // A reader that went away does not matter to the calls.
    let _ = writeln!(std::io::stderr(), "{text}");
}
