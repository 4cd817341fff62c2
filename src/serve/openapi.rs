//! The `OpenAPI` document, made from the code, and a page of it.

mod page;

use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Header, OpenApi, Ref, ResponseBuilder};

use super::error::{Dialect, ErrorBody, KServeError, NativeError, TeiError, TeiErrorType};
use super::routes;
use super::routes::kserve::VERSION;
use axum::http::Method;
pub(super) use page::{STYLE, page};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "fineprint",
        description = "Which data-use practices does each sentence of a document assert or deny? \
            Errors are `{\"error\": {\"code\", \"message\"}}` on the native routes, \
            `{\"error\", \"error_type\"}` on those of text-embeddings-inference and `{\"error\"}` on \
            those of the Open Inference Protocol. Every answer carries `X-Request-Id`.",
    ),
    paths(
        routes::page::index,
        routes::page::docs,
        routes::page::openapi,
        routes::health::livez,
        routes::health::readyz,
        routes::health::metrics,
        routes::classify::classify,
        routes::documents::documents,
        routes::diff::diff,
        routes::model::labels,
        routes::model::model,
        routes::tei::predict_root,
        routes::tei::predict,
        routes::tei::tokenize,
        routes::tei::info,
        routes::tei::health,
        routes::tei::ping,
        routes::kserve::server,
        routes::kserve::live,
        routes::kserve::ready,
        routes::kserve::model,
        routes::kserve::model_version,
        routes::kserve::model_ready,
        routes::kserve::version_ready,
        routes::kserve::infer,
        routes::kserve::infer_version,
    ),
    components(schemas(NativeError, ErrorBody, TeiError, TeiErrorType, KServeError))
)]
struct Api;

/// The name of the way in which keys are shown.
const BEARER: &str = "bearer";

/// The `OpenAPI` 3.1 document of the server.
pub(super) fn document() -> OpenApi {
    let mut api = Api::openapi();
    for (path, item) in &mut api.paths.paths {
        let dialects = [(Method::GET, &mut item.get), (Method::POST, &mut item.post)];
        for (method, operation) in dialects {
            if let Some(operation) = operation {
                complete(operation, &method, path);
            }
        }
    }
    let components = api.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A key of the file that `--keys` names; without one, none is asked."))
        .build();
    components.security_schemes.insert(BEARER.to_owned(), SecurityScheme::Http(bearer).into());
    api
}

/// The document as JSON, with the names of the served model and of its categories, as far as they
/// are known, where such are asked for.
pub(super) fn json<'a>(model: &str, categories: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = categories.collect();
    let mut api = serde_json::to_value(document()).unwrap_or_default();
    let one = names.iter().map(|name| regex::escape(name)).collect::<Vec<_>>().join("|");
    let list = "/components/schemas/ClassifyRequest/properties/category/items";
    if let Some(Value::Object(items)) = api.pointer_mut(list).filter(|_| !names.is_empty()) {
        items.insert("enum".to_owned(), Value::from(names));
    }
    let paths = api["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut());
    let parameters = operations.filter_map(|operation| operation.get_mut("parameters"));
    for parameter in parameters.filter_map(Value::as_array_mut).flatten() {
        let is_path = parameter["in"] == "path";
        let (field, value) = match parameter["name"].as_str() {
            Some("name") if is_path => ("enum", Value::from(vec![model])),
            Some("version") if is_path => ("enum", Value::from(vec![VERSION])),
            Some("category") if !one.is_empty() => {
                ("pattern", Value::from(format!("^({one})(,({one}))*$")))
            }
            _ => continue,
        };
        parameter["schema"][field] = value;
    }
    api.to_string()
}

/// Adds what every operation may answer.
fn complete(operation: &mut Operation, method: &Method, path: &str) {
    let schema = match Dialect::of(method, path) {
        Dialect::Native => "NativeError",
        Dialect::Tei => "TeiError",
        Dialect::KServe => "KServeError",
    };
    let is_page = matches!(path, "/" | "/docs") && method == Method::GET;
    let is_open = is_page || matches!(path, "/livez" | "/readyz" | "/health" | "/ping");
    let mut add = |status: u16, description: &str| {
        let mut response: Response = ResponseBuilder::new()
            .description(description)
            .content(
                "application/json",
                ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build(),
            )
            .build();
        if matches!(status, 429 | 503) {
            let mut seconds = Header::new(Object::with_type(Type::Integer));
            seconds.description = Some("Seconds after which to try again.".to_owned());
            response.headers.insert("Retry-After".to_owned(), seconds.into());
        }
        operation.responses.responses.insert(status.to_string(), response.into());
    };
    let is_kserve_model = path.starts_with("/v2/models/");
    if is_kserve_model {
        add(404, "There is no such model or version.");
    }
    if method == Method::POST {
        add(400, "The body is malformed, ends early, or has nothing in it.");
        add(408, "The body took too long.");
        add(413, "The body is too long.");
        add(415, "The body is of another type, or compressed.");
        add(422, "The body is well-formed, but not what is expected, or over a limit.");
        add(429, "There is more to do than can be done in time.");
        add(503, "The model is being loaded, the server is stopping, or it took too long.");
        if schema == "TeiError" {
            add(424, "The model failed on this request.");
        } else {
            add(500, "An internal error; other requests are not affected.");
        }
    } else if !is_page && !matches!(path, "/livez" | "/openapi.json" | "/v2" | "/v2/health/live") {
        add(503, "The model is being loaded, or the server is stopping.");
    }
    if !is_open {
        add(401, "A key is needed.");
        operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    }
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::PathItem;

    use super::*;

    /// The operations of a path by method.
    fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
        [("get", &item.get), ("post", &item.post)]
            .into_iter()
            .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    }

    #[test]
    fn it_is_openapi_3_1_and_every_reference_is_there() {
        let json = document().to_json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["openapi"], "3.1.0");
        let schemas = value["components"]["schemas"].as_object().unwrap();
        let mut references = 0;
        for part in json.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
            references += 1;
        }
        assert!(references > 50);
    }

    #[test]
    fn the_names_of_categories_are_where_they_are_asked_for() {
        let json: Value = serde_json::from_str(&json("mine", ["a-b", "c"].into_iter())).unwrap();
        let items = &json["components"]["schemas"]["ClassifyRequest"]["properties"]["category"];
        assert_eq!(items["items"]["enum"], serde_json::json!(["a-b", "c"]));
        let parameters = json["paths"]["/v1/documents"]["post"]["parameters"].as_array().unwrap();
        let category = parameters.iter().find(|p| p["name"] == "category").unwrap();
        assert_eq!(category["schema"]["pattern"], r"^(a\-b|c)(,(a\-b|c))*$");
        let name = &json["paths"]["/v2/models/{name}"]["get"]["parameters"][0];
        assert_eq!(name["schema"]["enum"], serde_json::json!(["mine"]));
    }

    #[test]
    fn every_operation_documents_its_errors() {
        for (path, item) in &document().paths.paths {
            for (method, operation) in operations(item) {
                let statuses: Vec<&str> =
                    operation.responses.responses.keys().map(String::as_str).collect();
                assert!(statuses.contains(&"200"), "{method} {path}");
                if method == "post" {
                    for status in ["400", "401", "408", "413", "415", "422", "429", "503"] {
                        assert!(statuses.contains(&status), "{method} {path}: {status}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_page_lists_every_path_and_escapes_what_it_shows() {
        let api = document();
        let page = page(&api);
        for path in api.paths.paths.keys() {
            assert!(page.contains(path.as_str()), "{path}");
        }
        assert!(!page.contains("<script"));
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    }
}
