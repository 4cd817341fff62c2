//! Character references in text: `&amp;`, `&#8217;`, `&nbsp`.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// No name of a character reference is longer.
const LONGEST: usize = 34;

/// Decodes the reference that a text begins with; gives what it shows and how long it is written.
pub(crate) fn decode(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let name = bytes
        .get(1..)?
        .iter()
        .take(LONGEST)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'#')
        .count();
    if name == 0 {
        return None;
    }
    let end = 1 + name + usize::from(bytes.get(1 + name) == Some(&b';'));
    let written = text.get(..end)?;
    let shown = match written {
        "&amp;" => "&".to_owned(),
        "&nbsp;" | "&#160;" => "\u{a0}".to_owned(),
        "&quot;" => "\"".to_owned(),
        "&lt;" => "<".to_owned(),
        "&gt;" => ">".to_owned(),
        "&rsquo;" | "&#8217;" => "\u{2019}".to_owned(),
        "&lsquo;" | "&#8216;" => "\u{2018}".to_owned(),
        "&ldquo;" | "&#8220;" => "\u{201c}".to_owned(),
        "&rdquo;" | "&#8221;" => "\u{201d}".to_owned(),
        "&#39;" | "&apos;" => "'".to_owned(),
        "&ndash;" | "&#8211;" => "\u{2013}".to_owned(),
        "&mdash;" | "&#8212;" => "\u{2014}".to_owned(),
        _ => by_tokenizer(written),
    };
    (shown != written).then_some((shown, end))
}

/// Asks html5gum, which knows all 2,231 names and the rules for numbers.
fn by_tokenizer(written: &str) -> String {
    let mut shown = Vec::new();
    let emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| {
        if let CallbackEvent::String { value } = event {
            shown.extend_from_slice(value);
        }
        None::<Infallible>
    });
    let _: Result<(), Infallible> = Tokenizer::new_with_emitter(written, emitter).finish();
    String::from_utf8(shown).unwrap_or_else(|_| written.to_owned())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn references_decode_as_in_browsers() {
        let rows: &[(&str, Option<(&str, usize)>)] = &[
            ("&amp; more", Some(("&", 5))),
            ("&hellip;x", Some(("…", 8))),
            ("&#8217;s", Some(("’", 7))),
            ("&#x201C;", Some(("“", 8))),
            ("&copy2023", Some(("©2023", 9))),
            ("&notit;", Some(("¬it;", 7))),
            ("&#0;", Some(("\u{fffd}", 4))),
            ("&#xD800;", Some(("\u{fffd}", 8))),
            ("&#99999999999;", Some(("\u{fffd}", 14))),
            ("& alone", None),
            ("&", None),
            ("&unknown;", None),
            ("&é", None),
        ];
        for (text, wanted) in rows {
            let got = decode(text);
            let got = got.as_ref().map(|(shown, len)| (shown.as_str(), *len));
            assert_eq!(got, *wanted, "{text}");
        }
    }
}
