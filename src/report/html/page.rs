//! The frame of a page: head with its security policy, masthead, tools, foot.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::View;
use crate::report::record::Run;
use crate::report::summary::NO_ADVICE;

/// The styles of every page.
pub const STYLE: &str = include_str!("style.css");
/// The script of every page.
pub const SCRIPT: &str = include_str!("report.js");
/// The icon of a server's pages: lines of a text, one of them marked.
pub const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http:%2F%2Fwww.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect width='16' height='16' rx='3' fill='%231c4e80'/%3E\
    %3Cpath d='M3 4.5h10M3 11.5h10' stroke='%23fff' stroke-width='1.5'/%3E\
    %3Cpath d='M3 8h7' stroke='%23ffb454' stroke-width='2.5'/%3E%3C/svg%3E";

/// A page before it is markup.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// Its title.
    pub title: &'a str,
    /// What is in it, which has an element with the id `report`.
    pub body: &'a Markup,
    /// Styles after [`STYLE`], such as those of a live page's form.
    pub styles: &'a [&'a str],
    /// Scripts after [`SCRIPT`], such as that of a live page.
    pub scripts: &'a [&'a str],
    /// Whether the scripts may talk to the server that the page came from.
    pub may_connect: bool,
}

impl Page<'_> {
    fn all_styles(&self) -> impl Iterator<Item = &'_ str> {
        std::iter::once(STYLE).chain(self.styles.iter().copied())
    }

    fn all_scripts(&self) -> impl Iterator<Item = &'_ str> {
        std::iter::once(SCRIPT).chain(self.scripts.iter().copied())
    }

    /// The security policy: it allows the styles and scripts of the page, by their hashes, and
    /// nothing else: no network, no frames, no forms, no inline handlers. A page of a server may
    /// also ask that server, and has an icon.
    pub fn policy(&self) -> String {
        let connect = if self.may_connect { "connect-src 'self'; img-src data:; " } else { "" };
        format!(
            "default-src 'none'; {connect}style-src {}; script-src {}; base-uri 'none'; \
             form-action 'none'",
            sources(self.all_styles()),
            sources(self.all_scripts())
        )
    }

    /// The whole page, with its [policy](Self::policy).
    pub fn render(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(self.policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content={ "fineprint " (env!("CARGO_PKG_VERSION")) };
                    title { (self.title) }
                    // Without one browsers ask the server for it, which the policy forbids.
                    @if self.may_connect { link rel="icon" href=(ICON); }
                    @for style in self.all_styles() { style { (PreEscaped(style)) } }
                }
                body {
                    a.skip href="#report" { "Skip to the report" }
                    (self.body)
                    @for script in self.all_scripts() { script { (PreEscaped(script)) } }
                }
            }
        }
    }
}

/// What made a page.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The program.
    pub tool: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Where the model came from.
    pub model: &'a str,
    /// SHA-256 over the model's files, in hexadecimal.
    pub digest: &'a str,
}

impl<'a> From<&'a Run> for Made<'a> {
    fn from(run: &'a Run) -> Self {
        Self {
            tool: &run.tool,
            version: &run.tool_version,
            model: &run.model,
            digest: &run.model_digest,
        }
    }
}

/// What kind of page it is, its title, and the switch of its theme.
pub fn masthead(brand: &str, title: &str, made: Made<'_>) -> Markup {
    html! {
        header.masthead {
            p.brand { (brand) }
            button #theme .tool .js type="button" { "Dark theme" }
            h1 { (title) }
            p.made {
                "Read by " (made.tool) " " (made.version) " with model "
                span title=(made.digest) { (short(made.model)) " (" (head(made.digest)) ")" }
                "."
            }
        }
    }
}

/// What the words and marks mean, and what the reader should know of the choice of findings.
pub(super) fn legend(view: &View) -> Markup {
    let (run, scope) = (&view.run, &view.scope);
    html! {
        p.legend {
            @if scope.labels().has_stance() {
                (stances())
            }
            "The number after a sentence is its place in the document and a link to it; the number "
            "beside a finding, from 0 to 1, is how probable the model holds it."
        }
        @let narrowed = narrowed(run);
        @if !narrowed.is_empty() { p.notice { "This report looks only at " (narrowed) "." } }
    }
}

/// What the two stances mean, as they are marked.
pub fn stances() -> Markup {
    html! {
        mark.s.asserted { "Asserted" }
        ": the text says that it happens or may happen. "
        mark.s.denied { "Denied" }
        ": the text says that it does not. "
    }
}

/// The options that leave findings out, in words; empty for none.
fn narrowed(run: &Run) -> String {
    let options = &run.options;
    let mut parts = Vec::new();
    if !options.category.is_empty() {
        parts.push(format!("the categories {}", options.category.join(", ")));
    }
    if let Some(stance) = options.stance {
        parts.push(format!("what is {stance}"));
    }
    if let Some(least) = options.min_probability {
        parts.push(format!("findings of a probability of at least {least}"));
    }
    parts.join(", ")
}

/// The filters and jumps of a report.
pub(super) fn toolbar(view: &View) -> Markup {
    let scope = &view.scope;
    let categories = html! {
        @for (group, categories) in scope.groups() {
            optgroup label=(if group.is_empty() { "Other" } else { group }) {
                @for &category in categories { (option(scope.id(category), scope.title(category))) }
            }
        }
    };
    let only = html! {
        label.check { input #only type="checkbox" autocomplete="off"; " Findings only" }
    };
    let has_stances = scope.stances().count() > 1;
    Tools { categories: &categories, has_stances, kinds: None, more: &only }.render()
}

/// A choice of a filter.
pub fn option(value: &str, title: &str) -> Markup {
    html! { option value=(value) { (title) } }
}

/// Filters and jumps; shown only where scripts run.
#[derive(Debug)]
pub struct Tools<'a> {
    /// The categories to choose among, as [options](option).
    pub categories: &'a Markup,
    /// Whether there are two stances to choose among.
    pub has_stances: bool,
    /// Kinds of changes to choose among, as options.
    pub kinds: Option<&'a Markup>,
    /// What else there is to choose.
    pub more: &'a Markup,
}

impl Tools<'_> {
    /// The bar.
    pub fn render(&self) -> Markup {
        html! {
        section #tools .js aria-label="Find and filter" {
            div.fields {
                label for="category" { "Category" }
                select #category autocomplete="off" {
                    option value="" { "All categories" }
                    (self.categories)
                }
                @if let Some(kinds) = self.kinds {
                    label for="kind" { "Change" }
                    select #kind autocomplete="off" {
                        option value="" { "All changes" }
                        (kinds)
                    }
                }
                @if self.has_stances {
                    label for="stance" { "Stance" }
                    select #stance autocomplete="off" {
                        option value="" { "Both" }
                        option value="asserted" { "Asserted" }
                        option value="denied" { "Denied" }
                    }
                }
                label for="least" { "Probability at least " output #least-shown for="least" { "0.00" } }
                input #least type="range" min="0" max="1" step="0.05" value="0" autocomplete="off";
                (self.more)
            }
            div.jumps {
                button #previous .tool type="button" aria-keyshortcuts="p" { "Previous " kbd { "p" } }
                button #next .tool type="button" aria-keyshortcuts="n" { "Next " kbd { "n" } }
                p #status role="status" aria-live="polite" {}
            }
        }
        }
    }
}

/// Where the report comes from, and what it is not.
pub fn foot(made: Made<'_>) -> Markup {
    html! {
        footer {
            p { (NO_ADVICE) }
            p.made { (made.tool) " " (made.version) ", model " code { (made.digest) } }
        }
    }
}

/// The first digits of a digest.
fn head(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// The last part of a model's name, without the folders of whoever ran it.
fn short(model: &str) -> &str {
    if model.starts_with("hf:") {
        return model;
    }
    model.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(model)
}

/// Styles or scripts as a security policy names them.
pub fn sources<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(source).collect::<Vec<_>>().join(" ")
}

/// A style or script as a security policy names it: by its SHA-256 in base64.
fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_script_name_nothing_from_elsewhere() {
        for (asset, end) in [(STYLE, "</style"), (SCRIPT, "</script")] {
            for foreign in ["http:", "https:", "@import", "url(", "innerHTML", "eval(", end] {
                assert!(!asset.contains(foreign), "{foreign}");
            }
        }
    }
}
