//! Reads requests off a connection: a head within size and deadline, then the body its framing promises.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::head::{self, BadHead, Framing, Head};
use crate::bounds::Reservation;
use crate::config::Limits;

/// Why no request could be read.
#[derive(Debug)]
pub enum NoRequest {
    /// The client closed, or stayed silent between requests: nothing to answer.
    Gone,
    /// Answer with this status and close.
    Refused(BadHead),
}

impl From<BadHead> for NoRequest {
    fn from(error: BadHead) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for NoRequest {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

const fn refused(status: u16, message: &'static str) -> NoRequest {
    NoRequest::Refused(BadHead { status, message })
}

/// The reading half of a connection, with what was read beyond the present request.
pub struct Reader<R> {
    stream: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(4096),
        }
    }

    /// The next head. `first` requests start their deadline at the connection; later ones may wait `keepalive_idle`
    /// for their first byte and then have the same total deadline to the last byte of the head.
    pub async fn head(&mut self, limits: &Limits, first: bool) -> Result<Head, NoRequest> {
        if !first && self.buffer.is_empty() {
            let idle = Instant::now() + limits.keepalive_idle;
            match timeout_at(idle, self.more()).await {
                Ok(Ok(true)) => {}
                _ => return Err(NoRequest::Gone),
            }
        }
        let deadline = Instant::now() + limits.head_deadline;
        match timeout_at(deadline, self.read_head(limits)).await {
            Ok(result) => result,
            Err(_) if self.buffer.is_empty() => Err(NoRequest::Gone),
            Err(_) => Err(refused(408, "the request head took too long")),
        }
    }

    async fn read_head(&mut self, limits: &Limits) -> Result<Head, NoRequest> {
        let mut searched = 0;
        let end = loop {
            if let Some(at) = find(&self.buffer[searched..], b"\r\n\r\n") {
                break searched + at + 4;
            }
            // A bare line feed that ends the head would otherwise leave us waiting for a CR LF that never comes.
            if let Some(at) = find(&self.buffer[searched..], b"\n\n") {
                break searched + at + 2;
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > limits.head_bytes as usize {
                return Err(refused(431, "the request head is too large"));
            }
            if !self.more().await? {
                return Err(NoRequest::Gone);
            }
        };
        if end > limits.head_bytes as usize {
            return Err(refused(431, "the request head is too large"));
        }
        let bytes = self.buffer.split_to(end);
        Ok(head::parse(
            &bytes,
            limits.head_fields,
            limits.target_bytes as usize,
        )?)
    }

    /// The body, whole, up to the limit. `memory` is held for as long as the caller keeps it.
    pub async fn body(
        &mut self,
        framing: Framing,
        limits: &Limits,
        memory: &mut Reservation,
    ) -> Result<Bytes, NoRequest> {
        let deadline = Instant::now() + limits.body_deadline;
        let max = limits.request_body_bytes;
        let room = match framing {
            Framing::None => 0,
            Framing::Length(length) => length.min(max),
            Framing::Chunked => max,
        };
        if !memory.grow(room) {
            return Err(BUSY);
        }
        let read = async {
            match framing {
                Framing::None => Ok(Bytes::new()),
                Framing::Length(length) if length > max => Err(TOO_LARGE),
                Framing::Length(length) => self.exactly(length as usize).await,
                Framing::Chunked => self.chunked(max as usize).await,
            }
        };
        timeout_at(deadline, read)
            .await
            .unwrap_or(Err(refused(408, "the request body took too long")))
    }

    async fn exactly(&mut self, length: usize) -> Result<Bytes, NoRequest> {
        while self.buffer.len() < length {
            if !self.more().await? {
                return Err(NoRequest::Gone);
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    /// RFC 9112 §7.1 without extensions and trailers, which no package client sends.
    async fn chunked(&mut self, max: usize) -> Result<Bytes, NoRequest> {
        let mut body = BytesMut::new();
        loop {
            let size = self.chunk_size().await?;
            if body.len() + size > max {
                return Err(TOO_LARGE);
            }
            body.extend_from_slice(&self.exactly(size).await?);
            if self.exactly(2).await?.as_ref() != b"\r\n" {
                return Err(refused(400, "chunk does not end in CR LF"));
            }
            if size == 0 {
                return Ok(body.freeze());
            }
        }
    }

    async fn chunk_size(&mut self) -> Result<usize, NoRequest> {
        loop {
            if let Some(at) = find(&self.buffer, b"\n") {
                let line = self.buffer.split_to(at + 1);
                let digits = line.strip_suffix(b"\r\n").unwrap_or_default();
                let legal =
                    (1..=7).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
                let text = std::str::from_utf8(digits).ok().filter(|_| legal);
                return text
                    .and_then(|text| usize::from_str_radix(text, 16).ok())
                    .ok_or(refused(400, "chunk size is not a hexadecimal number"));
            }
            if self.buffer.len() > 16 {
                return Err(refused(400, "chunk size line is too long"));
            }
            if !self.more().await? {
                return Err(NoRequest::Gone);
            }
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(4096);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

const TOO_LARGE: NoRequest = refused(413, "the request body is larger than request_body_bytes");

const BUSY: NoRequest = refused(
    503,
    "too many request bodies at once (request_memory_bytes); try again",
);

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::Budget;

    async fn read_body(sent: &'static [u8]) -> Result<Bytes, u16> {
        let mut reader = Reader::new(sent);
        let limits = Limits::default();
        let mut memory = Budget::new(limits.request_body_bytes).reservation();
        reader
            .body(Framing::Chunked, &limits, &mut memory)
            .await
            .map_err(|error| match error {
                NoRequest::Gone => 0,
                NoRequest::Refused(bad) => bad.status,
            })
    }

    #[tokio::test]
    async fn chunked_bodies() {
        for (sent, expected) in [
            (
                &b"3\r\nabc\r\n0\r\n\r\n"[..],
                Ok(Bytes::from_static(b"abc")),
            ),
            (b"3;x\r\nabc\r\n0\r\n\r\n", Err(400)),
            (b"3\nabc\r\n0\r\n\r\n", Err(400)),
            (b"+3\r\nabc\r\n0\r\n\r\n", Err(400)),
            (b"fffffffff\r\n", Err(400)),
            (b"3\r\nabcd\r\n0\r\n\r\n", Err(400)),
            (b"3\r\nab", Err(0)),
        ] {
            assert_eq!(
                read_body(sent).await,
                expected,
                "{:?}",
                String::from_utf8_lossy(sent)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_meets_the_deadline() {
        let (client, server) = tokio::io::duplex(64);
        let mut reader = Reader::new(server);
        let limits = Limits::default();
        let answer = reader.head(&limits, true).await;
        assert!(matches!(answer, Err(NoRequest::Gone)), "silence is closed");
        drop(client);
        let (mut client, server) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut client, b"GET / HTTP/1.1\r\n")
            .await
            .expect("room");
        let answer = Reader::new(server).head(&limits, true).await;
        assert!(matches!(answer, Err(NoRequest::Refused(bad)) if bad.status == 408));
    }
}
