//! TF-IDF features as scikit-learn makes them.
//!
//! Words of at least two characters and pairs of them, and character 3- to 5-grams within padded
//! words (`word` and `char_wb`), lower-cased; logarithmic counts, smoothed inverse document
//! frequency, each of the two blocks scaled to unit length. A feature is known by a 64-bit hash of
//! its text, which is smaller and faster than a vocabulary of strings.

use std::collections::HashMap;

use rayon::prelude::*;

use super::sparse::SparseRows;

/// A fitted vocabulary with its inverse document frequencies.
#[derive(Debug, Clone)]
pub(super) struct Vectorizer {
    /// From the hash of a feature to its column.
    columns: HashMap<u64, u32>,
    idf: Vec<f32>,
}

/// Numbers of occurrences by hash of the feature, of both blocks.
struct Counted {
    words: Vec<(u64, u32)>,
    characters: Vec<(u64, u32)>,
}

impl Vectorizer {
    /// Learns the features that occur in at least `min_documents` of the texts.
    pub(super) fn fit(texts: &[String], min_documents: u32) -> Self {
        let counted: Vec<Counted> = texts.par_iter().map(|text| count(text)).collect();
        let mut documents: HashMap<u64, u32> = HashMap::new();
        for (hash, _) in counted.iter().flat_map(|c| c.words.iter().chain(&c.characters)) {
            *documents.entry(*hash).or_default() += 1;
        }
        let mut kept: Vec<(u64, u32)> =
            documents.into_iter().filter(|(_, n)| *n >= min_documents).collect();
        // The order of columns must not depend on the hash map's.
        kept.sort_unstable();
        let total = texts.len() as f64;
        let idf = |n: u32| (((1.0 + total) / (1.0 + f64::from(n))).ln() + 1.0) as f32;
        Self {
            idf: kept.iter().map(|(_, n)| idf(*n)).collect(),
            columns: kept.iter().zip(0..).map(|((hash, _), column)| (*hash, column)).collect(),
        }
    }

    /// How many features there are.
    pub(super) fn len(&self) -> usize {
        self.idf.len()
    }

    /// The features of texts.
    pub(super) fn transform(&self, texts: &[String]) -> SparseRows {
        let rows: Vec<Vec<(u32, f32)>> = texts.par_iter().map(|text| self.row(text)).collect();
        let mut matrix = SparseRows::default();
        rows.iter().for_each(|row| matrix.push(row));
        matrix
    }

    fn row(&self, text: &str) -> Vec<(u32, f32)> {
        let counted = count(text);
        let mut row = self.block(&counted.words);
        row.extend(self.block(&counted.characters));
        row.sort_unstable_by_key(|(column, _)| *column);
        row
    }

    /// One block of features, of unit length.
    fn block(&self, counts: &[(u64, u32)]) -> Vec<(u32, f32)> {
        let known = counts.iter().filter_map(|(hash, n)| Some((*self.columns.get(hash)?, *n)));
        let mut row: Vec<(u32, f32)> = known
            .map(|(column, n)| (column, (1.0 + (n as f32).ln()) * self.idf[column as usize]))
            .collect();
        let length = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|(_, value)| *value /= length.max(f32::MIN_POSITIVE));
        row
    }
}

fn count(text: &str) -> Counted {
    let text = text.to_lowercase();
    let mut words = Vec::new();
    let mut previous: Option<&str> = None;
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if word.chars().nth(1).is_none() {
            continue;
        }
        words.push(hash(1, &[word]));
        if let Some(previous) = previous {
            words.push(hash(1, &[previous, " ", word]));
        }
        previous = Some(word);
    }
    let mut characters = Vec::new();
    for word in text.split_whitespace() {
        padded_grams(word, |gram| characters.push(hash(2, &[gram])));
    }
    Counted { words: runs(words), characters: runs(characters) }
}

/// Calls `visit` with the 3- to 5-grams of a word padded with a space on both sides; a padded word
/// shorter than that counts once as it is.
fn padded_grams(word: &str, mut visit: impl FnMut(&str)) {
    let padded = format!(" {word} ");
    let mut bounds: Vec<usize> = padded.char_indices().map(|(i, _)| i).collect();
    bounds.push(padded.len());
    let length = bounds.len() - 1;
    for n in 3..=5 {
        if n >= length {
            visit(&padded);
            break;
        }
        for start in 0..=length - n {
            visit(&padded[bounds[start]..bounds[start + n]]);
        }
    }
}

/// Hashes with how often they occur.
fn runs(mut hashes: Vec<u64>) -> Vec<(u64, u32)> {
    hashes.sort_unstable();
    hashes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect()
}

/// FNV-1a over a block number and the parts of a feature.
fn hash(block: u8, parts: &[&str]) -> u64 {
    let bytes = std::iter::once(block).chain(parts.iter().flat_map(|part| part.bytes()));
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(word: &str) -> Vec<String> {
        let mut all = Vec::new();
        padded_grams(word, |gram| all.push(gram.to_owned()));
        all
    }

    #[test]
    fn grams_as_scikit_learn_cuts_them() {
        // build_analyzer() of TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).
        assert_eq!(grams("a"), [" a "]);
        assert_eq!(grams("ab"), [" ab", "ab ", " ab "]);
        let three = [" ab", "abc", "bc ", " abc", "abc ", " abc "];
        assert_eq!(grams("abc"), three);
        assert_eq!(grams("naïve").len(), 5 + 4 + 3);
    }

    #[test]
    fn words_and_pairs_are_counted() {
        let counted = count("We sell, we SELL a b we_2");
        // we 2, sell 2, we_2 1, "we sell" 2, "sell we" 1, "sell we_2" 1.
        let mut counts: Vec<u32> = counted.words.iter().map(|(_, n)| *n).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn rows_are_of_unit_length_by_block_and_rare_features_are_left_out() {
        let texts: Vec<String> =
            ["we sell data", "we keep data", "zebra"].map(str::to_owned).to_vec();
        let vectorizer = Vectorizer::fit(&texts, 2);
        let rows = vectorizer.transform(&texts);
        assert!((rows.row(0).dot(&vec![1.0; vectorizer.len()])) > 0.0);
        let row = vectorizer.row("we sell data");
        let length: f32 = row.iter().map(|(_, v)| v * v).sum();
        assert!((length - 2.0).abs() < 1e-5, "{length}");
        assert_eq!(vectorizer.row("zebra"), []);
        // In two of three texts: ln(4/3) + 1.
        assert!(vectorizer.idf.iter().all(|idf| (idf - 1.287_682).abs() < 1e-5));
    }
}
