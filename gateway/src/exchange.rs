//! HTTP between rooms, without pingora: what was asked, and what is answered.

use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::app::Snapshot;

mod caller;
mod upload;

pub use caller::{Caller, Mode};
pub use upload::{Body, Landing, Upload};

/// The methods that any route of ours knows. Everything else is refused at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
}

impl Method {
    /// The method's name, as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// The method named by exactly these bytes (methods are case-sensitive, RFC 9110 §9.1).
    pub fn parse(name: &[u8]) -> Option<Self> {
        const ALL: [Method; 6] = [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Options,
        ];
        ALL.into_iter()
            .find(|method| method.as_str().as_bytes() == name)
    }
}

/// A request path, percent-decoded exactly once, segment by segment.
///
/// A segment holds only `A-Z a-z 0-9 - . _ ~ ! ' ( ) * + @ , = : $ &`, is never empty, `.` or `..`, and may hold a
/// `/` only where the client wrote `%2f` (npm scopes). Anything else was rejected at the edge.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Path {
    pub segments: Vec<String>,
    pub trailing_slash: bool,
}

/// The decoded `key=value` pairs of the query, in order.
pub type Query = Vec<(String, String)>;

/// What a protocol is asked to parse: the part of the request below the repository's address.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub method: Method,
    pub path: &'a Path,
    pub query: &'a Query,
    /// The `Accept` field, all lines joined by `, `.
    pub accept: Option<&'a str>,
}

/// One request, past the edge: its head is within limits, its target is parsed, and it carries the one policy
/// snapshot that judges it.
pub struct Request {
    pub method: Method,
    pub query: Query,
    /// The target as it was sent, for the log only.
    pub target: Arc<str>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What is published with it, if something is.
    pub upload: Option<Upload>,
    pub received_at: SystemTime,
    pub caller: Caller,
    pub snapshot: Arc<Snapshot>,
}

impl Request {
    /// A field's value, all lines joined by `, `; `None` if it is absent or not printable ASCII.
    pub fn field(&self, name: HeaderName) -> Option<String> {
        let lines: Vec<&str> = self
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

/// A part of a body.
pub enum Piece {
    Bytes(Bytes),
    /// Bytes of a file, which the kernel has in memory: they can be sent without being read.
    File {
        file: Arc<File>,
        offset: u64,
        length: u64,
    },
}

/// The future of a piece of a body.
pub type NextPiece<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Piece>, BodyBroken>> + Send + 'a>>;

/// Why a body ended before its end. The connection is cut, so that no client takes it for the whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyBroken(pub String);

/// A body that arrives piece by piece.
pub trait Source: Send {
    /// The next piece; `None` after the last. Files only come to those who take them.
    fn next(&mut self, takes_files: bool) -> NextPiece<'_>;
}

/// What follows the head of a reply.
pub enum ReplyBody {
    Full(Bytes),
    /// The same bytes twice: in our memory, and in pages that the kernel sends without copying them.
    Paged {
        bytes: Bytes,
        pages: Arc<File>,
    },
    /// A body of known length, in pieces.
    Stream {
        source: Box<dyn Source>,
        length: u64,
    },
    /// No body bytes, but the length that a GET would have (HEAD).
    Head {
        length: u64,
    },
}

/// An answer on its way to the client.
pub struct Reply {
    pub status: u16,
    /// The HTTP/1.1 reason phrase, where it says more than the standard one.
    pub reason: Option<String>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: ReplyBody,
}

impl Reply {
    /// A reply with a whole body.
    pub fn full(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            reason: None,
            headers: Vec::new(),
            body: ReplyBody::Full(body.into()),
        }
        .with(http::header::CONTENT_TYPE, content_type)
    }

    /// A reply without content (204, 304).
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            reason: None,
            headers: Vec::new(),
            body: ReplyBody::Full(Bytes::new()),
        }
    }

    /// Adds a field. A value that is no legal field value is left out: it can only come from foreign data.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Adds a field whose value is a constant of ours.
    pub fn with_static(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// The first value of a field.
    pub fn field(&self, name: &HeaderName) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(each, _)| each == name)?;
        value.to_str().ok()
    }

    /// What a HEAD request gets: the same head, no body (RFC 9110 §9.3.2).
    pub fn without_body(mut self) -> Self {
        if matches!(self.status, 204 | 304) {
            return self;
        }
        self.body = match self.body {
            ReplyBody::Full(bytes) | ReplyBody::Paged { bytes, .. } => ReplyBody::Head {
                length: bytes.len() as u64,
            },
            ReplyBody::Stream { length, .. } => ReplyBody::Head { length },
            head @ ReplyBody::Head { .. } => head,
        };
        self
    }
}
