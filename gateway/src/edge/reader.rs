//! Reads requests off a connection: a head within size and deadline, then the body its framing promises.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use super::connection::{Connection, INBOX_BYTES};
use super::head::{self, BadHead, Framing, Head};
use super::spool::{self, Spool};
use super::wire::Wire;
use crate::bounds::Reservation;
use crate::config::Limits;
use crate::exchange::{Landing, Upload};

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

impl<W: Wire> Connection<W> {
    /// The next head. `first` requests start their deadline at the connection; later ones may wait `keepalive_idle`
    /// for their first byte and then have the same total deadline to the last byte of the head.
    pub async fn head(&mut self, limits: &Limits, first: bool) -> Result<Head, NoRequest> {
        if !first && self.inbox.is_empty() {
            let more = more(&mut self.wire, &mut self.inbox);
            match self.deadline.within(limits.keepalive_idle, more).await.0 {
                Ok(Ok(true)) => {}
                _ => return Err(NoRequest::Gone),
            }
        }
        let head = self.raw_head(limits).await?;
        Ok(head::parse(
            &head,
            limits.head_fields,
            limits.target_bytes as usize,
        )?)
    }

    /// The bytes of the next head, up to its empty line, within size and deadline.
    pub async fn raw_head(&mut self, limits: &Limits) -> Result<Bytes, NoRequest> {
        let (wire, inbox) = (&mut self.wire, &mut self.inbox);
        let reading = read_head(wire, inbox, limits);
        match self.deadline.within(limits.head_deadline, reading).await.0 {
            Ok(result) => result,
            Err(_) if self.inbox.is_empty() => Err(NoRequest::Gone),
            Err(_) => Err(refused(408, "the request head took too long")),
        }
    }

    /// The body, whole, up to the limit. `memory` is held for as long as the caller keeps it.
    pub async fn body(
        &mut self,
        framing: Framing,
        limits: &Limits,
        memory: &mut Reservation,
    ) -> Result<Bytes, NoRequest> {
        let room = room(framing, limits, memory)?;
        let mut inlet = Inlet {
            wire: &mut self.wire,
            inbox: &mut self.inbox,
        };
        let read = async {
            match framing {
                Framing::None => Ok(Bytes::new()),
                Framing::Length(_) => inlet.exactly(room).await,
                Framing::Chunked => inlet.chunked(room).await,
            }
        };
        let (read, _) = self.deadline.within(limits.body_deadline, read).await;
        read.unwrap_or(Err(BODY_TOO_SLOW))
    }

    /// The body into a file.
    pub async fn upload(
        &mut self,
        framing: Framing,
        limits: &Limits,
        landing: Landing,
    ) -> Result<Upload, NoRequest> {
        let announced = match framing {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked => None,
        };
        let mut spool = Spool::new(landing, announced, limits).await?;
        if let Some(length) = announced {
            self.pass(length, &mut spool, limits).await?;
            return spool.finish().await;
        }
        loop {
            let mut inlet = Inlet {
                wire: &mut self.wire,
                inbox: &mut self.inbox,
            };
            let reading = inlet.chunk_size();
            let (size, _) = self.deadline.within(limits.upload_stall, reading).await;
            let size = size.unwrap_or(Err(spool::TOO_SLOW))?;
            self.pass(size as u64, &mut spool, limits).await?;
            let mut inlet = Inlet {
                wire: &mut self.wire,
                inbox: &mut self.inbox,
            };
            let reading = inlet.exactly(2);
            let (end, _) = self.deadline.within(limits.upload_stall, reading).await;
            if end.unwrap_or(Err(spool::TOO_SLOW))?.as_ref() != b"\r\n" {
                return Err(refused(400, "chunk does not end in CR LF"));
            }
            if size == 0 {
                return spool.finish().await;
            }
        }
    }

    /// So many bytes from the wire into the spool.
    async fn pass(
        &mut self,
        mut left: u64,
        spool: &mut Spool,
        limits: &Limits,
    ) -> Result<(), NoRequest> {
        let mut waited = Duration::ZERO;
        while left > 0 {
            if self.inbox.is_empty() {
                self.inbox.reserve(UPLOAD_BYTES);
                let reading = self.wire.read_buf(&mut self.inbox);
                let (read, waiting) = self.deadline.within(limits.upload_stall, reading).await;
                if read.map_err(|_| spool::TOO_SLOW)?? == 0 {
                    return Err(NoRequest::Gone);
                }
                waited = waiting;
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let piece = self.inbox.split_to(self.inbox.len().min(most));
            spool.write(&piece, std::mem::take(&mut waited)).await?;
            left -= piece.len() as u64;
        }
        Ok(())
    }
}

/// How much of an upload is read at once.
const UPLOAD_BYTES: usize = 128 * 1024;

/// The bytes that a body may have, taken out of the memory of all.
pub fn room(
    framing: Framing,
    limits: &Limits,
    memory: &mut Reservation,
) -> Result<usize, NoRequest> {
    let max = limits.request_body_bytes;
    let room = match framing {
        Framing::None => 0,
        Framing::Length(length) if length > max => return Err(TOO_LARGE),
        Framing::Length(length) => length,
        Framing::Chunked => max,
    };
    if !memory.grow(room) {
        return Err(BUSY);
    }
    Ok(room as usize)
}

async fn read_head<W: Wire>(
    wire: &mut W,
    inbox: &mut BytesMut,
    limits: &Limits,
) -> Result<Bytes, NoRequest> {
    let mut searched = 0;
    let end = loop {
        if let Some(at) = find(&inbox[searched..], b"\r\n\r\n") {
            break searched + at + 4;
        }
        // A bare line feed that ends the head would otherwise leave us waiting for a CR LF that never comes.
        if let Some(at) = find(&inbox[searched..], b"\n\n") {
            break searched + at + 2;
        }
        searched = inbox.len().saturating_sub(3);
        if inbox.len() > limits.head_bytes as usize {
            return Err(head::TOO_LARGE.into());
        }
        if !more(wire, inbox).await? {
            return Err(NoRequest::Gone);
        }
    };
    if end > limits.head_bytes as usize {
        return Err(head::TOO_LARGE.into());
    }
    Ok(inbox.split_to(end).freeze())
}

/// What a body is read from.
struct Inlet<'a, W> {
    wire: &'a mut W,
    inbox: &'a mut BytesMut,
}

impl<W: Wire> Inlet<'_, W> {
    async fn exactly(&mut self, length: usize) -> Result<Bytes, NoRequest> {
        while self.inbox.len() < length {
            if !self.more().await? {
                return Err(NoRequest::Gone);
            }
        }
        Ok(self.inbox.split_to(length).freeze())
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
            if let Some(at) = find(self.inbox, b"\n") {
                let line = self.inbox.split_to(at + 1);
                let digits = line.strip_suffix(b"\r\n").unwrap_or_default();
                let legal =
                    (1..=7).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
                let text = std::str::from_utf8(digits).ok().filter(|_| legal);
                return text
                    .and_then(|text| usize::from_str_radix(text, 16).ok())
                    .ok_or(refused(400, "chunk size is not a hexadecimal number"));
            }
            if self.inbox.len() > 16 {
                return Err(refused(400, "chunk size line is too long"));
            }
            if !self.more().await? {
                return Err(NoRequest::Gone);
            }
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        more(self.wire, self.inbox).await
    }
}

async fn more<W: Wire>(wire: &mut W, inbox: &mut BytesMut) -> io::Result<bool> {
    inbox.reserve(INBOX_BYTES);
    Ok(wire.read_buf(inbox).await? > 0)
}

/// The body is larger than `request_body_bytes`.
pub const TOO_LARGE: NoRequest = refused(413, "the request body is larger than request_body_bytes");

/// The body took longer than `body_deadline`.
pub const BODY_TOO_SLOW: NoRequest = refused(408, "the request body took too long");

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
    use tokio::io::AsyncWriteExt;

    async fn read_body(sent: &'static [u8]) -> Result<Bytes, u16> {
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(sent).await.expect("room");
        drop(client);
        let mut connection = Connection::new(server);
        let limits = Limits::default();
        let mut memory = Budget::new(limits.request_body_bytes).reservation();
        connection
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
        let limits = Limits::default();
        let answer = Connection::new(server).head(&limits, true).await;
        assert!(matches!(answer, Err(NoRequest::Gone)), "silence is closed");
        drop(client);
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"GET / HTTP/1.1\r\n").await.expect("room");
        let answer = Connection::new(server).head(&limits, true).await;
        assert!(matches!(answer, Err(NoRequest::Refused(bad)) if bad.status == 408));
    }
}
