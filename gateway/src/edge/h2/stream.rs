//! One request of an HTTP/2 connection: its head, its body, its answer, its reply.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderValue, StatusCode, header};

use super::super::Intake;
use super::super::date::date;
use super::super::deadline::Deadline;
use super::super::head::{BadHead, Framing, Head};
use super::super::reader::{self, NoRequest};
use super::super::session::{self, Door, NotTaken};
use super::super::spool::{self, Spool};
use super::super::writer::{self, Sent};
use super::request;
use crate::bounds::{Budget, Pace, Reservation};
use crate::config::Limits;
use crate::exchange::{Body, Caller, Landing, Method, Piece, Reply, ReplyBody, Source, Upload};

/// What the streams of a connection share.
pub struct Shared {
    answerer: Arc<dyn super::super::Answerer>,
    memory: Arc<Budget>,
    caller: Caller,
    name: Option<Arc<str>>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Well,
    /// Broken off, by the client or because of it.
    Reset,
}

impl Shared {
    pub fn new(door: Door, peer: SocketAddr) -> Self {
        Self {
            caller: door.way.caller(peer),
            name: door.way.name,
            answerer: door.answerer,
            memory: door.memory,
        }
    }
}

/// Serves one request.
pub async fn serve(
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
) -> Ended {
    let answerer = shared.answerer.as_ref();
    let limits = answerer.limits();
    let mut outlet = Outlet {
        respond,
        deadline: Deadline::new(),
        limits: Arc::clone(&limits),
    };
    let mut memory = shared.memory.reservation();
    let read = read(request, &shared, &mut outlet, &mut memory).await;
    let sent = match read {
        Ok((head, body)) => {
            let bodiless = head.method == Method::Head;
            let (reply, after) = answerer.answer(head, body, &shared.caller).await;
            let reply = if bodiless {
                reply.without_body()
            } else {
                reply
            };
            let sent = outlet.send(reply).await;
            after(sent);
            sent
        }
        Err(NotTaken::Refused(reply)) => outlet.send(*reply).await,
        Err(NotTaken::Broken(NoRequest::Refused(refusal))) => {
            answerer.refused_at_edge(refusal.status);
            outlet.send(session::refusal(refusal)).await
        }
        Err(NotTaken::Broken(NoRequest::Gone)) => return Ended::Reset,
    };
    if sent.complete {
        Ended::Well
    } else {
        Ended::Reset
    }
}

/// Reads a request whole.
async fn read(
    request: http::Request<RecvStream>,
    shared: &Shared,
    outlet: &mut Outlet,
    memory: &mut Reservation,
) -> Result<(Head, Body), NotTaken> {
    let limits = Arc::clone(&outlet.limits);
    let (parts, mut body) = request.into_parts();
    let head = request::parse(parts, body.is_end_stream(), &limits).map_err(NoRequest::from)?;
    session::same_name(shared.name.as_deref(), &head).map_err(NoRequest::from)?;
    if head.framing == Framing::None {
        return Ok((head, Body::Memory(Bytes::new())));
    }
    let intake = shared.answerer.intake(&head, &shared.caller).await;
    if let Intake::Refused(reply) = intake {
        return Err(NotTaken::Refused(reply));
    }
    if head.headers.contains_key(header::EXPECT) {
        outlet.invite_body();
    }
    if let Intake::File(landing) = intake {
        let upload = spool_body(&mut body, &head, landing, outlet).await?;
        return Ok((head, Body::File(upload)));
    }
    let room = reader::room(head.framing, &limits, memory)?;
    let reading = read_body(&mut body, room);
    let (read, _) = outlet.deadline.within(limits.body_deadline, reading).await;
    let body = read.unwrap_or(Err(reader::BODY_TOO_SLOW))?;
    Ok((head, Body::Memory(body)))
}

/// The body into a file.
async fn spool_body(
    stream: &mut RecvStream,
    head: &Head,
    landing: Landing,
    outlet: &mut Outlet,
) -> Result<Upload, NoRequest> {
    let limits = Arc::clone(&outlet.limits);
    let announced = match head.framing {
        Framing::Length(length) => Some(length),
        Framing::None | Framing::Chunked => None,
    };
    let mut spool = Spool::new(landing, announced, &limits).await?;
    loop {
        let arriving = stream.data();
        let (part, waited) = outlet.deadline.within(limits.upload_stall, arriving).await;
        let Some(part) = part.map_err(|_| spool::TOO_SLOW)? else {
            break;
        };
        let part = part.map_err(|_| NoRequest::Gone)?;
        let _ = stream.flow_control().release_capacity(part.len());
        spool.write(&part, waited).await?;
    }
    no_trailers(stream).await?;
    spool.finish().await
}

/// The body whole. That it has the length which the head promised is the `h2` crate's to check.
async fn read_body(stream: &mut RecvStream, room: usize) -> Result<Bytes, NoRequest> {
    let mut body = BytesMut::new();
    while let Some(part) = stream.data().await {
        let part = part.map_err(|_| NoRequest::Gone)?;
        if body.len() + part.len() > room {
            return Err(reader::TOO_LARGE);
        }
        let _ = stream.flow_control().release_capacity(part.len());
        body.extend_from_slice(&part);
    }
    no_trailers(stream).await?;
    Ok(body.freeze())
}

/// As with HTTP/1: no package client sends trailers.
async fn no_trailers(stream: &mut RecvStream) -> Result<(), NoRequest> {
    match stream.trailers().await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(BadHead {
            status: 400,
            message: "trailers are not taken",
        }
        .into()),
        Err(_) => Err(NoRequest::Gone),
    }
}

/// The way out for one reply.
struct Outlet {
    respond: SendResponse<Bytes>,
    deadline: Deadline,
    limits: Arc<Limits>,
}

impl Outlet {
    /// `100 Continue` (RFC 9110 §15.2.1).
    fn invite_body(&mut self) {
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::CONTINUE;
        let _ = self.respond.send_informational(response);
    }

    /// Sends a reply. A body that breaks off ends in a reset, so that a client never takes the part for the whole.
    async fn send(&mut self, reply: Reply) -> Sent {
        let result = self.put(reply).await;
        Sent {
            body_bytes: result.unwrap_or_else(|sent| sent),
            reusable: result.is_ok(),
            complete: result.is_ok(),
        }
    }

    async fn put(&mut self, reply: Reply) -> Result<u64, u64> {
        let Some(head) = response(&reply) else {
            tracing::error!(status = reply.status, "a reply has no legal status");
            self.respond.send_reset(Reason::INTERNAL_ERROR);
            return Err(0);
        };
        let bare = match &reply.body {
            ReplyBody::Full(body) | ReplyBody::Paged { bytes: body, .. } => body.is_empty(),
            ReplyBody::Stream { .. } => false,
            ReplyBody::Head { .. } => true,
        };
        let stream = self.respond.send_response(head, bare).map_err(|_| 0_u64)?;
        let mut body = Outflow {
            stream,
            deadline: &mut self.deadline,
            pace: Pace::new(self.limits.minimum_rate),
            limits: &self.limits,
            sent: 0,
        };
        let put = match reply.body {
            _ if bare => Ok(()),
            ReplyBody::Full(bytes) | ReplyBody::Paged { bytes, .. } => {
                body.bytes(bytes, true).await
            }
            ReplyBody::Stream { mut source, length } => body.pieces(source.as_mut(), length).await,
            ReplyBody::Head { .. } => Ok(()),
        };
        match put {
            Ok(()) => Ok(body.sent),
            Err(reason) => {
                body.stream.send_reset(reason);
                Err(body.sent)
            }
        }
    }
}

/// The head of a reply. There is no reason phrase in HTTP/2; the sentence stands in body and fields.
fn response(reply: &Reply) -> Option<http::Response<()>> {
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(reply.status).ok()?;
    let headers = response.headers_mut();
    headers.reserve(reply.headers.len() + 2);
    for (name, value) in &reply.headers {
        headers.append(name, value.clone());
    }
    if let Some(length) = writer::content_length(reply) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(header::DATE, date());
    Some(response)
}

/// A body on its way out.
struct Outflow<'a> {
    stream: SendStream<Bytes>,
    deadline: &'a mut Deadline,
    pace: Pace,
    limits: &'a Limits,
    sent: u64,
}

impl Outflow<'_> {
    async fn pieces(&mut self, source: &mut dyn Source, length: u64) -> Result<(), Reason> {
        loop {
            let piece = source.next(false).await.map_err(|broken| {
                tracing::warn!(reason = %broken, sent = self.sent, "body broke off");
                Reason::INTERNAL_ERROR
            })?;
            match piece {
                Some(Piece::Bytes(bytes)) => self.bytes(bytes, false).await?,
                // Files come only to those who take them.
                Some(Piece::File { .. }) => return Err(Reason::INTERNAL_ERROR),
                None if self.sent == length => break,
                None => return Err(Reason::INTERNAL_ERROR),
            }
        }
        let end = self.stream.send_data(Bytes::new(), true);
        end.map_err(|_| Reason::CANCEL)
    }

    /// Hands over bytes as the client's windows and our buffer have room for them.
    async fn bytes(&mut self, mut bytes: Bytes, last: bool) -> Result<(), Reason> {
        while !bytes.is_empty() {
            self.stream.reserve_capacity(bytes.len());
            let stream = &mut self.stream;
            let room = poll_fn(|context| poll_room(stream, context));
            let (room, waited) = self.deadline.within(self.limits.write_stall, room).await;
            let room = match room {
                Ok(Some(room)) => room.min(bytes.len()),
                Ok(None) | Err(_) => return Err(Reason::CANCEL),
            };
            let part = bytes.split_to(room);
            let ends = last && bytes.is_empty();
            self.stream
                .send_data(part, ends)
                .map_err(|_| Reason::CANCEL)?;
            self.sent += room as u64;
            if !self.pace.keep(room as u64, waited) {
                return Err(Reason::CANCEL);
            }
        }
        Ok(())
    }
}

/// Room for at least one byte; nothing if the client wants no more. The `h2` crate only tells of room that is new.
fn poll_room(stream: &mut SendStream<Bytes>, context: &mut Context<'_>) -> Poll<Option<usize>> {
    loop {
        let room = stream.capacity();
        if room > 0 {
            return Poll::Ready(Some(room));
        }
        match ready!(stream.poll_capacity(context)) {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Poll::Ready(None),
        }
    }
}
