//! Paragraph styles: which are headings, lists or tables of contents, whatever language their ids
//! are in.

use std::collections::HashMap;

use super::super::DocumentError;
use super::xml::{Node, attribute, is_on, local, walk};

/// Longest chain of styles based on one another that is followed.
const CHAIN: usize = 16;

/// What paragraph styles say, by their ids.
#[derive(Debug, Default)]
pub(super) struct Styles {
    by_id: HashMap<String, Style>,
    default: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Style {
    /// Its name in lower case: English for the built-in styles, as the standard has it.
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
    list: Option<Numbering>,
    is_bold: Option<bool>,
}

/// What a style says of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// It takes away what the style has that it is based on.
    Off,
    /// Its paragraphs are items of this level, from 0.
    Level(u8),
}

/// What a paragraph's style makes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Level of a heading, from 1.
    pub(super) heading: Option<u8>,
    /// Level of a list, from 0.
    pub(super) list: Option<u8>,
    pub(super) is_bold: bool,
    /// An entry of a table of contents.
    pub(super) is_contents: bool,
}

impl Styles {
    pub(super) fn read(part: &str) -> Result<Self, DocumentError> {
        let mut styles = Self::default();
        let mut open: Option<(String, Style)> = None;
        walk(part, |node| match node {
            Node::Open(element) => {
                let name = local(&element);
                let value = || attribute(&element, "val");
                if name == "style" {
                    let is_paragraph =
                        attribute(&element, "type").is_none_or(|kind| kind == "paragraph");
                    let id = attribute(&element, "styleId").filter(|_| is_paragraph);
                    if attribute(&element, "default").is_some_and(|on| on == "1" || on == "true") {
                        styles.default = styles.default.take().or_else(|| id.clone());
                    }
                    open = id.map(|id| (id, Style::default()));
                }
                let Some((_, style)) = &mut open else { return };
                match name {
                    "name" => style.name = value().unwrap_or_default().to_lowercase(),
                    "basedOn" => style.based_on = value(),
                    "outlineLvl" => style.outline_level = value().and_then(|v| v.parse().ok()),
                    "numId" => {
                        style.list = match style.list {
                            _ if value().is_none_or(|v| v == "0") => Some(Numbering::Off),
                            Some(Numbering::Level(level)) => Some(Numbering::Level(level)),
                            _ => Some(Numbering::Level(0)),
                        };
                    }
                    "ilvl" => {
                        let level = value().and_then(|v| v.parse().ok());
                        style.list = level.map(Numbering::Level);
                    }
                    "b" => style.is_bold = Some(is_on(&element)),
                    _ => {}
                }
            }
            Node::Close(name) if name == "style" => {
                if let Some((id, style)) = open.take() {
                    styles.by_id.insert(id, style);
                }
            }
            _ => {}
        })?;
        Ok(styles)
    }

    /// What a style makes of a paragraph; without an id the default style.
    pub(super) fn look(&self, id: Option<&str>) -> Look {
        let mut look = Look::default();
        let (mut list, mut bold) = (None, None);
        let mut next = id.or(self.default.as_deref());
        for _ in 0..CHAIN {
            let Some(id) = next else { break };
            let Some(style) = self.by_id.get(id) else {
                // Files without styles.xml still use the English ids.
                look.heading = look.heading.or_else(|| heading_name(&id.to_lowercase()));
                break;
            };
            let by_level = style.outline_level.filter(|level| *level < 9).map(|level| level + 1);
            look.heading = look.heading.or_else(|| heading_name(&style.name)).or(by_level);
            look.is_contents |= style.name.starts_with("toc ") || style.name == "table of figures";
            list = list.or(style.list);
            bold = bold.or(style.is_bold);
            next = style.based_on.as_deref();
        }
        look.list = match list {
            Some(Numbering::Level(level)) => Some(level),
            Some(Numbering::Off) | None => None,
        };
        look.is_bold = bold.unwrap_or(false);
        look
    }
}

/// The level of a style whose name says that it is a heading.
fn heading_name(name: &str) -> Option<u8> {
    if name == "title" {
        return Some(1);
    }
    let level = name.strip_prefix("heading")?.trim_start().parse().ok()?;
    (1..=9).contains(&level).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLES: &str = r#"<w:styles xmlns:w="w">
        <w:style w:type="paragraph" w:default="1" w:styleId="Standard"><w:name w:val="Normal"/></w:style>
        <w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/><w:basedOn w:val="Standard"/></w:style>
        <w:style w:type="paragraph" w:styleId="Klausel"><w:name w:val="Klausel"/><w:basedOn w:val="berschrift2"/><w:rPr><w:b/></w:rPr></w:style>
        <w:style w:type="paragraph" w:styleId="Ebene"><w:name w:val="Ebene"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
        <w:style w:type="paragraph" w:styleId="Liste"><w:name w:val="List Bullet"/><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="4"/></w:numPr></w:pPr></w:style>
        <w:style w:type="paragraph" w:styleId="Ohne"><w:name w:val="x"/><w:basedOn w:val="Liste"/><w:pPr><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr></w:style>
        <w:style w:type="paragraph" w:styleId="V1"><w:name w:val="toc 1"/></w:style>
        <w:style w:type="paragraph" w:styleId="A"><w:name w:val="a"/><w:basedOn w:val="B"/></w:style>
        <w:style w:type="paragraph" w:styleId="B"><w:name w:val="b"/><w:basedOn w:val="A"/></w:style>
        </w:styles>"#;

    #[test]
    fn headings_are_told_by_name_level_and_what_styles_are_based_on() {
        let styles = Styles::read(STYLES).unwrap();
        let look = |id: &str| styles.look(Some(id));
        assert_eq!(look("berschrift2").heading, Some(2));
        assert_eq!((look("Klausel").heading, look("Klausel").is_bold), (Some(2), true));
        assert_eq!(look("Ebene").heading, Some(3));
        assert_eq!(look("Liste").list, Some(1));
        assert_eq!(look("Ohne").list, None);
        assert!(look("V1").is_contents);
        assert_eq!(look("A"), Look::default(), "a cycle ends");
        assert_eq!(styles.look(None), Look::default());
        assert_eq!(Styles::default().look(Some("Heading1")).heading, Some(1));
    }
}
