//! Plain text to blocks: paragraphs by blank lines, hard-wrapped lines joined, headings and list
//! items by their marks and indentation.

use std::ops::Range;

use super::block::{Block, BlockKind, Builder};
use super::outline::{self, enumeration_mark, starts_with_bullet};

/// One sentence for every line that is not blank.
pub(crate) fn read_lines(text: &str) -> Vec<Block> {
    let mut out = Builder::new(text);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        out.push_source(at..at + line.len());
        out.flush_whole();
        at += line.len();
    }
    out.finish()
}

/// Reads the blocks of a plain text.
pub(crate) fn read(text: &str) -> Vec<Block> {
    let lines = lines_of(text);
    let width = wrap_width(&lines);
    let mut reader = Reader {
        out: Builder::new(text),
        text,
        indents: Vec::new(),
        previous: None,
        after_blank: true,
    };
    for (number, line) in lines.iter().enumerate() {
        let next = lines.get(number + 1).filter(|next| !next.is_blank());
        reader.line(line, next, width);
    }
    reader.flush();
    reader.close_lists(0);
    reader.out.finish()
}

/// A line without its indentation and end.
#[derive(Debug, Clone)]
struct Line {
    range: Range<usize>,
    indent: usize,
    /// Length in characters, indentation included.
    width: usize,
}

impl Line {
    fn is_blank(&self) -> bool {
        self.range.is_empty()
    }
}

fn lines_of(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(['\n', '\u{c}', '\u{2029}']) {
        let content = line.trim_end();
        let body = content.trim_start();
        let margin = &content[..content.len() - body.len()];
        let indent = margin.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
        let start = at + margin.len();
        lines.push(Line {
            range: start..start + body.len(),
            indent,
            width: indent + body.chars().count(),
        });
        at += line.len();
    }
    lines
}

/// The width that the text was wrapped at: a length that many lines come near and none of nine in
/// ten exceeds. `None` for a text with a line for each paragraph.
fn wrap_width(lines: &[Line]) -> Option<usize> {
    let mut widths: Vec<usize> =
        lines.iter().filter(|line| !line.is_blank()).map(|line| line.width).collect();
    widths.sort_unstable();
    let near_longest = *widths.get(widths.len() * 9 / 10)?;
    if !(30..=120).contains(&near_longest) {
        return None;
    }
    let joined = lines.windows(2).filter(|pair| pair.iter().all(|line| !line.is_blank())).count();
    (joined * 4 >= widths.len()).then_some(near_longest)
}

struct Reader<'a> {
    out: Builder<'a>,
    text: &'a str,
    /// Indentation of the marks of the open lists, outermost first.
    indents: Vec<usize>,
    /// The line before, if the block being read goes on from it.
    previous: Option<Line>,
    after_blank: bool,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line, next: Option<&Line>, width: Option<usize>) {
        let body = self.text.get(line.range.clone()).unwrap_or("");
        if body.is_empty() {
            self.flush();
            self.after_blank = true;
            return;
        }
        let after_blank = std::mem::replace(&mut self.after_blank, false);
        if is_rule(body) {
            self.underline(body);
            self.after_blank = true;
            return;
        }
        if let Some(previous) = self.previous.take() {
            if self.goes_on(&previous, line, body, width) {
                self.out.space(previous.range.end);
                self.out.push_source(line.range.clone());
                self.previous = Some(line.clone());
                return;
            }
            self.flush();
        }
        self.begin(line, next, width, after_blank);
    }

    /// Begins a block with a line.
    fn begin(&mut self, line: &Line, next: Option<&Line>, width: Option<usize>, after_blank: bool) {
        let body = self.text.get(line.range.clone()).unwrap_or("");
        if starts_with_bullet(body) || enumeration_mark(body).is_some() {
            self.enter_item(line.indent);
        } else {
            let depth = self.indents.iter().take_while(|indent| line.indent > **indent).count();
            self.close_lists(depth);
        }
        self.out.push_source(line.range.clone());
        self.previous = Some(line.clone());
        let stands_alone = next.is_none_or(|next| {
            let next_body = self.text.get(next.range.clone()).unwrap_or("");
            !is_rule(next_body) && !self.goes_on(line, next, next_body, width)
        });
        let title = stands_alone && self.indents.is_empty();
        if let Some(level) = title.then(|| heading(body, after_blank)).flatten() {
            self.out.flush(BlockKind::Heading { level });
            self.previous = None;
        }
    }

    /// Whether a line continues the one before it in the same block.
    fn goes_on(&self, previous: &Line, line: &Line, body: &str, width: Option<usize>) -> bool {
        if starts_with_bullet(body) || enumeration_mark(body).is_some() {
            return false;
        }
        let before = self.text.get(previous.range.clone()).unwrap_or("");
        let marked = starts_with_bullet(before) || enumeration_mark(before).is_some();
        if line.indent > previous.indent + 1 && !marked && width.is_some() {
            return false;
        }
        if body.starts_with(char::is_lowercase) {
            return true;
        }
        let Some(width) = width else { return false };
        if outline::is_capitals(body) != outline::is_capitals(before)
            && heading(before, true).is_some()
        {
            return false;
        }
        // The line before is full if the next word would not have fitted on it.
        let word = body.split(' ').next().map_or(0, |word| word.chars().count());
        let full = previous.width + 1 + word > width;
        let clause = begins_clause(body);
        full && !(clause && before.ends_with(['.', ';', ':']))
    }

    /// Opens or closes lists so that an item at this indentation is in the innermost.
    fn enter_item(&mut self, indent: usize) {
        let depth = self.indents.iter().take_while(|open| indent + 1 > **open).count();
        self.close_lists(depth);
        match self.indents.last() {
            Some(open) if indent <= open + 1 => {}
            _ => {
                self.indents.push(indent);
                self.out.open_list();
            }
        }
    }

    fn close_lists(&mut self, depth: usize) {
        while self.indents.len() > depth {
            self.indents.pop();
            self.out.close_list();
        }
    }

    /// A line of dashes or equal signs makes a heading of a single line before it.
    fn underline(&mut self, rule: &str) {
        let level = if rule.starts_with('=') { 1 } else { 2 };
        let single = self.previous.take().is_some_and(|line| line.range.len() <= 120);
        if single && rule.starts_with(['=', '-', '~']) && self.indents.is_empty() {
            self.out.flush(BlockKind::Heading { level });
        } else {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.out.flush(BlockKind::Paragraph);
        self.previous = None;
    }
}

/// A line of nothing but rule characters.
fn is_rule(body: &str) -> bool {
    let first = body.chars().next();
    body.len() >= 3
        && first.is_some_and(|c| matches!(c, '-' | '=' | '_' | '*' | '~' | '#' | '─' | '═'))
        && body.chars().all(|c| Some(c) == first || c == ' ')
}

/// Whether a line begins with a clause number (`3.`, `10.2`).
fn begins_clause(body: &str) -> bool {
    let digits = body.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    digits >= 2
        && body.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && body[digits..].starts_with(' ')
        && body[..digits].contains('.')
}

/// Level of a heading that a line by itself makes. Without a number or capitals it must follow a
/// blank line and must not look like a line of an address or a date.
fn heading(body: &str, after_blank: bool) -> Option<u8> {
    if let Some(level) = outline::heading_level(body, false) {
        return Some(match level {
            7 if outline::is_capitals(body) && !body.starts_with(|c: char| c.is_ascii_digit()) => 1,
            level => level.saturating_sub(5),
        });
    }
    let last = body.chars().next_back()?;
    let words = body.split(' ').filter(|word| !word.is_empty()).count();
    let short = words <= 9 && body.len() <= 72;
    let open_end = !matches!(last, '.' | ',' | ';' | ':' | '!' | '-' | '–');
    let titled = body.starts_with(char::is_uppercase);
    let bare = !body.contains(|c: char| c.is_ascii_digit() || matches!(c, ',' | '@' | '/'));
    (after_blank && short && open_end && titled && bare).then_some(3)
}
