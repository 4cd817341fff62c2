//! Counts characters (or UTF-16 code units) before an offset without reading a text from its
//! start: counts are kept for every kilobyte.

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Unicode scalar values.
    Character,
    /// UTF-16 code units.
    Utf16,
}

/// Counts of units before every [`STEP`] bytes of one text.
#[derive(Debug, Clone)]
pub(crate) struct UnitIndex {
    unit: Unit,
    counts: Vec<u32>,
}

const STEP: usize = 1024;

impl UnitIndex {
    pub(crate) fn new(text: &str, unit: Unit) -> Self {
        let mut counts = Vec::with_capacity(text.len() / STEP + 1);
        let (mut total, mut from) = (0, 0);
        for step in 0..=text.len() / STEP {
            let to = text.floor_char_boundary(step * STEP);
            total += unit.count(&text[from..to]);
            counts.push(total as u32);
            from = to;
        }
        Self { unit, counts }
    }

    /// Units before `offset` of the text that the index was made of.
    pub(crate) fn before(&self, text: &str, offset: usize) -> usize {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let step = offset / STEP;
        let from = text.floor_char_boundary(step * STEP);
        let counted = self.counts.get(step).copied().unwrap_or(0) as usize;
        counted + self.unit.count(&text[from..offset])
    }
}

impl Unit {
    fn count(self, text: &str) -> usize {
        match self {
            Self::Character => text.chars().count(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
        }
    }
}
