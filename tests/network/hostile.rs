//! Connections in number and in pieces: many at once, hellos byte by byte, hellos that never
//! end. Whoever is slow is slow alone.

use super::names::Names;
use super::raw::{self, Hello};
use super::world::{DENIED, HEAD_DEADLINE_SECONDS, Way, World};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const MANY: usize = 500;

/// What closing may take longer than the deadline.
const SLACK: Duration = Duration::from_secs(5);

fn guided() -> Option<World> {
    let mut world = World::open(Names::made_up())?;
    world.take_over(Way::Redirect, "", DENIED);
    Some(world)
}

/// The host of npm and its address.
fn npm(world: &World) -> (String, IpAddr) {
    let host = world.internet.names.npm.host.clone();
    let address = world.internet.zone.of(&host)[0];
    (host, address)
}

/// A connection and a request like anybody's.
#[track_caller]
fn somebody_is_served(world: &World) {
    let (host, address) = npm(world);
    let mut stream = Hello::new(&host)
        .connect(world.client(), address)
        .expect("a handshake");
    let reply = raw::ask(&mut stream, &raw::get(&host, "/left-pad")).expect("an answer");
    assert_eq!(reply.expect(200).json()["name"], "left-pad");
}

#[test]
fn five_hundred_connections_at_once_are_all_answered() {
    let Some(world) = guided() else {
        return;
    };
    let (host, address) = npm(&world);
    let config = Hello::new(&host).config();
    let answered = world.client().enter(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let everybody = Arc::new(tokio::sync::Barrier::new(MANY));
            let one = |_| {
                let (host, config) = (host.clone(), Arc::clone(&config));
                tokio::spawn(one_of_many(host, address, config, Arc::clone(&everybody)))
            };
            let all: Vec<_> = (0..MANY).map(one).collect();
            let mut answered = 0;
            for task in all {
                let status = tokio::time::timeout(Duration::from_secs(60), task).await;
                answered += usize::from(status.expect("in time").expect("no panic"));
            }
            answered
        })
    });
    assert_eq!(answered, MANY);
    assert_eq!(
        world.internet.npm.count("/left-pad"),
        1,
        "one download for many"
    );
}

/// Connects, waits until all are connected, shakes hands and asks; whether it got a document.
async fn one_of_many(
    host: String,
    address: IpAddr,
    config: Arc<rustls::ClientConfig>,
    everybody: Arc<tokio::sync::Barrier>,
) -> bool {
    let stream = tokio::net::TcpStream::connect((address, 443))
        .await
        .expect("accepted");
    everybody.wait().await;
    let server = Hello::new(&host).server();
    let connector = tokio_rustls::TlsConnector::from(config);
    let mut stream = connector
        .connect(server, stream)
        .await
        .expect("a handshake");
    let request = raw::get(&host, "/left-pad").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    // That the server closes without a goodbye of TLS is not this test's affair.
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    text.starts_with("HTTP/1.1 200") && text.contains("\"left-pad\"")
}

#[test]
fn a_hello_in_records_of_one_byte_is_read() {
    let Some(world) = guided() else {
        return;
    };
    let (host, address) = npm(&world);
    let (client, hello) = Hello::new(&host).start();
    let mut socket = raw::open(world.client(), SocketAddr::new(address, 443));
    socket
        .write_all(&raw::in_byte_records(&hello))
        .expect("written");
    let mut stream = raw::finish(client, socket).expect("a handshake");
    assert_eq!(
        raw::ask(&mut stream, &raw::get(&host, "/evil-pkg")).map(|it| it.status),
        Some(403)
    );

    // What is tunnelled arrives as it was sent: the host itself has to like such records.
    let pinned = world.internet.zone.of(super::names::PINNED)[0];
    let (client, hello) = Hello::new(super::names::PINNED).start();
    let mut socket = raw::open(world.client(), SocketAddr::new(pinned, 443));
    socket
        .write_all(&raw::in_byte_records(&hello))
        .expect("written");
    let stream = raw::finish(client, socket).expect("a handshake");
    assert!(raw::shown(&stream) == world.internet.pin);
}

#[test]
fn a_hello_byte_by_byte_is_read_while_others_are_served() {
    let Some(world) = guided() else {
        return;
    };
    let (host, address) = npm(&world);
    let (client, hello) = Hello::new(&host).start();
    let mut socket = raw::open(world.client(), SocketAddr::new(address, 443));
    for (at, byte) in hello.iter().enumerate() {
        socket.write_all(&[*byte]).expect("written");
        // What paces this is others' work, in the middle of the record's head and of the name.
        if at % 64 == 3 {
            somebody_is_served(&world);
        }
    }
    let mut stream = raw::finish(client, socket).expect("a handshake");
    assert_eq!(
        raw::ask(&mut stream, &raw::get(&host, "/left-pad")).map(|it| it.status),
        Some(200)
    );
}

#[test]
fn a_hello_that_never_ends_is_given_up_and_troubles_nobody() {
    let Some(world) = guided() else {
        return;
    };
    let (host, address) = npm(&world);
    let (_, hello) = Hello::new(&host).start();
    let begun = Instant::now();
    // Nothing at all, a part of the record's head, a part of the hello; also on port 80.
    let parts: [(&[u8], u16); 5] = [
        (b"", 443),
        (&hello[..3], 443),
        (&hello[..hello.len() - 1], 443),
        (b"GET /left-pad HT", 80),
        (b"", 80),
    ];
    let open = |(part, port): &(&[u8], u16)| -> TcpStream {
        let mut socket = raw::open(world.client(), SocketAddr::new(address, *port));
        socket.write_all(part).expect("written");
        socket
    };
    let half: Vec<TcpStream> = (0..20).flat_map(|_| parts.iter().map(open)).collect();
    somebody_is_served(&world);
    let deadline = Duration::from_secs(HEAD_DEADLINE_SECONDS);
    for socket in half {
        let (bytes, is_closed) = raw::outcome(socket, deadline + SLACK);
        assert!(is_closed, "still open after {:?}", begun.elapsed());
        assert_ne!(bytes.first(), Some(&22), "no hello of ours to half a hello");
    }
    assert!(begun.elapsed() < deadline + SLACK, "{:?}", begun.elapsed());
    somebody_is_served(&world);
}

#[test]
fn what_is_neither_tls_nor_http_is_refused() {
    let Some(world) = guided() else {
        return;
    };
    let (_, address) = npm(&world);
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.9\r\n"[..],
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff\x01\xff\xff\xff",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x80\x2e\x01\x00\x02",
        b"\0\0\0\0\0\0\0\0",
        b"EHLO there\r\n",
    ] {
        let mut socket = raw::open(world.client(), SocketAddr::new(address, 443));
        let _ = socket.write_all(bytes);
        let bound = Duration::from_secs(HEAD_DEADLINE_SECONDS) + SLACK;
        let (answer, is_closed) = raw::outcome(socket, bound);
        assert!(is_closed, "{bytes:?} is left open");
        assert_ne!(answer.first(), Some(&22), "{bytes:?} got a handshake");
    }
    somebody_is_served(&world);
    assert_eq!(world.internet.pinned.total(), 0);
}

#[test]
fn a_hello_without_a_name_is_refused_or_tunnelled_as_configured() {
    for (network, is_tunnelled) in [("", false), ("nameless = \"tunnel\"", true)] {
        let Some(mut world) = World::open(Names::made_up()) else {
            return;
        };
        world.take_over(Way::Redirect, network, DENIED);
        let pinned = world.internet.zone.of(super::names::PINNED)[0];
        let stream = Hello::new("").connect(world.client(), pinned);
        let is_through = stream.is_some_and(|it| raw::shown(&it) == world.internet.pin);
        assert_eq!(is_through, is_tunnelled, "{network}");
    }
}
