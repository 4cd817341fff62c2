//! What fineprint knows about HTML elements: which are blocks, which end by themselves, which are
//! no part of what a reader came for.

use std::collections::HashMap;

/// An element name: known ones by what they do, others by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tag {
    pub(crate) role: Role,
    /// Same for the same name within one page.
    pub(crate) name: u32,
}

/// What an element does to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Role {
    /// Runs along in the text.
    #[default]
    Inline,
    /// Emphasis that titles are written in.
    Strong,
    /// Begins and ends a block.
    Block,
    Body,
    Preformatted,
    Paragraph,
    Heading(u8),
    /// Lists that number or mark their items.
    List,
    /// Definition lists.
    Definitions,
    ListItem,
    Term,
    Description,
    Table,
    Row,
    HeadCell,
    Cell,
    /// `<article>`, `<main>`, `<section>`: inside, headers and footers hold content.
    Content,
    /// `<header>` and `<footer>`.
    Margin,
    /// `<nav>` and the like.
    Chrome,
    Button,
    Dialog,
    /// Never shown, or no text.
    Dropped,
    LineBreak,
    Rule,
    /// Without content; parts words.
    Void,
    /// Part of the page's frame that needs no handling.
    Ignored,
}

impl Role {
    pub(crate) fn is_void(self) -> bool {
        matches!(self, Self::LineBreak | Self::Rule | Self::Void | Self::Ignored)
    }

    pub(crate) fn is_inline(self) -> bool {
        matches!(self, Self::Inline | Self::Strong | Self::Button | Self::Dropped)
    }

    /// Bounds the search for an open element to close.
    pub(crate) fn is_scope(self) -> bool {
        matches!(self, Self::Table | Self::Cell | Self::HeadCell)
    }

    /// Elements whose end tag HTML lets authors leave out.
    pub(crate) fn ends_by_itself(self) -> bool {
        matches!(
            self,
            Self::Paragraph
                | Self::ListItem
                | Self::Term
                | Self::Description
                | Self::Row
                | Self::Cell
                | Self::HeadCell
        )
    }
}

/// Gives each element name its number.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<Box<[u8]>, Tag>,
}

impl Names {
    pub(crate) fn tag(&mut self, name: &[u8]) -> Tag {
        if let Some(tag) = self.numbers.get(name) {
            return *tag;
        }
        let tag = Tag { role: role(name), name: self.numbers.len() as u32 };
        self.numbers.insert(name.into(), tag);
        tag
    }
}

/// The role of an element by its lower-case name.
pub(crate) fn role(name: &[u8]) -> Role {
    match name {
        b"b" | b"strong" => Role::Strong,
        b"p" => Role::Paragraph,
        b"h1" => Role::Heading(1),
        b"h2" => Role::Heading(2),
        b"h3" => Role::Heading(3),
        b"h4" => Role::Heading(4),
        b"h5" => Role::Heading(5),
        b"h6" => Role::Heading(6),
        b"ul" | b"ol" | b"menu" | b"dir" => Role::List,
        b"dl" => Role::Definitions,
        b"li" => Role::ListItem,
        b"dt" => Role::Term,
        b"dd" => Role::Description,
        b"table" => Role::Table,
        b"tr" => Role::Row,
        b"th" => Role::HeadCell,
        b"td" => Role::Cell,
        b"article" | b"main" | b"section" => Role::Content,
        b"header" | b"footer" => Role::Margin,
        b"nav" | b"search" => Role::Chrome,
        b"button" => Role::Button,
        b"dialog" => Role::Dialog,
        b"pre" | b"listing" => Role::Preformatted,
        b"body" => Role::Body,
        b"address" | b"aside" | b"blockquote" | b"caption" | b"center" | b"details" | b"div"
        | b"fieldset" | b"figcaption" | b"figure" | b"form" | b"hgroup" | b"legend"
        | b"optgroup" | b"summary" | b"tbody" | b"tfoot" | b"thead" => Role::Block,
        b"audio" | b"canvas" | b"datalist" | b"iframe" | b"map" | b"meter" | b"noembed"
        | b"noframes" | b"noscript" | b"object" | b"progress" | b"script" | b"select"
        | b"style" | b"svg" | b"template" | b"textarea" | b"title" | b"video" => Role::Dropped,
        b"br" => Role::LineBreak,
        b"hr" => Role::Rule,
        b"area" | b"base" | b"basefont" | b"bgsound" | b"col" | b"embed" | b"img" | b"input"
        | b"link" | b"meta" | b"param" | b"source" | b"track" => Role::Void,
        b"html" | b"head" | b"colgroup" | b"wbr" => Role::Ignored,
        _ => Role::Inline,
    }
}

/// Elements whose content the tokenizer reads as raw text, by name.
pub(crate) fn raw_text(name: &[u8]) -> Option<&'static str> {
    match name {
        b"script" => Some("script"),
        b"style" => Some("style"),
        b"title" => Some("title"),
        b"textarea" => Some("textarea"),
        b"iframe" => Some("iframe"),
        b"noscript" => Some("noscript"),
        b"noembed" => Some("noembed"),
        b"xmp" => Some("xmp"),
        _ => None,
    }
}

/// Whether a `style` attribute takes its element off the page.
pub(crate) fn style_hides(style: &[u8]) -> bool {
    style.split(|b| *b == b';').any(|declaration| {
        let mut sides = declaration.splitn(2, |b| *b == b':');
        let (Some(name), Some(value)) = (sides.next(), sides.next()) else { return false };
        let value = value.trim_ascii().to_ascii_lowercase();
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"display" => value.starts_with(b"none"),
            b"visibility" => value.starts_with(b"hidden") || value.starts_with(b"collapse"),
            _ => false,
        }
    })
}

/// Whether a class names text for screen readers only, by the usual names.
pub(crate) fn class_hides(class: &[u8]) -> bool {
    class.split(u8::is_ascii_whitespace).any(|name| {
        matches!(name, b"sr-only" | b"visually-hidden" | b"screen-reader-text" | b"visuallyhidden")
    })
}

/// Whether a `role` attribute marks a part around the content.
pub(crate) fn role_is_chrome(role: &[u8]) -> bool {
    matches!(
        role,
        b"navigation"
            | b"banner"
            | b"contentinfo"
            | b"search"
            | b"menu"
            | b"menubar"
            | b"dialog"
            | b"alertdialog"
    )
}
