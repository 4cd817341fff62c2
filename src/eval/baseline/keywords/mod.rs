//! Keyword rules: a written list of expressions for each of fineprint's categories, and negation
//! cues for the stance.
//!
//! A category is found when one of its expressions matches the sentence or, for a list item, its
//! lead-in. It is denied when one of its own denying expressions matches, or a negation stands
//! shortly before the match. Written from the guide and tried on training sentences only.

mod list;

use regex::{Regex, RegexBuilder};

use super::text_of;
use crate::eval::{EvalError, Example, Prediction, Predictor};
use crate::label::{Label, LabelSet, Stance};

/// Words that turn a statement round, if they stand before what it is about.
const NEGATION: &str = r"\b(not|never|no|nor|neither|cannot|can't|won't|don't|doesn't|isn't|aren't|without|refrain|prohibit(s|ed)?)\b";

/// Phrases with a negation that negates nothing.
const HARMLESS: &str = r"\b(not limited to|without limitation|not only|no longer (need|require)\w*|if you do not|whether or not|not otherwise|do not hesitate|not necessarily|without undue delay|not be able to|do not want|do not wish|no later than)";

/// How many words may stand between a negation and what it negates.
const REACH: usize = 7;

/// The rules of every category of a label set.
#[derive(Debug)]
pub struct KeywordRules {
    rules: Vec<Rule>,
    negation: Regex,
    harmless: Regex,
}

#[derive(Debug)]
struct Rule {
    about: Regex,
    denies: Option<Regex>,
}

impl KeywordRules {
    /// The rules for a label set.
    ///
    /// # Errors
    /// [`EvalError::Unfit`] when it has a category that the rules do not know: they are written for
    /// fineprint's own categories.
    pub fn new(labels: &LabelSet) -> Result<Self, EvalError> {
        let rules = labels.names().map(|name| {
            let entry = list::RULES.iter().find(|entry| entry.category == name);
            let entry = entry.ok_or_else(|| {
                EvalError::Unfit(format!("there are no keyword rules for the category `{name}`"))
            })?;
            let denies = if entry.denies.is_empty() { None } else { Some(any_of(entry.denies)?) };
            Ok(Rule { about: any_of(entry.about)?, denies })
        });
        Ok(Self {
            rules: rules.collect::<Result<_, EvalError>>()?,
            negation: any_of(&[NEGATION])?,
            harmless: any_of(&[HARMLESS])?,
        })
    }

    fn stance(&self, rule: &Rule, text: &str) -> Option<Stance> {
        if rule.denies.as_ref().is_some_and(|denies| denies.is_match(text)) {
            return Some(Stance::Denied);
        }
        let mut found = rule.about.find_iter(text).peekable();
        found.peek()?;
        let denied = found.all(|hit| self.is_negated(&text[..hit.start()]));
        Some(if denied { Stance::Denied } else { Stance::Asserted })
    }

    /// Whether a negation stands within reach of the end of the text, in the same clause.
    fn is_negated(&self, before: &str) -> bool {
        let clause = before.rsplit([';', ':', '.']).next().unwrap_or(before);
        let start = clause.rmatch_indices(' ').nth(REACH).map_or(0, |(at, _)| at);
        let near = &clause[start..];
        let harmless: Vec<_> = self.harmless.find_iter(near).map(|hit| hit.range()).collect();
        let mut cues = self.negation.find_iter(near);
        cues.any(|cue| !harmless.iter().any(|range| range.contains(&cue.start())))
    }
}

impl Predictor for KeywordRules {
    fn predict(&self, examples: &[Example]) -> Result<Vec<Prediction>, EvalError> {
        let predictions = examples.iter().map(|example| {
            let text = text_of(example);
            let stances: Vec<Option<Stance>> =
                self.rules.iter().map(|rule| self.stance(rule, &text)).collect();
            let cells = stances.iter().enumerate();
            Prediction {
                category: stances.iter().map(|s| f32::from(u8::from(s.is_some()))).collect(),
                denied: stances
                    .iter()
                    .map(|s| f32::from(u8::from(*s == Some(Stance::Denied))))
                    .collect(),
                labels: cells
                    .filter_map(|(category, s)| s.map(|stance| Label { category, stance }))
                    .collect(),
            }
        });
        Ok(predictions.collect())
    }
}

/// One case-insensitive expression out of several.
fn any_of(expressions: &[&str]) -> Result<Regex, EvalError> {
    RegexBuilder::new(&expressions.join("|"))
        .case_insensitive(true)
        .build()
        .map_err(|error| EvalError::Unfit(format!("keyword rule: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let set = LabelSet::builtin();
        let rules = KeywordRules::new(&set).unwrap();
        let example = Example { text: text.to_owned(), ..Example::default() };
        let prediction = rules.predict(&[example]).unwrap().remove(0);
        prediction.labels.iter().map(|&label| set.format(label)).collect()
    }

    #[test]
    fn plain_cases() {
        for (text, labels) in [
            ("The museum opens at nine.", vec![]),
            ("We sell your personal information to data brokers.", vec!["data-sale"]),
            ("We will never sell your personal information.", vec!["!data-sale"]),
            ("Pings are not used to train machine learning models.", vec!["!ai-training"]),
            (
                "Your notes, including but not limited to drafts, are used to train our AI models.",
                vec!["ai-training"],
            ),
            ("No method of transmission is completely secure.", vec!["!security"]),
            (
                "You may delete your account data or request a copy of your data.",
                vec!["user-rights"],
            ),
            ("We have no obligation to monitor user content.", vec!["!content-review"]),
        ] {
            assert_eq!(said(text), labels, "{text}");
        }
    }

    #[test]
    fn every_category_has_rules_that_compile() {
        assert!(KeywordRules::new(&LabelSet::builtin()).is_ok());
        assert_eq!(list::RULES.len(), LabelSet::builtin().len());
        let foreign = LabelSet::new(&["weather"], true).unwrap();
        let error = KeywordRules::new(&foreign).unwrap_err().to_string();
        assert!(error.contains("weather"), "{error}");
    }
}
