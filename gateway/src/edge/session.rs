//! One connection: requests in order, each answered before the next is read.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::connection::Connection;
use super::head::BadHead;
use super::reader::NoRequest;
use super::tls::Tls;
use super::wire::Wire;
use super::writer::Manner;
use super::{Answerer, head::Framing};
use crate::bounds::Budget;
use crate::exchange::{Method, Reply};

/// What every connection of a listener shares.
pub struct Door {
    pub answerer: Arc<dyn Answerer>,
    /// For the bodies of all requests at once.
    pub memory: Arc<Budget>,
    /// Turns true when the listener stops.
    pub stop: watch::Receiver<bool>,
    /// What the listener shakes hands with, if it speaks TLS.
    pub tls: Option<Arc<Tls>>,
}

/// Serves a connection until it closes, breaks a rule, or the listener stops.
pub async fn run<W: Wire>(wire: W, peer: SocketAddr, door: Door) {
    let (answerer, mut stop) = (door.answerer.as_ref(), door.stop);
    let mut connection = Connection::new(wire);
    let mut first = true;
    while !*stop.borrow() {
        let limits = answerer.limits();
        let head = tokio::select! {
            head = connection.head(&limits, first) => head,
            _ = stop.changed(), if !first => break,
        };
        first = false;
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                refuse(&mut connection, answerer, error).await;
                break;
            }
        };
        if head.framing != Framing::None && !answerer.takes_body(&head) {
            refuse(&mut connection, answerer, NO_UPLOAD.into()).await;
            break;
        }
        let expects = head.headers.contains_key(http::header::EXPECT);
        if expects && head.framing != Framing::None {
            connection.invite_body().await;
        }
        let mut memory = door.memory.reservation();
        let body = match connection.body(head.framing, &limits, &mut memory).await {
            Ok(body) => body,
            Err(error) => {
                refuse(&mut connection, answerer, error).await;
                break;
            }
        };
        let manner = Manner {
            keep_alive: head.keep_alive && !*stop.borrow(),
            stall: limits.write_stall,
            least_rate: limits.minimum_rate,
        };
        let bodiless = head.method == Method::Head;
        let (reply, after) = answerer.answer(head, body, peer).await;
        let reply = if bodiless {
            reply.without_body()
        } else {
            reply
        };
        let sent = connection.send(reply, manner).await;
        after(sent);
        if !sent.reusable {
            break;
        }
    }
    connection.close().await;
}

/// A body where none is taken.
pub const NO_UPLOAD: BadHead = BadHead {
    status: 405,
    message: "this address takes no upload",
};

/// How a request is refused that never got past the edge.
pub fn refusal(BadHead { status, message }: BadHead) -> Reply {
    Reply::full(status, "text/plain; charset=utf-8", format!("{message}\n"))
        .with(http::header::CACHE_CONTROL, "no-store")
}

async fn refuse<W: Wire>(
    connection: &mut Connection<W>,
    answerer: &dyn Answerer,
    error: NoRequest,
) {
    let NoRequest::Refused(error) = error else {
        return;
    };
    answerer.refused_at_edge(error.status);
    let limits = answerer.limits();
    let manner = Manner {
        keep_alive: false,
        stall: limits.write_stall,
        least_rate: limits.minimum_rate,
    };
    connection.send(refusal(error), manner).await;
}
