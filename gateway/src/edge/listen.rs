//! Addresses and accepting: bound before anything is served, capped, stopped gracefully.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};

use super::Answerer;
use super::crew::{Accepted, Crew};
use super::network::{self, Crossing};
use super::session::{Door, Way};
use super::tls::Tls;
use crate::bounds::Budget;

/// A bound address that is not served yet.
pub struct Listener {
    listener: TcpListener,
    pub address: SocketAddr,
    pub speaks: Speaks,
}

/// What is spoken at an address.
#[derive(Clone, Default)]
pub enum Speaks {
    /// Plain HTTP/1, by the gateway's own addresses.
    #[default]
    Http,
    /// The same over TLS, and HTTP/2.
    Https(Arc<Tls>),
    /// What is said to a proxy.
    Proxy(Arc<dyn Crossing>),
    /// What was meant for others: connections that the network brought here.
    Anything(Arc<dyn Crossing>),
}

impl Listener {
    /// Binds; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        Self::of(TcpListener::bind(address).await?)
    }

    /// Binds an address that takes connections to any address (TPROXY; needs the right to administer the network).
    pub async fn bind_transparent(address: SocketAddr) -> std::io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        network::make_transparent(&socket, address)?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Self::of(socket.listen(BACKLOG)?)
    }

    fn of(listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            speaks: Speaks::Http,
        })
    }

    /// The next connection. It belongs to no runtime yet.
    async fn accept(&self) -> std::io::Result<(std::net::TcpStream, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((stream.into_std()?, peer))
    }
}

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Accepts until `stop` turns true, then lets running requests end within the `drain` limit.
pub async fn serve(
    listener: Listener,
    answerer: Arc<dyn Answerer>,
    crew: Arc<Crew>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = answerer.limits();
    let connections = limits.connections.min(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(connections));
    let memory = Budget::new(limits.request_memory_bytes);
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let door = Door {
                    answerer: Arc::clone(&answerer),
                    memory: Arc::clone(&memory),
                    stop: stop.clone(),
                    speaks: listener.speaks.clone(),
                    way: Way::default(),
                };
                crew.give(Accepted {
                    stream,
                    peer,
                    door,
                    permit,
                });
            }
            Err(error) => {
                // Out of descriptors: wait for some to be closed instead of spinning.
                tracing::error!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let everybody = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(answerer.limits().drain, room.acquire_many(everybody)).await;
}
