//! What the model reads beside the sentence itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A sentence with what surrounds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Input<'a> {
    /// The normalised sentence.
    pub text: &'a str,
    /// The sentence that introduces the list which the sentence is an item of; empty for none.
    pub lead_in: &'a str,
    /// The nearest heading; empty for none.
    pub heading: &'a str,
}

impl<'a> From<&'a str> for Input<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, ..Self::default() }
    }
}

/// What is put before the sentence, as the first segment of a sentence pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Nothing.
    None,
    /// The lead-in of a list item.
    #[default]
    LeadIn,
    /// The lead-in, or without one the heading.
    LeadInOrHeading,
    /// The heading, a colon, and the lead-in.
    HeadingAndLeadIn,
}

impl Context {
    /// The first segment for `input`; empty when there is none.
    pub fn compose<'a>(self, input: &Input<'a>) -> Cow<'a, str> {
        match self {
            Self::None => Cow::Borrowed(""),
            Self::LeadInOrHeading | Self::HeadingAndLeadIn if input.lead_in.is_empty() => {
                Cow::Borrowed(input.heading)
            }
            Self::HeadingAndLeadIn if !input.heading.is_empty() => {
                Cow::Owned(format!("{}: {}", input.heading, input.lead_in))
            }
            Self::LeadIn | Self::LeadInOrHeading | Self::HeadingAndLeadIn => {
                Cow::Borrowed(input.lead_in)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_compose() {
        let both = Input { text: "t", lead_in: "We:", heading: "Data" };
        let bare = Input { text: "t", lead_in: "", heading: "Data" };
        assert_eq!(Context::None.compose(&both), "");
        assert_eq!(Context::LeadIn.compose(&both), "We:");
        assert_eq!(Context::LeadIn.compose(&bare), "");
        assert_eq!(Context::LeadInOrHeading.compose(&bare), "Data");
        assert_eq!(Context::HeadingAndLeadIn.compose(&both), "Data: We:");
        assert_eq!(Context::HeadingAndLeadIn.compose(&bare), "Data");
    }
}
