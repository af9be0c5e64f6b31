//! Gathers what HTTP/2 writes frame by frame, so that TLS seals full records and the kernel is called once for many.
//!
//! The `h2` crate flushes after every frame of data. Its flushes are taken for done; whoever drives the connection
//! calls [`Gathered::poll_send`] when it has nothing more to write. A connection that rests holds no bytes here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Four full records (RFC 8446 §5.1), which is also as much as rustls takes at once.
const GATHERED_BYTES: usize = 64 * 1024;

/// A wire that is written when it is told to, or when there is enough. Both handles are used by one task.
pub struct Gathered<W>(Arc<Mutex<Wires<W>>>);

struct Wires<W> {
    wire: W,
    waiting: Vec<u8>,
    /// How much of `waiting` is written already.
    written: usize,
    /// Whether something was written since the last flush of the wire.
    unflushed: bool,
}

impl<W: AsyncWrite + Unpin> Gathered<W> {
    pub fn new(wire: W) -> Self {
        Self(Arc::new(Mutex::new(Wires {
            wire,
            waiting: Vec::new(),
            written: 0,
            unflushed: false,
        })))
    }

    /// A second handle, for [`Gathered::poll_send`].
    pub fn handle(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Sends what was gathered.
    pub fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wires = self.wires();
        if !wires.unflushed {
            return Poll::Ready(Ok(()));
        }
        ready!(wires.poll_drain(context))?;
        ready!(Pin::new(&mut wires.wire).poll_flush(context))?;
        wires.unflushed = false;
        wires.waiting = Vec::new();
        Poll::Ready(Ok(()))
    }
}

impl<W> Gathered<W> {
    fn wires(&self) -> MutexGuard<'_, Wires<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: AsyncWrite + Unpin> Wires<W> {
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let rest = &self.waiting[self.written..];
            match ready!(Pin::new(&mut self.wire).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Gathered<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wires().wire).poll_read(context, buffer)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Gathered<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut wires = self.wires();
        if wires.waiting.len() >= GATHERED_BYTES {
            ready!(wires.poll_drain(context))?;
        }
        let mut taken = 0;
        for slice in slices {
            let room = GATHERED_BYTES.saturating_sub(wires.waiting.len());
            let part = &slice[..slice.len().min(room)];
            wires.waiting.extend_from_slice(part);
            taken += part.len();
        }
        wires.unflushed = true;
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wires = self.wires();
        ready!(wires.poll_drain(context))?;
        Pin::new(&mut wires.wire).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn nothing_is_lost_or_doubled_however_small_the_wire_is() {
        let (mut client, server) = tokio::io::duplex(1000);
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        let expected = bytes.clone();
        let writer = tokio::spawn(async move {
            let mut gathered = Gathered::new(server);
            let handle = gathered.handle();
            for part in bytes.chunks(16_393) {
                gathered.write_all(part).await.expect("written");
                gathered.flush().await.expect("flushed");
            }
            poll_fn(|context| handle.poll_send(context))
                .await
                .expect("sent");
        });
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.expect("read");
        writer.await.expect("no panic");
        assert!(read == expected);
    }
}
