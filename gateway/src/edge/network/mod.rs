//! Connections that were meant for others: what a proxy is asked for, and what the network brings here.
//!
//! A registry's are opened, with a certificate for the very name that the client asked for, and served by the same
//! handlers as all others. Every other one is passed on unread, or refused. Nothing here knows packages or rules.

mod first;
pub mod forward;
pub mod hello;
mod name;
mod original;
mod proxy;
mod tunnel;
mod verdict;

pub use original::make_transparent;
pub use proxy::proxy;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use http::HeaderValue;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use self::first::{First, Opening};
use self::verdict::{Asked, Verdict, verdict};
use super::session::{self, Door, Way};
use super::tls;
use super::wire::Rewound;
use crate::config;
use crate::exchange::{Mode, Reply};
use crate::network::address;

/// The future of an admission.
pub type Admitting<'a> = Pin<Box<dyn Future<Output = Result<(), Box<Reply>>> + Send + 'a>>;

/// The future of a yes or no.
pub type Asking<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// What the rest of the program knows of connections that cross it.
pub trait Crossing: Send + Sync + 'static {
    /// The settings in force now.
    fn settings(&self) -> Arc<config::Network>;

    /// Whether a host, a name in small letters or an address, is a registry's.
    fn is_registry(&self, host: &str) -> bool;

    /// Whether registries are spoken to at this port.
    fn is_registry_port(&self, port: u16) -> bool;

    /// Whether an address is one that a registry's name leads to.
    fn leads_to_registry(&self, address: IpAddr) -> Asking<'_>;

    /// Whether an address is the gateway's own.
    fn is_own(&self, address: SocketAddr) -> bool;

    /// What registries' connections are opened with.
    fn acceptor(&self) -> TlsAcceptor;

    /// Whether somebody with these credentials may use the proxy.
    fn admit<'a>(&'a self, shown: Option<&'a HeaderValue>) -> Admitting<'a>;

    /// Counts what became of a connection.
    fn passed(&self, mode: Mode, passage: Passage);

    /// Counts bytes that went by unread, from the client and to it.
    fn carried(&self, mode: Mode, from_client: u64, to_client: u64);
}

/// What became of a connection (closed set, a metric label).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It was a registry's, and its requests are judged.
    Opened,
    /// It was somebody else's, and went by unread.
    Tunnelled,
    Refused,
    /// It could not be connected, or broke off before it was known whose it is.
    Failed,
}

impl Passage {
    pub const ALL: [Self; 4] = [Self::Opened, Self::Tunnelled, Self::Refused, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Tunnelled => "tunnelled",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// One connection on its way through.
struct Crosser<'a> {
    crossing: &'a dyn Crossing,
    settings: Arc<config::Network>,
    peer: SocketAddr,
    door: Door,
    mode: Mode,
    shown: Option<HeaderValue>,
}

/// Serves a connection that the network brought here.
pub async fn redirected(
    mut socket: TcpStream,
    peer: SocketAddr,
    door: Door,
    crossing: &dyn Crossing,
) {
    let settings = crossing.settings();
    let asked = match original::destination(&socket, settings.transparent, settings.redirect) {
        Some(address) => Asked::Address(address),
        None => Asked::Nothing,
    };
    let crosser = Crosser {
        settings,
        crossing,
        peer,
        door,
        mode: Mode::Network,
        shown: None,
    };
    let limits = crosser.door.answerer.limits();
    match first::read(&mut socket, BytesMut::new(), &limits).await {
        Some(opening) => crosser.go_on(socket, opening, &asked, None).await,
        None => crosser.passed(Passage::Failed),
    }
}

impl Crosser<'_> {
    fn passed(&self, passage: Passage) {
        self.crossing.passed(self.mode, passage);
    }

    /// Does with a connection what is to be done, now that its first bytes are known. `remote` is the other side, if it
    /// is connected already.
    async fn go_on(
        self,
        socket: TcpStream,
        opening: Opening,
        asked: &Asked,
        remote: Option<TcpStream>,
    ) {
        let is_registry = |host: &str| self.crossing.is_registry(host);
        let verdict = verdict(&opening.first, asked, &self.settings, &is_registry);
        tracing::debug!(peer = %self.peer, mode = self.mode.as_str(), ?asked, ?verdict, "a connection");
        match verdict {
            Verdict::Open(name) => self.open(socket, opening, name).await,
            Verdict::Tunnel => self.tunnel(socket, opening, asked, remote).await,
            Verdict::Refuse(why) => {
                tracing::info!(
                    target: "audit", peer = %self.peer, mode = self.mode.as_str(), reason = why,
                    "a connection was refused"
                );
                self.passed(Passage::Refused);
                refuse(socket, &opening.first, why).await;
            }
        }
    }

    /// Serves a registry's connection as our own.
    async fn open(self, socket: TcpStream, opening: Opening, name: String) {
        self.passed(Passage::Opened);
        let Crosser {
            crossing,
            peer,
            mut door,
            mode,
            shown,
            ..
        } = self;
        door.way = Way {
            mode,
            name: Some(name.into()),
            shown,
            is_single: false,
        };
        let stream = Rewound::new(opening.read, socket);
        match opening.first {
            First::Hello(_) => tls::open(stream, peer, &crossing.acceptor(), door).await,
            _ => session::run(stream, peer, door).await,
        }
    }

    /// Passes bytes on, both ways, until nobody sends any more.
    async fn tunnel(
        self,
        socket: TcpStream,
        opening: Opening,
        asked: &Asked,
        remote: Option<TcpStream>,
    ) {
        let limits = self.door.answerer.limits();
        let remote = match (remote, asked) {
            (Some(remote), _) => Some(remote),
            (None, Asked::Address(address)) if self.may_go_by(*address) => {
                tunnel::connect(*address, &limits).await
            }
            (None, _) => None,
        };
        let Some(remote) = remote else {
            return self.passed(Passage::Failed);
        };
        let read = match &opening.first {
            First::Http { .. } => proxy::ending(&opening.read, &limits),
            _ => Some(opening.read),
        };
        match read {
            Some(read) => self.splice(Rewound::new(read, socket), remote).await,
            None => self.passed(Passage::Refused),
        }
    }

    /// Passes bytes on until both sides have ended, or the gateway stops.
    async fn splice(mut self, client: Rewound, remote: TcpStream) {
        self.passed(Passage::Tunnelled);
        let idle = self.door.answerer.limits().tunnel_idle;
        let splicing = tunnel::splice(client, remote, idle, &mut self.door.stop);
        let (from_client, to_client) = splicing.await;
        self.crossing.carried(self.mode, from_client, to_client);
    }

    /// Whether a connection that the network brought may go on where it was going. What a client can't reach over a
    /// router it does not reach through us: this machine itself, and link-local services of clouds.
    fn may_go_by(&self, address: SocketAddr) -> bool {
        let is_here = address.ip().to_canonical().is_loopback() || self.crossing.is_own(address);
        !is_here && address::may_reach(address.ip(), true)
    }
}

/// Tells a client that nobody connects it, in the words of what it speaks.
async fn refuse(mut socket: TcpStream, first: &First, why: &str) {
    let _ = match first {
        First::Hello(_) | First::Malformed(_) => socket.write_all(&ACCESS_DENIED).await,
        First::Http { .. } => {
            let text = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\n\
                 content-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{why}\n",
                why.len() + 1
            );
            socket.write_all(text.as_bytes()).await
        }
        First::Other => Ok(()),
    };
    let _ = socket.shutdown().await;
}

/// A fatal alert `access_denied` (RFC 8446 §6.2): clients print it, where a mere end looks like a broken network.
const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
