//! XML elements as a DOCX file has them, with bounds on their nesting.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::{DocumentError, Format};
use super::damaged;
use crate::limits::DOCX_DEPTH;

/// What a part is made of.
pub(super) enum Node<'a> {
    /// An element opens.
    Open(BytesStart<'a>),
    /// An element closes; one without content opens and closes too.
    Close(String),
    /// Characters.
    Text(String),
}

/// Hands every node of a part to `take`.
pub(super) fn walk(part: &str, mut take: impl FnMut(Node<'_>)) -> Result<(), DocumentError> {
    let mut reader = Reader::from_str(part);
    let mut depth = 0usize;
    loop {
        let event = reader.read_event().map_err(|error| damaged(format!("its XML: {error}")))?;
        match event {
            Event::Start(element) => {
                depth += 1;
                if depth > DOCX_DEPTH {
                    return Err(DocumentError::TooComplex {
                        format: Format::Docx,
                        what: "elements inside one another",
                        limit: DOCX_DEPTH,
                    });
                }
                take(Node::Open(element));
            }
            Event::Empty(element) => {
                let name = local(&element).to_owned();
                take(Node::Open(element));
                take(Node::Close(name));
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                take(Node::Close(element.local_name().as_ref().to_owned()));
            }
            Event::Text(text) => take(Node::Text(text.into_owned().to_string())),
            Event::CData(text) => take(Node::Text(text.to_string())),
            Event::GeneralRef(reference) => {
                let shown = match reference.resolve_char_ref() {
                    Ok(Some(c)) => c,
                    _ => match &*reference {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => continue,
                    },
                };
                take(Node::Text(shown.to_string()));
            }
            Event::Eof if depth > 0 => return Err(damaged("its XML ends too early")),
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// An element's name without its namespace prefix.
pub(super) fn local<'a>(element: &'a BytesStart<'_>) -> &'a str {
    let name: &str = element;
    let end = name.find(|c: char| c.is_whitespace()).unwrap_or(name.len());
    let name = &name[..end];
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// An attribute by its name without prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    element.attributes().with_checks(false).filter_map(Result::ok).find_map(|attribute| {
        (attribute.key.local_name().as_ref() == name).then(|| {
            quick_xml::escape::unescape(&attribute.value)
                .map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned)
        })
    })
}

/// Whether a switch (`<w:b/>`, `<w:b w:val="0"/>`) is on.
pub(super) fn is_on(element: &BytesStart<'_>) -> bool {
    !matches!(attribute(element, "val").as_deref(), Some("0" | "false" | "off" | "none"))
}

/// The part that the relations of a package name as its document.
pub(super) fn document_target(relations: &str) -> Option<String> {
    let mut target = None;
    let walked = walk(relations, |node| {
        if let Node::Open(element) = node
            && attribute(&element, "Type").is_some_and(|kind| kind.ends_with("/officeDocument"))
        {
            target = target.take().or_else(|| attribute(&element, "Target"));
        }
    });
    walked.ok().and(target)
}
