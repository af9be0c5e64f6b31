//! The head of an HTTP/2 request, put through the checks of a head of HTTP/1.
//!
//! The `h2` crate refuses what is malformed by RFC 9113 §8: names in capitals, connection fields, pseudo-fields that
//! are doubled, late or unknown. What it lets through is checked here.

use http::{HeaderMap, HeaderValue, header, request, uri};

use super::super::head::{self, BadHead, Framing, Head, bad};
use crate::config::Limits;
use crate::exchange::Method;

/// Checks a head. `ended` says that no body follows.
pub fn parse(parts: request::Parts, ended: bool, limits: &Limits) -> Result<Head, BadHead> {
    let method = head::method(parts.method.as_str().as_bytes())?;
    if parts.uri.scheme() != Some(&uri::Scheme::HTTPS) {
        return Err(bad("only https is spoken here, with an authority"));
    }
    let target = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let authority = parts
        .uri
        .authority()
        .map_or("", |authority| authority.as_str());
    within_bounds(&parts.headers, target.len() + authority.len(), limits)?;
    for value in parts.headers.values() {
        check_value(value)?;
    }
    let host = host(&parts.headers, authority)?;
    head::check_credentials(&parts.headers)?;
    let length = head::content_length(&parts.headers)?;
    let framing = match length {
        Some(length) => Framing::Length(length),
        None if ended => Framing::None,
        None => Framing::Chunked,
    };
    if !ended && matches!(method, Method::Get | Method::Head | Method::Options) {
        return Err(head::NO_BODY);
    }
    let (path, query) = head::target(target.as_bytes(), limits.target_bytes as usize)?;
    Ok(Head {
        method,
        target: target.into(),
        path,
        query,
        host,
        headers: parts.headers,
        framing,
        keep_alive: true,
    })
}

/// The sizes that a head of HTTP/1 with the same fields would have: a colon, a space and a line's end for each.
fn within_bounds(headers: &HeaderMap, first_line: usize, limits: &Limits) -> Result<(), BadHead> {
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    if headers.len() > limits.head_fields {
        return Err(head::TOO_MANY_FIELDS);
    }
    if fields.sum::<usize>() + first_line > limits.head_bytes as usize {
        return Err(head::TOO_LARGE);
    }
    Ok(())
}

/// RFC 9113 §8.2.1; nothing is trimmed.
fn check_value(value: &HeaderValue) -> Result<(), BadHead> {
    let bytes = value.as_bytes();
    head::check_value(bytes)?;
    if bytes.trim_ascii() != bytes {
        return Err(bad("white space around a header value"));
    }
    Ok(())
}

/// RFC 9113 §8.3.1: the authority says what Host said. A Host beside it must say the same.
fn host(headers: &HeaderMap, authority: &str) -> Result<String, BadHead> {
    let host = head::host_name(authority.as_bytes())?;
    match head::once(headers, header::HOST, "Host stands twice")? {
        Some(second) if head::host_name(second)? != host => {
            Err(bad("Host and :authority name different hosts"))
        }
        _ => Ok(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder, ended: bool) -> u16 {
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        parse(parts, ended, &Limits::default()).map_or_else(|bad| bad.status, |_| 200)
    }

    fn get(uri: &str) -> http::request::Builder {
        http::Request::get(uri)
    }

    #[test]
    fn ordinary_heads_pass() {
        let post = || http::Request::post("https://gw/x");
        for (request, ended) in [
            (get("https://gw:8443/npm/public/left-pad?x=1"), true),
            (get("https://gw/x").header("host", "GW"), true),
            (get("https://gw/x").header("content-length", "0"), true),
            (post().header("content-length", "3"), false),
            (post(), false),
        ] {
            let shown = format!("{request:?}");
            assert_eq!(status(request, ended), 200, "{shown}");
        }
    }

    #[test]
    fn what_http_1_refuses_is_refused() {
        let authority = |text: &str| {
            let mut parts = uri::Parts::default();
            parts.scheme = Some(uri::Scheme::HTTPS);
            parts.authority = Some(text.parse().expect("an authority"));
            parts.path_and_query = Some(uri::PathAndQuery::from_static("/x"));
            get("/").uri(uri::Uri::from_parts(parts).expect("a URI"))
        };
        let long = format!("https://gw/{}", "a".repeat(9000));
        let large = "a".repeat(33_000);
        let mut many = get("https://gw/x");
        for number in 0..101 {
            many = many.header(format!("x-{number}"), "a");
        }
        for (request, ended, expected) in [
            (get("http://gw/x"), true, 400),
            (get("ftp://gw/x"), true, 400),
            (get("/x"), true, 400),
            (get("/x").header("host", "gw"), true, 400),
            (authority("user@gw"), true, 400),
            (get("https://gw//x"), true, 400),
            (get("https://gw/a/../x"), true, 400),
            (get("https://gw/a/%2e%2e/x"), true, 400),
            (get("https://gw/a\"x"), true, 400),
            (get(&long), true, 414),
            (get("https://gw/x").header("host", "other"), true, 400),
            (
                get("https://gw/x")
                    .header("host", "gw")
                    .header("host", "gw"),
                true,
                400,
            ),
            (get("https://gw/x").header("x", "a "), true, 400),
            (
                get("https://gw/x")
                    .header("authorization", "a")
                    .header("authorization", "b"),
                true,
                400,
            ),
            (get("https://gw/x").header("x", large), true, 431),
            (many, true, 431),
            (get("https://gw/x"), false, 400),
            (
                get("https://gw/x").header("content-length", "3"),
                false,
                400,
            ),
            (
                http::Request::post("https://gw/x").header("content-length", "+3"),
                false,
                400,
            ),
            (
                http::Request::post("https://gw/x")
                    .header("content-length", "3")
                    .header("content-length", "3"),
                false,
                400,
            ),
            (http::Request::trace("https://gw/x"), true, 405),
            (http::Request::connect("gw:443"), false, 405),
        ] {
            let shown: String = format!("{request:?}").chars().take(300).collect();
            assert_eq!(status(request, ended), expected, "{shown}");
        }
    }
}
