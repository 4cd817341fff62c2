//! `--model hf:…` against a small hub on loopback: download, cache, offline, token, failures.
#![cfg(feature = "hub")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// Serves one repository as the Hugging Face Hub does, and keeps what it was asked.
struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start(files: HashMap<String, Vec<u8>>, token: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &files, token, &log);
            }
        });
        Self { endpoint, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    stream: TcpStream,
    files: &HashMap<String, Vec<u8>>,
    token: Option<&str>,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let path = head[0].split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(path.clone());
    let header = |name: &str| {
        head.iter().find_map(|l| {
            let (key, value) = l.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut stream = reader.into_inner();
    let mut reply = |status: &str, headers: &str, body: &[u8]| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
            body.len()
        )?;
        stream.write_all(body)
    };
    if token.is_some_and(|t| header("authorization") != Some(format!("Bearer {t}"))) {
        return reply("401 Unauthorized", "", b"");
    }
    let Some(body) = path.strip_prefix("/acme/tos/resolve/v1/").and_then(|f| files.get(f)) else {
        return reply("404 Not Found", "", b"");
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let common = format!("etag: \"e-{name}\"\r\nx-repo-commit: c0ffee\r\n");
    match header("range").as_deref().and_then(|r| {
        r.strip_prefix("bytes=")?.split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned()))
    }) {
        Some((from, to)) => {
            let from: usize = from.parse().unwrap_or(0);
            let to = to.parse().unwrap_or(body.len() - 1).min(body.len() - 1);
            let headers = format!("{common}content-range: bytes {from}-{to}/{}\r\n", body.len());
            reply("206 Partial Content", &headers, &body[from..=to])
        }
        None => reply("200 OK", &common, body),
    }
}

fn fixture() -> HashMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fixture-model");
    ["config.json", "tokenizer.json", "model.safetensors", "fineprint.json"]
        .into_iter()
        .map(|name| (name.to_owned(), std::fs::read(folder.join(name)).unwrap()))
        .collect()
}

fn classify(model: &str, home: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fineprint"));
    command.args([
        "classify",
        "--lines",
        "--format",
        "jsonl",
        "--all-sentences",
        "--model",
        model,
        "-",
    ]);
    command.env_clear().env("HF_HOME", home).envs(variables.iter().copied());
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A failing model closes the pipe before it is read.
    let _ = child.stdin.take().unwrap().write_all(b"We may sell your data to anyone.\n");
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_hub_model_is_downloaded_once_and_then_works_offline() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(fixture(), None);
    let endpoint = ("HF_ENDPOINT", hub.endpoint.as_str());

    let offline = classify("hf:acme/tos@v1", home.path(), &[endpoint, ("HF_HUB_OFFLINE", "1")]);
    assert_eq!(offline.status.code(), Some(2));
    assert!(stderr(&offline).contains("HF_HUB_OFFLINE"), "{}", stderr(&offline));
    assert!(hub.requests().is_empty(), "offline must not ask: {:?}", hub.requests());

    let first = classify("hf:acme/tos@v1", home.path(), &[endpoint]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let text = String::from_utf8(first.stdout.clone()).unwrap();
    assert!(text.lines().next().unwrap().contains("hf:acme/tos@v1"), "{text}");
    let asked = hub.requests().len();
    assert!(asked >= 8, "each file is looked up and fetched: {:?}", hub.requests());

    let offline = classify("hf:acme/tos@v1", home.path(), &[endpoint, ("HF_HUB_OFFLINE", "1")]);
    assert_eq!(offline.status.code(), Some(0), "{}", stderr(&offline));
    assert_eq!(offline.stdout, first.stdout);
    let again = classify("hf:acme/tos@v1", home.path(), &[endpoint]);
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(hub.requests().len(), asked, "the cache is asked first");
}

#[test]
fn a_model_without_fineprint_json_gets_the_defaults() {
    let home = tempfile::tempdir().unwrap();
    let mut files = fixture();
    files.remove("fineprint.json");
    let hub = Hub::start(files, None);
    let output = classify("hf:acme/tos@v1", home.path(), &[("HF_ENDPOINT", &hub.endpoint)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_token_is_sent_and_never_printed() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(fixture(), Some("hf_canary"));
    let endpoint = ("HF_ENDPOINT", hub.endpoint.as_str());
    let refused = classify("hf:acme/tos@v1", home.path(), &[endpoint]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("401"), "{}", stderr(&refused));
    let wrong = classify("hf:acme/tos@v1", home.path(), &[endpoint, ("HF_TOKEN", "hf_wrong")]);
    assert!(!stderr(&wrong).contains("hf_wrong"), "{}", stderr(&wrong));
    let output = classify("hf:acme/tos@v1", home.path(), &[endpoint, ("HF_TOKEN", "hf_canary")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("hf_canary"));
}

#[test]
fn an_unknown_repository_or_a_dead_hub_is_a_clear_error() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(fixture(), None);
    let missing = classify("hf:acme/other", home.path(), &[("HF_ENDPOINT", &hub.endpoint)]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("hf:acme/other@main"), "{}", stderr(&missing));
    // Port 9 on loopback: nothing listens there.
    let dead = classify("hf:acme/tos", home.path(), &[("HF_ENDPOINT", "http://127.0.0.1:9")]);
    assert_eq!(dead.status.code(), Some(2));
    assert!(stderr(&dead).contains("config.json of hf:acme/tos@main"), "{}", stderr(&dead));
}
