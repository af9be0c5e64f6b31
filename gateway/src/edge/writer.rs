//! Writes replies onto a connection: head and small body in one write, long bodies piece by piece.

use std::fmt::Write as _;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::bounds::Pace;
use crate::exchange::{Reply, ReplyBody, Source};

/// How a reply is framed for this request.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub keep_alive: bool,
    /// The longest that one write may make no progress.
    pub stall: Duration,
    /// The fewest bytes a second that a client may take.
    pub least_rate: u64,
}

/// What became of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub body_bytes: u64,
    /// The whole reply went out and the connection may be used again.
    pub reusable: bool,
    /// The whole reply went out.
    pub complete: bool,
}

/// Writes one reply.
pub async fn write<W: AsyncWrite + Unpin>(stream: &mut W, reply: Reply, manner: Manner) -> Sent {
    let head = head(&reply, manner.keep_alive);
    let mut outlet = Outlet {
        stream,
        stall: manner.stall,
        pace: Pace::new(manner.least_rate),
    };
    let result = match reply.body {
        ReplyBody::Full(body) => outlet.whole(head, body).await,
        ReplyBody::Head { .. } => outlet.whole(head, Bytes::new()).await,
        ReplyBody::Stream { mut source, length } => {
            outlet.pieces(head, source.as_mut(), length).await
        }
    };
    match result {
        Ok(body_bytes) => Sent {
            body_bytes,
            reusable: manner.keep_alive,
            complete: true,
        },
        Err(body_bytes) => Sent {
            body_bytes,
            reusable: false,
            complete: false,
        },
    }
}

fn head(reply: &Reply, keep_alive: bool) -> BytesMut {
    let mut head = BytesMut::with_capacity(512);
    let phrase = reply
        .reason
        .as_deref()
        .unwrap_or_else(|| standard_phrase(reply.status));
    // Writing to memory can't fail.
    let _ = write!(head, "HTTP/1.1 {} {phrase}\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.put_slice(name.as_str().as_bytes());
        head.put_slice(b": ");
        head.put_slice(value.as_bytes());
        head.put_slice(b"\r\n");
    }
    let length = match &reply.body {
        ReplyBody::Full(_) if matches!(reply.status, 204 | 304) => None,
        ReplyBody::Full(body) => Some(body.len() as u64),
        ReplyBody::Stream { length, .. } => Some(*length),
        ReplyBody::Head { length } => Some(*length),
    };
    if let Some(length) = length {
        let _ = write!(head, "content-length: {length}\r\n");
    }
    let _ = write!(
        head,
        "date: {}\r\n",
        httpdate::fmt_http_date(SystemTime::now())
    );
    head.put_slice(if keep_alive {
        b"connection: keep-alive\r\n\r\n"
    } else {
        b"connection: close\r\n\r\n"
    });
    head
}

fn standard_phrase(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("")
}

/// Bodies up to this size are copied behind their head: one write, one packet.
const COALESCED_BYTES: usize = 32 * 1024;

/// The way out to one client, for one reply.
struct Outlet<'a, W> {
    stream: &'a mut W,
    stall: Duration,
    pace: Pace,
}

impl<W: AsyncWrite + Unpin> Outlet<'_, W> {
    /// Sends a body that is at hand. `Err` carries the body bytes that went out for certain.
    async fn whole(&mut self, mut head: BytesMut, body: Bytes) -> Result<u64, u64> {
        let length = body.len() as u64;
        if body.len() <= COALESCED_BYTES {
            head.put_slice(&body);
            return self.put(&head).await.map(|()| length).map_err(|_| 0);
        }
        self.put(&head).await.map_err(|_| 0u64)?;
        self.put(&body).await.map(|()| length).map_err(|_| 0)
    }

    /// Sends the pieces of a body. `Err` carries the bytes sent before the body broke: the connection is then cut, and
    /// no end of body is written, so that a client never takes the part for the whole.
    async fn pieces(
        &mut self,
        head: BytesMut,
        source: &mut dyn Source,
        length: u64,
    ) -> Result<u64, u64> {
        let mut sent = 0;
        let mut pending = head;
        loop {
            let piece = match source.next().await {
                Ok(piece) => piece,
                Err(broken) => {
                    tracing::warn!(reason = %broken, sent, "body broke off");
                    let _ = self.put(&pending).await;
                    return Err(sent);
                }
            };
            let Some(piece) = piece else { break };
            if !pending.is_empty() {
                self.put(&pending).await.map_err(|_| sent)?;
                pending.clear();
            }
            self.put(&piece).await.map_err(|_| sent)?;
            sent += piece.len() as u64;
        }
        self.put(&pending).await.map_err(|_| sent)?;
        if sent == length { Ok(sent) } else { Err(sent) }
    }

    async fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        while !bytes.is_empty() {
            let begun = Instant::now();
            let written = timeout(self.stall, self.stream.write(bytes))
                .await
                .map_err(|_| late())??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            if !self.pace.keep(written as u64, begun.elapsed()) {
                return Err(late());
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }
}
