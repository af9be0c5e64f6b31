//! An upstream as used: a checked address, where it was found, and what opens it.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use rules::Ecosystem;

/// A remote registry that packages are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// A stable name: `npm` for a common one, `repository/npm` for a repository's own.
    pub id: String,
    /// What it speaks.
    pub ecosystem: Ecosystem,
    /// http or https, no credentials, no query, with a trailing slash. For PyPI the parent of
    /// `simple/`.
    pub url: String,
    /// Further hosts that its files may come from, in small letters.
    pub hosts: Vec<String>,
    /// The value of the `Authorization` field for its own host.
    pub credentials: Option<Secret>,
    /// Whether its host names may resolve to loopback or private addresses.
    pub allow_private: bool,
    /// Who named the address.
    pub source: Source,
}

/// Who named an upstream's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The operator, in the configuration.
    Configuration,
    /// Discovery; the text says where.
    Discovered(String),
}

/// The value of an `Authorization` field, which never appears in a log or a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An address with the credentials taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As in [`Upstream::url`].
    pub url: String,
    /// The host in small letters, without port; IPv6 without brackets.
    pub host: String,
    /// The port, that of the scheme if none is written.
    pub port: u16,
    /// From `user:password@`.
    pub credentials: Option<Secret>,
}

impl Secret {
    /// HTTP Basic, RFC 7617.
    pub fn basic(username: &str, password: &str) -> Self {
        Secret(format!(
            "Basic {}",
            base64(format!("{username}:{password}").as_bytes())
        ))
    }

    /// A bearer token, RFC 6750.
    pub fn bearer(token: &str) -> Self {
        Secret(format!("Bearer {token}"))
    }

    /// The value to send, and to nowhere but the upstream's own host.
    pub fn authorization(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Configuration => out.write_str("configuration"),
            Source::Discovered(place) => out.write_str(place),
        }
    }
}

impl Address {
    /// Checks an address and brings it into the one form; the message says what to write instead.
    pub fn parse(written: &str) -> Result<Address, String> {
        let written = written.trim();
        let uri: Uri = written.parse().map_err(|_| {
            "this is no address; write one such as \"http://host/path/\"".to_owned()
        })?;
        let scheme = uri.scheme_str().unwrap_or("");
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err("an address begins with http:// or https://; write that".to_owned()),
        };
        if uri.query().is_some() || written.contains('#') {
            return Err("an address has no query and no fragment; remove it".to_owned());
        }
        let authority = uri.authority().map(|it| it.as_str()).unwrap_or("");
        let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = uri.host().unwrap_or("").to_ascii_lowercase();
        if host.is_empty() {
            return Err("the address has no host; write one such as \"http://host/\"".to_owned());
        }
        let slash = if uri.path().ends_with('/') { "" } else { "/" };
        let place = place.to_ascii_lowercase();
        Ok(Address {
            url: format!("{scheme}://{place}{}{slash}", uri.path()),
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            credentials: credentials_of(user),
        })
    }

    /// As [`Address::parse`], with what the ecosystem asks for: PyPI's `simple/` is cut.
    pub fn parse_for(ecosystem: Ecosystem, written: &str) -> Result<Address, String> {
        let mut address = Address::parse(written)?;
        if ecosystem == Ecosystem::Pypi && address.url.ends_with("/simple/") {
            address.url.truncate(address.url.len() - "simple/".len());
        }
        Ok(address)
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        let name = self.host.as_str();
        let by_name = name == "localhost" || name.ends_with(".localhost");
        by_name
            || name
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Whether the host itself, by number or by name, belongs to a private network: RFC 1918,
    /// RFC 4193, RFC 6762 (`.local`), RFC 8375 (`.home.arpa`), or a name of a single label.
    pub fn is_private(&self) -> bool {
        const SUFFIXES: [&str; 3] = [".local", ".internal", ".home.arpa"];
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
            Ok(IpAddr::V6(v6)) => {
                v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
            Err(_) => {
                self.is_loopback()
                    || !self.host.contains('.')
                    || SUFFIXES.iter().any(|suffix| self.host.ends_with(suffix))
            }
        }
    }

    /// The path, from its first slash.
    pub fn path(&self) -> &str {
        let after = self.url.find("://").map_or(0, |at| at + 3);
        let rest = self.url.get(after..).unwrap_or("");
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    }
}

/// Checks a host name, with a port or without; gives it in small letters.
pub fn parse_host(written: &str) -> Result<String, String> {
    let advice = "write a host name only, such as \"files.example\"";
    let host = written.trim().to_ascii_lowercase();
    let (name, port) = host.split_once(':').unwrap_or((&host, "1"));
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let good = name.len() <= 253 && name.split('.').all(label) && port.parse::<u16>().is_ok();
    if good {
        Ok(host)
    } else {
        Err(format!("`{written}` is no host name; {advice}"))
    }
}

/// `user:password`, percent-encoded (RFC 3986, 3.2.1); a name alone is taken as a token.
fn credentials_of(user: &str) -> Option<Secret> {
    if user.is_empty() {
        return None;
    }
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    Some(Secret::basic(
        &percent_decoded(name),
        &percent_decoded(password),
    ))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_one_form() {
        for (ecosystem, written, url) in [
            (
                Ecosystem::Npm,
                "http://upstream.test",
                "http://upstream.test/",
            ),
            (
                Ecosystem::Npm,
                "HTTP://Upstream.Test:81/A",
                "http://upstream.test:81/A/",
            ),
            (
                Ecosystem::Pypi,
                "https://upstream.test/simple",
                "https://upstream.test/",
            ),
            (
                Ecosystem::Pypi,
                "https://upstream.test/a/simple/",
                "https://upstream.test/a/",
            ),
            (
                Ecosystem::Maven,
                "http://u:p@upstream.test/m2",
                "http://upstream.test/m2/",
            ),
            (
                Ecosystem::Maven,
                "http://upstream.test/simple",
                "http://upstream.test/simple/",
            ),
        ] {
            assert_eq!(Address::parse_for(ecosystem, written).unwrap().url, url);
        }
        for written in [
            "",
            "upstream.test",
            "ftp://upstream.test/",
            "http://a/?b",
            "http://",
            "/a",
        ] {
            let message = Address::parse(written).unwrap_err();
            assert!(
                message.contains("write") || message.contains("remove"),
                "{written}"
            );
        }
    }

    #[test]
    fn credentials_leave_the_address_and_are_never_shown() {
        let address = Address::parse("http://al%40x:p%3Aw@upstream.test/").unwrap();
        assert_eq!(address.host, "upstream.test");
        let secret = address.credentials.clone().unwrap();
        assert_eq!(secret, Secret::basic("al@x", "p:w"));
        assert_eq!(
            format!("{address:?} {secret}")
                .matches("[redacted]")
                .count(),
            2
        );
        assert_eq!(
            Secret::basic("Aladdin", "open sesame").0,
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert_eq!(Secret::bearer("t").authorization(), "Bearer t");
    }

    #[test]
    fn private_hosts() {
        for (host, private) in [
            ("127.0.0.1", true),
            ("[::1]:80", true),
            ("10.1.2.3", true),
            ("[fd00::1]", true),
            ("nexus", true),
            ("nexus.internal", true),
            ("localhost:4873", true),
            ("upstream.test", false),
            ("[2001:db8::1]", false),
            ("192.0.2.1", false),
        ] {
            let address = Address::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(address.is_private(), private, "{host}");
        }
    }

    #[test]
    fn host_names() {
        for host in ["files.test", "a", "127.0.0.1", "files.test:8080"] {
            assert_eq!(parse_host(host).unwrap(), host);
        }
        for host in [
            "",
            "http://files.test",
            "files.test/",
            "a..b",
            "a b",
            "files.test:x",
        ] {
            assert!(
                parse_host(host).unwrap_err().contains("host name only"),
                "{host}"
            );
        }
    }
}
