//! A load generator for `fineprint serve`, run by `run.sh` beside it.
//!
//! Sends single sentences and whole documents mixed, over kept connections, from one thread, and
//! prints its figures as one JSON object. Its own share of the processors is among them, for it
//! runs on the same machine. Latencies of an open loop count from the moment at which a request was
//! due, so that a server that stalls is not spared the requests that it kept from being sent.

mod figures;
mod http;
mod loops;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use figures::processor_seconds;
use work::Work;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Every request once, each client sending its next when it has its answer.
    Closed {
        #[command(flatten)]
        common: Common,
        #[arg(long, default_value_t = 64)]
        clients: usize,
    },
    /// Requests at a rate (Poisson), whatever becomes of those before.
    Open {
        #[command(flatten)]
        common: Common,
        /// Requests a second.
        #[arg(long)]
        rate: f64,
        #[arg(long)]
        seconds: f64,
        /// Most connections; what is due beyond waits for one, and the wait counts.
        #[arg(long, default_value_t = 900)]
        connections: usize,
        /// So many further clients send a byte a second of a head that never ends.
        #[arg(long, default_value_t = 0)]
        slow: usize,
        /// Note the server's memory every so many seconds.
        #[arg(long)]
        watch: Option<f64>,
    },
    /// As closed, over and over; the server is told to stop after a while.
    Stop {
        #[command(flatten)]
        common: Common,
        #[arg(long, default_value_t = 64)]
        clients: usize,
        /// Seconds until then.
        #[arg(long)]
        after: f64,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// Where the server listens.
    address: SocketAddr,
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// Sentences: JSON lines with `text`, `lead_in`, `heading`.
    #[arg(long)]
    sentences: PathBuf,
    /// A folder of Markdown documents.
    #[arg(long)]
    documents: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "the result is for the script that runs this")]
fn main() -> Result<()> {
    let kind = Arguments::parse().kind;
    let (Kind::Closed { common, .. } | Kind::Open { common, .. } | Kind::Stop { common, .. }) =
        &kind;
    let (address, pid) = (common.address, common.pid);
    let work = Work::read(&common.sentences, common.documents.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let (own, server) = (processor_seconds(std::process::id())?, processor_seconds(pid)?);
    let start = Instant::now();
    let mut figures = match kind {
        Kind::Closed { clients, .. } => {
            local.block_on(&runtime, loops::closed(address, work, clients))
        }
        Kind::Open { rate, seconds, connections, slow, watch, .. } => {
            let time = Duration::from_secs_f64(seconds);
            let watched = watch.map(|every| (pid, Duration::from_secs_f64(every)));
            let run = loops::Open { rate, time, connections, slow, watched };
            local.block_on(&runtime, loops::open(address, work, run))
        }
        Kind::Stop { clients, after, .. } => {
            let after = Duration::from_secs_f64(after);
            local.block_on(&runtime, loops::stop(address, work, clients, pid, after))?
        }
    };
    figures.seconds = start.elapsed().as_secs_f64();
    figures.generator_processor_seconds = processor_seconds(std::process::id())? - own;
    // A server that was told to stop has none any more.
    figures.server_processor_seconds = processor_seconds(pid).ok().map(|after| after - server);
    println!("{}", figures.json());
    Ok(())
}
