//! One connection: requests in order, each answered before the next is read.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::connection::Connection;
use super::head::{BadHead, Framing, Head};
use super::reader::NoRequest;
use super::tls::Tls;
use super::wire::Wire;
use super::writer::Manner;
use super::{Answerer, Intake};
use crate::bounds::{Budget, Reservation};
use crate::config::Limits;
use crate::exchange::{Body, Method, Reply};

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
        let mut memory = door.memory.reservation();
        let body = match take_body(&mut connection, &head, peer, answerer, &mut memory).await {
            Ok(body) => body,
            Err(NotTaken::Refused(reply)) => {
                connection.send(*reply, farewell(&limits)).await;
                connection.linger().await;
                break;
            }
            Err(NotTaken::Broken(error)) => {
                refuse(&mut connection, answerer, error).await;
                connection.linger().await;
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

/// Why a body was not taken.
pub enum NotTaken {
    /// Nobody wants it: this is answered.
    Refused(Box<Reply>),
    Broken(NoRequest),
}

impl From<NoRequest> for NotTaken {
    fn from(error: NoRequest) -> Self {
        Self::Broken(error)
    }
}

/// Reads a body as its receiver wants it, if it does.
async fn take_body<W: Wire>(
    connection: &mut Connection<W>,
    head: &Head,
    peer: SocketAddr,
    answerer: &dyn Answerer,
    memory: &mut Reservation,
) -> Result<Body, NotTaken> {
    if head.framing == Framing::None {
        return Ok(Body::Memory(Bytes::new()));
    }
    let (limits, intake) = (answerer.limits(), answerer.intake(head, peer).await);
    if let Intake::Refused(reply) = intake {
        return Err(NotTaken::Refused(reply));
    }
    if head.headers.contains_key(http::header::EXPECT) {
        connection.invite_body().await;
    }
    let body = match intake {
        Intake::File(folder) => {
            let upload = connection.upload(head.framing, &limits, &folder).await;
            upload.map(Body::File)
        }
        _ => connection
            .body(head.framing, &limits, memory)
            .await
            .map(Body::Memory),
    };
    body.map_err(NotTaken::Broken)
}

/// How the last reply of a connection goes out.
fn farewell(limits: &Limits) -> Manner {
    Manner {
        keep_alive: false,
        stall: limits.write_stall,
        least_rate: limits.minimum_rate,
    }
}

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
    connection
        .send(refusal(error), farewell(&answerer.limits()))
        .await;
}
