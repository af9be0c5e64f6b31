//! The first bytes of a connection: whose it is, read before anything is answered.

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::super::deadline::Deadline;
use super::hello::{self, Hello, Seen};
use super::name;
use crate::config::Limits;

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// TLS.
    Hello(Hello),
    /// HTTP/1 in clear text, for this host if it says so beyond doubt.
    Http { host: Option<String> },
    /// TLS that no well-meaning client sends.
    Malformed(&'static str),
    /// Neither.
    Other,
}

/// What was read of a connection, and what it says.
pub struct Opening {
    pub read: BytesMut,
    pub first: First,
}

/// Reads until that is clear, within the limits of a head. `read` is what came already. `None` if the client went, or
/// took too long.
pub async fn read(socket: &mut TcpStream, mut read: BytesMut, limits: &Limits) -> Option<Opening> {
    let reading = async {
        loop {
            if let Some(first) = classify(&read, limits.head_bytes as usize) {
                return Some(first);
            }
            read.reserve(READ_BYTES);
            socket.read_buf(&mut read).await.ok().filter(|it| *it > 0)?;
        }
    };
    let (first, _) = Deadline::new().within(limits.head_deadline, reading).await;
    let first = first.ok()??;
    Some(Opening { read, first })
}

/// The usual hello fits.
const READ_BYTES: usize = 4096;

/// What these bytes begin; `None` if more are needed.
fn classify(read: &[u8], head_max: usize) -> Option<First> {
    let first = *read.first()?;
    if first.is_ascii_uppercase() {
        return match head_end(read) {
            Some(end) => Some(First::Http {
                host: host(&read[..end]),
            }),
            None if read.len() > head_max => Some(First::Other),
            None => None,
        };
    }
    match hello::read(read) {
        Seen::More => None,
        Seen::Hello(hello) => Some(First::Hello(hello)),
        Seen::Bad(why) => Some(First::Malformed(why)),
        Seen::NotTls => Some(First::Other),
    }
}

fn head_end(read: &[u8]) -> Option<usize> {
    let ends = |end: &[u8]| read.windows(end.len()).position(|window| window == end);
    [ends(b"\r\n\r\n"), ends(b"\n\n")]
        .into_iter()
        .flatten()
        .min()
}

/// The one host that the head of a request names; `None` where two readers could see two.
fn host(head: &[u8]) -> Option<String> {
    let mut hosts = head
        .split(|byte| *byte == b'\n')
        .skip(1)
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let is_host = line[..colon].trim_ascii().eq_ignore_ascii_case(b"host");
            is_host.then(|| line[colon + 1..].trim_ascii())
        });
    let host = hosts.next().filter(|_| hosts.next().is_none())?;
    let (host, port) = match host.iter().position(|byte| *byte == b':') {
        Some(colon) => (&host[..colon], &host[colon + 1..]),
        None => (host, &b"80"[..]),
    };
    let is_port = port.iter().all(u8::is_ascii_digit);
    // The absolute form of a name is the same host (RFC 1034 §3.1).
    let host = host.strip_suffix(b".").unwrap_or(host);
    name::parse(host).ok().filter(|_| is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_is_told_by_its_one_host() {
        for (head, host) in [
            (
                "GET / HTTP/1.1\r\nHost: Registry.Test\r\n\r\n",
                Some("registry.test"),
            ),
            (
                "GET / HTTP/1.1\r\nA: b\r\nhost:registry.test:80\r\n\r\n",
                Some("registry.test"),
            ),
            (
                "GET / HTTP/1.1\nHost: registry.test\n\n",
                Some("registry.test"),
            ),
            (
                "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
                None,
            ),
            (
                "GET / HTTP/1.1\r\nHost : a.test\r\nHost: b.test\r\n\r\n",
                None,
            ),
            (
                "GET / HTTP/1.1\r\nHost: registry.test.\r\n\r\n",
                Some("registry.test"),
            ),
            ("GET / HTTP/1.1\r\nHost: u@registry.test\r\n\r\n", None),
            ("GET / HTTP/1.1\r\n\r\n", None),
        ] {
            let expected = First::Http {
                host: host.map(str::to_owned),
            };
            assert_eq!(classify(head.as_bytes(), 4096), Some(expected), "{head}");
        }
    }

    #[test]
    fn what_is_no_request_and_no_hello_is_told_apart() {
        let long = "G".repeat(5000);
        for (bytes, expected) in [
            (&b""[..], None),
            (b"GET / HTTP/1.1\r\nHost: a", None),
            (long.as_bytes(), Some(First::Other)),
            (b"\x16\x03\x01", None),
            (b"\x00\x01", Some(First::Other)),
            (b"ssh-2.0", Some(First::Other)),
        ] {
            assert_eq!(classify(bytes, 4096), expected, "{bytes:?}");
        }
    }
}
