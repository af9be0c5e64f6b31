//! A scripted upstream on loopback: it answers what it was told, breaks as it was told, and
//! remembers every request, so that a test can say what was asked and that nothing else was.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// The longest that a hanging answer hangs, so that a broken test ends.
const HANG_MAX: Duration = Duration::from_secs(60);

/// A request as the upstream saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// The raw target, with its query.
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The first header of this name, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// How an answer goes wrong.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    #[default]
    None,
    /// The first byte comes this much later.
    Delay(Duration),
    /// The connection ends in order after so many bytes of the body.
    TruncateAt(usize),
    /// The connection is reset after so many bytes of the body.
    ResetAt(usize),
    /// Nothing is answered, and the connection stays open.
    Hang,
    /// Nothing is answered until the gate opens.
    Hold(Gate),
}

/// A door that a test opens when everybody is waiting before it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().expect("no holder panicked") = true;
        self.0.1.notify_all();
    }

    fn pass(&self, bound: Duration) {
        let open = self.0.0.lock().expect("no holder panicked");
        let wait = self.0.1.wait_timeout_while(open, bound, |open| !*open);
        drop(wait.expect("no holder panicked"));
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub fault: Fault,
}

impl Answer {
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            fault: Fault::None,
        }
    }

    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let mut answer = Answer::status(200).header("Content-Type", content_type);
        answer.body = body.into();
        answer
    }

    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn fault(mut self, fault: Fault) -> Answer {
        self.fault = fault;
        self
    }

    fn etag(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name == "ETag")
            .map(|(_, value)| value.as_str())
    }
}

type Responder = Arc<dyn Fn(&Seen) -> Option<Answer> + Send + Sync>;

#[derive(Default)]
struct Script {
    routes: Mutex<HashMap<String, Responder>>,
    fallback: Mutex<Option<Responder>>,
    log: Mutex<Vec<Seen>>,
    open: Mutex<Vec<TcpStream>>,
    is_down: AtomicBool,
    is_over: AtomicBool,
    end: Gate,
}

/// The upstream.
pub struct Registry {
    address: SocketAddr,
    script: Arc<Script>,
}

impl Registry {
    /// Starts an upstream that answers 404 to everything.
    pub fn start() -> Registry {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        thread::spawn(move || accept(&listener, &shared));
        Registry { address, script }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers `path` with `answer`; a conditional request for its ETag gets 304.
    pub fn set(&self, path: &str, answer: Answer) {
        self.set_with(path, move |_| Some(answer.clone()));
    }

    /// Answers `path` with what `responder` makes of the request.
    pub fn set_with(
        &self,
        path: &str,
        responder: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static,
    ) {
        let mut routes = self.script.routes.lock().expect("no holder panicked");
        routes.insert(path.into(), Arc::new(responder));
    }

    /// What answers a path that was not set; 404 when it declines.
    pub fn fallback(&self, responder: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static) {
        *self.script.fallback.lock().expect("no holder panicked") = Some(Arc::new(responder));
    }

    /// Breaks (or, with [`Fault::None`], mends) what `path` answers.
    pub fn break_path(&self, path: &str, fault: Fault) {
        self.change(path, move |mut answer| {
            answer.fault = fault.clone();
            answer
        });
    }

    /// Changes what `path` answers.
    pub fn change(&self, path: &str, edit: impl Fn(Answer) -> Answer + Send + Sync + 'static) {
        let before = self
            .responder(path)
            .unwrap_or_else(|| panic!("{path} was never set"));
        self.set_with(path, move |seen| before(seen).map(&edit));
    }

    pub fn remove(&self, path: &str) {
        self.script
            .routes
            .lock()
            .expect("no holder panicked")
            .remove(path);
    }

    /// Closes every connection, and every new one without an answer, until [`Registry::up`].
    pub fn down(&self) {
        self.script.is_down.store(true, Ordering::SeqCst);
        for stream in self
            .script
            .open
            .lock()
            .expect("no holder panicked")
            .drain(..)
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn up(&self) {
        self.script.is_down.store(false, Ordering::SeqCst);
    }

    /// Every request so far.
    pub fn log(&self) -> Vec<Seen> {
        self.script.log.lock().expect("no holder panicked").clone()
    }

    pub fn forget(&self) {
        self.script.log.lock().expect("no holder panicked").clear();
    }

    pub fn total(&self) -> usize {
        self.script.log.lock().expect("no holder panicked").len()
    }

    /// How often `path` was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.log().iter().filter(|seen| seen.path() == path).count()
    }

    /// How often a path that `matches` was asked for.
    pub fn count_where(&self, matches: impl Fn(&str) -> bool) -> usize {
        self.log()
            .iter()
            .filter(|seen| matches(seen.path()))
            .count()
    }

    fn responder(&self, path: &str) -> Option<Responder> {
        self.script
            .routes
            .lock()
            .expect("no holder panicked")
            .get(path)
            .cloned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.script.is_over.store(true, Ordering::SeqCst);
        self.script.end.open();
        self.down();
        // Wakes the accept loop so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, script: &Arc<Script>) {
    for stream in listener.incoming() {
        if script.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if script.is_down.load(Ordering::SeqCst) {
            continue;
        }
        if let Ok(copy) = stream.try_clone() {
            script.open.lock().expect("no holder panicked").push(copy);
        }
        let script = Arc::clone(script);
        thread::spawn(move || {
            let mut stream = stream;
            let mut after = Some(After::Next);
            while let Some(After::Next) = after {
                after = serve_one(&mut stream, &script);
            }
            if !matches!(after, Some(After::Reset)) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
}

/// What becomes of a connection after an answer; nothing when it broke.
enum After {
    Next,
    Close,
    Reset,
}

/// Answers one request.
fn serve_one(stream: &mut TcpStream, script: &Script) -> Option<After> {
    let length = head_length(stream)?;
    // The last byte stays unread for now: closing a socket with unread bytes resets it.
    let mut head = vec![0; length - 1];
    stream.read_exact(&mut head).ok()?;
    let seen = read_request(&String::from_utf8_lossy(&head))?;
    script
        .log
        .lock()
        .expect("no holder panicked")
        .push(seen.clone());
    let answer = answer_to(script, &seen);
    match &answer.fault {
        Fault::Delay(wait) => script.end.pass(*wait),
        Fault::Hang => {
            script.end.pass(HANG_MAX);
            return None;
        }
        Fault::Hold(gate) => gate.pass(HANG_MAX),
        Fault::None | Fault::TruncateAt(_) | Fault::ResetAt(_) => {}
    }
    let sent = send(stream, &seen, &answer);
    if matches!(answer.fault, Fault::ResetAt(_)) {
        // The copy kept for `down` would hold the socket open.
        let mut open = script.open.lock().expect("no holder panicked");
        open.retain(|copy| copy.peer_addr().ok() != stream.peer_addr().ok());
        return Some(After::Reset);
    }
    let mut rest = vec![0; 1 + seen.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut rest).ok()?;
    let is_last = !sent || seen.header("connection").eq_ignore_ascii_case("close");
    Some(if is_last { After::Close } else { After::Next })
}

/// Looks ahead until a whole head is there and tells its length.
fn head_length(stream: &TcpStream) -> Option<usize> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = stream.peek(&mut buffer).ok().filter(|&count| count > 0)?;
        let end = buffer[..count]
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        if let Some(at) = end {
            return Some(at + 4);
        }
        if count == buffer.len() {
            return None;
        }
        thread::yield_now();
    }
}

fn read_request(head: &str) -> Option<Seen> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    Some(Seen {
        method: words.next()?.into(),
        target: words.next()?.into(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
    })
}

fn answer_to(script: &Script, seen: &Seen) -> Answer {
    let route = script
        .routes
        .lock()
        .expect("no holder panicked")
        .get(seen.path())
        .cloned();
    let fallback = script.fallback.lock().expect("no holder panicked").clone();
    let answer = route.or(fallback).and_then(|responder| responder(seen));
    let answer = answer.unwrap_or_else(|| Answer::status(404));
    let condition = seen.header("if-none-match");
    let is_known = answer.etag().is_some_and(|etag| condition.contains(etag));
    if answer.status == 200 && is_known {
        let mut unchanged = Answer::status(304).fault(answer.fault.clone());
        unchanged.headers = answer.headers;
        return unchanged;
    }
    answer
}

/// Writes the answer; false when the connection must end after it.
fn send(stream: &mut TcpStream, seen: &Seen, answer: &Answer) -> bool {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if answer.status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    let cut = match answer.fault {
        Fault::TruncateAt(at) | Fault::ResetAt(at) => Some(at.min(answer.body.len())),
        _ => None,
    };
    let body = &answer.body[..cut.unwrap_or(answer.body.len())];
    let body = if seen.method == "HEAD" { &[] } else { body };
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    sent.is_ok() && cut.is_none()
}
