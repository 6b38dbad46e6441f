//! The report as one HTML page that needs nothing else: the figures, and plots of them.

use std::fmt::Write as _;

use plotters::prelude::*;

use super::{Direction, Point, Report};
use crate::Failure;

const SIZE: (u32, u32) = (860, 340);
const FONT: (&str, u32) = ("sans-serif", 14);
const COLOURS: [RGBColor; 2] = [RGBColor(31, 119, 180), RGBColor(214, 39, 40)];
const STYLE: &str = "body{font:15px sans-serif;max-width:60em;margin:2em auto;color:#222}\
    pre{background:#f4f4f4;padding:1em;overflow:auto}svg{max-width:100%;height:auto}";

/// One line of a plot.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
}

/// The page of one trial, or of a ramp's rungs and its best trial.
pub fn page(title: &str, text: &str, report: &Report, rungs: &[Report]) -> Result<String, Failure> {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1><pre>{text}</pre>\n"
    );
    let mut add = |heading: &str, plot: String| {
        let _ = write!(page, "<h2>{heading}</h2>\n{plot}\n");
    };
    if rungs.len() > 1 {
        add("Loss by calls", plot("calls", "lost, %", &[losses(rungs)])?);
    }
    let curves = |of: fn(&Point) -> f64| {
        let curve = |direction: &Direction| Curve {
            name: direction.name.to_owned(),
            points: direction
                .timeline
                .iter()
                .map(|point| (point.at, of(point)))
                .collect(),
        };
        report.directions.iter().map(curve).collect::<Vec<_>>()
    };
    let distribution = report.directions.iter().map(spread).collect::<Vec<_>>();
    add(
        "Latency: share of packets that took longer",
        plot_logarithms("one packet in so many", "us", &distribution)?,
    );
    let delivered = curves(|point| point.delivered as f64 * 10.0);
    add("Delivered", plot("s", "packets/s", &delivered)?);
    let longest = curves(|point| point.latency_max);
    add(
        "Longest latency in each tenth of a second",
        plot("s", "us", &longest)?,
    );
    page.push_str("</html>\n");
    Ok(page)
}

fn losses(rungs: &[Report]) -> Curve {
    let mut points: Vec<(f64, f64)> = rungs
        .iter()
        .map(|rung| (rung.calls as f64, rung.loss_percent))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Curve {
        name: "lost".to_owned(),
        points,
    }
}

/// Logarithms on both axes: tails are what matters.
fn spread(direction: &Direction) -> Curve {
    let points = direction
        .distribution
        .iter()
        .filter(|(percent, _)| *percent < 100.0);
    let points = points.map(|(percent, us)| {
        let rarity = -(1.0 - percent / 100.0).log10();
        (rarity, us.max(0.001).log10())
    });
    Curve {
        name: direction.name.to_owned(),
        points: points.collect(),
    }
}

fn plot(x: &str, y: &str, curves: &[Curve]) -> Result<String, Failure> {
    let mut svg = String::new();
    let drawn = draw(&mut svg, [x, y], curves, &|value| value.to_string());
    drawn.map_err(|error| Failure::Draw(error.to_string()))?;
    Ok(svg)
}

/// The same of logarithms, with what they stand for at the axes.
fn plot_logarithms(x: &str, y: &str, curves: &[Curve]) -> Result<String, Failure> {
    let mut svg = String::new();
    let drawn = draw(&mut svg, [x, y], curves, &|value| {
        format!("{:.0}", 10_f64.powf(*value))
    });
    drawn.map_err(|error| Failure::Draw(error.to_string()))?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    [x, y]: [&str; 2],
    curves: &[Curve],
    label: &dyn Fn(&f64) -> String,
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let least = points().map(of).fold(0.0_f64, f64::min);
        let most = points().map(of).fold(least + 1e-6, f64::max);
        least..most * 1.05
    };
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(70)
        .build_cartesian_2d(bounds(|point| point.0), bounds(|point| point.1))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE.mix(0.0))
        .label_style(FONT)
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .x_desc(x)
        .y_desc(y)
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS) {
        let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2));
        let mark = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour);
        chart.draw_series(line)?.label(&curve.name).legend(mark);
    }
    if curves.len() > 1 {
        chart
            .configure_series_labels()
            .label_font(FONT)
            .background_style(WHITE.mix(0.8))
            .draw()?;
    }
    area.present()?;
    Ok(())
}
