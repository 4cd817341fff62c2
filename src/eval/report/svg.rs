//! The plots as inline SVG: precision-recall curves, reliability, bars with whiskers.
//!
//! Colours and dashes come from classes of the page's style sheet, so that they follow dark mode;
//! systems differ in dashes too, not in colour alone.

use std::fmt::Write;

use super::html::escape;
use crate::eval::bootstrap::Interval;
use crate::eval::calibration::Bin;
use crate::eval::ranking::CurvePoint;

/// A curve has at most about so many points on the page.
const CURVE_POINTS: usize = 160;

/// How many systems have a style of their own.
pub(super) const STYLES: usize = 4;

/// A square plot of two shares, with room for the axes.
struct Square {
    side: f64,
    left: f64,
    top: f64,
}

impl Square {
    fn x(&self, share: f64) -> f64 {
        self.left + self.side * share
    }

    fn y(&self, share: f64) -> f64 {
        self.top + self.side * (1.0 - share)
    }

    fn open(&self, title: &str, description: &str) -> String {
        let (width, height) = (self.left + self.side + 8.0, self.top + self.side + 30.0);
        format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\" \
             aria-label=\"{}\"><title>{}</title><desc>{}</desc>",
            escape(title),
            escape(title),
            escape(description)
        )
    }

    fn frame(&self, out: &mut String, horizontal: &str, vertical: &str) {
        let (left, top, side) = (self.left, self.top, self.side);
        let _ = write!(
            out,
            "<rect class=\"frame\" x=\"{left}\" y=\"{top}\" width=\"{side}\" height=\"{side}\"/>"
        );
        for tick in [0.0, 0.5, 1.0] {
            let _ = write!(
                out,
                "<text class=\"quiet\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{tick}</text>\
                 <text class=\"quiet\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{tick}</text>",
                self.x(tick),
                top + side + 13.0,
                left - 4.0,
                self.y(tick) + 4.0
            );
        }
        let _ = write!(
            out,
            "<text class=\"quiet\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{horizontal}</text>\
             <text class=\"quiet\" text-anchor=\"middle\" transform=\"translate({:.1} {:.1}) \
             rotate(-90)\">{vertical}</text>",
            self.x(0.5),
            top + side + 26.0,
            left - 24.0,
            self.y(0.5)
        );
    }
}

/// Precision-recall curves of several systems; `side` in pixels.
pub(super) fn precision_recall(title: &str, curves: &[&[CurvePoint]], side: f64) -> String {
    let square = Square { side, left: 36.0, top: 8.0 };
    let mut out = square.open(title, "precision over recall, one line a system");
    square.frame(&mut out, "recall", "precision");
    for (system, curve) in curves.iter().enumerate() {
        let thin = curve.len().div_ceil(CURVE_POINTS).max(1);
        let last = curve.len().saturating_sub(1);
        let shown = curve.iter().enumerate().filter(|(i, _)| i % thin == 0 || *i == last);
        let mut path = String::new();
        for (i, (_, point)) in shown.enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            let (x, y) = (square.x(point.recall), square.y(point.precision));
            let _ = write!(path, "{command}{x:.1} {y:.1}");
        }
        let _ = write!(out, "<path class=\"curve s{}\" d=\"{path}\"/>", system % STYLES);
    }
    out.push_str("</svg>");
    out
}

/// Observed share over predicted probability of several systems.
pub(super) fn reliability(systems: &[&[Bin]]) -> String {
    let square = Square { side: 280.0, left: 36.0, top: 8.0 };
    let mut out = square.open(
        "reliability",
        "observed share over mean probability of each bin; the diagonal is perfect calibration",
    );
    square.frame(&mut out, "mean probability", "observed share");
    let (x0, y0, x1, y1) = (square.x(0.0), square.y(0.0), square.x(1.0), square.y(1.0));
    let _ = write!(out, "<path class=\"ideal\" d=\"M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}\"/>");
    for (system, bins) in systems.iter().enumerate() {
        let mut path = String::new();
        for (i, bin) in bins.iter().enumerate() {
            let (x, y) = (square.x(bin.predicted), square.y(bin.observed));
            let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
            let style = system % STYLES;
            let _ = write!(out, "<circle class=\"f{style}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        }
        let _ = write!(out, "<path class=\"curve s{}\" d=\"{path}\"/>", system % STYLES);
    }
    out.push_str("</svg>");
    out
}

/// A row of bars: a label and, by system, a value with its interval.
pub(super) struct BarRow<'a> {
    pub(super) label: &'a str,
    pub(super) values: Vec<Option<Interval>>,
}

/// Horizontal bars from 0 to 1 with whiskers.
pub(super) fn bars(title: &str, rows: &[BarRow<'_>]) -> String {
    const LEFT: f64 = 170.0;
    const WIDTH: f64 = 480.0;
    const BAR: f64 = 9.0;
    const GAP: f64 = 8.0;
    let systems = rows.iter().map(|row| row.values.len()).max().unwrap_or(0);
    let step = BAR * systems as f64 + GAP;
    let (width, height) = (LEFT + WIDTH + 60.0, step * rows.len() as f64 + 24.0);
    let mut out = format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\" \
         aria-label=\"{0}\"><title>{0}</title><desc>one bar a system, the whisker is the 95% \
         interval; the table below has the same figures</desc>",
        escape(title)
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let x = LEFT + WIDTH * tick;
        let bottom = height - 18.0;
        let _ = write!(
            out,
            "<path class=\"frame\" d=\"M{x:.1} 0V{bottom:.1}\"/><text class=\"quiet\" \
             text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{tick}</text>",
            height - 4.0
        );
    }
    for (index, row) in rows.iter().enumerate() {
        let top = step * index as f64 + GAP / 2.0;
        let middle = top + BAR * systems as f64 / 2.0 + 4.0;
        let _ = write!(
            out,
            "<text text-anchor=\"end\" x=\"{:.1}\" y=\"{middle:.1}\">{}</text>",
            LEFT - 8.0,
            escape(row.label)
        );
        for (system, value) in row.values.iter().enumerate() {
            let Some(interval) = value else { continue };
            let y = top + BAR * system as f64;
            let (low, high) = (LEFT + WIDTH * interval.low, LEFT + WIDTH * interval.high);
            let _ = write!(
                out,
                "<rect class=\"f{}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{:.3} [{:.3}, {:.3}]</title></rect>\
                 <path class=\"whisker\" d=\"M{low:.1} {mid:.1}H{high:.1}\"/>",
                system % STYLES,
                WIDTH * interval.value,
                BAR - 1.0,
                interval.value,
                interval.low,
                interval.high,
                mid = y + BAR / 2.0 - 0.5
            );
        }
    }
    out.push_str("</svg>");
    out
}

/// The style of a system, to stand beside its name.
pub(super) fn key(system: usize) -> String {
    let style = system % STYLES;
    format!(
        "<svg width=\"36\" height=\"10\" aria-hidden=\"true\"><path class=\"key s{style}\" \
         d=\"M0 5H24\"/><circle class=\"f{style}\" cx=\"30\" cy=\"5\" r=\"4\"/></svg>"
    )
}
