//! What a client asks a forward proxy for: the target of `CONNECT`, or an absolute one.
//!
//! As strict as the gateway's other heads: what two readers could take for two hosts is refused,
//! never repaired. Whether the host may be reached is not judged here, and of what stands behind
//! the host only that it is printable; requests that the gateway answers itself have the `origin`
//! target read by `head::target`. The `Host` field does not count: the target's host is the host
//! (RFC 9112 §3.2.2).

use std::net::{IpAddr, Ipv6Addr};

use super::name;
use crate::edge::head::{BadHead, bad};
use crate::network::address;

/// A legal target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forward {
    /// `CONNECT host:port` (RFC 9110 §9.3.6).
    Tunnel { host: Host, port: u16 },
    /// `http://host/…` (RFC 9112 §3.2.2), with the target that an origin server is to be asked for.
    Absolute {
        host: Host,
        port: u16,
        origin: String,
    },
}

/// A host that is spelled in only one way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name in small letters.
    Name(String),
    /// An address. IPv6 addresses that stand for IPv4 ones are those, so that what is judged is
    /// what is connected to.
    Address(IpAddr),
}

impl std::fmt::Display for Host {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Address(address) => address.fmt(out),
        }
    }
}

const HTTP_PORT: u16 = 80;

/// Reads the target of a request line. Methods other than `CONNECT` are not looked at, but for
/// `OPTIONS`, whose target is `*` where no path was written (RFC 9112 §3.2.4).
pub fn parse(method: &[u8], target: &[u8]) -> Result<Forward, BadHead> {
    if !target.iter().all(u8::is_ascii_graphic) {
        return Err(bad(
            "request target holds a byte that is not printable ASCII",
        ));
    }
    let text = std::str::from_utf8(target).map_err(|_| bad("request target is not ASCII"))?;
    if method == b"CONNECT" {
        return tunnel(text);
    }
    absolute(method, text)
}

fn tunnel(target: &str) -> Result<Forward, BadHead> {
    match authority(target)? {
        (host, Some(port)) => Ok(Forward::Tunnel { host, port }),
        (_, None) => Err(bad("CONNECT asks for a host without a port")),
    }
}

fn absolute(method: &[u8], target: &str) -> Result<Forward, BadHead> {
    let (scheme, rest) = target
        .split_once("://")
        .ok_or(bad("a proxy is asked for absolute addresses"))?;
    if scheme.eq_ignore_ascii_case("https") {
        return Err(bad("https goes through a proxy by CONNECT"));
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(bad("only http and CONNECT are forwarded"));
    }
    if rest.contains('#') {
        return Err(bad("request target holds a fragment"));
    }
    let (place, origin) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority(place)?;
    let origin = match origin.as_bytes().first() {
        Some(b'/') => origin.to_owned(),
        None if method == b"OPTIONS" => "*".to_owned(),
        _ => format!("/{origin}"),
    };
    Ok(Forward::Absolute {
        host,
        port: port.unwrap_or(HTTP_PORT),
        origin,
    })
}

/// A host, and the port if one is written. Without user information, which is deprecated in both
/// forms (RFC 9110 §4.2.4).
fn authority(text: &str) -> Result<(Host, Option<u16>), BadHead> {
    if text.contains('@') {
        return Err(bad("user information before a host"));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (literal, after) = rest
            .split_once(']')
            .ok_or(bad("IPv6 address without its closing bracket"))?;
        let port = match after.strip_prefix(':') {
            Some(digits) => Some(port(digits)?),
            None if after.is_empty() => None,
            None => return Err(bad("something else than a port after a host")),
        };
        return Ok((bracketed(literal)?, port));
    }
    match text.split_once(':') {
        Some((host, digits)) => Ok((plain(host)?, Some(port(digits)?))),
        None => Ok((plain(text)?, None)),
    }
}

/// What stands in brackets. Zones (RFC 6874) mean something only on the client's own machine.
fn bracketed(literal: &str) -> Result<Host, BadHead> {
    let address: Ipv6Addr = literal
        .parse()
        .map_err(|_| bad("no IPv6 address in the brackets"))?;
    Ok(Host::Address(address::embedded(address.into())))
}

/// An IPv4 address in four decimal numbers, or a name.
fn plain(host: &str) -> Result<Host, BadHead> {
    if let Ok(address) = host.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    name::parse(host.as_bytes()).map(Host::Name).map_err(bad)
}

fn port(digits: &str) -> Result<u16, BadHead> {
    let legal = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let port = digits.parse().ok().filter(|_| legal);
    port.ok_or(bad("illegal port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Host {
        Host::Name(text.to_owned())
    }

    fn address(text: &str) -> Host {
        Host::Address(text.parse().expect("an address"))
    }

    #[test]
    fn tunnels_are_read() {
        for (target, host, port) in [
            ("upstream.test:443", name("upstream.test"), 443),
            ("UPSTREAM.Test:8443", name("upstream.test"), 8443),
            ("localhost:1", name("localhost"), 1),
            ("a_b.upstream.test:65535", name("a_b.upstream.test"), 65535),
            ("127.0.0.1:443", address("127.0.0.1"), 443),
            ("[2001:DB8::1]:443", address("2001:db8::1"), 443),
            ("[::1]:443", address("::1"), 443),
            ("[::]:443", address("::"), 443),
            ("[::ffff:127.0.0.1]:443", address("127.0.0.1"), 443),
            ("[::FFFF:7f00:1]:443", address("127.0.0.1"), 443),
            ("[::127.0.0.1]:443", address("127.0.0.1"), 443),
            ("[64:ff9b::7f00:1]:443", address("127.0.0.1"), 443),
            ("[2002:7f00:1::]:443", address("127.0.0.1"), 443),
        ] {
            let found = parse(b"CONNECT", target.as_bytes());
            assert_eq!(found, Ok(Forward::Tunnel { host, port }), "{target}");
        }
    }

    /// Hosts that are refused in both forms.
    const BAD_HOSTS: [&str; 34] = [
        "",
        "upstream.test.",
        ".upstream.test",
        "upstream..test",
        "user@upstream.test",
        "user:word@upstream.test",
        "upstream.test@",
        "up%73tream.test",
        "upstream%2etest",
        "%31%32%37.0.0.1",
        "upstream.test\\",
        "up stream.test",
        "up\tstream.test",
        "up\0stream.test",
        "b\u{fc}cher.test",
        "-upstream.test",
        "*",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "127.0.0.256",
        "2130706433",
        "017700000001",
        "0x7f.1",
        "0x7f000001",
        "0X7F000001",
        "127.0.0.0x1",
        "::1",
        "[]",
        "[::1",
        "[127.0.0.1]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[v1.a]",
    ];

    #[test]
    fn bad_hosts_are_refused() {
        for host in BAD_HOSTS {
            let tunnel = parse(b"CONNECT", format!("{host}:443").as_bytes());
            let absolute = parse(b"GET", format!("http://{host}/x").as_bytes());
            for found in [tunnel, absolute] {
                let status = found.clone().map_err(|error| error.status);
                assert_eq!(status, Err(400), "{host:?}: {found:?}");
            }
        }
    }

    #[test]
    fn bad_tunnels_are_refused() {
        for target in [
            "",
            "/",
            "*",
            "upstream.test",
            "upstream.test:",
            "upstream.test:0",
            "upstream.test:00443",
            "upstream.test:0443",
            "upstream.test:+443",
            "upstream.test:65536",
            "upstream.test:99999999999999999999",
            "upstream.test:https",
            "upstream.test:443:443",
            "upstream.test:443/",
            "upstream.test:443?",
            "upstream.test:443#",
            "upstream.test/:443",
            "http://upstream.test:443",
            "//upstream.test:443",
            ":443",
            "[::1]",
            "[::1]443",
            "[::1]:",
            "[::1]]:443",
            "[[::1]]:443",
            "[::1]:443@upstream.test:443",
            "a,b:443",
        ] {
            let found = parse(b"CONNECT", target.as_bytes());
            let status = found.clone().map_err(|error| error.status);
            assert_eq!(status, Err(400), "{target}: {found:?}");
        }
        assert!(parse(b"connect", b"upstream.test:443").is_err());
    }

    #[test]
    fn absolute_targets_are_read() {
        for (target, host, port, origin) in [
            (
                "http://upstream.test/a/b?c=d",
                name("upstream.test"),
                80,
                "/a/b?c=d",
            ),
            ("HTTP://UPSTREAM.TEST/A", name("upstream.test"), 80, "/A"),
            ("http://upstream.test", name("upstream.test"), 80, "/"),
            ("http://upstream.test?a", name("upstream.test"), 80, "/?a"),
            (
                "http://upstream.test?a/b",
                name("upstream.test"),
                80,
                "/?a/b",
            ),
            (
                "http://upstream.test:8080//a",
                name("upstream.test"),
                8080,
                "//a",
            ),
            ("http://127.0.0.1:81/x", address("127.0.0.1"), 81, "/x"),
            ("http://[::1]", address("::1"), 80, "/"),
            ("http://[::ffff:10.0.0.1]:82/", address("10.0.0.1"), 82, "/"),
            (
                "http://upstream.test/@a%2fb:c",
                name("upstream.test"),
                80,
                "/@a%2fb:c",
            ),
            (
                "http://upstream.test/http://b/",
                name("upstream.test"),
                80,
                "/http://b/",
            ),
        ] {
            let origin = origin.to_owned();
            let expected = Forward::Absolute { host, port, origin };
            let found = parse(b"GET", target.as_bytes());
            assert_eq!(found, Ok(expected), "{target}");
        }
        for (target, expected) in [
            ("http://a.test", "*"),
            ("http://a.test/", "/"),
            ("http://a.test?", "/?"),
        ] {
            let found = parse(b"OPTIONS", target.as_bytes());
            let Ok(Forward::Absolute { origin, .. }) = found else {
                panic!("{target}: {found:?}");
            };
            assert_eq!(origin, expected, "{target}");
        }
    }

    #[test]
    fn bad_absolute_targets_are_refused() {
        for target in [
            "",
            "/",
            "/x",
            "*",
            "upstream.test:443",
            "upstream.test/x",
            "//upstream.test/x",
            "https://upstream.test/x",
            "HTTPS://upstream.test/x",
            "ftp://upstream.test/x",
            "ws://upstream.test/x",
            "http:upstream.test/x",
            "http:/upstream.test/x",
            "http:///x",
            "http://",
            "http://?x",
            "http://:80/x",
            "http://upstream.test:/x",
            "http://upstream.test:0/x",
            "http://upstream.test:080/x",
            "http://upstream.test:80:80/x",
            "http://upstream.test#x",
            "http://upstream.test/x#y",
            "http://upstream.test/x y",
            "http://upstream.test\\@other.test/",
            " http://upstream.test/",
            "http://upstream.test/\u{fc}",
        ] {
            let found = parse(b"GET", target.as_bytes());
            let status = found.clone().map_err(|error| error.status);
            assert_eq!(status, Err(400), "{target}: {found:?}");
        }
    }

    #[test]
    fn every_byte_may_be_any_other() {
        for (method, target) in [
            (&b"CONNECT"[..], &b"[::ffff:127.0.0.1]:443"[..]),
            (b"CONNECT", b"upstream.test:443"),
            (b"GET", b"http://upstream.test:80/a?b"),
        ] {
            for at in 0..target.len() {
                for value in 0..=255 {
                    let mut mutated = target.to_vec();
                    mutated[at] = value;
                    let _ = parse(method, &mutated);
                    let _ = parse(method, &mutated[..at]);
                }
            }
        }
    }
}
