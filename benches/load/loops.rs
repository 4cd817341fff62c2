//! How requests follow each other.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until};

use crate::figures::{Figures, resident_mb};
use crate::http::Connection;
use crate::work::{Item, Work};

/// What all clients share.
struct Shared {
    address: SocketAddr,
    items: Vec<Item>,
    next: Cell<usize>,
    figures: RefCell<Figures>,
}

impl Shared {
    fn new(address: SocketAddr, work: Work) -> Rc<Self> {
        let (next, figures) = (Cell::new(0), RefCell::default());
        Rc::new(Self { address, items: work.items, next, figures })
    }

    /// The number of the next request.
    fn take(&self) -> usize {
        let next = self.next.get();
        self.next.set(next + 1);
        next
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Everything once over `clients` connections.
pub(crate) async fn closed(address: SocketAddr, work: Work, clients: usize) -> Figures {
    let shared = Shared::new(address, work);
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let shared = Rc::clone(&shared);
        all.spawn_local(async move {
            let mut connection = None;
            while let Some(item) = shared.items.get(shared.take()) {
                let start = Instant::now();
                let done = exchange(&mut connection, shared.address, &item.bytes).await;
                let mut figures = shared.figures.borrow_mut();
                match done {
                    Ok(reply) => figures.answered(item.what, reply, milliseconds(start)),
                    Err(error) => figures.failed(item.what, &error),
                }
            }
        });
    }
    all.join_all().await;
    shared.figures.take()
}

/// Over a connection that is there, or a new one; it is kept if it can be.
async fn exchange(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    bytes: &[u8],
) -> io::Result<crate::http::Reply> {
    let mut own = match connection.take() {
        Some(own) => own,
        None => Connection::open(address).await?,
    };
    let reply = own.exchange(bytes).await?;
    if !reply.is_last {
        *connection = Some(own);
    }
    Ok(reply)
}

/// An open loop.
pub(crate) struct Open {
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
    pub(crate) connections: usize,
    pub(crate) slow: usize,
    pub(crate) watched: Option<(u32, Duration)>,
}

/// Requests at a rate, from the beginning again when all were sent.
pub(crate) async fn open(address: SocketAddr, work: Work, run: Open) -> Figures {
    let shared = Shared::new(address, work);
    let idle: Rc<RefCell<Vec<(Instant, Connection)>>> = Rc::default();
    let places = Rc::new(Semaphore::new(run.connections));
    let start = Instant::now();
    for _ in 0..run.slow {
        let shared = Rc::clone(&shared);
        spawn_local(async move {
            loop {
                let Ok(connection) = Connection::open(shared.address).await else {
                    shared.figures.borrow_mut().not_connected += 1;
                    sleep(Duration::from_secs(1)).await;
                    continue;
                };
                let lasted = connection.trickle().await;
                shared.figures.borrow_mut().slow.push(lasted);
            }
        });
    }
    if let Some((pid, every)) = run.watched {
        let shared = Rc::clone(&shared);
        spawn_local(async move {
            while let Some(memory) = resident_mb(pid) {
                shared.figures.borrow_mut().memory.push((start.elapsed().as_secs_f64(), memory));
                sleep(every).await;
            }
        });
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut due = start;
    let mut all = JoinSet::new();
    loop {
        due += Duration::from_secs_f64(-random.next().ln() / run.rate);
        if due >= start + run.time {
            break;
        }
        sleep_until(due).await;
        let (shared, idle, places) = (Rc::clone(&shared), Rc::clone(&idle), Rc::clone(&places));
        all.spawn_local(async move {
            let Ok(_place) = places.acquire().await else { return };
            let item = &shared.items[shared.take() % shared.items.len()];
            // The server closes what is idle for 5 s.
            let fresh = |(since, own): (Instant, Connection)| {
                (since.elapsed() < Duration::from_secs(3)).then_some(own)
            };
            let mut connection = idle.borrow_mut().pop().and_then(fresh);
            let done = exchange(&mut connection, shared.address, &item.bytes).await;
            if let Some(connection) = connection {
                idle.borrow_mut().push((Instant::now(), connection));
            }
            let mut figures = shared.figures.borrow_mut();
            match done {
                Ok(reply) => figures.answered(item.what, reply, milliseconds(due)),
                Err(error) => figures.failed(item.what, &error),
            }
        });
        while all.try_join_next().is_some() {}
    }
    all.join_all().await;
    shared.figures.take()
}

/// Clients that go on until the server, told to stop, takes nothing more.
pub(crate) async fn stop(
    address: SocketAddr,
    work: Work,
    clients: usize,
    pid: u32,
    after: Duration,
) -> Result<Figures> {
    let shared = Shared::new(address, work);
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let shared = Rc::clone(&shared);
        all.spawn_local(async move {
            let mut connection: Option<Connection> = None;
            loop {
                let item = &shared.items[shared.take() % shared.items.len()];
                let start = Instant::now();
                let mut own = if let Some(own) = connection.take() {
                    own
                } else {
                    let Ok(own) = Connection::open(shared.address).await else {
                        shared.figures.borrow_mut().not_connected += 1;
                        return;
                    };
                    own
                };
                let done = own.exchange(&item.bytes).await;
                let mut figures = shared.figures.borrow_mut();
                match done {
                    Ok(reply) => {
                        figures.answered(item.what, reply, milliseconds(start));
                        if !reply.is_last {
                            connection = Some(own);
                        }
                    }
                    // It was closed before the request came: nothing was accepted. The log of the
                    // server tells whether that is so.
                    Err(_) if !own.has_begun() => figures.unanswered += 1,
                    Err(error) => figures.failed(item.what, &error),
                }
            }
        });
    }
    sleep(after).await;
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.context("no process")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    all.join_all().await;
    Ok(shared.figures.take())
}

/// Numbers in (0, 1), the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}
