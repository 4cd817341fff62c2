//! Words that carry a full stop without ending a sentence, and words that begin one.

/// What a full stop after a word may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The word is not known to be abbreviated.
    Plain,
    /// Abbreviated, and something always follows (`e.g.`, `Mr.`).
    Never,
    /// Abbreviated before a number (`No. 5`, `Art. 6`); a plain word otherwise.
    BeforeNumber,
    /// Abbreviated, in the middle of a sentence as well as at its end (`Inc.`, `U.S.`).
    Either,
}

/// What a full stop after `word` (without that stop) may mean.
pub(crate) fn stop_after(word: &str) -> Stop {
    if word.is_empty() || word.len() > 12 {
        return Stop::Plain;
    }
    let lower = word.to_lowercase();
    let lower = lower.as_str();
    if NEVER.contains(&lower) {
        return Stop::Never;
    }
    let mut chars = word.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        // An initial; a lower-case letter alone numbers a clause or is `v.`
        return if only.is_uppercase() { Stop::Either } else { Stop::Plain };
    }
    if lower.contains('.') && lower.split('.').all(|part| part.len() <= 2 && is_letters(part)) {
        return Stop::Either;
    }
    if BEFORE_NUMBER.contains(&lower) {
        Stop::BeforeNumber
    } else if EITHER.contains(&lower) && lower != word || ALWAYS_LOWER.contains(&lower) {
        Stop::Either
    } else {
        Stop::Plain
    }
}

fn is_letters(part: &str) -> bool {
    !part.is_empty() && part.chars().all(char::is_alphabetic)
}

/// Whether a capitalised word is one that begins sentences rather than names.
pub(crate) fn begins_sentences(word: &str) -> bool {
    word.len() <= 16 && STARTERS.binary_search(&word.to_lowercase().as_str()).is_ok()
}

const NEVER: &[&str] = &[
    "e.g", "i.e", "eg", "ie", "cf", "vs", "v", "viz", "mr", "mrs", "ms", "dr", "prof", "hon",
    "messrs", "attn", "resp", "incl", "excl", "esp", "approx", "a.k.a", "f.k.a", "d.b.a", "n.b",
    "et",
];

const BEFORE_NUMBER: &[&str] = &[
    "no", "nos", "nr", "art", "arts", "sec", "secs", "sect", "sects", "para", "paras", "par", "cl",
    "cls", "ch", "chap", "fig", "figs", "vol", "vols", "p", "pp", "reg", "regs", "ex", "jan",
    "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "tel", "ph",
    "fax", "ext", "ca", "max", "min", "ref", "ver", "dir", "stat", "pub",
];

/// Abbreviations when capitalised.
const EITHER: &[&str] = &[
    "inc", "ltd", "corp", "co", "cos", "llc", "llp", "plc", "gmbh", "bros", "jr", "sr", "dept",
    "div", "govt", "gov", "univ", "ave", "blvd", "rd", "st", "ste", "apt", "bldg", "pty", "pte",
    "pvt", "cal", "civ", "bus", "prof", "pen", "del", "mass", "tex", "fla", "wash", "conn", "assn",
    "intl", "dist", "cir", "supp", "rev", "ann", "gen", "sen", "rep", "gov", "ph.d", "mt", "ft",
    "sdn", "bhd", "int'l",
];

/// Abbreviations in lower case too.
const ALWAYS_LOWER: &[&str] = &["al", "seq", "ltd", "inc", "corp", "dept"];

/// Sorted, for the binary search.
const STARTERS: &[&str] = &[
    "a",
    "additionally",
    "after",
    "all",
    "although",
    "an",
    "and",
    "any",
    "as",
    "at",
    "because",
    "before",
    "both",
    "but",
    "by",
    "certain",
    "do",
    "does",
    "during",
    "each",
    "either",
    "except",
    "for",
    "from",
    "further",
    "furthermore",
    "he",
    "her",
    "here",
    "his",
    "how",
    "however",
    "i",
    "if",
    "in",
    "it",
    "its",
    "may",
    "moreover",
    "my",
    "neither",
    "no",
    "nor",
    "not",
    "nothing",
    "notwithstanding",
    "of",
    "on",
    "once",
    "only",
    "or",
    "other",
    "our",
    "out",
    "please",
    "provided",
    "see",
    "she",
    "should",
    "since",
    "so",
    "some",
    "subject",
    "such",
    "that",
    "the",
    "their",
    "then",
    "there",
    "therefore",
    "these",
    "they",
    "this",
    "those",
    "through",
    "thus",
    "to",
    "under",
    "unless",
    "until",
    "upon",
    "use",
    "user",
    "users",
    "using",
    "we",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "why",
    "with",
    "within",
    "without",
    "you",
    "your",
];

/// Endings of domain names that also look like words, in lower case.
pub(crate) fn is_domain_ending(word: &str) -> bool {
    matches!(
        word,
        "com"
            | "org"
            | "net"
            | "io"
            | "ai"
            | "co"
            | "app"
            | "dev"
            | "gov"
            | "edu"
            | "uk"
            | "eu"
            | "de"
            | "fr"
            | "us"
            | "ca"
            | "au"
            | "info"
            | "biz"
            | "tv"
            | "me"
            | "js"
            | "ts"
            | "py"
            | "html"
            | "htm"
            | "php"
            | "pdf"
            | "fm"
    )
}

/// Names with an exclamation or question mark of their own.
pub(crate) fn carries_mark(word: &str) -> bool {
    matches!(word, "Yahoo" | "Joomla" | "Yum" | "Jeopardy" | "Chips" | "E" | "Kahoot" | "hopTo")
}

#[cfg(test)]
mod tests {
    use super::{STARTERS, Stop, begins_sentences, stop_after};

    #[test]
    fn starters_are_sorted() {
        assert!(STARTERS.is_sorted());
        assert!(begins_sentences("We") && !begins_sentences("Delaware"));
    }

    #[test]
    fn stops_are_told_apart() {
        let rows = [
            ("e.g", Stop::Never),
            ("Inc", Stop::Either),
            ("inc", Stop::Either),
            ("U.S", Stop::Either),
            ("No", Stop::BeforeNumber),
            ("J", Stop::Either),
            ("co", Stop::Plain),
            ("etc", Stop::Plain),
            ("data", Stop::Plain),
            ("", Stop::Plain),
        ];
        for (word, wanted) in rows {
            assert_eq!(stop_after(word), wanted, "{word}");
        }
    }
}
