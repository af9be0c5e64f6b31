//! The forward proxy: `CONNECT` (RFC 9110 §9.3.6) and absolute addresses (RFC 9112 §3.2.2).

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::super::connection::Connection;
use super::super::head::{self, BadHead};
use super::super::session::{self, Door, Way};
use super::super::wire::Rewound;
use super::first;
use super::forward::{self, Forward, Host};
use super::tunnel::{self, Unconnected};
use super::verdict::Asked;
use super::{Crosser, Crossing, Passage};
use crate::config::{Limits, Passing};
use crate::edge::reader::NoRequest;
use crate::exchange::{Mode, Reply};
use crate::network::address;

/// A request to a proxy.
struct Wanted {
    forward: Forward,
    method: Bytes,
    headers: HeaderMap,
}

/// Serves a connection to the proxy.
pub async fn proxy(socket: TcpStream, peer: SocketAddr, door: Door, crossing: &dyn Crossing) {
    let mut connection = Connection::new(socket);
    let limits = door.answerer.limits();
    let wanted = match connection.raw_head(&limits).await {
        Ok(head) => wanted(&head, limits.head_fields),
        Err(NoRequest::Refused(error)) => Err(error),
        Err(NoRequest::Gone) => return crossing.passed(Mode::Forward, Passage::Failed),
    };
    let answered = match wanted {
        Ok(wanted) => admitted(crossing, &wanted)
            .await
            .map(|shown| (wanted, shown)),
        Err(error) => {
            door.answerer.refused_at_edge(error.status);
            Err(Box::new(session::refusal(error)))
        }
    };
    let (wanted, shown) = match answered {
        Ok(admitted) => admitted,
        Err(reply) => {
            crossing.passed(Mode::Forward, Passage::Refused);
            connection.send(*reply, session::farewell(&limits)).await;
            return connection.linger().await;
        }
    };
    let crosser = Crosser {
        settings: crossing.settings(),
        crossing,
        peer,
        door,
        mode: Mode::Forward,
        shown,
    };
    crosser.forward(connection, wanted).await;
}

/// Who may use the proxy at all: the credentials that were shown, if that is enough.
async fn admitted(
    crossing: &dyn Crossing,
    wanted: &Wanted,
) -> Result<Option<HeaderValue>, Box<Reply>> {
    let shown = wanted.headers.get(header::PROXY_AUTHORIZATION).cloned();
    crossing.admit(shown.as_ref()).await?;
    Ok(shown)
}

/// Reads what a proxy is asked for.
fn wanted(head: &Bytes, fields_max: usize) -> Result<Wanted, BadHead> {
    let (line, headers) = head::split(head, fields_max)?;
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(head::bad("request line is not method, target and version"));
    };
    if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Err(head::bad("only HTTP/1.1 and HTTP/1.0 are spoken here"));
    }
    if target.first() == Some(&b'/') {
        return Err(head::bad(
            "this is a proxy: name it in HTTPS_PROXY and HTTP_PROXY, and the registry by its own address",
        ));
    }
    Ok(Wanted {
        forward: forward::parse(method, target)?,
        method: head.slice_ref(method),
        headers,
    })
}

impl Crosser<'_> {
    async fn forward(self, connection: Connection<TcpStream>, wanted: Wanted) {
        match &wanted.forward {
            Forward::Tunnel { host, port } => {
                let (host, port) = (host.clone(), *port);
                self.connect(connection, host, port).await;
            }
            Forward::Absolute { host, .. } => {
                let name = host.to_string();
                match self.crossing.is_registry(&name) {
                    true => self.answer(connection, &wanted, name).await,
                    false => self.pass_on(connection, &wanted).await,
                }
            }
        }
    }

    /// `CONNECT`: says yes once the other side is there, then looks at what the client begins with.
    async fn connect(self, mut connection: Connection<TcpStream>, host: Host, port: u16) {
        if !self.settings.ports.contains(&port) {
            return self.decline(connection, 403, OTHER_PORT).await;
        }
        let is_registry = self.crossing.is_registry(&host.to_string());
        let mut remote = if is_registry {
            None
        } else {
            match self.reach(&host, port).await {
                Ok(remote) => Some(remote),
                Err((status, why)) => return self.decline(connection, status, why).await,
            }
        };
        let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
        if connection.wire.write_all(established).await.is_err() {
            return self.passed(Passage::Failed);
        }
        let limits = self.door.answerer.limits();
        let (mut socket, read) = (connection.wire, connection.inbox);
        if let Some(remote) = remote.take_if(|_| !self.crossing.is_registry_port(port)) {
            // No registry is there under any name, and its server may be the one who speaks first.
            return self.splice(Rewound::new(read, socket), remote).await;
        }
        match first::read(&mut socket, read, &limits).await {
            Some(opening) => {
                let asked = Asked::Name(host, port);
                self.go_on(socket, opening, &asked, remote).await;
            }
            None => self.passed(Passage::Failed),
        }
    }

    async fn reach(&self, host: &Host, port: u16) -> Result<TcpStream, (u16, &'static str)> {
        // An address can still turn out to be a registry's, by the name that the client says there.
        if self.settings.others == Passing::Refuse && matches!(host, Host::Name(_)) {
            return Err((
                403,
                "only package registries are reached through this gateway",
            ));
        }
        if let Host::Address(address) = host
            && self.crossing.leads_to_registry(*address).await
        {
            return Err((403, "a registry is asked for by its name"));
        }
        let limits = self.door.answerer.limits();
        let allow_private = self.settings.allow_private;
        let may = |each: SocketAddr| {
            address::may_reach(each.ip(), allow_private) && !self.crossing.is_own(each)
        };
        let reached = tunnel::connect_host(host, port, &limits, &may).await;
        reached.map_err(|why| match why {
            Unconnected::Forbidden => (403, "this address is not reached through this gateway"),
            Unconnected::Unreachable => (502, "this host does not answer"),
        })
    }

    /// One request for a registry in clear text, as if it had been sent to the registry.
    async fn answer(self, connection: Connection<TcpStream>, wanted: &Wanted, name: String) {
        self.passed(Passage::Opened);
        let head = wanted.to_origin(false);
        let mut door = self.door;
        door.way = Way {
            mode: self.mode,
            name: Some(name.into()),
            shown: self.shown,
            is_single: true,
        };
        let mut read = BytesMut::from(&head[..]);
        read.extend_from_slice(&connection.inbox);
        let stream = Rewound::new(read, connection.wire);
        session::run(stream, self.peer, door).await;
    }

    /// One request for somebody else in clear text; the connection ends with its answer.
    async fn pass_on(self, connection: Connection<TcpStream>, wanted: &Wanted) {
        let Forward::Absolute { host, port, .. } = &wanted.forward else {
            return;
        };
        if *port != 80 && !self.settings.ports.contains(port) {
            return self.decline(connection, 403, OTHER_PORT).await;
        }
        let mut remote = match self.reach(host, *port).await {
            Ok(remote) => remote,
            Err((status, why)) => return self.decline(connection, status, why).await,
        };
        let head = wanted.to_origin(true);
        if remote.write_all(&head).await.is_err() {
            return self.passed(Passage::Failed);
        }
        let client = Rewound::new(connection.inbox, connection.wire);
        self.splice(client, remote).await;
    }

    async fn decline(self, mut connection: Connection<TcpStream>, status: u16, why: &str) {
        let passage = if status == 403 {
            Passage::Refused
        } else {
            Passage::Failed
        };
        self.passed(passage);
        let text = format!("portcullis: {why}\n");
        let reply = Reply::full(status, "text/plain; charset=utf-8", text)
            .with(header::CACHE_CONTROL, "no-store");
        let limits = self.door.answerer.limits();
        connection.send(reply, session::farewell(&limits)).await;
        connection.linger().await;
    }
}

const OTHER_PORT: &str = "this port is not on the list `network.ports`";

/// A head seldom has more.
const HEAD_BYTES: usize = 2048;

/// A request in clear text, so changed that its connection ends with its answer: the next one would be for anybody. What
/// follows its head stays as it is. `None` if it can't be read.
pub(super) fn ending(read: &BytesMut, limits: &Limits) -> Option<BytesMut> {
    let bytes = read.clone().freeze();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let (line, headers) = head::split(&bytes.slice(..end), limits.head_fields)
        .map(|(line, headers)| (line.to_vec(), headers))
        .ok()?;
    let mut changed = BytesMut::with_capacity(read.len() + 64);
    changed.put_slice(&line);
    changed.put_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| !ends(name)) {
        put_field(&mut changed, name, value);
    }
    changed.put_slice(b"connection: close\r\n\r\n");
    changed.put_slice(&bytes[end..]);
    Some(changed)
}

/// Fields that say how a connection goes on.
fn ends(name: &HeaderName) -> bool {
    matches!(name.as_str(), "connection" | "keep-alive" | "upgrade")
}

fn put_field(head: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        head.put_slice(part);
    }
}

impl Wanted {
    /// The head as an origin server gets it: its own form of target, and the host of the target (RFC 9112 §3.2.2). What
    /// is said to the proxy alone goes no further. `is_last` asks the server to end the connection.
    fn to_origin(&self, is_last: bool) -> BytesMut {
        let mut head = BytesMut::with_capacity(HEAD_BYTES);
        let Forward::Absolute { host, port, origin } = &self.forward else {
            return head;
        };
        for part in [
            &self.method[..],
            b" ",
            origin.as_bytes(),
            b" HTTP/1.1\r\nhost: ",
        ] {
            head.put_slice(part);
        }
        let authority = match (host, port) {
            (Host::Name(name), 80) => name.clone(),
            (Host::Name(name), port) => format!("{name}:{port}"),
            (Host::Address(address), port) => SocketAddr::new(*address, *port).to_string(),
        };
        head.put_slice(authority.as_bytes());
        head.put_slice(b"\r\n");
        for (name, value) in &self.headers {
            let is_hop = name.as_str().starts_with("proxy-") || *name == header::HOST;
            if !(is_hop || is_last && ends(name)) {
                put_field(&mut head, name, value);
            }
        }
        if is_last {
            head.put_slice(b"connection: close\r\n");
        }
        head.put_slice(b"\r\n");
        head
    }
}
