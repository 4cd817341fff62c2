//! The log on standard error: what the program does, for whoever wants to know.
//!
//! Results and messages do not go through it. It never holds texts of documents.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use super::args::{GlobalArgs, LogFormat};

/// The variable that filters the log, such as `fineprint=debug`; it goes before `--verbose`.
const FILTER: &str = "FINEPRINT_LOG";

/// Starts the log at what the arguments ask for; a server's is on from the start.
///
/// # Errors
/// A message when `FINEPRINT_LOG` holds no filter.
pub(super) fn start(global: &GlobalArgs, is_server: bool) -> Result<(), String> {
    let (default, format) =
        if is_server { ("info", LogFormat::Json) } else { ("off", LogFormat::Text) };
    let level = match global.verbose {
        0 => default,
        1 => "fineprint=info",
        2 => "fineprint=debug",
        _ => "fineprint=trace",
    };
    let filter = std::env::var(FILTER).unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|e| format!("{FILTER}: {e}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // A second start keeps the first log: the program starts it once.
    let _ = match global.log_format.unwrap_or(format) {
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).try_init(),
        LogFormat::Text => log.with_ansi(stderr().is_terminal()).with_target(false).try_init(),
    };
    Ok(())
}
