//! The head of an HTTP/1 request, read strictly: reject, never repair.
//!
//! Every leniency listed in reliability.md §0 is closed here: bare line feeds, repaired request lines, doubled or mixed
//! framing fields, missing or illegal Host, body on GET, unknown methods.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::target;
use crate::exchange::{Method, Path, Query};

/// How the request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// A head that passed.
#[derive(Debug)]
pub struct Head {
    pub method: Method,
    pub target: Arc<str>,
    pub path: Path,
    pub query: Query,
    pub host: String,
    pub headers: HeaderMap,
    pub framing: Framing,
    pub keep_alive: bool,
}

/// A head that did not: the status and what is wrong with it. The connection is closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct BadHead {
    pub status: u16,
    pub message: &'static str,
}

/// The head is larger than `head_bytes`.
pub const TOO_LARGE: BadHead = BadHead {
    status: 431,
    message: "the request head is too large",
};

/// The head has more fields than `head_fields`.
pub const TOO_MANY_FIELDS: BadHead = BadHead {
    status: 431,
    message: "too many header fields",
};

/// A body where there is none to be.
pub const NO_BODY: BadHead = bad("this method takes no body");

/// 400 for this reason.
pub const fn bad(message: &'static str) -> BadHead {
    BadHead {
        status: 400,
        message,
    }
}

/// The first line of a head that ends in an empty line, and its fields, of which there may be `fields_max`.
pub fn split(bytes: &Bytes, fields_max: usize) -> Result<(&[u8], HeaderMap), BadHead> {
    let text = bytes
        .strip_suffix(b"\r\n\r\n")
        .ok_or(bad("head does not end in an empty line"))?;
    let (first, fields) = next_line(text)?;
    Ok((first, headers(bytes, fields, fields_max)?))
}

/// Parses a head that ends in an empty line. `fields_max` bounds the number of fields, `target_max` the target's bytes.
pub fn parse(bytes: &Bytes, fields_max: usize, target_max: usize) -> Result<Head, BadHead> {
    let (first, headers) = split(bytes, fields_max)?;
    let line = RequestLine::parse(first)?;
    let (path, query) = target(line.target, target_max)?;
    let framing = framing(&headers, line.http_1_0)?;
    check_credentials(&headers)?;
    let bodiless = matches!(line.method, Method::Get | Method::Head | Method::Options);
    if bodiless && !matches!(framing, Framing::None | Framing::Length(0)) {
        return Err(NO_BODY);
    }
    Ok(Head {
        method: line.method,
        target: String::from_utf8_lossy(line.target).into(),
        path,
        query,
        host: host(&headers, line.http_1_0)?,
        keep_alive: keep_alive(&headers, line.http_1_0),
        headers,
        framing,
    })
}

/// The path and the query of a target, which has at most `max` bytes.
pub fn target(target: &[u8], max: usize) -> Result<(Path, Query), BadHead> {
    if target.len() > max {
        return Err(BadHead {
            status: 414,
            message: "request target is too long",
        });
    }
    target::parse(target).map_err(|error| bad(error.0))
}

/// A method of ours.
pub fn method(name: &[u8]) -> Result<Method, BadHead> {
    Method::parse(name).ok_or(BadHead {
        status: 405,
        message: "method is not known here",
    })
}

/// Splits a line off at CR LF; a CR or LF anywhere else is an error. After the last line nothing is left.
fn next_line(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), BadHead> {
    let (line, rest) = match text.iter().position(|byte| *byte == b'\n') {
        Some(at) => {
            let line = text[..at].strip_suffix(b"\r");
            let line = line.ok_or(bad("line ends in a bare line feed"))?;
            (line, Some(&text[at + 1..]))
        }
        None => (text, None),
    };
    if line.contains(&b'\r') {
        return Err(bad("bare carriage return"));
    }
    Ok((line, rest))
}

struct RequestLine<'a> {
    method: Method,
    target: &'a [u8],
    http_1_0: bool,
}

impl<'a> RequestLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, BadHead> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad("request line is not method, target and version"));
        };
        let http_1_0 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(bad("only HTTP/1.1 and HTTP/1.0 are spoken here")),
        };
        Ok(Self {
            method: self::method(method)?,
            target,
            http_1_0,
        })
    }
}

/// Reads the field lines. Values are parts of `head`, not copies.
fn headers(head: &Bytes, mut rest: Option<&[u8]>, fields_max: usize) -> Result<HeaderMap, BadHead> {
    let mut headers = HeaderMap::with_capacity(16);
    while let Some(text) = rest {
        if headers.len() >= fields_max {
            return Err(TOO_MANY_FIELDS);
        }
        let line;
        (line, rest) = next_line(text)?;
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(bad("header line without a colon"))?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // HeaderName refuses white space, so neither folding nor a space before the colon gets through.
        let name = HeaderName::from_bytes(name).map_err(|_| bad("illegal header name"))?;
        check_value(value)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(value));
        headers.append(name, value.map_err(|_| bad("illegal header value"))?);
    }
    Ok(headers)
}

/// What no field value may hold (RFC 9110 §5.5).
pub fn check_value(value: &[u8]) -> Result<(), BadHead> {
    let is_illegal = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    if value.iter().any(is_illegal) {
        return Err(bad("control character in a header value"));
    }
    Ok(())
}

/// The single value of a field that may stand once.
pub fn once<'a>(
    headers: &'a HeaderMap,
    name: HeaderName,
    doubled: &'static str,
) -> Result<Option<&'a [u8]>, BadHead> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(HeaderValue::as_bytes);
    if values.next().is_some() {
        return Err(bad(doubled));
    }
    Ok(first)
}

/// Two credentials are none.
pub fn check_credentials(headers: &HeaderMap) -> Result<(), BadHead> {
    once(headers, header::AUTHORIZATION, "Authorization stands twice").map(drop)
}

/// RFC 9112 §6.3, with every ambiguity refused.
fn framing(headers: &HeaderMap, http_1_0: bool) -> Result<Framing, BadHead> {
    let length = content_length(headers)?;
    let coding = once(
        headers,
        header::TRANSFER_ENCODING,
        "Transfer-Encoding stands twice",
    )?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(bad("both Content-Length and Transfer-Encoding")),
        (None, Some(b"chunked")) if !http_1_0 => Ok(Framing::Chunked),
        (None, Some(_)) => Err(bad("only the chunked transfer coding is taken")),
        (Some(length), None) => Ok(Framing::Length(length)),
        (None, None) => Ok(Framing::None),
    }
}

/// The `Content-Length`, which stands once and is nothing but digits.
pub fn content_length(headers: &HeaderMap) -> Result<Option<u64>, BadHead> {
    let name = header::CONTENT_LENGTH;
    let Some(digits) = once(headers, name, "Content-Length stands twice")? else {
        return Ok(None);
    };
    let legal = !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| legal);
    text.and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or(bad("Content-Length is not a number"))
}

fn host(headers: &HeaderMap, http_1_0: bool) -> Result<String, BadHead> {
    let Some(value) = once(headers, header::HOST, "Host stands twice")? else {
        return if http_1_0 {
            Ok(String::new())
        } else {
            Err(bad("Host is missing"))
        };
    };
    host_name(value)
}

/// A host with or without a port, in small letters. It is only ever compared.
pub fn host_name(value: &[u8]) -> Result<String, BadHead> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    if value.is_empty() || !value.iter().all(legal) {
        return Err(bad("illegal Host"));
    }
    Ok(String::from_utf8_lossy(value).to_ascii_lowercase())
}

/// Whether the connection stays open. After an Upgrade request it never does: what follows may be another protocol.
fn keep_alive(headers: &HeaderMap, http_1_0: bool) -> bool {
    let mut close = http_1_0;
    for value in headers.get_all(header::CONNECTION) {
        for option in value.as_bytes().split(|byte| *byte == b',') {
            match option.trim_ascii().to_ascii_lowercase().as_slice() {
                b"close" => return false,
                b"keep-alive" => close = false,
                _ => {}
            }
        }
    }
    !close && !headers.contains_key(header::UPGRADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &[u8]) -> u16 {
        parse(&Bytes::copy_from_slice(head), 100, 8192).map_or_else(|error| error.status, |_| 200)
    }

    #[test]
    fn ordinary_heads_pass() {
        for head in [
            "GET /npm/public/left-pad HTTP/1.1\r\nHost: gw\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: [::1]:8080\r\nAccept: */*\r\n\r\n",
            "POST /x HTTP/1.1\r\nHost: gw\r\nContent-Length: 3\r\n\r\n",
            "POST /x HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /x HTTP/1.1\r\nHost: gw\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert_eq!(status(head.as_bytes()), 200, "{head}");
        }
    }

    /// reliability.md §0, row by row.
    #[test]
    fn what_the_framework_lets_through_is_refused() {
        for (head, expected) in [
            ("GET  /x HTTP/1.1\r\nHost: gw\r\n\r\n", 400),
            ("GET /x y HTTP/1.1\r\nHost: gw\r\n\r\n", 400),
            ("GET /x\ty HTTP/1.1\r\nHost: gw\r\n\r\n", 400),
            ("GET /x\r\n\r\n", 400),
            ("GET /x HTTP/1.1\nHost: gw\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: gw\n\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: \r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a/evil?\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
            ("get /x HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
                400,
            ),
            (
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
                400,
            ),
            (
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
                400,
            ),
            (
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            (
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                400,
            ),
            (
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0Bchunked\r\n\r\n",
                400,
            ),
            (
                "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            (
                "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
                400,
            ),
            (
                "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nAuthorization: c\r\n\r\n",
                400,
            ),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        }
    }

    #[test]
    fn bounds_are_kept() {
        let many = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X: a\r\n".repeat(100)
        );
        assert_eq!(status(many.as_bytes()), 431);
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
        assert_eq!(status(long.as_bytes()), 414);
    }
}
