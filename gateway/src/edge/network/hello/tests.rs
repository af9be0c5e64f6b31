//! Hellos of a real client, taken apart and put together again, read here and by the TLS library.

use std::io::Read as _;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

/// What the TLS library makes of the same bytes.
#[derive(Debug, PartialEq)]
enum Library {
    More,
    Hello(Option<String>, Vec<Vec<u8>>),
    Refused,
}

fn library(mut bytes: &[u8]) -> Library {
    let mut acceptor = Acceptor::default();
    loop {
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let alpn = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec);
                return Library::Hello(hello.server_name().map(str::to_owned), alpn.collect());
            }
            Ok(None) if bytes.is_empty() => return Library::More,
            Ok(None) => {}
            Err(_) => return Library::Refused,
        }
        let mut piece = bytes.take(1024);
        if acceptor.read_tls(&mut piece).is_err() {
            return Library::Refused;
        }
        bytes = &bytes[1024 - piece.limit() as usize..];
    }
}

/// Both read the same, or one of them refuses. Whether both read a hello.
fn compare(bytes: &[u8], what: &str) -> bool {
    let (seen, library) = (read(bytes), library(bytes));
    let agree = match (&seen, &library) {
        (Seen::Hello(hello), Library::Hello(name, alpn)) => {
            (&hello.name, &hello.alpn) == (name, alpn)
        }
        (Seen::Hello(_) | Seen::More, Library::Refused) => true,
        (Seen::NotTls | Seen::More, Library::More) => true,
        (Seen::NotTls, Library::Refused) | (Seen::Bad(_), _) => true,
        _ => false,
    };
    assert!(
        agree,
        "{what}: {seen:?} here, {library:?} there: {bytes:02x?}"
    );
    matches!((seen, library), (Seen::Hello(_), Library::Hello(..)))
}

/// The record that a real client sends first.
fn client(
    name: &str,
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).expect("a hello");
    bytes
}

fn real() -> Vec<u8> {
    client("upstream.test", &["h2", "http/1.1"], rustls::ALL_VERSIONS)
}

fn found(name: Option<&str>, alpn: &[&str]) -> Seen {
    Seen::Hello(Hello {
        name: name.map(str::to_owned),
        alpn: alpn.iter().map(|name| name.as_bytes().to_vec()).collect(),
        encrypted: false,
    })
}

fn vector(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes(), &vector(content)[..]].concat()
}

/// The content of a server_name extension with one host.
fn host(name: &[u8]) -> Vec<u8> {
    vector(&[&[0], &vector(name)[..]].concat())
}

/// A handshake message with these extensions beside the one that the TLS library asks for.
fn message_with(extensions: &[Vec<u8>]) -> Vec<u8> {
    let signatures = extension(13, &vector(&[4, 3]));
    let extensions = vector(&[&extensions.concat(), &signatures[..]].concat());
    let body = [
        &[3, 3],
        &[7; 32][..],
        &[0],
        &vector(&[0x13, 1]),
        &[1, 0],
        &extensions,
    ]
    .concat();
    [&[1, 0], &vector(&body)[..]].concat()
}

fn records(message: &[u8], sizes: impl Iterator<Item = usize>) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), message);
    let mut sizes = sizes.chain(std::iter::repeat(RECORD_BYTES));
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(1).min(rest.len());
        bytes.extend([&[22, 3, 1], &vector(&rest[..size])[..]].concat());
        rest = &rest[size..];
    }
    bytes
}

fn one_record(message: &[u8]) -> Vec<u8> {
    records(message, std::iter::empty())
}

fn made(extensions: &[Vec<u8>]) -> Seen {
    let bytes = one_record(&message_with(extensions));
    compare(&bytes, "made");
    read(&bytes)
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

#[test]
fn hellos_of_a_real_client_are_read() {
    for (bytes, expected) in [
        (real(), found(Some("upstream.test"), &["h2", "http/1.1"])),
        (
            client("UPSTREAM.test", &[], &[&rustls::version::TLS12]),
            found(Some("upstream.test"), &[]),
        ),
        (
            client("a_b.upstream.test", &["h2"], &[&rustls::version::TLS13]),
            found(Some("a_b.upstream.test"), &["h2"]),
        ),
        (
            client("127.0.0.1", &["http/1.1"], rustls::ALL_VERSIONS),
            found(None, &["http/1.1"]),
        ),
    ] {
        assert_eq!(read(&bytes), expected);
        compare(&bytes, "real");
        let more = [&bytes[..], b"anything at all"].concat();
        assert_eq!(read(&more), expected, "with bytes after it");
    }
}

#[test]
fn every_prefix_asks_for_more() {
    let bytes = real();
    for end in 0..bytes.len() {
        assert_eq!(read(&bytes[..end]), Seen::More, "{end} bytes");
        compare(&bytes[..end], "prefix");
    }
}

#[test]
fn records_may_be_split_anywhere() {
    let expected = found(Some("upstream.test"), &["h2", "http/1.1"]);
    let message = real()[5..].to_vec();
    for at in 1..message.len() {
        let bytes = records(&message, std::iter::once(at));
        assert_eq!(read(&bytes), expected, "split at {at}");
        compare(&bytes, "split");
    }
    let bytes = records(&message, std::iter::repeat(1));
    for end in 0..bytes.len() {
        assert_eq!(read(&bytes[..end]), Seen::More, "{end} bytes");
    }
    assert_eq!(read(&bytes), expected, "a record for each byte");
    compare(&bytes, "a record for each byte");
}

#[test]
fn every_byte_may_be_any_other() {
    let bytes = real();
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut mutated = bytes.clone();
            mutated[at] = value;
            compare(&mutated, "one byte changed");
        }
    }
}

#[test]
fn mutated_and_refragmented_hellos_are_read_alike() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let hellos = [
        real()[5..].to_vec(),
        client("127.0.0.1", &[], rustls::ALL_VERSIONS)[5..].to_vec(),
        message_with(&[
            extension(SERVER_NAME, &host(b"upstream.test")),
            extension(ALPN, &vector(b"\x02h2\x08http/1.1")),
            extension(ENCRYPTED_CLIENT_HELLO, &[0; 9]),
        ]),
        message_with(&[extension(SERVER_NAME, &host(b"a-1.B_2.upstream.test"))]),
    ];
    let mut both = 0;
    for _ in 0..20_000 {
        let mut message = hellos[random.below(hellos.len())].clone();
        for _ in 0..random.below(4) {
            let at = random.below(message.len());
            match random.below(4) {
                0 => message[at] = random.below(256) as u8,
                1 => message[at] = b".-_:0x\0\xff"[random.below(8)],
                2 => drop(message.remove(at)),
                _ => message.insert(at, random.below(256) as u8),
            }
        }
        let bound = 1 + random.below(200);
        let mut sizes = Random(random.below(1 << 40) as u64 | 1);
        let mut bytes = records(
            &message,
            std::iter::from_fn(|| Some(1 + sizes.below(bound))),
        );
        if random.below(8) == 0 {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        if random.below(8) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        both += usize::from(compare(&bytes, "mutated"));
    }
    assert!(
        both > 2_000,
        "only {both} of them were still hellos to both"
    );
}

#[test]
fn noise_never_panics() {
    let mut random = Random(7);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.below(80))
            .map(|_| random.below(256) as u8)
            .collect();
        for (at, byte) in [22, 3, 1, 0].into_iter().enumerate().take(random.below(5)) {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        compare(&bytes, "noise");
    }
}

#[test]
fn other_protocols_are_told_apart() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"CONNECT upstream.test:443 HTTP/1.1\r\n",
        b"SSH-2.0-",
        b"\x16\x04",
        b"\0",
        // An SSLv2 hello that offers TLS 1.0; it cannot hold a name.
        b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
    ] {
        assert_eq!(read(bytes), Seen::NotTls, "{bytes:02x?}");
        compare(bytes, "other");
    }
    assert_eq!(read(b""), Seen::More);
    assert_eq!(read(b"\x16"), Seen::More);
}

#[test]
fn records_that_no_hello_has_are_refused() {
    let message = message_with(&[]);
    let (front, back) = message.split_at(20);
    let (front, back) = (one_record(front), one_record(back));
    let second = |kind, version, payload: &[u8]| {
        [&front[..], &[kind, version, 1], &vector(payload), &back].concat()
    };
    let two = one_record(&[&message[..], &message].concat());
    for (bytes, what) in [
        (second(22, 3, b""), "empty record"),
        (second(21, 3, b"\x01\0"), "alert between"),
        (second(22, 2, b"x"), "version between"),
        (b"\x16\x03\x01\0\0".to_vec(), "empty first"),
        (b"\x16\x03\x01\x40\x01".to_vec(), "large record"),
        (b"\x15\x03\x01\0\x02\x01\0".to_vec(), "alert first"),
        (b"\x17\x03\x01\0\x02\x01\0".to_vec(), "data first"),
        (b"\x16\x03\x01\0\x04\x02\0\0\0".to_vec(), "server hello"),
        (b"\x16\x03\x01\0\x04\x01\0\0\0".to_vec(), "empty hello"),
        (b"\x16\x03\x01\0\x04\x01\xff\xff\xff".to_vec(), "huge hello"),
        (two, "two messages in one record"),
    ] {
        assert!(
            matches!(read(&bytes), Seen::Bad(_)),
            "{what}: {:?}",
            read(&bytes)
        );
        compare(&bytes, what);
    }
}

#[test]
fn the_size_is_bounded() {
    let filler = |size| extension(21, &vec![0; size]);
    let name = extension(SERVER_NAME, &host(b"upstream.test"));
    let large = one_record(&message_with(&[name.clone(), filler(16_000)]));
    assert_eq!(read(&large), found(Some("upstream.test"), &[]));
    compare(&large, "large");
    let larger = one_record(&message_with(&[name.clone(), filler(18_000)]));
    assert!(matches!(read(&larger), Seen::Bad(_)));
    // Small records until the bound, but no end of the hello.
    let endless = records(&message_with(&[name, filler(16_000)]), std::iter::repeat(1));
    assert_eq!(read(&endless[..HELLO_BYTES - 1]), Seen::More);
    assert!(matches!(read(&endless[..HELLO_BYTES]), Seen::Bad(_)));
    assert!(matches!(read(&endless), Seen::Bad(_)));
}

#[test]
fn names_are_one_or_none() {
    assert_eq!(made(&[]), found(None, &[]));
    let named = |name: &[u8]| made(&[extension(SERVER_NAME, &host(name))]);
    assert_eq!(named(b"Upstream.TEST"), found(Some("upstream.test"), &[]));
    for name in [
        &b""[..],
        b".",
        b"upstream.test.",
        b"upstream..test",
        b"-upstream.test",
        b"127.0.0.1",
        b"::1",
        b"[::1]",
        b"0x7f.1",
        b"2130706433",
        b"a b",
        b"a\0b",
        b"b\xfccher.test",
        &[b'a'; 64],
        &b"a123456.".repeat(32)[..],
    ] {
        assert!(matches!(named(name), Seen::Bad(_)), "{name:02x?}");
    }
    let one = [&[0], &vector(b"upstream.test")[..]].concat();
    let other = [&[1], &vector(b"upstream.test")[..]].concat();
    for content in [
        vec![],
        vector(&[]),
        vector(&[&one[..], &one].concat()),
        vector(&[&one[..], &other].concat()),
        vector(&other),
        [&vector(&one)[..], b"x"].concat(),
        vector(&one[..9]),
    ] {
        let seen = made(&[extension(SERVER_NAME, &content)]);
        assert!(matches!(seen, Seen::Bad(_)), "{content:02x?}: {seen:?}");
    }
    let twice = extension(SERVER_NAME, &host(b"upstream.test"));
    assert!(matches!(made(&[twice.clone(), twice]), Seen::Bad(_)));
}

#[test]
fn protocols_and_encryption_are_seen() {
    let protocols = |content: &[u8]| made(&[extension(ALPN, content)]);
    assert_eq!(
        protocols(&vector(b"\x02h2\x08http/1.1")),
        found(None, &["h2", "http/1.1"])
    );
    for content in [
        &b""[..],
        b"\0\0",
        b"\0\x01\0",
        b"\0\x02\x02h",
        b"\0\x02\x01hx",
    ] {
        assert!(matches!(protocols(content), Seen::Bad(_)), "{content:02x?}");
    }
    let outer = extension(SERVER_NAME, &host(b"outer.test"));
    let inner = [
        &[0, 0, 1, 0, 1, 9],
        &vector(&[5; 32])[..],
        &vector(&[6; 64]),
    ]
    .concat();
    let expected = Seen::Hello(Hello {
        name: Some("outer.test".to_owned()),
        encrypted: true,
        ..Hello::default()
    });
    assert_eq!(
        made(&[outer, extension(ENCRYPTED_CLIENT_HELLO, &inner)]),
        expected
    );
}

#[test]
fn a_hello_without_extensions_has_no_name() {
    let body = [&[3, 1], &[7; 32][..], &[0], &vector(&[0, 47]), &[1, 0]].concat();
    let bytes = one_record(&[&[1, 0], &vector(&body)[..]].concat());
    assert_eq!(read(&bytes), found(None, &[]));
    for (at, what) in [
        (0, "version"),
        (34, "session"),
        (36, "suites"),
        (40, "null"),
    ] {
        let mut body = body.clone();
        body[at] = 33;
        let bytes = one_record(&[&[1, 0], &vector(&body)[..]].concat());
        assert!(matches!(read(&bytes), Seen::Bad(_)), "{what}");
    }
}
