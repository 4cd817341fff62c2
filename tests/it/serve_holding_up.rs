//! `fineprint serve` under hostile input, slow clients, load, and signals.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::serve::POLICY;
use crate::support::server::{Server, log_lines, read_reply, request};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

fn texts(count: usize) -> String {
    let texts: Vec<String> =
        (0..count).map(|i| format!("We may share item {i} with others.")).collect();
    json!({ "texts": texts }).to_string()
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap()
}

#[test]
fn each_limit_has_its_status_and_names_its_option() {
    let server = Server::start(&[
        "--max-body",
        "2000",
        "--max-document",
        "3000",
        "--max-texts",
        "4",
        "--max-text",
        "500",
        "--max-tokens",
        "300",
    ]);
    let classify = |body: &str| server.post("/v1/classify", body);
    let document = |body: &str| {
        server.send("POST", "/v1/documents", &[("Content-Type", "text/plain")], body.as_bytes())
    };
    for (reply, status, error, option) in [
        (classify(&texts(5)), 422, "too_many_texts", "--max-texts"),
        (classify(&texts(100)), 413, "too_large", "--max-body"),
        (
            classify(&json!({"texts": "a".repeat(501)}).to_string()),
            422,
            "text_too_long",
            "--max-text",
        ),
        (document(&"We sell data. ".repeat(200)), 422, "too_many_tokens", "--max-tokens"),
        (document(&"We sell data. ".repeat(300)), 413, "too_large", "--max-document"),
    ] {
        assert_eq!((reply.status, code(&reply.json())), (status, error), "{reply:?}");
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(option), "{message}");
    }
    assert_eq!(classify(&texts(4)).status, 200);
    let chunked = b"POST /v1/classify HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: \
        application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut over = chunked.to_vec();
    for _ in 0..50 {
        over.extend_from_slice(format!("40\r\n{}\r\n", " ".repeat(64)).as_bytes());
    }
    over.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(server.raw(&over).unwrap().status, 413);
    let gzip = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    assert_eq!(server.send("POST", "/v1/classify", &gzip, b"x").status, 415);
    let kind = [("Content-Type", "text/csv")];
    assert_eq!(server.send("POST", "/v1/classify", &kind, b"{}").status, 415);
    assert_eq!(server.send("POST", "/v1/documents", &kind, b"a,b").status, 415);
}

#[test]
fn bad_bodies_are_refused_with_400_or_422() {
    let server = Server::start(&[]);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let raw = |body: &[u8]| server.send("POST", "/v1/classify", &JSON, body).status;
    let in_texts = |value: &str| raw(format!(r#"{{"texts": {value}}}"#).as_bytes());
    for depth in [126, 127, 128, 129, 100_000] {
        assert!(matches!(in_texts(&nested(depth)), 400 | 422), "{depth}");
    }
    for (body, status) in [
        (&b""[..], 400),
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b"{}", 422),
        (b"[\"a\"]", 422),
        (b"{\"texts\": [[\"a\", \"b\", \"c\"]]}", 422),
        (b"{\"texts\": \"\xff\"}", 400),
        (b"{\"texts\": \"\\ud800\"}", 400),
        (b"{\"texts\": NaN}", 400),
        (b"{\"texts\": \"a\", \"min_probability\": 1e999}", 400),
        (b"{\"texts\": \"a\", \"min_probability\": 1.5}", 422),
        (b"{\"texts\": \"a\", \"min_probability\": -0.5}", 422),
        (b"{\"texts\": \"a\", \"texts\": \"b\"}", 422),
        (b"{\"texts\": \"a\", \"other\": 1}", 422),
        (b"{\"texts\": [{\"text\": \"a\", \"other\": 1}]}", 422),
        (b"{\"texts\": 3}", 422),
        (b"{\"texts\": [3]}", 422),
        (b"{\"texts\": []}", 400),
        (b"{\"texts\": [\"\"]}", 422),
        (b"{\"texts\": \" \\n \"}", 422),
        (b"{\"texts\": \"a\"} x", 400),
        (b"\xef\xbb\xbf{\"texts\": \"a\"}", 400),
        (b"{\"texts\": \"a\", \"category\": [\"data-sal\"]}", 422),
        (b"{\"texts\": \"a\", \"stance\": \"maybe\"}", 422),
        (b"{\"texts\": \"a\\u0000b\"}", 200),
        (b"{\"texts\": \"\\u200d\\ud83d\\udc69\\u200d\\ud83d\\udcbb\"}", 200),
    ] {
        assert_eq!(raw(body), status, "{}", String::from_utf8_lossy(body));
    }
    for (query, status) in [
        ("?min_probability=NaN", 422),
        ("?min_probability=2", 422),
        ("?nothing=1", 422),
        ("?lines=maybe", 422),
        ("?category=nope", 422),
        ("?input_format=doc", 422),
        ("?name=%ff&name=a", 422),
        ("?name=%ff", 200),
    ] {
        let headers = [("Content-Type", "text/plain")];
        let reply = server.send("POST", &format!("/v1/documents{query}"), &headers, b"We sell.");
        assert_eq!(reply.status, status, "{query} {}", reply.text());
    }
    let png = server.send("POST", "/v1/documents", &[], b"\x89PNG\r\n\x1a\n\0\0");
    assert_eq!((png.status, code(&png.json())), (422, "unreadable"));
}

#[test]
fn odd_bytes_on_the_wire_get_no_5xx_and_leave_the_server_alive() {
    let server = Server::start(&["--head-timeout", "1", "--body-timeout", "1"]);
    let body = texts(1);
    let length = body.len();
    let head = "POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    let many: String = (0..65).map(|i| format!("X-{i}: 1\r\n")).collect();
    for raw in [
        format!("{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"),
        format!("{head}Content-Length: {length}\r\nContent-Length: 3\r\n\r\n{body}"),
        format!("{head}Content-Length: -1\r\n\r\n{body}"),
        format!("{head}Content-Length: 99999999999999999999\r\n\r\n{body}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{body}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}"),
        format!("{head}X: a\r\n b\r\nContent-Length: {length}\r\n\r\n{body}"),
        format!("{head}{many}Content-Length: {length}\r\n\r\n{body}"),
        format!("{head}X: {}\r\n\r\n", "a".repeat(70_000)),
        format!("POST /{} HTTP/1.1\r\nHost: t\r\n\r\n", "a".repeat(70_000)),
        "GET /livez HTTP/1.1\nHost: t\n\n".to_owned(),
        "GET /livez HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\0\0\0\0".to_owned(),
        "GET http://other/livez HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
        "CONNECT a:1 HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
        "GET /%00%ff?%zz HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
        "\r\n\r\n\r\n".to_owned(),
    ] {
        if let Some(reply) = server.raw(raw.as_bytes()) {
            assert!(reply.status < 500, "{} {:?}", reply.status, &raw[..raw.len().min(200)]);
        }
    }
    assert_eq!(server.post("/v1/classify", &body).status, 200);
    assert_eq!(server.metric("fineprint_requests_in_flight"), 1.0);
}

#[test]
fn slow_clients_are_cut_off() {
    let server = Server::start(&["--head-timeout", "0.5", "--body-timeout", "0.5"]);
    let silent = server.connect();
    let mut half_head = server.connect();
    half_head.write_all(b"GET /livez HTTP/1.1\r\nHost:").unwrap();
    let mut idle = server.connect();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut half_body = server.connect();
    let head = "POST /v1/classify HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    half_body.write_all(format!("{head}Content-Length: 100\r\n\r\n{{").as_bytes()).unwrap();
    // A byte now and then does not help.
    let mut trickle = half_body.try_clone().unwrap();
    let trickling = std::thread::spawn(move || {
        while trickle.write_all(b" ").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    // Others are answered meanwhile.
    assert_eq!(server.post("/v1/classify", &texts(3)).status, 200);
    for mut stream in [silent, half_head] {
        let mut rest = Vec::new();
        // Closed in order or reset, but closed: a read that times out fails here.
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        assert!(!rest.starts_with(b"HTTP/1.1 2"));
    }
    assert_eq!(read_reply(&mut idle).unwrap().status, 200);
    let reply = read_reply(&mut half_body).unwrap();
    assert_eq!((reply.status, code(&reply.json())), (408, "body_timeout"));
    trickling.join().unwrap();
    server.until("connections are given back", |s| s.metric("fineprint_connections") <= 1.0);
}

#[test]
fn five_hundred_slow_clients_do_not_keep_others_out() {
    let server = Server::start(&["--head-timeout", "30"]);
    let slow: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"POST /v1/classify HTTP/1.1\r\nX:").unwrap();
            stream
        })
        .collect();
    server.until("all are open", |s| s.metric("fineprint_connections") >= 500.0);
    for _ in 0..20 {
        assert_eq!(server.post("/v1/classify", &texts(2)).status, 200);
    }
    drop(slow);
    server.until("they are given back", |s| s.metric("fineprint_connections") <= 1.0);
}

#[test]
fn a_client_that_leaves_takes_its_work_along() {
    let server = Server::start(&["--threads", "1", "--remember", "0", "--max-tokens", "9000000"]);
    let document: String =
        (0..60_000).map(|i| format!("We share item {i} with partners.\n")).collect();
    let raw = request(
        "POST",
        "/v1/documents?lines=true",
        &[("Content-Type", "text/plain")],
        document.as_bytes(),
    );
    let mut stream = server.connect();
    stream.write_all(&raw).unwrap();
    server.until("it waits", |s| s.metric("fineprint_queue_tokens") > 10_000.0);
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    server.until("it is dropped", |s| s.metric("fineprint_dropped_sequences") > 1_000.0);
    assert_eq!(server.metric("fineprint_queue_tokens"), 0.0);
    server.until("it is counted", |s| s.metric("fineprint_clients_left_total") == 1.0);
}

#[test]
fn more_than_can_be_done_is_429_and_the_rest_is_done() {
    let server = Server::start(&[
        "--threads",
        "1",
        "--remember",
        "0",
        "--queue-tokens",
        "4000",
        "--max-wait",
        "0.05",
        "--max-requests",
        "8",
    ]);
    let (done, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let reply = server.post("/v1/classify", &texts(100));
                    match reply.status {
                        200 => {
                            assert_eq!(reply.json()["results"].as_array().unwrap().len(), 100);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        429 => {
                            let after = reply.header("retry-after").unwrap();
                            assert!((1..=60).contains(&after.parse::<u64>().unwrap()));
                            assert_eq!(code(&reply.json()), "overloaded");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        other => panic!("{other}: {}", reply.text()),
                    }
                    assert_eq!(server.get("/livez").status, 200);
                }
            });
        }
    });
    let (done, refused) = (done.into_inner(), refused.into_inner());
    assert_eq!(done + refused, 640);
    assert!(done > 20 && refused > 20, "{done} done, {refused} refused");
    assert_eq!(server.post("/v1/classify", &texts(100)).status, 200);
    let route = r#"fineprint_requests_total{route="/v1/classify",status="429"}"#;
    assert_eq!(server.metric(route), refused as f64);
}

#[test]
fn a_request_over_its_deadline_is_503_and_its_work_is_dropped() {
    let server = Server::start(&["--threads", "1", "--remember", "0", "--deadline", "0.05"]);
    let document = POLICY.repeat(800);
    let headers = [("Content-Type", "text/markdown")];
    let path = "/v1/documents?explain=true";
    let reply = server.send("POST", path, &headers, document.as_bytes());
    assert_eq!((reply.status, code(&reply.json())), (503, "deadline"));
    assert!(reply.header("retry-after").is_some());
    server.until("its work is dropped", |s| s.metric("fineprint_queue_tokens") == 0.0);
    assert_eq!(server.post("/v1/classify", &texts(1)).status, 200);
}

#[test]
fn stopping_under_load_loses_no_accepted_request() {
    let server = Server::start(&["--remember", "0"]);
    let answered = AtomicUsize::new(0);
    let counts = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let (mut sent, mut done, mut refused, mut unanswered) = (0, 0, 0, 0);
                    let raw = request("POST", "/v1/classify", &JSON, texts(20).as_bytes());
                    loop {
                        sent += 1;
                        let Ok(mut stream) = std::net::TcpStream::connect(server.address) else {
                            unanswered += 1;
                            break;
                        };
                        let _ = stream.write_all(&raw);
                        let mut bytes = Vec::new();
                        let _ = stream.read_to_end(&mut bytes);
                        let head =
                            String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).into_owned();
                        match head.as_str() {
                            "HTTP/1.1 200" => {
                                assert!(bytes.ends_with(b"}"), "a torn answer");
                                done += 1;
                            }
                            "HTTP/1.1 503" => refused += 1,
                            "" => {
                                unanswered += 1;
                                break;
                            }
                            other => panic!("{other}"),
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    [sent, done, refused, unanswered]
                })
            })
            .collect();
        while answered.load(Ordering::Relaxed) < 200 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        server.signal();
        let counts = clients.into_iter().map(|client| client.join().unwrap());
        counts.fold([0; 4], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]])
    });
    let (status, log) = server.wait();
    assert_eq!(status, Some(0), "{log}");
    let [sent, done, refused, unanswered] = counts;
    assert_eq!(sent, done + refused + unanswered);
    let logged = |status: u64| {
        let is = |line: &&Value| line["route"] == "/v1/classify" && line["status"] == status;
        log_lines(&log).iter().filter(is).count()
    };
    assert_eq!((logged(200), logged(503)), (done, refused), "of {sent}");
    assert!(done >= 200 && unanswered <= 16);
    assert!(!log.contains("the client left"), "{log}");
}

#[test]
fn stopping_waits_for_a_document_and_not_for_idle_or_half_sent_requests() {
    let server = Server::start(&["--threads", "1", "--remember", "0", "--head-timeout", "2"]);
    let mut idle = server.connect();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut half = server.connect();
    half.write_all(b"GET /livez HTTP/1.1\r\nHost:").unwrap();
    let document = POLICY.repeat(300);
    let headers = [("Content-Type", "text/markdown"), ("Accept", "application/x-ndjson")];
    let mut stream = server.connect();
    stream.write_all(&request("POST", "/v1/documents", &headers, document.as_bytes())).unwrap();
    server.until("it is worked on", |s| s.metric("fineprint_tokens_total") > 100.0);
    server.signal();
    let reply = read_reply(&mut stream).expect("the whole stream");
    let last: Value = serde_json::from_str(reply.text().lines().last().unwrap()).unwrap();
    assert_eq!(last["sentence_count"], 2_700);
    let (status, log) = server.wait();
    assert_eq!(status, Some(0), "{log}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let server = Server::start(&["--threads", "1", "--remember", "0", "--grace", "50"]);
    let document = POLICY.repeat(500);
    let path = "/v1/documents?explain=true";
    let mut stream = server.connect();
    let headers = [("Content-Type", "text/markdown")];
    stream.write_all(&request("POST", path, &headers, document.as_bytes())).unwrap();
    server.until("it is worked on", |s| s.metric("fineprint_tokens_total") > 100.0);
    server.signal();
    std::thread::sleep(std::time::Duration::from_millis(300));
    server.signal();
    let (status, log) = server.wait();
    assert_eq!(status, Some(2), "{log}");
    assert!(log.contains("stopped with 1 requests unanswered"), "{log}");
}
