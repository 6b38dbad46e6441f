//! A bench's results as one HTML page that needs nothing else: the table, and bars.

use std::fmt::Write as _;

use super::{Comparison, Figures};
use crate::bench::{LOADED, NOTHING};

const WIDTH: f64 = 860.0;
const NAMES: f64 = 180.0;
const VALUES: f64 = 120.0;
const ROW: f64 = 26.0;
const COLOURS: [&str; 2] = ["#1f77b4", "#aec7e8"];
const STYLE: &str = "body{font:15px sans-serif;max-width:64em;margin:2em auto;color:#222}\
    pre{background:#f4f4f4;padding:1em;overflow:auto}svg{max-width:100%;height:auto}";

/// A bar of one or two parts.
struct Bar {
    name: &'static str,
    parts: [f64; 2],
    value: String,
}

/// The page of a bench.
pub fn bars(comparison: &Comparison) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Strait: bench</title>\
         <style>{STYLE}</style><h1>Strait beside others</h1><pre>{comparison}</pre>\n"
    );
    let nothing = comparison.medians(NOTHING);
    let mut add = |heading: &str, bar: &dyn Fn(&'static str, &Figures) -> Option<Bar>| {
        let standings = comparison.contenders.iter();
        let present = standings.filter(|standing| standing.left_out.is_none());
        let bars = present.filter_map(|standing| bar(standing.name, standing.medians.as_ref()?));
        let _ = write!(
            page,
            "<h2>{heading}</h2>\n{}\n",
            plot(&bars.collect::<Vec<_>>())
        );
    };
    add("Highest rate, packets a second", &|name, figures| {
        let bound = if figures.is_generators { "≥ " } else { "" };
        Some(Bar {
            name,
            parts: [figures.rate, 0.0],
            value: format!("{bound}{:.0}", figures.rate),
        })
    });
    let cost = |name, process: Option<f64>, kernel: Option<f64>| {
        let parts = [process, kernel].map(Option::unwrap_or_default);
        let all: f64 = parts.iter().sum();
        (all > 0.0 && name != NOTHING).then(|| Bar {
            name,
            parts,
            value: format!("{all:.2}"),
        })
    };
    let heading = "CPU seconds for a million packets: process (dark), kernel (light)";
    add(
        &format!("{heading}, at {} packets/s", comparison.rate),
        &|name, figures| cost(name, figures.process, figures.kernel),
    );
    add(
        &format!("{heading}, at the highest rate"),
        &|name, figures| cost(name, figures.process_at_most, figures.kernel_at_most),
    );
    add(
        "Latency more than nothing's, p50, microseconds",
        &|name, figures| {
            let more = figures.latency_p50 - nothing?.latency_p50;
            (name != NOTHING).then(|| Bar {
                name,
                parts: [more.max(0.0), 0.0],
                value: format!("{more:.0}"),
            })
        },
    );
    add(
        &format!(
            "Latency at {:.0} % of its own highest rate, p99.9, microseconds",
            LOADED * 100.0
        ),
        &|name, figures| {
            let latency = figures.loaded_p99_9?;
            Some(Bar {
                name,
                parts: [latency, 0.0],
                value: format!("{latency:.0}"),
            })
        },
    );
    page + "</html>\n"
}

fn plot(bars: &[Bar]) -> String {
    let height = ROW * bars.len() as f64;
    let most = bars.iter().map(|bar| bar.parts.iter().sum());
    let most: f64 = most.fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" font-size=\"14\">");
    for (row, bar) in bars.iter().enumerate() {
        let (top, mut left) = (row as f64 * ROW, NAMES);
        let middle = top + ROW * 0.65;
        let _ = write!(svg, "<text x=\"0\" y=\"{middle:.1}\">{}</text>", bar.name);
        for (part, colour) in bar.parts.iter().zip(COLOURS) {
            let width = part / most * (WIDTH - NAMES - VALUES);
            let _ = write!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{}\" \
                 fill=\"{colour}\"/>",
                top + 4.0,
                ROW - 8.0,
            );
            left += width;
        }
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{middle:.1}\">{}</text>",
            left + 6.0,
            bar.value
        );
    }
    svg + "</svg>"
}
