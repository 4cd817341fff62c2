//! Running headers and footers and page numbers: the same text at the same place over pages.

use std::collections::HashMap;

use super::lines::Row;

/// The part of a page's height at its top and bottom where they stand.
const MARGIN: f32 = 0.2;
/// Rows of a page's top and bottom that may be running ones.
const ROWS: usize = 4;

/// Takes running rows out of pages; `heights` are the lower and upper edges of the pages.
pub(super) fn drop_running(pages: &mut [Vec<Row>], heights: &[(f32, f32)]) {
    let mut counts: HashMap<(String, i32), usize> = HashMap::new();
    for (rows, edges) in pages.iter().zip(heights) {
        for (_, key) in candidates(rows, *edges) {
            *counts.entry(key).or_default() += 1;
        }
    }
    let written = pages.iter().filter(|rows| !rows.is_empty()).count();
    let needed = (written / 4).clamp(2, 8);
    for (rows, edges) in pages.iter_mut().zip(heights) {
        let mut dropped: Vec<usize> = Vec::new();
        for (number, (text, band)) in candidates(rows, *edges) {
            let nearby = |step: i32| counts.get(&(text.clone(), band + step)).copied().unwrap_or(0);
            let is_repeated = nearby(-1) + nearby(0) + nearby(1) >= needed;
            if is_repeated || is_page_number(&text) {
                dropped.push(number);
            }
        }
        let mut number = 0;
        rows.retain(|_| {
            number += 1;
            !dropped.contains(&(number - 1))
        });
    }
}

/// The rows of a page that could be running ones, with what they have in common with others: the
/// text with every number as `#`, and the height in steps of four points.
fn candidates(rows: &[Row], (bottom, top): (f32, f32)) -> Vec<(usize, (String, i32))> {
    let margin = MARGIN * (top - bottom);
    let is_outer = |row: &Row| row.y > top - margin || row.y < bottom + margin;
    rows.iter()
        .enumerate()
        .filter(|(number, row)| {
            let is_near_end = *number < ROWS || number + ROWS >= rows.len();
            is_near_end && is_outer(row)
        })
        .map(|(number, row)| (number, (key(&row.text()), (row.y / 4.0).round() as i32)))
        .collect()
}

fn key(text: &str) -> String {
    let mut key = String::new();
    for c in text.chars().take(200) {
        if !c.is_ascii_digit() {
            key.extend(c.to_lowercase());
        } else if !key.ends_with('#') {
            key.push('#');
        }
    }
    key
}

/// Whether a row's key is that of a page number alone.
fn is_page_number(key: &str) -> bool {
    let bare = key.trim_matches(|c: char| c.is_whitespace() || "-–—|[]()".contains(c));
    matches!(bare, "#" | "page #" | "page # of #" | "# of #" | "# / #" | "#/#" | "p. #")
}
