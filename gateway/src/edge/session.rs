//! One connection: requests in order, each answered before the next is read.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::head::BadHead;
use super::reader::{NoRequest, Reader};
use super::writer::{self, Manner};
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
}

/// Serves a connection until it closes, breaks a rule, or the listener stops.
pub async fn run(mut stream: TcpStream, peer: SocketAddr, door: Door) {
    let (answerer, mut stop) = (door.answerer.as_ref(), door.stop);
    // Replies are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let (read, mut write) = stream.split();
    let mut reader = Reader::new(read);
    let mut first = true;
    while !*stop.borrow() {
        let limits = answerer.limits();
        let head = tokio::select! {
            head = reader.head(&limits, first) => head,
            _ = stop.changed(), if !first => break,
        };
        first = false;
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                refuse(&mut write, answerer, error).await;
                break;
            }
        };
        if head.framing != Framing::None && !answerer.takes_body(&head) {
            let refusal = BadHead {
                status: 405,
                message: "this address takes no upload",
            };
            refuse(&mut write, answerer, NoRequest::Refused(refusal)).await;
            break;
        }
        let expects = head.headers.contains_key(http::header::EXPECT);
        if expects && head.framing != Framing::None {
            let _ = write.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let mut memory = door.memory.reservation();
        let body = match reader.body(head.framing, &limits, &mut memory).await {
            Ok(body) => body,
            Err(error) => {
                refuse(&mut write, answerer, error).await;
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
        let sent = writer::write(&mut write, reply, manner).await;
        after(sent);
        if !sent.reusable {
            break;
        }
    }
    let _ = write.shutdown().await;
}

async fn refuse<W: tokio::io::AsyncWrite + Unpin>(
    write: &mut W,
    answerer: &dyn Answerer,
    error: NoRequest,
) {
    let NoRequest::Refused(BadHead { status, message }) = error else {
        return;
    };
    answerer.refused_at_edge(status);
    let reply = Reply::full(status, "text/plain; charset=utf-8", format!("{message}\n"))
        .with(http::header::CACHE_CONTROL, "no-store");
    let limits = answerer.limits();
    let manner = Manner {
        keep_alive: false,
        stall: limits.write_stall,
        least_rate: limits.minimum_rate,
    };
    writer::write(write, reply, manner).await;
}
