//! A small blocking HTTP/1.1 client that shows everything: the reason phrase, every header as
//! it was sent, and whether the body came whole. It can also send bytes that are no request.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take before the test fails.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a connection must stay silent after an answer to count as "nothing more came".
const SILENCE: Duration = Duration::from_millis(300);

/// One answer of a server.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub phrase: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body had the length, or the last chunk, that its head promised.
    pub complete: bool,
}

impl Reply {
    /// The first header of this name, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the test when it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.text()))
    }

    /// Fails the test unless the status is `status` and the body is whole.
    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        let shown: String = self.text().chars().take(600).collect();
        assert_eq!(
            self.status, status,
            "{} {:?}\n{shown}",
            self.phrase, self.headers
        );
        assert!(self.complete, "the body was cut short: {:?}", self.headers);
        self
    }
}

/// One request, sent on a connection of its own.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Request {
        Request {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    pub fn head(target: &str) -> Request {
        Request::new("HEAD", target)
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Type", content_type)
            .header("Content-Length", &length)
    }

    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub fn payload(&self) -> &[u8] {
        &self.body
    }

    /// The head for a client of HTTP/2.
    pub fn head_of_h2(&self, authority: &str) -> http::Request<()> {
        let uri = format!("https://{authority}{}", self.target);
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(()).expect("a request")
    }

    /// The bytes on the wire.
    pub fn bytes(&self, authority: &str) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {authority}\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    /// Sends the request and reads its answer; a server that closes without one fails the test.
    #[track_caller]
    pub fn send(&self, to: SocketAddr) -> Reply {
        self.try_send(to)
            .unwrap_or_else(|| panic!("{} {}: closed without answer", self.method, self.target))
    }

    /// As [`Request::send`]; nothing when the connection ends without an answer.
    pub fn try_send(&self, to: SocketAddr) -> Option<Reply> {
        let mut stream = connect(to);
        stream.write_all(&self.bytes(&to.to_string())).ok()?;
        Stream::new(stream).reply(self.method == "HEAD")
    }
}

/// Opens a connection with the waits of this module.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, ANSWER_WAIT).expect("the server accepts");
    stream
        .set_read_timeout(Some(ANSWER_WAIT))
        .expect("a socket has a read timeout");
    stream
        .set_write_timeout(Some(ANSWER_WAIT))
        .expect("a socket has a write timeout");
    stream
}

/// What came back on one connection after raw bytes were written to it.
#[derive(Debug)]
pub struct Exchange {
    /// Every answer, in order.
    pub replies: Vec<Reply>,
    /// Whether the server closed the connection.
    pub closed: bool,
    /// Everything that was read, as it came.
    pub bytes: Vec<u8>,
}

/// Writes `bytes` as they are and reads answers until the server closes or falls silent.
/// `bound` is the wait for the first answer.
pub fn exchange(to: SocketAddr, bytes: &[u8], bound: Duration) -> Exchange {
    let mut socket = connect(to);
    socket
        .set_read_timeout(Some(bound))
        .expect("a socket has a read timeout");
    // A server may refuse and close before it has read everything: that is an answer too.
    let _ = socket.write_all(bytes);
    let is_head = bytes.starts_with(b"HEAD ");
    let mut stream = Stream::new(socket);
    let mut replies = Vec::new();
    while let Some(reply) = stream.reply(is_head) {
        replies.push(reply);
        let _ = stream.socket.set_read_timeout(Some(SILENCE));
    }
    Exchange {
        replies,
        closed: stream.closed,
        bytes: stream.seen,
    }
}

/// Reads one answer from anything; nothing when it ends before.
pub fn read_reply(socket: impl Read, is_head: bool) -> Option<Reply> {
    Stream::new(socket).reply(is_head)
}

/// A connection being read.
struct Stream<S> {
    socket: S,
    buffer: Vec<u8>,
    seen: Vec<u8>,
    closed: bool,
}

impl<S: Read> Stream<S> {
    fn new(socket: S) -> Stream<S> {
        Stream {
            socket,
            buffer: Vec::new(),
            seen: Vec::new(),
            closed: false,
        }
    }

    /// Reads some more; false at the end, after a reset, or after the read timeout.
    fn more(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(0) => {
                self.closed = true;
                false
            }
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                self.seen.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => {
                let is_wait = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                self.closed = !is_wait;
                false
            }
        }
    }

    /// Takes bytes up to and including `end`; nothing when the connection ends before.
    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self
                .buffer
                .windows(end.len())
                .position(|window| window == end)
            {
                return Some(self.buffer.drain(..at + end.len()).collect());
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Takes `count` bytes, or what there is, and whether that was all.
    fn exactly(&mut self, count: usize) -> (Vec<u8>, bool) {
        while self.buffer.len() < count && self.more() {}
        let whole = self.buffer.len() >= count;
        let taken = count.min(self.buffer.len());
        (self.buffer.drain(..taken).collect(), whole)
    }

    fn reply(&mut self, is_head: bool) -> Option<Reply> {
        loop {
            let head = self.until(b"\r\n\r\n")?;
            let (status, phrase, headers) = read_head(&String::from_utf8_lossy(&head));
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let mut reply = Reply {
                status,
                phrase,
                headers,
                body: Vec::new(),
                complete: true,
            };
            if !(is_head || status == 204 || status == 304) {
                (reply.body, reply.complete) = self.body(&reply);
            }
            return Some(reply);
        }
    }

    fn body(&mut self, head: &Reply) -> (Vec<u8>, bool) {
        if head
            .header("transfer-encoding")
            .to_ascii_lowercase()
            .contains("chunked")
        {
            return self.chunks();
        }
        if let Ok(length) = head.header("content-length").parse() {
            return self.exactly(length);
        }
        while self.more() {}
        (std::mem::take(&mut self.buffer), true)
    }

    fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n") else {
                return (body, false);
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let size = line.trim().split(';').next().unwrap_or_default().to_owned();
            let Ok(size) = usize::from_str_radix(&size, 16) else {
                return (body, false);
            };
            let (chunk, whole) = self.exactly(size);
            body.extend(chunk);
            if !whole || self.until(b"\r\n").is_none() {
                return (body, false);
            }
            if size == 0 {
                return (body, true);
            }
        }
    }
}

fn read_head(head: &str) -> (u16, String, Vec<(String, String)>) {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(3, ' ');
    assert!(
        words.next().is_some_and(|word| word.starts_with("HTTP/1.")),
        "not HTTP/1: {first:?}"
    );
    let status = words
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a status is a number");
    let phrase = words.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    (status, phrase, headers)
}
