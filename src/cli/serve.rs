//! `fineprint serve`: options into settings, and the log.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::args::{EngineArgs, ModelArgs};
use super::exit::Exit;
use super::printer::Printer;
use crate::classify::{Classifier, Options};
use crate::serve::{Ended, Keys, Limits, Settings};

/// Arguments of `fineprint serve`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Endpoints: POST /v1/classify and /v1/documents, GET /v1/labels and /v1/model; POST /predict and / as
text-embeddings-inference; /v2 as the Open Inference Protocol; /livez, /readyz, /metrics; a page at
/, the documentation at /docs, OpenAPI at /openapi.json.

SIGTERM and SIGINT stop it: requests that were accepted are answered within --grace; a second
signal ends it at once. TLS belongs to a proxy in front. What clients send is never logged.

Examples:
  fineprint serve
  fineprint serve --listen 0.0.0.0:8080 --keys /etc/fineprint/keys
  curl -s localhost:8080/v1/documents --data-binary @terms.html -H 'Content-Type: text/html'")]
pub struct ServeArgs {
    /// The address to listen on; port 0 takes a free one, which the log names.
    ///
    /// Others than this machine's own are refused without --keys, unless --insecure says so.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Answer only clients that show a key of FILE (one a line, at least 16 characters), as
    /// `Authorization: Bearer KEY`; probes and pages are open.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Listen on other addresses without keys all the same.
    #[arg(long)]
    insecure: bool,
    /// Let web pages of ORIGIN call the server; may be given several times.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    cors_origin: Vec<String>,
    /// The name of the model under /v2/models.
    #[arg(long, value_name = "NAME", default_value = "fineprint", value_parser = model_name)]
    name: String,
    /// Print every limit with its value, and what is answered beyond it.
    #[arg(long)]
    print_limits: bool,
    /// How to run the model.
    #[command(flatten, next_help_heading = "Model")]
    engine: EngineArgs,
    /// Memory for texts classified before, in MiB; 0 computes everything anew.
    #[arg(long, value_name = "MIB", default_value_t = 64, help_heading = "Model")]
    remember: usize,
    /// The model.
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    /// The limits.
    #[command(flatten, next_help_heading = "Limits")]
    limits: LimitArgs,
}

/// The limits; the default of each is in `--print-limits`.
#[derive(Debug, Clone, Args)]
struct LimitArgs {
    /// Most open connections.
    #[arg(long, value_name = "N", value_parser = positive)]
    max_connections: Option<usize>,
    /// Time for a request's head, and between requests, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    head_timeout: Option<Duration>,
    /// Time for a request's body, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    body_timeout: Option<Duration>,
    /// Time for which a client may leave an answer unread, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    unread_timeout: Option<Duration>,
    /// Most bytes of a body that is no document.
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    max_body: Option<usize>,
    /// Most bytes of a body with documents.
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    max_document: Option<usize>,
    /// Most texts of a request.
    #[arg(long, value_name = "N", value_parser = positive)]
    max_texts: Option<usize>,
    /// Most bytes of a text.
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    max_text: Option<usize>,
    /// Most tokens of a request.
    #[arg(long, value_name = "N", value_parser = positive)]
    max_tokens: Option<usize>,
    /// Most tokens that wait over all requests.
    #[arg(long, value_name = "N", value_parser = positive)]
    queue_tokens: Option<usize>,
    /// Longest expected wait for first results that a request is let in with, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_wait: Option<Duration>,
    /// Most requests that are worked on at once.
    #[arg(long, value_name = "N", value_parser = positive)]
    max_requests: Option<usize>,
    /// Time for a request as a whole, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    deadline: Option<Duration>,
    /// Time for accepted requests once told to stop, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    grace: Option<Duration>,
    /// Most tokens of a batch.
    #[arg(long, value_name = "N", value_parser = positive)]
    batch_tokens: Option<usize>,
    /// Longest wait of a worker for a batch to fill, in microseconds (at most 1000).
    #[arg(long, value_name = "US", value_parser = clap::value_parser!(u64).range(..=1000))]
    fill_wait: Option<u64>,
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let or = Limits::default();
        Limits {
            connections: self.max_connections.unwrap_or(or.connections),
            head_time: self.head_timeout.unwrap_or(or.head_time),
            body_time: self.body_timeout.unwrap_or(or.body_time),
            unread_time: self.unread_timeout.unwrap_or(or.unread_time),
            body_bytes: self.max_body.unwrap_or(or.body_bytes),
            document_bytes: self.max_document.unwrap_or(or.document_bytes),
            texts: self.max_texts.unwrap_or(or.texts),
            text_bytes: self.max_text.unwrap_or(or.text_bytes),
            request_tokens: self.max_tokens.unwrap_or(or.request_tokens),
            queue_tokens: self.queue_tokens.unwrap_or(or.queue_tokens),
            wait: self.max_wait.unwrap_or(or.wait),
            requests: self.max_requests.unwrap_or(or.requests),
            deadline: self.deadline.unwrap_or(or.deadline),
            grace: self.grace.unwrap_or(or.grace),
            batch_tokens: self.batch_tokens.unwrap_or(or.batch_tokens),
            fill: self.fill_wait.map_or(or.fill, Duration::from_micros),
        }
    }
}

/// Runs the verb.
pub(super) fn run(args: &ServeArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let limits = args.limits.limits();
    if args.print_limits {
        let mut out = printer.stdout();
        writeln!(out, "{:<18} {:<34} beyond it", "option", "value")?;
        for row in limits.table() {
            writeln!(out, "{:<18} {:<34} {}", row.option, row.value, row.answer)?;
        }
        out.flush()?;
        return Ok(Exit::Done);
    }
    let keys = args.keys.as_deref().map(|path| read_keys(path, printer)).transpose()?;
    if keys.is_none() && !args.insecure && !args.listen.ip().is_loopback() {
        bail!(
            "--listen {}: others than this machine could call the server without a key; give \
             --keys FILE, or --insecure where a proxy asks for keys",
            args.listen
        );
    }
    let settings = Settings {
        address: args.listen,
        name: args.name.clone(),
        keys: keys.unwrap_or_default(),
        origins: args.cors_origin.clone(),
        pdf_reader: std::env::current_exe().ok(),
        limits,
    };
    let options = Options {
        remember: args.remember.saturating_mul(1 << 20),
        token_budget: Some(settings.limits.batch_tokens),
        ..args.engine.options()
    };
    let source = args.model.source();
    match crate::serve::run(&settings, move || Classifier::load(&source, &options))? {
        Ended::Drained => Ok(Exit::Done),
        Ended::CutOff { requests } => {
            printer.error(format_args!("stopped with {requests} requests unanswered"));
            Ok(Exit::Fatal)
        }
    }
}

fn read_keys(path: &Path, printer: &Printer) -> anyhow::Result<Keys> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--keys: cannot read {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            printer.warning(format_args!(
                "others can read {}: make it readable for yourself only (chmod 600)",
                path.display()
            ));
        }
    }
    Keys::parse(&text).map_err(|error| anyhow::anyhow!("--keys {}: {error}", path.display()))
}

fn positive(given: &str) -> Result<usize, String> {
    match given.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("a number above 0 is expected".to_owned()),
    }
}

fn seconds(given: &str) -> Result<Duration, String> {
    let seconds: f64 = given.parse().map_err(|_| "a number of seconds is expected".to_owned())?;
    if seconds > 0.0 && seconds <= 86_400.0 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("more than 0 and at most 86400 seconds are expected".to_owned())
    }
}

/// A scheme, a host, and perhaps a port, as browsers send it.
fn origin(given: &str) -> Result<String, String> {
    let host = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"));
    match host {
        Some(host)
            if !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@*".contains(&b)) =>
        {
            Ok(given.to_owned())
        }
        _ => Err("an origin such as https://example.com is expected".to_owned()),
    }
}

fn model_name(given: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&given.len()) && given.bytes().all(allowed) {
        Ok(given.to_owned())
    } else {
        Err("a name of up to 64 letters, digits, `-`, `_` and `.` is expected".to_owned())
    }
}
