//! The outer wall: connections, strict heads, replies. Time enters here.
//!
//! Nothing behind this room sees raw bytes of a request: a head that is not beyond doubt is refused and the connection
//! closed. The listener is our own accept loop (pingora.md §0): connection caps, a total head deadline and port 0 are
//! ours to give.

mod connection;
mod crew;
mod date;
mod deadline;
mod gather;
mod h2;
pub mod head;
pub mod listen;
mod reader;
pub mod route;
mod session;
pub mod target;
pub mod tls;
mod wire;
mod writer;

pub use crew::Crew;
pub use listen::{Listener, serve};
pub use tls::Tls;
pub use writer::Sent;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use crate::config::Limits;
use crate::edge::head::Head;
use crate::exchange::Reply;

/// What a finished handling wants to do once its reply was written.
pub type AfterWrite = Box<dyn FnOnce(Sent) + Send>;

/// The future of an answer.
pub type Answer<'a> = Pin<Box<dyn Future<Output = (Reply, AfterWrite)> + Send + 'a>>;

/// Whoever answers requests behind a listener: the handlers, or the admin room.
pub trait Answerer: Send + Sync + 'static {
    /// The limits in force now.
    fn limits(&self) -> std::sync::Arc<Limits>;

    /// Whether a request's body is worth reading; else it is refused before it is.
    fn takes_body(&self, head: &Head) -> bool;

    /// Answers one request.
    fn answer(&self, head: Head, body: bytes::Bytes, peer: SocketAddr) -> Answer<'_>;

    /// Counts a request that never got past the edge.
    fn refused_at_edge(&self, status: u16);
}
