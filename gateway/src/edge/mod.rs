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
pub mod network;
mod reader;
pub mod registries;
pub mod route;
mod session;
mod spool;
pub mod target;
pub mod tls;
mod wire;
mod writer;

pub use crew::Crew;
pub use listen::{Listener, Speaks, serve};
pub use session::host_without_port;
pub use tls::Tls;
pub use writer::Sent;

use std::future::Future;
use std::pin::Pin;

use crate::config::Limits;
use crate::edge::head::Head;
use crate::exchange::{Body, Caller, Landing, Reply};

/// What a finished handling wants to do once its reply was written.
pub type AfterWrite = Box<dyn FnOnce(Sent) + Send>;

/// The future of an answer.
pub type Answer<'a> = Pin<Box<dyn Future<Output = (Reply, AfterWrite)> + Send + 'a>>;

/// What becomes of a body.
pub enum Intake {
    /// Read into memory, within `request_body_bytes`.
    Memory,
    /// Spooled into a file, within `upload_bytes`.
    File(Landing),
    /// Not read: this is answered, and the connection ends.
    Refused(Box<Reply>),
}

/// The future of an intake.
pub type Deciding<'a> = Pin<Box<dyn Future<Output = Intake> + Send + 'a>>;

/// Whoever answers requests behind a listener: the handlers, or the admin room.
pub trait Answerer: Send + Sync + 'static {
    /// The limits in force now.
    fn limits(&self) -> std::sync::Arc<Limits>;

    /// What is to become of a request's body, asked before it is read.
    fn intake<'a>(&'a self, head: &'a Head, caller: &'a Caller) -> Deciding<'a>;

    /// Answers one request.
    fn answer<'a>(&'a self, head: Head, body: Body, caller: &'a Caller) -> Answer<'a>;

    /// Counts a request that never got past the edge.
    fn refused_at_edge(&self, status: u16);
}
