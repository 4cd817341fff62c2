//! Which words of a sentence changed.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::form::{Word, words};

/// Longest sentences whose words are compared one by one; longer ones are marked whole.
const WORDS: usize = 2_000;

/// The stretches of two texts whose words differ, as byte ranges of each.
///
/// Words are compared as the alignment compares them: what does not count is not marked.
///
/// ```
/// let (old, new) = fineprint::compare::marks("We never sell it.", "We may sell it.");
/// assert_eq!((old, new), (vec![3..8], vec![3..6]));
/// ```
pub fn marks(old: &str, new: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (old_words, new_words) = (words(old), words(new));
    if old_words.len().max(new_words.len()) > WORDS {
        return (whole(&old_words), whole(&new_words));
    }
    let forms = |words: &[Word]| words.iter().map(|w| w.form.clone()).collect::<Vec<_>>();
    let differences = capture_diff_slices(Algorithm::Myers, &forms(&old_words), &forms(&new_words));
    let (mut in_old, mut in_new) = (Vec::new(), Vec::new());
    for difference in differences.iter().filter(|d| d.tag() != DiffTag::Equal) {
        in_old.extend(stretch(&old_words, difference.old_range()));
        in_new.extend(stretch(&new_words, difference.new_range()));
    }
    (in_old, in_new)
}

fn whole(words: &[Word]) -> Vec<Range<usize>> {
    stretch(words, 0..words.len()).into_iter().collect()
}

fn stretch(words: &[Word], range: Range<usize>) -> Option<Range<usize>> {
    let words = words.get(range)?;
    Some(words.first()?.range.start..words.last()?.range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_count_are_marked() {
        let (old, new) = marks("2. We’ll sell  Your data.", "3. We'll never sell your data");
        assert!(old.is_empty());
        assert_eq!(new, vec![Range { start: 9, end: 14 }]);
    }

    #[test]
    fn endless_sentences_are_marked_whole() {
        let long = "word ".repeat(WORDS + 1);
        let (old, new) = marks(&long, "other");
        assert_eq!((old.len(), new.len()), (1, 1));
        assert_eq!((&old[0], &new[0]), (&(0..long.trim_end().len()), &(0..5)));
        assert_eq!(marks("", ""), (vec![], vec![]));
    }
}
