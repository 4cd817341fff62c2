//! What all requests share: the model once it is loaded, the queue, the limits; and how a request
//! is let in.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::auth::Keys;
use super::error::{ApiError, ServeError};
use super::metrics::Metrics;
use super::queue::{Bounds, Fault, Queue, Refused, Ticket};
use super::settings::{Limits, Settings};
use super::worker;
use crate::classify::{Classifier, ClassifyError, Row, Scores};
use crate::encode::{Encoded, Input, Windows};
use crate::limits::SERVE_BODIES_BYTES;

/// Texts up to so many bytes are tokenised where they are; longer ones on a thread of their own.
const INLINE_BYTES: usize = 16 << 10;
/// What a permit of the bodies' semaphore stands for, in bytes.
pub(super) const BODY_UNIT: usize = 1 << 10;

/// A handle on what is shared.
pub(super) type Shared = Arc<App>;

/// What all requests share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) pdf_reader: Option<PathBuf>,
    pub(super) keys: Keys,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    /// Memory for bodies, in units of [`BODY_UNIT`].
    pub(super) bodies: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    parsing: Arc<Semaphore>,
    model: OnceLock<Model>,
    is_draining: AtomicBool,
}

/// A loaded model and its queue.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) classifier: Arc<Classifier>,
    pub(super) queue: Arc<Queue>,
}

impl App {
    pub(super) fn new(settings: &Settings) -> Result<Self, ServeError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            name: settings.name.clone(),
            pdf_reader: settings.pdf_reader.clone(),
            keys: settings.keys.clone(),
            limits: settings.limits.clone(),
            metrics: Arc::new(Metrics::new()?),
            bodies: Arc::new(Semaphore::new(SERVE_BODIES_BYTES / BODY_UNIT)),
            requests: Arc::new(Semaphore::new(settings.limits.requests)),
            parsing: Arc::new(Semaphore::new(cores.max(2))),
            model: OnceLock::new(),
            is_draining: AtomicBool::new(false),
        })
    }

    /// Starts working with a model.
    pub(super) fn start(&self, classifier: Classifier) -> Result<(), ServeError> {
        let workers = classifier.threads();
        let queue = Arc::new(Queue::new(Bounds {
            tokens: self.limits.queue_tokens,
            wait: self.limits.wait,
            work: self.limits.work(),
            batch_tokens: self.limits.batch_tokens,
            fill: self.limits.fill,
            workers,
        }));
        let classifier = Arc::new(classifier);
        worker::start(&classifier, &queue, &self.metrics, workers)?;
        let _ = self.model.set(Model { classifier, queue });
        Ok(())
    }

    /// Stops letting requests in.
    pub(super) fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Ends the workers once nothing waits.
    pub(super) fn close(&self) {
        if let Some(model) = self.model.get() {
            model.queue.close();
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// The model, if requests are worked on.
    pub(super) fn model(&self) -> Result<&Model, ApiError> {
        if self.is_draining() {
            return Err(ApiError::unavailable("draining", "the server is stopping"));
        }
        self.model.get().ok_or_else(|| {
            ApiError::unavailable("loading", "the model is being loaded; /readyz tells when it is")
        })
    }

    /// Begins with a request whose body is still to be read.
    pub(super) fn open(self: &Arc<Self>) -> Result<Opened, ApiError> {
        let model = self.model()?;
        // Without room for the least request it need not send its body.
        model.queue.check(1).map_err(|refused| self.refused(refused))?;
        let deadline = Instant::now() + self.limits.deadline;
        Ok(Opened { app: Arc::clone(self), deadline })
    }

    /// Values that are looked up when metrics are asked for.
    pub(super) fn sample(&self) {
        if let Some(model) = self.model.get() {
            self.metrics.queue_tokens.set(model.queue.tokens() as i64);
            self.metrics.dropped.set(model.queue.dropped() as i64);
        }
    }

    fn refused(&self, refused: Refused) -> ApiError {
        match refused {
            Refused::Full(wait) => ApiError::overloaded(
                format!(
                    "there is more to do than can be done in time (--max-wait {} s, --deadline {} s, \
                     --queue-tokens {})",
                    self.limits.wait.as_secs_f64(),
                    self.limits.deadline.as_secs_f64(),
                    self.limits.queue_tokens
                ),
                wait.as_secs_f64().ceil() as u64,
            ),
            Refused::Closed => ApiError::unavailable("draining", "the server is stopping"),
        }
    }
}

/// A request that came while requests were worked on: it will be answered.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) app: Shared,
    deadline: Instant,
}

impl Opened {
    /// Lets the request be worked on, its body read.
    pub(super) fn admit(self) -> Result<Session, ApiError> {
        let permit = Arc::clone(&self.app.requests).try_acquire_owned().map_err(|_| {
            let most = self.app.limits.requests;
            ApiError::overloaded(format!("{most} requests are worked on (--max-requests)"), 1)
        })?;
        let Self { app, deadline } = self;
        let has_left = AtomicBool::new(false);
        Ok(Session(Arc::new(Inner { app, deadline, has_left, _permit: permit })))
    }
}

/// A request that is worked on.
#[derive(Debug, Clone)]
pub(super) struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: Shared,
    deadline: Instant,
    has_left: AtomicBool,
    _permit: OwnedSemaphorePermit,
}

/// Tells a blocking job that nobody waits for it any more.
struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.has_left.store(true, Ordering::Release);
    }
}

impl Session {
    pub(super) fn app(&self) -> &App {
        &self.0.app
    }

    /// The model; there is one, for the request was let in.
    pub(super) fn model(&self) -> Result<&Model, ApiError> {
        self.0.app.model.get().ok_or_else(ApiError::internal)
    }

    pub(super) fn classifier(&self) -> Result<&Classifier, ApiError> {
        Ok(self.model()?.classifier.as_ref())
    }

    /// Waits for something until the request's deadline.
    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, ApiError> {
        timeout_at(self.0.deadline.into(), work).await.map_err(|_| {
            let limit = self.app().limits.deadline.as_secs_f64();
            ApiError::unavailable("deadline", format!("it took over {limit} s (--deadline)"))
        })
    }

    /// Runs what takes long on a thread that may block.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let waiting = Waiting(&self.0);
        let session = self.clone();
        let span = tracing::Span::current();
        let running = tokio::task::spawn_blocking(move || span.in_scope(|| job(&session)));
        let result = self.within(running).await?.map_err(|_| ApiError::internal())?;
        std::mem::forget(waiting);
        result
    }

    /// Runs a job that reads texts, of which only a few run at once.
    pub(super) async fn parsing<T: Send + 'static>(
        &self,
        bytes: usize,
        job: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        if bytes <= INLINE_BYTES {
            return job(self);
        }
        let permit = self.within(Arc::clone(&self.0.app.parsing).acquire_owned()).await?;
        let result = self.blocking(job).await;
        drop(permit);
        result
    }

    /// The sequences of inputs.
    pub(super) fn encode(&self, inputs: &[Input<'_>]) -> Result<Vec<Windows>, ApiError> {
        let start = Instant::now();
        let classifier = self.classifier()?;
        let windows: Result<Vec<Windows>, _> =
            inputs.iter().map(|input| classifier.encode(input).map_err(|e| failed(&e))).collect();
        let windows = windows?;
        self.app().metrics.tokenise.observe(start.elapsed().as_secs_f64());
        let cut = windows.iter().filter(|w| w.windows.len() > 1).count();
        self.app().metrics.windowed.inc_by(cut as u64);
        Ok(windows)
    }

    /// Takes a place in the queue.
    pub(super) fn submit(&self, sequences: Vec<Encoded>) -> Result<Ticket, ApiError> {
        let tokens: usize = sequences.iter().map(|s| s.ids.len()).sum();
        let most = self.app().limits.request_tokens;
        if tokens > most {
            let message =
                format!("{tokens} tokens are more than the limit of {most} (--max-tokens)");
            return Err(ApiError::unprocessable("too_many_tokens", message));
        }
        self.model()?.queue.submit(sequences).map_err(|refused| self.0.app.refused(refused))
    }

    /// The logits of sequences.
    pub(super) async fn rows(&self, sequences: Vec<Encoded>) -> Result<Vec<Row>, ApiError> {
        let ticket = self.submit(sequences)?;
        self.within(ticket.all()).await?.map_err(fault)
    }

    /// The scores of inputs that were encoded.
    pub(super) async fn scores(&self, inputs: Vec<Windows>) -> Result<Vec<Scores>, ApiError> {
        let counts: Vec<usize> = inputs.iter().map(|w| w.windows.len()).collect();
        let rows = self.rows(inputs.into_iter().flat_map(|w| w.windows).collect()).await?;
        let mut rest = rows.as_slice();
        let mut scores = Vec::with_capacity(counts.len());
        for count in counts {
            let (own, after) = rest.split_at_checked(count).ok_or_else(ApiError::internal)?;
            rest = after;
            scores.push(self.classifier()?.merge(own).map_err(|e| failed(&e))?);
        }
        Ok(scores)
    }

    /// As [`Session::scores`], from a thread that may block.
    pub(super) fn blocking_scores(&self, inputs: &[Input<'_>]) -> Result<Vec<Scores>, ApiError> {
        if self.0.has_left.load(Ordering::Acquire) {
            return Err(ApiError::unavailable("left", "the client has left"));
        }
        let windows = self.encode(inputs)?;
        tokio::runtime::Handle::current().block_on(self.scores(windows))
    }
}

/// A failed computation, as clients hear of it.
pub(super) fn fault(fault: Fault) -> ApiError {
    tracing::error!(?fault, "a request failed in the model");
    ApiError::internal()
}

/// A failure of the model or tokenizer, as clients hear of it.
pub(super) fn failed(error: &ClassifyError) -> ApiError {
    match error {
        ClassifyError::Tokenizer(_) => {
            ApiError::unprocessable("tokenizer", "a text cannot be tokenised")
        }
        error => {
            tracing::error!(%error, "a request failed");
            ApiError::internal()
        }
    }
}
