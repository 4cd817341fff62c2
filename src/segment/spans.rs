//! Short brackets and quotations: no sentence ends inside them.

use crate::limits::PROTECTED_SPAN_BYTES;

/// The protected spans of a text: disjoint, in order.
#[derive(Debug, Default)]
pub(crate) struct Protected {
    spans: Vec<(u32, u32)>,
}

impl Protected {
    pub(crate) fn find(text: &str) -> Self {
        let mut found = brackets(text);
        found.sort_unstable();
        let mut spans: Vec<(u32, u32)> = Vec::new();
        for (start, end) in found {
            match spans.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => spans.push((start, end)),
            }
        }
        Self { spans }
    }

    /// Whether a cut at `at` would fall inside a span.
    pub(crate) fn covers(&self, at: usize) -> bool {
        let at = at as u32;
        let after = self.spans.partition_point(|(start, _)| *start < at);
        after.checked_sub(1).and_then(|last| self.spans.get(last)).is_some_and(|(_, end)| at < *end)
    }
}

/// Pairs of brackets and quotation marks with the bounded length, from the opening character to
/// behind the closing one.
fn brackets(text: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut round = Vec::new();
    let (mut square, mut curly, mut straight) = (None, None, None);
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let opened = match c {
            '(' => {
                round.push(at);
                None
            }
            ')' => round.pop(),
            '[' => {
                square = Some(at);
                None
            }
            ']' => square.take(),
            '“' | '«' | '„' => {
                curly = Some(at);
                None
            }
            '”' | '»' => curly.take(),
            '"' => {
                let next = chars.peek().map_or(' ', |(_, next)| *next);
                let opens = !before.is_alphanumeric() && !is_end(before) && !next.is_whitespace();
                match straight.take() {
                    Some(open) if !next.is_alphanumeric() => Some(open),
                    _ => {
                        straight = opens.then_some(at);
                        None
                    }
                }
            }
            _ => None,
        };
        if let Some(open) = opened.filter(|open| end - open <= PROTECTED_SPAN_BYTES) {
            found.push((open as u32, end as u32));
        }
        before = c;
    }
    found
}

fn is_end(c: char) -> bool {
    matches!(c, '.' | ',' | '!' | '?' | ';' | ':')
}
