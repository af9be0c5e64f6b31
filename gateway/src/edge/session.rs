//! One connection: requests in order, each answered before the next is read.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::watch;

use super::connection::Connection;
use super::head::{BadHead, Framing, Head};
use super::reader::NoRequest;
use super::wire::Wire;
use super::writer::Manner;
use super::{Answerer, Intake, Speaks};
use crate::bounds::{Budget, Reservation};
use crate::config::Limits;
use crate::exchange::{Body, Caller, Method, Mode, Reply};

/// What every connection of a listener shares.
pub struct Door {
    pub answerer: Arc<dyn Answerer>,
    /// For the bodies of all requests at once.
    pub memory: Arc<Budget>,
    /// Turns true when the listener stops.
    pub stop: watch::Receiver<bool>,
    /// What the listener speaks.
    pub speaks: Speaks,
    pub way: Way,
}

/// What is known of a connection before its first request.
#[derive(Clone, Default)]
pub struct Way {
    pub mode: Mode,
    /// The name that the client asked TLS or the proxy for: every request must name it too.
    pub name: Option<Arc<str>>,
    /// The credentials that were shown to the proxy.
    pub shown: Option<HeaderValue>,
    /// Whether the connection ends with its first request.
    pub is_single: bool,
}

impl Way {
    pub fn caller(&self, peer: SocketAddr) -> Caller {
        Caller {
            peer,
            mode: self.mode,
            shown: self.shown.clone(),
        }
    }
}

/// Serves a connection until it closes, breaks a rule, or the listener stops.
pub async fn run<W: Wire>(wire: W, peer: SocketAddr, door: Door) {
    let (answerer, mut stop, way) = (door.answerer.as_ref(), door.stop, door.way);
    let caller = way.caller(peer);
    let mut connection = Connection::new(wire);
    let mut first = true;
    while !*stop.borrow() {
        let limits = answerer.limits();
        let head = tokio::select! {
            head = connection.head(&limits, first) => head,
            _ = stop.changed(), if !first => break,
        };
        first = false;
        let head = head.and_then(|head| {
            same_name(way.name.as_deref(), &head)?;
            Ok(head)
        });
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                refuse(&mut connection, answerer, error).await;
                break;
            }
        };
        let mut memory = door.memory.reservation();
        let body = match take_body(&mut connection, &head, &caller, answerer, &mut memory).await {
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
            keep_alive: head.keep_alive && !way.is_single && !*stop.borrow(),
            stall: limits.write_stall,
            least_rate: limits.minimum_rate,
        };
        let bodiless = head.method == Method::Head;
        let (reply, after) = answerer.answer(head, body, &caller).await;
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

/// RFC 9110 §15.5.20: a connection that was opened for one name serves no other, whatever a client joins on it.
pub fn same_name(name: Option<&str>, head: &Head) -> Result<(), BadHead> {
    match name {
        Some(name) if name != host_without_port(&head.host) => Err(BadHead {
            status: 421,
            message: "this connection was opened for another host",
        }),
        _ => Ok(()),
    }
}

/// The host of `Host` or `:authority`, without brackets.
pub fn host_without_port(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    name.unwrap_or(host)
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
    caller: &Caller,
    answerer: &dyn Answerer,
    memory: &mut Reservation,
) -> Result<Body, NotTaken> {
    if head.framing == Framing::None {
        return Ok(Body::Memory(Bytes::new()));
    }
    let (limits, intake) = (answerer.limits(), answerer.intake(head, caller).await);
    if let Intake::Refused(reply) = intake {
        return Err(NotTaken::Refused(reply));
    }
    if head.headers.contains_key(http::header::EXPECT) {
        connection.invite_body().await;
    }
    let body = match intake {
        Intake::File(landing) => {
            let upload = connection.upload(head.framing, &limits, landing).await;
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
pub fn farewell(limits: &Limits) -> Manner {
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
