//! `fineprint serve`: classification over HTTP, for our own clients and for those of
//! text-embeddings-inference and of the Open Inference Protocol.
//!
//! A request is read under limits ([`Limits`]), cut into sequences of tokens, and takes a line in
//! the queue; worker threads take from all lines in turn and compute one batch at a time each, so
//! that results are those of the command line to the bit. What is answered are the records of
//! [`crate::report`]. Nothing that a client sent is logged. TLS belongs to a proxy in front.

mod accept;
mod access;
mod auth;
mod body;
mod error;
mod metrics;
mod openapi;
mod queue;
mod routes;
mod settings;
mod shutdown;
mod state;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

pub use auth::Keys;
pub use error::ServeError;
pub use settings::{LimitRow, Limits, Settings};

use crate::classify::{Classifier, ClassifyError};
use shutdown::Signals;
use state::App;

/// Threads that read and write; computing has its own.
const HTTP_THREADS: usize = 2;
/// Most threads for what blocks: parsing documents, explaining findings.
const BLOCKING_THREADS: usize = 64;

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every accepted request was answered.
    Drained,
    /// The time to drain was over, or a second signal came, before every request was answered.
    CutOff {
        /// How many requests were not answered.
        requests: usize,
    },
}

/// Serves until a signal says to stop, and every accepted request is answered.
///
/// The model is loaded while probes are answered already. SIGTERM or SIGINT begins to drain; a
/// second one ends at once. Messages and the access log go to `tracing`.
///
/// # Errors
/// [`ServeError`] when the address cannot be listened on or the model cannot be loaded.
pub fn run(
    settings: &Settings,
    load: impl FnOnce() -> Result<Classifier, ClassifyError> + Send + 'static,
) -> Result<Ended, ServeError> {
    shutdown::quiet_panics();
    shutdown::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(HTTP_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("fineprint-http")
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(settings, load));
    // What still runs has nobody to answer to.
    runtime.shutdown_background();
    ended
}

async fn serve(
    settings: &Settings,
    load: impl FnOnce() -> Result<Classifier, ClassifyError> + Send + 'static,
) -> Result<Ended, ServeError> {
    let address = settings.address;
    let listen = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let mut signals = Signals::new()?;
    let app = Arc::new(App::new(settings)?);
    let router = routes::router(&app, &settings.origins);
    tracing::info!(address = %listener.local_addr().map_err(listen)?, "listening");

    let (stop, stopped) = watch::channel(false);
    let accepting = tokio::spawn(accept::run(listener, router, Arc::clone(&app), stopped));
    let (tell, loaded) = oneshot::channel();
    std::thread::Builder::new().name("fineprint-load".to_owned()).spawn(move || {
        let _ = tell.send(catch_unwind(AssertUnwindSafe(load)));
    })?;
    tokio::select! {
        loaded = loaded => {
            let Ok(Ok(classifier)) = loaded else { return Err(ServeError::Loading) };
            app.start(classifier?)?;
            tracing::info!("ready");
            signals.next().await;
        }
        () = signals.next() => {}
    }

    tracing::info!(grace = settings.limits.grace.as_secs_f64(), "stopping");
    app.drain();
    let _ = stop.send(true);
    let drained = async {
        if let Ok(graceful) = accepting.await {
            graceful.shutdown().await;
        }
    };
    let is_drained = tokio::select! {
        () = drained => true,
        () = sleep(settings.limits.grace) => false,
        () = signals.next() => false,
    };
    app.close();
    let requests = usize::try_from(app.metrics.in_flight.get()).unwrap_or(0);
    tracing::info!(is_drained, unanswered = requests, "stopped");
    Ok(if is_drained || requests == 0 { Ended::Drained } else { Ended::CutOff { requests } })
}
