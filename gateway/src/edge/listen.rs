//! Addresses and accepting: bound before anything is served, capped, stopped gracefully.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::{Answerer, session};
use crate::bounds::Budget;

/// A bound address that is not served yet.
pub struct Listener {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Listener {
    /// Binds; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

/// Accepts until `stop` turns true, then lets running requests end within the `drain` limit.
pub async fn serve(
    listener: Listener,
    answerer: Arc<dyn Answerer>,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(answerer.limits().connections));
    let memory = Budget::new(answerer.limits().request_memory_bytes);
    let mut sessions = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        while sessions.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let door = session::Door {
                    answerer: Arc::clone(&answerer),
                    memory: Arc::clone(&memory),
                    stop: stop.clone(),
                };
                sessions.spawn(async move {
                    session::run(stream, peer, door).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors: wait for some to be closed instead of spinning.
                tracing::error!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let drain = answerer.limits().drain;
    let _ = tokio::time::timeout(drain, async {
        while sessions.join_next().await.is_some() {}
    })
    .await;
}
