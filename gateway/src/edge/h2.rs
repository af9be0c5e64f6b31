//! HTTP/2 (RFC 9113), over TLS only: many requests on one connection, each under the rules of HTTP/1.
//!
//! The `h2` crate reads frames, field compression and flow control, and bounds what it is told to bound here. `request`
//! puts a request's head through the same checks as a head of HTTP/1, `stream` answers it. There is no server push, no
//! CONNECT, and no clear text.

mod request;
mod stream;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::stream::{Ended, Shared};
use super::deadline::Deadline;
use super::gather::Gathered;
use super::session::Door;
use super::wire::Wire;
use crate::config::Limits;

/// A request body may have this much on its way before it is read: RFC 9113's own first window.
const STREAM_WINDOW: u32 = 64 * 1024;
/// All request bodies of a connection together.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// A reply may have this much handed over and not yet on the wire.
const SEND_BYTES: usize = 256 * 1024;
/// Streams that the other side broke off or broke rules on, before the connection ends (CVE-2023-44487,
/// CVE-2025-8671): this many, and as many more as ended well.
const RESETS_MAX: usize = 100;
/// Time for the client to hear that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

type Connection<W> = h2::server::Connection<Gathered<W>, Bytes>;

/// What happens next on a connection.
enum Event {
    Request(Box<http::Request<RecvStream>>, SendResponse<Bytes>),
    Ended(Ended),
    Closed,
}

/// Serves a connection until it closes, breaks a rule, rests for too long, or the listener stops.
pub async fn run<W: Wire>(wire: W, peer: SocketAddr, door: Door) {
    let limits = door.answerer.limits();
    let gathered = Gathered::new(wire);
    let handle = gathered.handle();
    let shaking = builder(&limits).handshake(gathered);
    let shaken = Deadline::new().within(limits.head_deadline, shaking).await;
    let (Ok(Ok(connection)), _) = shaken else {
        return;
    };
    let mut stop = door.stop.clone();
    let mut course = Course {
        connection,
        handle,
        streams: JoinSet::new(),
        streams_max: limits.streams,
        ended_well: 0,
        reset: 0,
        leaving: false,
    };
    let shared = Arc::new(Shared::new(door, peer));
    // As with HTTP/1: the first request has a deadline from the connection on, a later one may let us wait.
    let mut rest = Box::pin(sleep(limits.head_deadline));
    loop {
        tokio::select! {
            event = course.next() => match event {
                Event::Request(request, respond) => {
                    let serving = stream::serve(*request, respond, Arc::clone(&shared));
                    course.streams.spawn(serving);
                }
                Event::Ended(ended) => {
                    course.count(ended);
                    let limit = if course.leaving { FAREWELL } else { limits.keepalive_idle };
                    rest.as_mut().reset(Instant::now() + limit);
                }
                Event::Closed => break,
            },
            _ = stop.changed(), if !course.leaving => {
                course.leave();
                rest.as_mut().reset(Instant::now() + FAREWELL);
            }
            () = &mut rest, if course.rests() => {
                if course.leaving {
                    break;
                }
                course.leave();
                rest.as_mut().reset(Instant::now() + FAREWELL);
            }
        }
    }
    course.linger().await;
    // What was begun ends by itself; the connection counts until then.
    while course.streams.join_next().await.is_some() {}
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(u32::try_from(limits.streams).unwrap_or(u32::MAX))
        .max_header_list_size(header_list_bytes(limits))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BYTES)
        .max_local_error_reset_streams(Some(RESETS_MAX));
    builder
}

/// RFC 9113 §6.5.2 counts 32 bytes more for each field; what is within it is measured as HTTP/1 is.
fn header_list_bytes(limits: &Limits) -> u32 {
    u32::try_from(limits.head_bytes.saturating_mul(2)).unwrap_or(u32::MAX)
}

/// A connection on its way, with the requests that it serves.
struct Course<W> {
    connection: Connection<W>,
    handle: Gathered<W>,
    streams: JoinSet<Ended>,
    streams_max: usize,
    ended_well: usize,
    reset: usize,
    /// Whether the client was told that no more requests are taken (GOAWAY).
    leaving: bool,
}

impl<W: Wire> Course<W> {
    async fn next(&mut self) -> Event {
        poll_fn(|context| {
            let event = self.poll_next(context);
            // Only now is there nothing more to write.
            if event.is_pending()
                && let Poll::Ready(Err(_)) = self.handle.poll_send(context)
            {
                return Poll::Ready(Event::Closed);
            }
            event
        })
        .await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(Some(ended)) = self.streams.poll_join_next(context) {
            return Poll::Ready(Event::Ended(ended.unwrap_or(Ended::Reset)));
        }
        // While as many requests run as may, also such as the client has dropped, none is taken.
        if self.streams.len() >= self.streams_max {
            return self.connection.poll_closed(context).map(|_| Event::Closed);
        }
        self.connection.poll_accept(context).map(|next| match next {
            Some(Ok((request, respond))) => Event::Request(Box::new(request), respond),
            Some(Err(_)) | None => Event::Closed,
        })
    }

    fn rests(&self) -> bool {
        self.streams.is_empty()
    }

    /// Reads what the client still sends: left unread, it would reset the connection, and what we said last with it.
    async fn linger(&mut self) {
        let mut rest = [0; 4096];
        let unread = async { while let Ok(1..) = self.handle.read(&mut rest).await {} };
        let _ = timeout(FAREWELL, unread).await;
    }

    fn leave(&mut self) {
        self.leaving = true;
        self.connection.graceful_shutdown();
    }

    fn count(&mut self, ended: Ended) {
        match ended {
            Ended::Well => self.ended_well += 1,
            Ended::Reset => self.reset += 1,
        }
        if self.reset > RESETS_MAX + self.ended_well && !self.leaving {
            tracing::warn!("a client breaks off too many requests; its connection ends");
            self.leaving = true;
            self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        }
    }
}
