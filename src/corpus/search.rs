//! Finding sentences in a document by the hash of their words.
//!
//! Every window of words is hashed for every length that is wanted. Windows that start at the
//! same word share their hashing, so the time is that of the document's words times the number
//! of different lengths, whatever the number of sentences.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::segment::words::{ID_BYTES, Words, first_bytes};

/// What to look for: the id of so many words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) id: [u8; ID_BYTES],
    pub(super) words: usize,
}

/// The number of the first word of every window that is wanted, in the order of the text.
pub(super) fn find(
    words: &Words<'_>,
    wanted: impl Iterator<Item = Wanted>,
) -> HashMap<Wanted, Vec<usize>> {
    let mut by_length: BTreeMap<usize, HashMap<[u8; ID_BYTES], Vec<usize>>> = BTreeMap::new();
    for wanted in wanted.filter(|wanted| wanted.words > 0) {
        by_length.entry(wanted.words).or_default().entry(wanted.id).or_default();
    }
    for start in 0..words.len() {
        let mut hasher = Sha256::new();
        let mut hashed = 0;
        for (&length, ids) in &mut by_length {
            if start + length > words.len() {
                break;
            }
            let key = words.key(start..start + length);
            hasher.update(key.get(hashed..).unwrap_or_default().as_bytes());
            hashed = key.len();
            if let Some(found) = ids.get_mut(&first_bytes::<ID_BYTES>(&hasher.clone().finalize())) {
                found.push(start);
            }
        }
    }
    let each = by_length.into_iter().flat_map(|(words, ids)| {
        ids.into_iter().map(move |(id, starts)| (Wanted { id, words }, starts))
    });
    each.filter(|(_, starts)| !starts.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::words::Underscore;

    fn wanted(text: &str) -> Wanted {
        let words = Words::of(text, Underscore::InWord);
        Wanted { id: words.id(words.len()), words: words.len() }
    }

    #[test]
    fn windows_are_found_wherever_they_stand() {
        let words = Words::of("We log. We sell; we log (nothing).", Underscore::InWord);
        let all =
            ["we log", "we sell", "log nothing", "we log we sell we log nothing", "we", "you"];
        let found = find(&words, all.iter().map(|text| wanted(text)));
        let starts = |text| found.get(&wanted(text)).map_or(&[][..], Vec::as_slice);
        assert_eq!(starts("we log"), [0, 4]);
        assert_eq!(starts("we sell"), [2]);
        assert_eq!(starts("log nothing"), [5]);
        assert_eq!(starts(all[3]), [0]);
        assert_eq!(starts("we"), [0, 2, 4]);
        assert!(starts("you").is_empty());
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        let empty = Words::of(" … ", Underscore::InWord);
        assert!(find(&empty, [wanted("we"), wanted("")].into_iter()).is_empty());
    }
}
