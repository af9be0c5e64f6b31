//! Bytes that go by unread.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::super::wire::Rewound;
use super::forward::Host;
use crate::config::Limits;

/// Connects to where a connection was going.
pub async fn connect(address: SocketAddr, limits: &Limits) -> Option<TcpStream> {
    let connecting = timeout(limits.connect, TcpStream::connect(address)).await;
    let socket = connecting.ok()?.ok()?;
    let _ = socket.set_nodelay(true);
    Some(socket)
}

/// Why a host was not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconnected {
    /// All its addresses are such as may not be reached from here.
    Forbidden,
    /// Nobody answers, or the name has no address.
    Unreachable,
}

/// Connects to a host that a client of the proxy asked for: to what its name was resolved to, once, and checked.
pub async fn connect_host(
    host: &Host,
    port: u16,
    limits: &Limits,
    may: &(dyn Fn(SocketAddr) -> bool + Sync),
) -> Result<TcpStream, Unconnected> {
    let addresses: Vec<SocketAddr> = match host {
        Host::Address(address) => vec![SocketAddr::new(*address, port)],
        Host::Name(name) => {
            let lookup = tokio::net::lookup_host((name.as_str(), port));
            let found = timeout(limits.resolve, lookup).await;
            let found = found.map_err(|_| Unconnected::Unreachable)?;
            found.map_err(|_| Unconnected::Unreachable)?.collect()
        }
    };
    let allowed: Vec<SocketAddr> = addresses.iter().copied().filter(|it| may(*it)).collect();
    if allowed.is_empty() && !addresses.is_empty() {
        return Err(Unconnected::Forbidden);
    }
    for address in allowed.into_iter().take(ADDRESSES_TRIED) {
        if let Some(socket) = connect(address, limits).await {
            return Ok(socket);
        }
    }
    Err(Unconnected::Unreachable)
}

/// A name with more addresses is tried at so many.
const ADDRESSES_TRIED: usize = 4;
const COPIED_BYTES: usize = 16 * 1024;

/// Passes bytes on until both sides have ended, one broke off, neither sent anything for `idle`, or the gateway stops. Gives how many went
/// from the client and to it.
pub async fn splice(
    client: Rewound,
    remote: TcpStream,
    idle: Duration,
    stop: &mut watch::Receiver<bool>,
) -> (u64, u64) {
    let (mut client, mut remote) = (Counted::new(client), Counted::new(remote));
    let (from_client, to_client) = (client.counter(), remote.counter());
    let moved = || from_client.load(Ordering::Relaxed) + to_client.load(Ordering::Relaxed);
    let watching = async {
        let mut before = moved();
        loop {
            sleep(idle).await;
            let now = moved();
            if now == before {
                break;
            }
            before = now;
        }
    };
    let copying =
        copy_bidirectional_with_sizes(&mut client, &mut remote, COPIED_BYTES, COPIED_BYTES);
    tokio::select! {
        // How a tunnel ends is the business of those who talk through it.
        _ = copying => {}
        () = watching => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    (
        from_client.load(Ordering::Relaxed),
        to_client.load(Ordering::Relaxed),
    )
}

/// A stream that counts what is read from it.
struct Counted<S> {
    stream: S,
    read: Arc<AtomicU64>,
}

impl<S> Counted<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            read: Arc::default(),
        }
    }

    fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let it = self.get_mut();
        let before = into.filled().len();
        let polled = Pin::new(&mut it.stream).poll_read(context, into);
        let read = (into.filled().len() - before) as u64;
        it.read.fetch_add(read, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
