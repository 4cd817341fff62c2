//! The `OpenAPI` document as a page that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::report::html::page::ICON;

/// The look of the page.
pub(in crate::serve) const STYLE: &str = "
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 20%, Canvas) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: anywhere }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: color-mix(in srgb, CanvasText 7%, Canvas); padding: .6rem; overflow-x: auto }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-top: 1px solid var(--line) }
summary { cursor: pointer } details { margin: .5rem 0 } h2 { margin-top: 2.5rem }
";

/// The page.
pub(in crate::serve) fn page(api: &OpenApi) -> String {
    let api = serde_json::to_value(api).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "fineprint: HTTP interface" }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "fineprint " (text(&api["info"]["version"])) }
                p { (text(&api["info"]["description"])) }
                p { a href="openapi.json" { "openapi.json" } }
                @for (path, item) in api["paths"].as_object().into_iter().flatten() {
                    @for (method, operation) in item.as_object().into_iter().flatten() {
                        (one(method, path, operation))
                    }
                }
                h2 { "Schemas" }
                @for (name, schema) in api["components"]["schemas"].as_object().into_iter().flatten() {
                    details id=(name) {
                        summary { code { (name) } " " (text(&schema["description"])) }
                        pre { (pretty(schema)) }
                    }
                }
            }
        }
    }
    .into_string()
}

fn one(method: &str, path: &str, operation: &Value) -> Markup {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    html! {
        h2 { code { (method.to_uppercase()) " " (path) } }
        p { (text(&operation["summary"])) " " (text(&operation["description"])) }
        @if let Some(parameters) = operation["parameters"].as_array() {
            table {
                tr { th { "Parameter" } th { "In" } th { "Type" } th { "Meaning" } }
                @for parameter in parameters {
                    tr {
                        td { code { (text(&parameter["name"])) } }
                        td { (text(&parameter["in"])) }
                        td { (kind(&parameter["schema"])) }
                        td { (text(&parameter["description"])) }
                    }
                }
            }
        }
        @if let Some(content) = operation["requestBody"]["content"].as_object() {
            p {
                "Body: "
                @for (media, body) in content { code { (media) } " (" (kind(&body["schema"])) ") " }
            }
        }
        table {
            tr { th { "Status" } th { "Body" } th { "Meaning" } }
            @for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                tr {
                    td { (status) }
                    td {
                        @for (media, body) in response["content"].as_object().into_iter().flatten() {
                            code { (media) } " " (kind(&body["schema"])) br;
                        }
                    }
                    td { (text(&response["description"])) }
                }
            }
        }
    }
}

/// A schema's name, with a link, or its type.
fn kind(schema: &Value) -> Markup {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    html! {
        @if let Some(name) = name {
            a href={ "#" (name) } { (name) }
        } @else if schema.is_object() {
            (schema["type"].to_string().replace('"', ""))
        }
    }
}

fn pretty(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).unwrap_or_default().replace("#/components/schemas/", "")
}
