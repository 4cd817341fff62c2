//! The picture of categories over time, as inline SVG.
//!
//! Colours come from classes of the page's style sheet, so that they follow dark mode; the two
//! stances differ in height too, not in colour alone: asserted is a full bar, denied the lower half
//! of one, both are an upper and a lower half.

use std::fmt::Write;

use maud::Escaper;

use super::html::anchor;
use super::record::{CategoryHistory, DocumentHistory};
use crate::calendar::Day;
use crate::compare::Standing;

const LEFT: f64 = 160.0;
const WIDTH: f64 = 760.0;
const ROW: f64 = 18.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;
/// Space between a row and its bars.
const INSET: f64 = 3.0;
/// Most years that are named on the axis.
const YEARS: i16 = 16;

/// Days of a document's history as places on the picture.
struct Axis {
    first: Day,
    last: Day,
}

impl Axis {
    fn x(&self, day: Day) -> f64 {
        let all = (self.last.number() - self.first.number()).max(1) as f64;
        LEFT + WIDTH * ((day.number() - self.first.number()) as f64 / all).clamp(0.0, 1.0)
    }
}

/// Rows of categories, periods by stance, and a line a version that changed something.
pub(super) fn periods(number: usize, record: &DocumentHistory) -> String {
    let Some((first, last)) = record.first.as_ref().zip(record.last.as_ref()) else {
        return String::new();
    };
    let axis = Axis { first: first.moment.date, last: last.date };
    let height = TOP + ROW * record.categories.len() as f64 + BOTTOM;
    let width = LEFT + WIDTH + 10.0;
    let mut out = format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\" \
         aria-label=\"categories over time\"><title>Categories over time</title><desc>one row a \
         category; the text below tells every change</desc>"
    );
    years(&mut out, &axis, height - BOTTOM);
    for (row, category) in record.categories.iter().enumerate() {
        self::category(&mut out, category, &axis, TOP + ROW * row as f64, row % 2 == 0);
    }
    for event in &record.events {
        let x = axis.x(event.moment.date);
        let bottom = height - BOTTOM;
        // The grip makes the line easy to hit.
        let _ = write!(
            out,
            "<a href=\"#{}\" aria-label=\"{date}\"><title>{date}</title>\
             <path class=\"version\" d=\"M{x:.1} {TOP}V{bottom:.1}\"/>\
             <circle class=\"grip\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3.5\"/></a>",
            anchor(number, event),
            TOP - 4.0,
            date = event.moment.date
        );
    }
    out.push_str("</svg>");
    out
}

fn years(out: &mut String, axis: &Axis, bottom: f64) {
    let (first, last) = (axis.first.year() + 1, axis.last.year());
    let step = ((last - first) / YEARS + 1).max(1);
    let mut year = first;
    while year <= last {
        if let Ok(day) = format!("{year:04}-01-01").parse() {
            let x = axis.x(day);
            let _ = write!(
                out,
                "<path class=\"frame\" d=\"M{x:.1} {bottom:.1}V{:.1}\"/><text class=\"quiet\" \
                 text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{year}</text>",
                bottom + 4.0,
                bottom + 16.0
            );
        }
        year += step;
    }
}

fn category(out: &mut String, record: &CategoryHistory, axis: &Axis, top: f64, is_banded: bool) {
    if is_banded {
        let width = LEFT + WIDTH;
        let _ = write!(
            out,
            "<rect class=\"band\" x=\"0\" y=\"{top:.1}\" width=\"{width:.0}\" height=\"{ROW:.0}\"/>"
        );
    }
    let _ =
        write!(out, "<text text-anchor=\"end\" x=\"{:.0}\" y=\"{:.1}\">", LEFT - 8.0, top + 12.0);
    let _ = Escaper::new(out).write_str(&record.title);
    out.push_str("</text>");
    for (i, period) in record.periods.iter().enumerate() {
        let end = record.periods.get(i + 1).map_or(axis.last, |next| next.from);
        let bars: &[(&str, f64, f64)] = match period.standing {
            Standing::Silent => &[],
            Standing::Asserted => &[("asserted", INSET, ROW - 2.0 * INSET)],
            Standing::Denied => &[("denied", ROW / 2.0, ROW / 2.0 - INSET)],
            Standing::Both => {
                &[("asserted", INSET, ROW / 2.0 - INSET), ("denied", ROW / 2.0, ROW / 2.0 - INSET)]
            }
        };
        let (from, to) = (axis.x(period.from), axis.x(end));
        for (class, inset, height) in bars {
            let _ = write!(
                out,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
                 height=\"{height:.1}\"><title>from {}: {} asserted, {} denied</title></rect>",
                top + inset,
                (to - from).max(0.5),
                period.from,
                period.count.asserted,
                period.count.denied
            );
        }
    }
}
