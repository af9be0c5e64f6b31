//! Writes replies onto a connection: head and body in one call where both are at hand, files by the kernel.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::time::Duration;

use rustix::fs::sendfile;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::date::date;
use super::deadline::Deadline;
use super::wire::Wire;
use crate::bounds::Pace;
use crate::exchange::{Piece, Reply, ReplyBody, Source};

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

/// How long an upload that was refused may go on before its connection is cut.
const LINGER: Duration = Duration::from_secs(30);
const UNREAD_BYTES: usize = 64 * 1024;

/// How long the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

impl<W: Wire> Connection<W> {
    /// Writes one reply.
    pub async fn send(&mut self, reply: Reply, manner: Manner) -> Sent {
        self.outbox.clear();
        push_head(&mut self.outbox, &reply, manner.keep_alive);
        let mut outlet = Outlet {
            wire: &mut self.wire,
            deadline: &mut self.deadline,
            stall: manner.stall,
            pace: Pace::new(manner.least_rate),
        };
        let result = match reply.body {
            ReplyBody::Full(body) => outlet.whole(&mut self.outbox, &body).await,
            ReplyBody::Paged { bytes, pages } => {
                outlet.paged(&mut self.outbox, &bytes, &pages).await
            }
            ReplyBody::Head { .. } => outlet.whole(&mut self.outbox, &[]).await,
            ReplyBody::Stream { mut source, length } => {
                outlet.pieces(&self.outbox, source.as_mut(), length).await
            }
        };
        // A wire with TLS may still hold sealed bytes that the socket had no room for.
        let result = match result {
            Ok(sent) => outlet.flush().await.map(|()| sent).map_err(|_| sent),
            broken => broken,
        };
        let complete = result.is_ok();
        Sent {
            body_bytes: result.unwrap_or_else(|sent| sent),
            reusable: complete && manner.keep_alive,
            complete,
        }
    }

    /// Writes `100 Continue` (RFC 9110 §15.2.1). A failure shows at the body that does not come.
    pub async fn invite_body(&mut self) {
        let invitation = self.wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        if invitation.await.is_ok() {
            let _ = self.wire.flush().await;
        }
    }

    /// Reads and forgets what the client still sends: left unread, it would reset the connection, and our answer with
    /// it. Clients that send an upload whole before they read would never see why it was refused.
    pub async fn linger(&mut self) {
        let _ = self.deadline.within(FAREWELL, self.wire.flush()).await;
        let unread = async {
            let mut rest = vec![0; UNREAD_BYTES];
            while let Ok(1..) = self.wire.read(&mut rest).await {}
        };
        let _ = self.deadline.within(LINGER, unread).await;
    }

    /// Ends the connection.
    pub async fn close(mut self) {
        // TLS says farewell, for which a client that reads nothing leaves no room.
        let farewell = self.wire.shutdown();
        let _ = self.deadline.within(FAREWELL, farewell).await;
    }
}

fn push_head(head: &mut Vec<u8>, reply: &Reply, keep_alive: bool) {
    let phrase = reply
        .reason
        .as_deref()
        .unwrap_or_else(|| standard_phrase(reply.status));
    // Writing to memory can't fail.
    let _ = write!(head, "HTTP/1.1 {} {phrase}\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    if let Some(length) = content_length(reply) {
        let _ = write!(head, "content-length: {length}\r\n");
    }
    head.extend_from_slice(b"date: ");
    head.extend_from_slice(date().as_bytes());
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(if keep_alive {
        b"connection: keep-alive\r\n\r\n"
    } else {
        b"connection: close\r\n\r\n"
    });
}

/// What `Content-Length` says; nothing where a reply has none (RFC 9110 §8.6).
pub fn content_length(reply: &Reply) -> Option<u64> {
    match &reply.body {
        ReplyBody::Full(_) if matches!(reply.status, 204 | 304) => None,
        ReplyBody::Full(body) | ReplyBody::Paged { bytes: body, .. } => Some(body.len() as u64),
        ReplyBody::Stream { length, .. } | ReplyBody::Head { length } => Some(*length),
    }
}

fn standard_phrase(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("")
}

/// Bodies up to this size are copied behind their head: cheaper than a second buffer for the kernel.
const COALESCED_BYTES: usize = 4 * 1024;

/// The way out to one client, for one reply.
struct Outlet<'a, W> {
    wire: &'a mut W,
    deadline: &'a mut Deadline,
    stall: Duration,
    pace: Pace,
}

impl<W: Wire> Outlet<'_, W> {
    /// Sends a body that is at hand. `Err` carries the body bytes that went out for certain.
    async fn whole(&mut self, head: &mut Vec<u8>, body: &[u8]) -> Result<u64, u64> {
        let length = body.len() as u64;
        let sent = if body.len() <= COALESCED_BYTES {
            head.extend_from_slice(body);
            self.put(head).await
        } else {
            self.put_both(head, body).await
        };
        sent.map(|()| length).map_err(|_| 0)
    }

    /// Sends a body that is at hand in pages too, by the kernel where bytes go out as they are.
    async fn paged(&mut self, head: &mut Vec<u8>, body: &[u8], pages: &File) -> Result<u64, u64> {
        if self.wire.socket().is_none() {
            return self.whole(head, body).await;
        }
        let length = body.len() as u64;
        let sent = match self.put(head).await {
            Ok(()) => self.put_file(pages, 0, length).await,
            failed => failed,
        };
        sent.map(|()| length).map_err(|_| 0)
    }

    /// Sends the pieces of a body. `Err` carries the bytes sent before the body broke: the connection is then cut, and
    /// no end of body is written, so that a client never takes the part for the whole.
    async fn pieces(
        &mut self,
        head: &[u8],
        source: &mut dyn Source,
        length: u64,
    ) -> Result<u64, u64> {
        let (mut sent, mut head) = (0, head);
        let takes_files = self.wire.socket().is_some();
        loop {
            let mut next = source.next(takes_files);
            let piece = tokio::select! {
                biased;
                piece = &mut next => piece,
                // What is still on its way need not hold up the head.
                () = std::future::ready(()), if !head.is_empty() => {
                    self.put(head).await.map_err(|_| sent)?;
                    head = &[];
                    next.await
                }
            };
            let piece = match piece {
                Ok(piece) => piece,
                Err(broken) => {
                    tracing::warn!(reason = %broken, sent, "body broke off");
                    let _ = self.put(head).await;
                    return Err(sent);
                }
            };
            let put = match &piece {
                None => self.put(head).await,
                Some(Piece::Bytes(bytes)) => self.put_both(head, bytes).await,
                Some(Piece::File {
                    file,
                    offset,
                    length,
                }) => match self.put(head).await {
                    Ok(()) => self.put_file(file, *offset, *length).await,
                    failed => failed,
                },
            };
            put.map_err(|_| sent)?;
            head = &[];
            sent += match piece {
                None => break,
                Some(Piece::Bytes(bytes)) => bytes.len() as u64,
                Some(Piece::File { length, .. }) => length,
            };
        }
        if sent == length { Ok(sent) } else { Err(sent) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let flush = self.wire.flush();
        self.deadline
            .within(self.stall, flush)
            .await
            .0
            .map_err(|_| late())?
    }

    async fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let write = self.wire.write(bytes);
            let (written, waited) = self.deadline.within(self.stall, write).await;
            let written = moved(written.map_err(|_| late())?, &mut self.pace, waited)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    async fn put_both(&mut self, mut first: &[u8], second: &[u8]) -> io::Result<()> {
        while !first.is_empty() {
            let both = [IoSlice::new(first), IoSlice::new(second)];
            let write = self.wire.write_vectored(&both);
            let (written, waited) = self.deadline.within(self.stall, write).await;
            let written = moved(written.map_err(|_| late())?, &mut self.pace, waited)?;
            if written >= first.len() {
                return self.put(&second[written - first.len()..]).await;
            }
            first = &first[written..];
        }
        self.put(second).await
    }

    async fn put_file(&mut self, file: &File, mut offset: u64, length: u64) -> io::Result<()> {
        let socket = self.wire.socket().ok_or(io::ErrorKind::Unsupported)?;
        let end = offset + length;
        while offset < end {
            let copy = copied(socket, file, offset, end);
            let (copied, waited) = self.deadline.within(self.stall, copy).await;
            let copied = moved(copied.map_err(|_| late())?, &mut self.pace, waited)?;
            offset += copied as u64;
        }
        Ok(())
    }
}

/// Lets the kernel copy from a file into the socket, as much as it takes.
async fn copied(socket: &TcpStream, file: &File, offset: u64, end: u64) -> io::Result<usize> {
    let most = usize::try_from(end - offset).unwrap_or(usize::MAX);
    let copy = || {
        let mut from = offset;
        sendfile(socket, file, Some(&mut from), most).map_err(io::Error::from)
    };
    // The socket is tried first: readiness is only waited for when it is full.
    match copy() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            socket.async_io(Interest::WRITABLE, copy).await
        }
        result => result,
    }
}

/// What a write moved; nothing is an end that was not expected.
fn moved(written: io::Result<usize>, pace: &mut Pace, waited: Duration) -> io::Result<usize> {
    let written = written?;
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    if !pace.keep(written as u64, waited) {
        return Err(late());
    }
    Ok(written)
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
