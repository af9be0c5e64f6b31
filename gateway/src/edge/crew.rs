//! The threads that serve connections: one a core, each with a runtime of its own, so that a connection stays with one
//! core from its first byte to its last. Connections are dealt out in turn.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::session::{self, Door};
use super::{Speaks, network, tls};

/// An accepted connection on its way to a thread.
pub struct Accepted {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub door: Door,
    /// Counts the connection until it is closed.
    pub permit: OwnedSemaphorePermit,
}

/// The serving threads. They end when this is dropped; what they still serve then is cut.
pub struct Crew {
    hands: Vec<mpsc::UnboundedSender<Accepted>>,
    next: AtomicUsize,
}

/// Reads from a cold disk and renderings run beside each serving thread; few of them serve a whole machine.
const BLOCKING_THREADS: usize = 64;

impl Crew {
    /// Starts `count` threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let hands = (0..count.max(1)).map(hand).collect::<io::Result<_>>()?;
        Ok(Self {
            hands,
            next: AtomicUsize::new(0),
        })
    }

    /// As many threads as this process has cores.
    pub fn of_this_machine() -> io::Result<Self> {
        Self::start(thread::available_parallelism()?.get())
    }

    /// Gives a connection to the thread whose turn it is. The number of connections is bounded by their permits.
    pub fn give(&self, accepted: Accepted) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.hands.len();
        if self.hands[turn].send(accepted).is_err() {
            tracing::error!("a serving thread is gone; its connection is dropped");
        }
    }
}

fn hand(number: usize) -> io::Result<mpsc::UnboundedSender<Accepted>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let (sender, incoming) = mpsc::unbounded_channel();
    thread::Builder::new()
        .name(format!("serve-{number}"))
        .spawn(move || {
            runtime.block_on(serve(incoming));
            // Reads that hang in the kernel must not keep the process.
            runtime.shutdown_background();
        })?;
    Ok(sender)
}

async fn serve(mut incoming: mpsc::UnboundedReceiver<Accepted>) {
    while let Some(accepted) = incoming.recv().await {
        tokio::spawn(async move {
            let Accepted {
                stream,
                peer,
                door,
                permit,
            } = accepted;
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => {
                    // Replies are written whole; waiting for more to send would only delay them.
                    let _ = stream.set_nodelay(true);
                    match door.speaks.clone() {
                        Speaks::Http => session::run(stream, peer, door).await,
                        Speaks::Https(tls) => tls::run(stream, peer, &tls, door).await,
                        Speaks::Proxy(crossing) => {
                            network::proxy(stream, peer, door, &*crossing).await;
                        }
                        Speaks::Anything(crossing) => {
                            network::redirected(stream, peer, door, &*crossing).await;
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "a connection can't be served"),
            }
            drop(permit);
        });
    }
}
