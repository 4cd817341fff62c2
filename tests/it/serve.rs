//! `fineprint serve` as clients meet it, over plain sockets, with the fixture model.
//!
//! How it holds up under load, slow clients and signals is in `serve_holding_up`.

use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;
use crate::support::server::Server;
#[cfg(feature = "client")]
use crate::support::tls;

pub(crate) const POLICY: &str = "# Acme privacy policy

Acme collects your **name** and e-mail address when you register. We keep it for two years.

## Sharing

We use your data to:

- show you advertising;
- train our models, unless you opt out.

We never sell your data to anyone. You can ask us to erase it at any time.
";

const FRENCH: &str = "Nous recueillons votre nom et votre adresse électronique lorsque vous créez un compte \
auprès de notre société, et nous conservons ces renseignements aussi longtemps que nécessaire.";

const TEXT: &str = "We never sell your personal information.";

fn octets(server: &Server, path: &str, body: &str) -> crate::support::server::Reply {
    server.send("POST", path, &[("Content-Type", "application/octet-stream")], body.as_bytes())
}

#[test]
fn documents_are_those_of_the_command_line() {
    let sandbox = Sandbox::with(&[("policy.md", POLICY), ("fr.txt", FRENCH)]);
    let server = Server::start(&[]);
    for (file, text, options, query) in [
        ("policy.md", POLICY, &[][..], ""),
        ("fr.txt", FRENCH, &[], ""),
        ("fr.txt", FRENCH, &["--any-language"], "&any_language=true"),
        (
            "policy.md",
            POLICY,
            &["--all-sentences", "--probabilities", "--explain", "--min-probability", "0.3"],
            "&all_sentences=true&probabilities=true&explain=true&min_probability=0.3",
        ),
        (
            "policy.md",
            POLICY,
            &["--category", "data-sale,ai-training", "--stance", "denied", "--lines"],
            "&category=data-sale,ai-training&stance=denied&lines=true",
        ),
    ] {
        let mut line = vec!["classify", file, "--format", "json"];
        line.extend(options);
        let local = sandbox.run(&line);
        let reply = octets(&server, &format!("/v1/documents?name={file}{query}"), text);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.text(), local.stdout, "{query}");

        line[3] = "jsonl";
        let local = sandbox.run(&line).records();
        let headers =
            [("Accept", "application/x-ndjson"), ("Content-Type", "application/octet-stream")];
        let path = format!("/v1/documents?name={file}{query}");
        let reply = server.send("POST", &path, &headers, text.as_bytes());
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        let mut streamed: Vec<Value> =
            reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // The document's record comes before and behind its sentences; the latter is complete.
        let last = streamed.pop().unwrap();
        assert_eq!(streamed[1]["sentence_count"], last["sentence_count"]);
        streamed[1] = last;
        assert_eq!(streamed, local, "{query}");
    }
}

#[test]
fn a_form_has_several_documents_one_of_which_may_fail() {
    let server = Server::start(&[]);
    let body = format!(
        "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.md\"\r\n\r\n{POLICY}\r\n\
         --B\r\nContent-Disposition: form-data; name=\"b\"; filename=\"b.pdf\"\r\n\r\n%PDF-1.4\r\n\
         --B--\r\n"
    );
    let headers = [("Content-Type", "multipart/form-data; boundary=B")];
    let reply = server.send("POST", "/v1/documents", &headers, body.as_bytes());
    let documents = reply.json()["documents"].clone();
    assert_eq!(documents[0]["document"], "a.md");
    assert_eq!(documents[0]["format"], "markdown");
    assert_eq!(documents[0]["sentence_count"], 9);
    assert_eq!(documents[1]["document"], "b.pdf");
    assert_eq!(documents[1]["status"], "failed");
}

/// POLICY, later: one sentence turned, one added, one gone, one in other words.
const LATER: &str = "# Acme privacy policy

Acme collects your **name**, postal address and e-mail address when you register.

## Sharing

We use your data to:

- show you advertising;
- train our models, unless you opt out.

We may sell your data to anyone. You can ask us to erase it at any time. We share it with the police.
";

#[test]
fn comparisons_are_those_of_the_command_line() {
    let sandbox = Sandbox::with(&[
        ("old.md", POLICY),
        ("new.md", LATER),
        ("fr.txt", FRENCH),
        ("fr2.txt", &FRENCH.replace("nom", "prénom")),
    ]);
    let server = Server::start(&[]);
    let mut sizes = Vec::new();
    for (old, new, options, query) in [
        ("old.md", "new.md", &[][..], ""),
        ("old.md", "new.md", &["--min-probability", "0.6"], "min_probability=0.6"),
        ("old.md", "new.md", &["--category", "data-sale"], "category=data-sale"),
        ("old.md", "old.md", &[], ""),
        ("fr.txt", "fr2.txt", &["--any-language"], "any_language=true"),
    ] {
        let local = sandbox.run(&[&["diff", old, new, "--format", "json"], options].concat());
        let local: Value = serde_json::from_str(&local.stdout).unwrap();
        sizes.push(local["categories"].as_array().unwrap().len());
        let path = format!("/v1/diff?{query}");
        let edition = |name: &str| json!({"name": name, "text": sandbox.read(name)});
        let body = json!({"old": edition(old), "new": edition(new)});
        let reply = server.post(&path, &body.to_string());
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json(), local, "{query}");

        // The same in a form, the new edition first.
        let part = |field: &str, name: &str| {
            let text = sandbox.read(name);
            format!(
                "--B\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n{text}\r\n"
            )
        };
        let form = format!("{}{}--B--\r\n", part("new", new), part("old", old));
        let headers = [("Content-Type", "multipart/form-data; boundary=B")];
        assert_eq!(server.send("POST", &path, &headers, form.as_bytes()).json(), local);
    }
    // The options leave some out, and the same is no change.
    assert!(sizes[0] > sizes[1].min(sizes[2]) && sizes[3] == 0, "{sizes:?}");
}

#[test]
fn comparisons_are_refused_in_words() {
    let server = Server::start(&["--max-document", "2048"]);
    let post = |path: &str, body: Value| {
        let reply = server.post(path, &body.to_string());
        let error = reply.json()["error"].clone();
        (reply.status, error["code"].as_str().unwrap().to_owned(), error["message"].to_string())
    };
    let text = |text: &str| json!({"text": text});
    for (body, status, code, words) in [
        (json!({"old": text("a")}), 422, "invalid_request", "missing field `new`"),
        (
            json!({"old": ["name", "a", null], "new": text("a")}),
            422,
            "invalid_request",
            "an object",
        ),
        (
            json!({"old": text("a"), "new": {"text": "b", "txet": 1}}),
            422,
            "invalid_request",
            "txet",
        ),
        (
            json!({"old": text("a"), "new": {"text": "b", "media_type": "image/png"}}),
            422,
            "invalid_request",
            "image/png",
        ),
        (
            json!({"old": {"text": "a", "name": "n".repeat(1025)}, "new": text("b")}),
            422,
            "invalid_request",
            "`old` has more than 1024 bytes",
        ),
        (json!({"old": text("a"), "new": text(FRENCH)}), 422, "other_language", "French"),
        (
            json!({"old": text("a"), "new": text("\u{89}PNG\r\n\u{1a}\n\0\0\0\0\0\0")}),
            422,
            "unreadable",
            "the new edition",
        ),
        (json!({"old": text("a"), "new": text(&"b".repeat(2048))}), 413, "too_large", "2048 bytes"),
    ] {
        let (got, name, message) = post("/v1/diff", body);
        assert_eq!((got, name.as_str()), (status, code), "{message}");
        assert!(message.contains(words), "{message}");
    }
    let two = json!({"old": text("a"), "new": text("b")});
    assert_eq!(post("/v1/diff?category=nothing", two.clone()).0, 422);
    assert_eq!(post("/v1/diff?min_probability=2", two.clone()).0, 422);
    assert_eq!(post("/v1/diff?explain=true", two).1, "invalid_query");
    let form = "--B\r\nContent-Disposition: form-data; name=\"old\"\r\n\r\na\r\n--B--\r\n";
    let headers = [("Content-Type", "multipart/form-data; boundary=B")];
    let reply = server.send("POST", "/v1/diff", &headers, form.as_bytes());
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (422, &json!("invalid_form")));
}

#[test]
fn texts_get_the_findings_that_the_command_line_gives_them() {
    let sandbox = Sandbox::with(&[("lines.txt", &format!("{TEXT}\nWe train models on it.\n"))]);
    let options = ["classify", "lines.txt", "--lines", "--any-language", "--all-sentences"];
    let run = sandbox.run(&[&options[..], &["--probabilities", "--format", "jsonl"]].concat());
    let sentences = run.of_kind("sentence");
    let server = Server::start(&[]);
    let body = json!({"texts": [TEXT, {"text": "We train models on it."}], "probabilities": true});
    let reply = server.post("/v1/classify", &body.to_string()).json();
    assert_eq!(reply["model_digest"], run.of_kind("run")[0]["model_digest"]);
    for (result, sentence) in reply["results"].as_array().unwrap().iter().zip(&sentences) {
        assert_eq!(result["findings"], sentence["findings"]);
        assert_eq!(result["probabilities"], sentence["probabilities"]);
    }
    let one = server.post("/v1/classify", &json!({"texts": TEXT}).to_string()).json();
    assert_eq!(one["results"][0]["findings"], sentences[0]["findings"]);
}

#[test]
#[cfg(feature = "client")]
fn classify_with_a_server_writes_what_it_writes_without() {
    let files = [
        ("policy.md", POLICY),
        ("fr.txt", FRENCH),
        ("photo.txt", "\u{89}PNG\r\n\u{1a}\n\0\0\0\0\0\0"),
    ];
    let server = Server::start_in(
        Sandbox::with(&[("keys", "a-test-key-0123456789\n")]),
        &["--keys", "keys"],
        &[],
    );
    let sandbox = Sandbox::with(&files);
    for options in [
        &["policy.md", "fr.txt", "photo.txt", "--format", "jsonl"][..],
        &["policy.md", "fr.txt", "--format", "json", "--all-sentences", "--probabilities"],
        &["policy.md", "--format", "csv", "--explain"],
        &["policy.md", "--format", "text", "--engine", "f32"],
        &["policy.md", "--format", "jsonl", "--category", "data-sale", "--fail-on", "ai-training"],
        &["policy.md", "missing.md", "--format", "jsonl", "--min-probability", "0.4"],
    ] {
        // The text report is compared in floats, for int8 may move equal probabilities.
        if options.contains(&"f32") {
            continue;
        }
        let local = sandbox.run(&[&["classify"], options].concat());
        let url = server.url();
        let mut remote = sandbox.command(&[&["classify", "--server", &url], options].concat());
        remote.env("FINEPRINT_API_KEY", "a-test-key-0123456789");
        let remote = crate::support::sandbox::finish(remote, None);
        assert_eq!(remote.stdout, local.stdout, "{options:?}");
        assert_eq!(remote.status, local.status, "{options:?} {}", remote.stderr);
    }
    let url = server.url();
    let refused = sandbox.run(&["classify", "policy.md", "--server", &url]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("refused (401, unauthorized)"), "{}", refused.stderr);
    let none = sandbox.run(&["classify", "policy.md", "--server", "http://127.0.0.1:1"]);
    assert!(none.stderr.contains("cannot reach http://127.0.0.1:1"), "{}", none.stderr);
}

#[test]
#[cfg(feature = "client")]
fn classify_speaks_tls_and_trusts_only_whom_it_should() {
    let server = Server::start(&[]);
    let port = tls::proxy(server.address);
    let sandbox =
        Sandbox::with(&[("policy.md", POLICY), ("ca.pem", tls::AUTHORITY), ("no.pem", "")]);
    let ask = |host: &str, options: &[&str]| {
        let url = format!("https://{host}:{port}");
        let arguments = ["classify", "policy.md", "--format", "jsonl", "--server", &url];
        sandbox.run(&[&arguments[..], options].concat())
    };
    let remote = ask("localhost", &["--server-ca", "ca.pem"]);
    assert_eq!((remote.status, remote.stderr.as_str()), (Some(0), ""));
    assert_eq!(remote.stdout, sandbox.run(&["classify", "policy.md", "--format", "jsonl"]).stdout);
    for (host, options, reason) in [
        ("localhost", &[][..], "UnknownIssuer"),
        // The certificate is for a name, not for the address.
        ("127.0.0.1", &["--server-ca", "ca.pem"], "certificate"),
        ("localhost", &["--server-ca", "no.pem"], "--server-ca no.pem: there is no certificate"),
        ("localhost", &["--server-ca", "missing.pem"], "--server-ca: cannot read missing.pem"),
    ] {
        let refused = ask(host, options);
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    }
    let lone = sandbox.run(&["classify", "policy.md", "--server-ca", "ca.pem"]);
    assert_eq!(lone.status, Some(2), "{}", lone.stderr);
}

#[test]
fn text_embeddings_inference_is_spoken() {
    let server = Server::start(&[]);
    let scores = server
        .post("/v1/classify", &json!({"texts": TEXT, "probabilities": true}).to_string())
        .json()["results"][0]["probabilities"]
        .clone();
    let single = server.post("/predict", &json!({"inputs": TEXT}).to_string()).json();
    let labels = single.as_array().unwrap();
    assert_eq!(labels.len(), 2 * scores.as_object().unwrap().len());
    for pair in labels.windows(2) {
        assert!(pair[0]["score"].as_f64() >= pair[1]["score"].as_f64());
    }
    for label in labels {
        let name = label["label"].as_str().unwrap();
        let of = &scores[name.trim_start_matches('!')];
        let (about, denied) = (of["category"].as_f64().unwrap(), of["denied"].as_f64().unwrap());
        let expected = about * if name.starts_with('!') { denied } else { 1.0 - denied };
        assert!((label["score"].as_f64().unwrap() - expected).abs() < 2e-6, "{name}");
    }
    let post = |path: &str, body: Value| server.post(path, &body.to_string());
    assert_eq!(post("/", json!({"inputs": [TEXT]})).json(), single);
    let batch = post("/predict", json!({"inputs": [[TEXT], ["We use it to:", "sell ads"]]})).json();
    assert_eq!(batch[0], single);
    assert_eq!(batch.as_array().unwrap().len(), 2);
    let raw = post("/predict", json!({"inputs": TEXT, "raw_scores": true})).json();
    assert!(raw.as_array().unwrap().iter().any(|l| l["score"].as_f64().unwrap() < 0.0));
    // What huggingface_hub sends, and the nesting that it takes apart.
    let hub = post("/", json!({"inputs": TEXT, "parameters": {"top_k": 3}})).json();
    assert_eq!(hub[0], json!(labels[..3]));

    let long = "personal data and ".repeat(400);
    let refused = post("/predict", json!({"inputs": long, "truncate": false}));
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["error_type"], "Validation");
    let cut = |direction: &str| {
        let body = json!({"inputs": format!("{TEXT} {long}"), "truncate": true,
            "truncation_direction": direction});
        post("/predict", body).json()
    };
    assert_ne!(cut("Right"), cut("left"));

    let empty = post("/predict", json!({"inputs": []}));
    assert_eq!((empty.status, &empty.json()["error_type"]), (400, &json!("Empty")));
    assert_eq!(server.get("/health").status, 200);
    let info = server.get("/info").json();
    assert!(info["model_type"]["classifier"]["label2id"]["!data-sale"].as_u64().is_some());
    let tokens = post("/tokenize", json!({"inputs": TEXT})).json();
    let words: String = tokens[0]
        .as_array()
        .unwrap()
        .iter()
        .filter(|token| token["special"] == false)
        .map(|token| token["text"].as_str().unwrap())
        .collect();
    assert_eq!(words, TEXT.replace(' ', ""));
}

#[test]
fn the_open_inference_protocol_is_spoken() {
    let server = Server::start(&[]);
    let metadata = server.get("/v2/models/fineprint").json();
    assert_eq!(metadata["inputs"][0], json!({"name": "text", "datatype": "BYTES", "shape": [-1]}));
    assert_eq!(server.get("/v2/models/fineprint/versions/1/ready").json()["ready"], true);
    assert_eq!(server.get("/v2/models/other").status, 404);
    assert_eq!(server.get("/v2/models/fineprint/versions/2").status, 404);

    let body = json!({"id": "7", "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES",
        "data": [TEXT, "We train models on it."]}]});
    let plain = server.post("/v2/models/fineprint/infer", &body.to_string()).json();
    assert_eq!(plain["id"], "7");
    let outputs = plain["outputs"].as_array().unwrap();
    let labels = outputs[1]["data"].as_array().unwrap();
    assert_eq!(outputs[0]["shape"], json!([2, labels.len()]));
    let predicted = server.post("/predict", &json!({"inputs": TEXT}).to_string()).json();
    for label in predicted.as_array().unwrap() {
        let at = labels.iter().position(|name| *name == label["label"]).unwrap();
        assert_eq!(
            outputs[0]["data"][at].as_f64().unwrap() as f32,
            label["score"].as_f64().unwrap() as f32
        );
    }

    let mut tensor = (TEXT.len() as u32).to_le_bytes().to_vec();
    tensor.extend_from_slice(TEXT.as_bytes());
    let head = json!({"inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES",
        "parameters": {"binary_data_size": tensor.len()}}],
        "outputs": [{"name": "scores", "parameters": {"binary_data": true}}]})
    .to_string();
    let length = head.len().to_string();
    let body = [head.as_bytes(), &tensor].concat();
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let reply = server.send("POST", "/v2/models/fineprint/versions/1/infer", &headers, &body);
    let split: usize = reply.header("inference-header-content-length").unwrap().parse().unwrap();
    let (head, binary) = reply.body.split_at(split);
    let head: Value = serde_json::from_slice(head).unwrap();
    assert_eq!(head["outputs"][0]["parameters"]["binary_data_size"], binary.len());
    let scores: Vec<f32> =
        binary.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let expected: Vec<f32> = outputs[0]["data"].as_array().unwrap()[..labels.len()]
        .iter()
        .map(|score| score.as_f64().unwrap() as f32)
        .collect();
    assert_eq!(scores, expected);
    let wrong = server.post("/v2/models/fineprint/infer", r#"{"inputs": []}"#);
    assert_eq!((wrong.status, wrong.json()["error"].is_string()), (400, true));
}

#[test]
fn every_operation_of_the_openapi_document_is_there_and_errors_have_their_schema() {
    let server = Server::start(&[]);
    let api = server.get("/openapi.json").json();
    for (path, item) in api["paths"].as_object().unwrap() {
        let real = path.replace("{name}", "fineprint").replace("{version}", "1");
        for method in ["get", "post"] {
            let upper = method.to_uppercase();
            let reply = server.send(&upper, &real, &[("Content-Type", "application/json")], b"{");
            if item[method].is_null() {
                assert_eq!(reply.status, 405, "{method} {path}");
                assert!(reply.header("allow").is_some(), "{method} {path}");
            } else {
                let documented = &item[method]["responses"][reply.status.to_string()];
                assert!(!documented.is_null(), "{method} {path}: {}", reply.status);
            }
            if reply.status >= 400 {
                let error = reply.json();
                let is_kserve = path.starts_with("/v2");
                let is_tei = ["/predict", "/tokenize", "/info", "/health", "/ping"]
                    .contains(&path.as_str())
                    || (path == "/" && method == "post");
                let message =
                    if is_kserve || is_tei { &error["error"] } else { &error["error"]["message"] };
                assert!(message.as_str().unwrap().len() <= 256, "{method} {path} {error}");
                assert_eq!(error["error_type"].is_string(), is_tei, "{method} {path} {error}");
            }
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(reply.header("server"), None);
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
    let missing = server.get("/v1/nothing");
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &json!("not_found")));
    let head = server.send("HEAD", "/v1/model", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    for page in ["/", "/docs"] {
        let page = server.get(page);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("style-src 'sha256-") && policy.contains("frame-ancestors 'none'"));
        assert!(!page.text().contains("http://") && !page.text().contains("https://"));
    }
}

#[test]
fn without_a_key_nothing_but_probes_and_pages_is_answered() {
    let keys = "# ours\nfirst-test-key-0123\nsecond-test-key-012\n";
    let server = Server::start_in(Sandbox::with(&[("keys", keys)]), &["--keys", "keys"], &[]);
    let good = [("Authorization", "Bearer second-test-key-012")];
    let api = server.send("GET", "/openapi.json", &good, b"").json();
    let open = ["/", "/docs", "/livez", "/readyz", "/health", "/ping"];
    let mut walked = 0;
    for path in api["paths"].as_object().unwrap().keys() {
        let real = path.replace("{name}", "fineprint").replace("{version}", "1");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let reads = method == "GET" || method == "HEAD";
            let expected = reads && open.contains(&path.as_str());
            let reply = server.send(method, &real, &[], b"");
            assert_eq!(reply.status != 401, expected, "{method} {path}: {}", reply.status);
            walked += 1;
        }
    }
    assert!(walked >= 25 * 8);
    for odd in [
        "//v1/model",
        "/v1/model/",
        "/v1/%6dodel",
        "/V1/MODEL",
        "/v1//model",
        "/livez/",
        "/nowhere",
    ] {
        assert_eq!(server.get(odd).status, 401, "{odd}");
    }
    for wrong in [
        "Bearer first-test-key-0124",
        "Bearer ",
        "Basic second-test-key-012",
        "second-test-key-012",
    ] {
        let reply = server.send("GET", "/v1/model", &[("Authorization", wrong)], b"");
        assert_eq!(reply.status, 401, "{wrong}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(server.send("GET", "/v1/model", &good, b"").status, 200);
}

#[test]
fn what_clients_send_is_in_no_log_at_any_level() {
    let canary = "xyzzycanary";
    let keys = format!("{canary}-key-0123456789\n");
    let env = [("FINEPRINT_LOG", "trace"), ("RUST_BACKTRACE", "1")];
    let server = Server::start_in(Sandbox::with(&[("keys", &keys)]), &["--keys", "keys"], &env);
    let bearer = format!("Bearer {canary}-key-0123456789");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let send = |method: &str, path: &str, body: &str| {
        let reply = server.send(method, path, &headers, body.as_bytes());
        assert!(!reply.text().contains("/src/"), "{}", reply.text());
        assert!(!reply.text().contains("::"), "{}", reply.text());
        reply.status
    };
    assert_eq!(send("POST", "/v1/classify", &json!({"texts": [canary]}).to_string()), 200);
    assert_eq!(send("POST", "/v1/classify", &format!(r#"{{"{canary}": 1}}"#)), 422);
    assert_eq!(send("POST", "/v1/classify", &format!(r#"{{"texts": {canary}}}"#)), 400);
    assert_eq!(
        send("POST", "/predict", &json!({"inputs": [canary, canary, canary]}).to_string()),
        422
    );
    assert_eq!(send("GET", &format!("/{canary}?{canary}"), ""), 404);
    assert_eq!(send("GET", &format!("/v2/models/{canary}"), ""), 404);
    assert_eq!(send(canary, "/v1/model", ""), 405);
    let wrong = format!("Bearer {canary}-wrong");
    let headers = [("Authorization", wrong.as_str()), ("X-Request-Id", "my id")];
    assert_eq!(server.send("GET", "/v1/model", &headers, b"").status, 401);
    let document = format!("The {canary} is sold. {canary}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain")];
    let path = format!("/v1/documents?name={canary}&explain=true");
    assert_eq!(server.send("POST", &path, &headers, document.as_bytes()).status, 200);
    let metrics = server.send("GET", "/metrics", &headers, b"");
    assert!(!metrics.text().contains(canary));
    assert!(metrics.text().contains(r#"fineprint_errors_total{code="unauthorized"} 1"#));
    let (status, log) = server.stop();
    assert_eq!(status, Some(0));
    assert!(log.contains(r#""route":"/v1/classify""#), "{log}");
    assert!(!log.contains(canary), "{log}");
}

#[test]
fn requests_carry_an_id_and_pages_of_other_origins_are_let_in_on_demand() {
    let server = Server::start(&["--cors-origin", "https://app.example"]);
    let reply = server.send("GET", "/livez", &[("X-Request-Id", "trace-7")], b"");
    assert_eq!(reply.header("x-request-id"), Some("trace-7"));
    assert_eq!(server.get("/livez").header("x-request-id").unwrap().len(), 16);
    let from = |origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let reply = server.send("OPTIONS", "/v1/classify", &headers, b"");
        reply.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(from("https://app.example").as_deref(), Some("https://app.example"));
    assert_eq!(from("https://other.example"), None);
}

#[test]
fn other_addresses_need_a_key_and_the_limits_are_printed() {
    let sandbox = Sandbox::with(&[("keys", "short\n")]);
    let run = sandbox.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("give --keys FILE, or --insecure"), "{}", run.stderr);
    let run = sandbox.run(&["serve", "--keys", "keys"]);
    assert!(run.stderr.contains("line 1: a key has at least 16 characters"), "{}", run.stderr);
    assert!(!run.stderr.contains("short"), "{}", run.stderr);
    let run = sandbox.run(&["serve", "--print-limits", "--max-texts", "7"]);
    assert!(run.stdout.contains("--max-texts        7 texts a request"), "{}", run.stdout);
    assert_eq!(run.status, Some(0));
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("FINEPRINT_MODEL", "missing");
    let run = crate::support::sandbox::finish(command, None);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("error: ") && run.stderr.contains("missing"), "{}", run.stderr);
}
