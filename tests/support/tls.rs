//! The program behind TLS: certificates made for the test, HTTP/1 and HTTP/2 over them, and frames of HTTP/2 as bytes.

use super::gateway::Gateway;
use super::http::{self, Reply, Request};
use super::registry::Registry;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Who signs the certificates of one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority for tests");
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// The authority's own certificate, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names, and its key.
    pub fn issue(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate, key)
    }

    /// Writes a certificate for loopback and its key into a folder.
    pub fn write(&self, folder: &Path) {
        let (certificate, key) = self.issue(&["127.0.0.1", "localhost"]);
        write(&folder.join("ca.pem"), &self.pem, 0o644);
        write(&folder.join("certificate.pem"), &certificate.pem(), 0o644);
        write(&folder.join("key.pem"), &key.serialize_pem(), 0o600);
    }
}

/// Writes a file as an editor does: a new one, renamed.
pub fn write(file: &Path, text: &str, mode: u32) {
    let draft = file.with_extension("new");
    std::fs::write(&draft, text).expect("a file can be written");
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(mode)).expect("ours");
    std::fs::rename(&draft, file).expect("a file can be renamed");
}

/// The program with `[tls]`, in front of two scripted upstreams.
pub struct Sealed {
    pub gateway: Gateway,
    pub npm: Registry,
    pub pypi: Registry,
    pub authority: Authority,
    folder: tempfile::TempDir,
}

impl Sealed {
    /// Starts the program with these first lines, limits and rules.
    pub fn new(first: &str, limits: &str, rules: &str) -> Sealed {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (npm, pypi) = (Registry::start(), Registry::start());
        let authority = Authority::new();
        authority.write(folder.path());
        let text = format!(
            "{first}\n[upstreams]\nnpm = \"{0}\"\npypi = \"{1}\"\nmaven = \"{0}\"\n\n\
             [limits]\n{limits}\n\n{rules}\n",
            npm.url(),
            pypi.url()
        );
        let tls = "[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n";
        write(&folder.path().join("plain.toml"), &text, 0o644);
        write(
            &folder.path().join("tls.toml"),
            &format!("{text}{tls}"),
            0o644,
        );
        let gateway = start(folder.path(), "tls");
        Sealed {
            gateway,
            npm,
            pypi,
            authority,
            folder,
        }
    }

    /// The same without TLS, with a cache of its own.
    pub fn plain(&self) -> Gateway {
        start(self.folder(), "plain")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn ca(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.gateway.address)
    }

    /// One request over HTTP/1.1.
    pub fn h1(&self, request: &Request) -> Reply {
        let mut stream = self.connect(&["http/1.1"]);
        let bytes = request.bytes(&self.gateway.address.to_string());
        stream.write_all(&bytes).expect("written");
        http::read_reply(stream, request.is_head()).expect("an answer")
    }

    /// A connection after its handshake.
    pub fn connect(&self, protocols: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
        let config = self.client(protocols, rustls::ALL_VERSIONS);
        shake_hands(config, self.gateway.address)
    }

    /// What a client trusts and speaks.
    pub fn client(
        &self,
        protocols: &[&str],
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// Requests over one connection of HTTP/2, all at once; a refusal of the connection fails the test.
    pub fn h2(&self, requests: &[Request]) -> Vec<Reply> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let stream = tokio::net::TcpStream::connect(self.gateway.address).await;
            let config = self.client(&["h2"], rustls::ALL_VERSIONS);
            let stream = tokio_rustls::TlsConnector::from(config)
                .connect(name(), stream.expect("accepted"))
                .await
                .expect("a handshake");
            let (mut sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
            let driver = tokio::spawn(connection);
            let mut replies = Vec::new();
            for request in requests {
                sender = sender.ready().await.expect("room for a request");
                let head = request.head_of_h2(&self.gateway.address.to_string());
                let (response, mut body) = sender
                    .send_request(head, request.payload().is_empty())
                    .expect("sent");
                if !request.payload().is_empty() {
                    // The answer may come before the body is taken.
                    let _ = body.send_data(request.payload().to_vec().into(), true);
                }
                replies.push(async move { read_h2(response.await.expect("an answer")).await });
            }
            let mut read = Vec::new();
            for reply in replies {
                read.push(reply.await);
            }
            driver.abort();
            read
        })
    }
}

fn start(folder: &Path, name: &str) -> Gateway {
    Gateway::start(
        &folder.join(format!("{name}.toml")),
        &folder.join(format!("{name}-data")),
    )
}

fn name() -> ServerName<'static> {
    ServerName::try_from("127.0.0.1").expect("a name")
}

/// Connects and completes the handshake.
pub fn shake_hands(
    config: Arc<ClientConfig>,
    address: SocketAddr,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut connection = ClientConnection::new(config, name()).expect("a client");
    let mut socket = http::connect(address);
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).expect("a handshake");
    }
    StreamOwned::new(connection, socket)
}

async fn read_h2(response: ::http::Response<h2::RecvStream>) -> Reply {
    let (head, mut stream) = response.into_parts();
    let (mut body, mut complete) = (Vec::new(), true);
    while let Some(part) = stream.data().await {
        match part {
            Ok(part) => {
                let _ = stream.flow_control().release_capacity(part.len());
                body.extend_from_slice(&part);
            }
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    let text = |value: &::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Reply {
        status: head.status.as_u16(),
        phrase: String::new(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body,
        complete,
    }
}

// === Frames as bytes (RFC 9113 §4, RFC 7541) ===

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
/// Flags of HEADERS.
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Frame {
        Frame {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("short");
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The error code of a RST_STREAM or GOAWAY.
    pub fn code(&self) -> u8 {
        let at = if self.kind == GOAWAY { 7 } else { 3 };
        self.payload[at]
    }
}

/// Fields as literals that nothing is kept of.
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let mut length = text.len();
            if length < 127 {
                block.push(length as u8);
            } else {
                block.push(127);
                length -= 127;
                while length >= 128 {
                    block.push((length % 128) as u8 | 128);
                    length /= 128;
                }
                block.push(length as u8);
            }
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A connection of HTTP/2 that sends what it is told.
pub struct RawH2 {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl RawH2 {
    /// Connects and sends the preface with these settings.
    pub fn open(sealed: &Sealed, settings: &[u8]) -> RawH2 {
        let mut raw = RawH2 {
            stream: sealed.connect(&["h2"]),
            buffer: Vec::new(),
        };
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        raw.stream.write_all(preface).expect("written");
        raw.send(&[Frame::new(SETTINGS, 0, 0, settings)]);
        raw
    }

    /// The connection itself.
    pub fn stream_mut(&mut self) -> &mut StreamOwned<ClientConnection, TcpStream> {
        &mut self.stream
    }

    /// Sends frames; a server that has closed already is no failure.
    pub fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        let _ = self.stream.write_all(&bytes);
    }

    /// The next frame; nothing at the end of the connection.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some([a, b, c, kind, flags, stream @ ..]) = self.buffer.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
                let frame = Frame::new(*kind, *flags, u32::from_be_bytes(*stream), []);
                if self.buffer.len() >= 9 + length {
                    let payload = self.buffer.drain(..9 + length).skip(9).collect();
                    return Some(Frame { payload, ..frame });
                }
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// The next frame that `is` it; nothing when the connection ends before.
    pub fn until(&mut self, is: impl Fn(&Frame) -> bool) -> Option<Frame> {
        std::iter::from_fn(|| self.frame()).find(is)
    }

    /// How a stream is answered: the status where it is one of the static table, a reset, the end of everything.
    pub fn outcome(&mut self, stream: u32) -> String {
        let is_it = |frame: &Frame| {
            frame.kind == GOAWAY
                || frame.stream == stream && [HEADERS, RST_STREAM].contains(&frame.kind)
        };
        match self.until(is_it) {
            None => "closed".into(),
            Some(frame) if frame.kind == HEADERS => match frame.payload[0] {
                0x88 => "200".into(),
                0x8c => "400".into(),
                0x8d => "404".into(),
                _ => "another status".into(),
            },
            Some(frame) if frame.kind == GOAWAY => format!("goaway {}", frame.code()),
            Some(frame) => format!("reset {}", frame.code()),
        }
    }
}

/// Whether the server closes this connection within a bound.
pub fn is_closed_within(socket: &mut TcpStream, bound: Duration) -> bool {
    socket.set_read_timeout(Some(bound)).expect("a timeout");
    let mut chunk = [0; 4096];
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
