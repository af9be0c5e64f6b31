//! URLs: resolving a link against the page it stands on (RFC 3986 section 5), and percent-encoding.
//!
//! Only what links of an index need; nothing here fetches or judges a host.

/// An absolute `http` or `https` address, and the fragment that stood behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    pub fragment: Option<String>,
}

/// The parts of a reference as RFC 3986 appendix B splits them, without the fragment.
struct Reference<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

/// Resolves `link` against `page`. `None` for any scheme but http and https, and for a text that is
/// no URL.
pub fn resolve(page: &str, link: &str) -> Option<Link> {
    let link = link.trim_matches(|letter: char| letter.is_ascii_whitespace());
    let foreign = |letter: char| letter.is_control() || letter == ' ' || letter == '\\';
    if link.contains(foreign) {
        return None;
    }
    let (link, fragment) = match link.split_once('#') {
        Some((link, fragment)) => (link, Some(fragment.to_string())),
        None => (link, None),
    };
    let base = split(page.split_once('#').map_or(page, |(page, _)| page));
    let reference = split(link);
    let url = join(&base, &reference)?;
    Some(Link { url, fragment })
}

/// The last segment of a URL's path, percent-decoded once.
pub fn last_segment(url: &str) -> Option<String> {
    let path = split(url).path;
    decode(path.rsplit('/').next().unwrap_or(path))
}

/// `url` with `suffix` behind its path, in front of any query.
pub fn append(url: &str, suffix: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}{suffix}?{query}"),
        None => format!("{url}{suffix}"),
    }
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 section 2.3), so that `+` of
/// a local version survives readers that take it for a space.
pub fn encode(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                for half in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                    encoded.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    encoded
}

fn decode(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

fn split(reference: &str) -> Reference<'_> {
    let (scheme, rest) = match reference.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, reference),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
        None => (None, rest),
    };
    Reference {
        scheme,
        authority,
        path,
        query,
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986 section 5.2.2, for two schemes.
fn join(base: &Reference<'_>, link: &Reference<'_>) -> Option<String> {
    let scheme = link.scheme.or(base.scheme)?.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return None;
    }
    if link.scheme.is_some() && link.authority.is_none() {
        return None;
    }
    // Credentials in a link are never ours to use, and they hide the host from a hasty reader.
    if link
        .authority
        .is_some_and(|authority| authority.contains('@'))
    {
        return None;
    }
    let authority = link
        .authority
        .or(base.authority)
        .filter(|host| !host.is_empty())?;
    let (path, query) = if link.authority.is_some() || link.path.starts_with('/') {
        (remove_dots(link.path), link.query)
    } else if link.path.is_empty() {
        (base.path.to_string(), link.query.or(base.query))
    } else {
        let folder = base.path.rfind('/').map_or("/", |end| &base.path[..=end]);
        (remove_dots(&format!("{folder}{}", link.path)), link.query)
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{scheme}://{authority}{path}{query}"))
}

/// RFC 3986 section 5.2.4, for a path that starts with a slash or is empty.
fn remove_dots(path: &str) -> String {
    if !path.contains("/.") {
        return path.to_string();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.iter()
        .fold(String::new(), |path, segment| path + "/" + segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_resolve_as_rfc_3986_says() {
        let page = "https://upstream.test/root/simple/six/";
        let table = [
            (
                "six-1.0.tar.gz",
                "https://upstream.test/root/simple/six/six-1.0.tar.gz",
            ),
            ("../../files/a", "https://upstream.test/root/files/a"),
            ("../../../../../a", "https://upstream.test/a"),
            ("./a/./b/../c", "https://upstream.test/root/simple/six/a/c"),
            ("/a?b=c", "https://upstream.test/a?b=c"),
            ("//files.test/a", "https://files.test/a"),
            ("HTTP://files.test/a/../b", "http://files.test/b"),
            (" \n/a\t", "https://upstream.test/a"),
            ("", "https://upstream.test/root/simple/six/"),
            ("?b", "https://upstream.test/root/simple/six/?b"),
            ("a:b/c/../../d/", "a-scheme"),
        ];
        for (link, expected) in table {
            let url = resolve(page, link).map(|link| link.url);
            assert_eq!(
                url,
                Some(expected.to_string()).filter(|url| url != "a-scheme"),
                "{link}"
            );
        }
        for bad in [
            "ftp://a/b",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http:a",
            "http:///a",
            "a b",
            "https://upstream.test@evil.test/a",
        ] {
            assert_eq!(resolve(page, bad), None, "{bad}");
        }
        let link = resolve(page, "a.whl#sha256=00").unwrap();
        assert_eq!(link.fragment.as_deref(), Some("sha256=00"));
    }

    #[test]
    fn segments_are_encoded_and_decoded_once() {
        assert_eq!(encode("a-1.0+cpu!~_%"), "a-1.0%2Bcpu%21~_%25");
        let name = last_segment("https://files.test/x/a-1.0%2Bcpu.whl?b=/c");
        assert_eq!(name.as_deref(), Some("a-1.0+cpu.whl"));
        assert_eq!(
            last_segment("https://files.test/a%252Fb").as_deref(),
            Some("a%2Fb")
        );
        assert_eq!(last_segment("https://files.test/a%2"), None);
        assert_eq!(
            append("https://files.test/a?b", ".asc"),
            "https://files.test/a.asc?b"
        );
    }
}
