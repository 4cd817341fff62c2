//! As little HTTP as is needed: a request's bytes out, an answer with its length in.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What an answer's record of a document says of its sentences.
const COUNT: &[u8] = b"\"sentence_count\":";

/// An answer, as far as it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Sentences of the documents in it.
    pub(crate) sentences: usize,
    /// Whether it asks to come again later.
    pub(crate) has_retry_after: bool,
    /// Whether the connection ends with it.
    pub(crate) is_last: bool,
}

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads its answer; [`io::ErrorKind::UnexpectedEof`] with nothing read
    /// where the server closed the connection without a byte.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.buffer.clear();
        // A refused request need not be read to its end: the answer decides.
        let sent = self.stream.write_all(request).await;
        loop {
            if let Some(head) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                return self.finish(head + 4).await;
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                sent?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether any byte of the last answer came.
    pub(crate) fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn finish(&mut self, head: usize) -> io::Result<Reply> {
        let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let text = std::str::from_utf8(&self.buffer[..head]).map_err(|_| odd("no head"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| odd("no status"))?;
        let (mut length, mut is_last, mut has_retry_after) = (None, false, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok(),
                "connection" => is_last = value.eq_ignore_ascii_case("close"),
                "retry-after" => has_retry_after = true,
                _ => {}
            }
        }
        let length: usize = length.ok_or_else(|| odd("no length"))?;
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(odd("a torn answer"));
            }
        }
        let body = &self.buffer[head..];
        let count = |at: usize| {
            let digits = body[at + COUNT.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold(0, |n, &digit| n * 10 + usize::from(digit - b'0'))
        };
        let sentences = memchr::memmem::find_iter(body, COUNT).map(count).sum();
        Ok(Reply { status, sentences, has_retry_after, is_last })
    }

    /// Sends a byte of a head a second until the server closes; seconds until then.
    pub(crate) async fn trickle(mut self) -> f64 {
        let start = tokio::time::Instant::now();
        let mut byte = [0; 256];
        let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
        let mut head = b"POST /v1/classify HTTP/1.1\r\nX-Slow: ".iter().cycle();
        loop {
            tokio::select! {
                read = self.stream.read(&mut byte) => {
                    // A 408 may come before the end.
                    if matches!(read, Ok(0) | Err(_)) {
                        return start.elapsed().as_secs_f64();
                    }
                }
                _ = tick.tick() => {
                    let next = head.next().copied().unwrap_or(b'x');
                    if self.stream.write_all(&[next]).await.is_err() {
                        return start.elapsed().as_secs_f64();
                    }
                }
            }
        }
    }
}
