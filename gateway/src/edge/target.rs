//! The request target: own grammar, decoded once, rejected rather than repaired.
//!
//! The framework's typed URI reads "/" for targets such as `./evil` and repairs raw spaces (reliability.md §0), so the
//! raw bytes are parsed here and nowhere else.

use crate::exchange::{Path, Query};

/// Why a target is refused: always 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTarget(pub &'static str);

/// Parses an origin-form target (RFC 9112 §3.2.1).
pub fn parse(target: &[u8]) -> Result<(Path, Query), BadTarget> {
    if target.first() != Some(&b'/') {
        return Err(BadTarget("request target must start with a slash"));
    }
    if !target.iter().all(u8::is_ascii_graphic) {
        return Err(BadTarget(
            "request target holds a byte that is not printable ASCII",
        ));
    }
    let text = std::str::from_utf8(target).map_err(|_| BadTarget("request target is not ASCII"))?;
    if text.contains('#') {
        return Err(BadTarget("request target holds a fragment"));
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    Ok((parse_path(path)?, parse_query(query)?))
}

/// Parses an absolute path. `/` alone is the path without segments.
pub fn parse_path(path: &str) -> Result<Path, BadTarget> {
    let rest = path
        .strip_prefix('/')
        .ok_or(BadTarget("path must start with a slash"))?;
    if rest.is_empty() {
        return Ok(Path {
            segments: Vec::new(),
            trailing_slash: true,
        });
    }
    let trailing_slash = rest.ends_with('/');
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let segments = rest.split('/').map(segment).collect::<Result<_, _>>()?;
    Ok(Path {
        segments,
        trailing_slash,
    })
}

fn segment(raw: &str) -> Result<String, BadTarget> {
    let text = decode(raw, false)?;
    if text.is_empty() {
        return Err(BadTarget("path holds an empty segment"));
    }
    if text
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return Err(BadTarget("path holds a dot segment"));
    }
    if !text.bytes().all(is_path_byte) {
        return Err(BadTarget(
            "path holds a character that no package address has",
        ));
    }
    Ok(text)
}

/// What a decoded segment may hold. Semicolon, backslash, percent, quotes and brackets are in no address of the three
/// ecosystems, and each is read differently by some server.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!'()*+@,=:$&/".contains(&byte)
}

fn parse_query(query: &str) -> Result<Query, BadTarget> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key, true)?, decode(value, true)?))
        })
        .collect()
}

/// Percent-decodes once (RFC 3986 §2.1). `form` also reads `+` as a space and allows UTF-8.
fn decode(raw: &str, form: bool) -> Result<String, BadTarget> {
    // A target holds no control characters, so what has no escapes is as it should be.
    if !raw.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Ok(raw.to_owned());
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()];
                let [Some(high), Some(low)] = digits else {
                    return Err(BadTarget("incomplete percent escape"));
                };
                let (Some(high), Some(low)) = (hex(high), hex(low)) else {
                    return Err(BadTarget("percent escape that is not hexadecimal"));
                };
                bytes.push(high << 4 | low);
            }
            b'+' if form => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    if bytes.iter().any(|byte| byte.is_ascii_control()) {
        return Err(BadTarget("escaped control character"));
    }
    String::from_utf8(bytes).map_err(|_| BadTarget("escaped bytes that are not UTF-8"))
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(target: &str) -> Option<Vec<String>> {
        parse(target.as_bytes()).ok().map(|(path, _)| path.segments)
    }

    #[test]
    fn legal_targets_are_decoded_once() {
        for (target, expected) in [
            ("/", vec![]),
            ("/npm/public/left-pad", vec!["npm", "public", "left-pad"]),
            ("/a/@s%2fn", vec!["a", "@s/n"]),
            ("/a/%40s%2Fn", vec!["a", "@s/n"]),
            ("/a/%65vil", vec!["a", "evil"]),
            ("/a/b/", vec!["a", "b"]),
            ("/a/x-2.0%2Bcpu.whl", vec!["a", "x-2.0+cpu.whl"]),
        ] {
            let found = segments(target).unwrap_or_else(|| panic!("{target} was refused"));
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn illegal_targets_are_refused() {
        for target in [
            "evil",
            "./evil",
            "../evil",
            "@evil",
            ":80/evil",
            "%2fevil",
            "x:/evil",
            "*",
            "*/evil",
            "http://h/evil",
            "//evil",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/a/..%2fb",
            "/a/%2e%2e/b",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/a%0d%0ab",
            "/a;v=1",
            "/a%3bv",
            "/a%252Db",
            "/a%20",
            "/a%E2%80%90b",
            "/a#/b",
            "/a%zz",
            "/a%",
            "/a%4",
            "/a\"b",
            "/a b",
            "/a\tb",
            "/a%2f",
            "/%2fa",
            "/a<b",
        ] {
            assert_eq!(segments(target), None, "{target} was accepted");
        }
        assert!(parse(b"/ev\xEDl").is_err());
    }

    #[test]
    fn queries_are_pairs() {
        let (_, query) = parse(b"/a?text=left+pad&size=20&x").expect("legal");
        let expected = [("text", "left pad"), ("size", "20"), ("x", "")];
        assert_eq!(
            query,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }
}
