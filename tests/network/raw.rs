//! Connections from the client that say exactly what a test wants: TLS by name and address,
//! hellos in pieces, requests as bytes, HTTP/2. Certificates are not judged here but shown:
//! whether clients trust them is what the real clients are for.

use super::topology::{LAN, Namespace};
use super::world::PROXY;
use crate::support::http;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A connection after its handshake.
pub type Sealed = StreamOwned<ClientConnection, TcpStream>;

/// What a client wants of a server.
#[derive(Debug, Clone)]
pub struct Hello<'a> {
    /// The server name; none is sent when it is empty.
    pub name: &'a str,
    /// The protocols offered (ALPN).
    pub protocols: &'a [&'a str],
}

impl<'a> Hello<'a> {
    pub fn new(name: &'a str) -> Hello<'a> {
        Hello {
            name,
            protocols: &["http/1.1"],
        }
    }

    pub fn config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Shown(provider)))
            .with_no_client_auth();
        config.enable_sni = !self.name.is_empty();
        config.alpn_protocols = self
            .protocols
            .iter()
            .map(|it| it.as_bytes().to_vec())
            .collect();
        Arc::new(config)
    }

    pub fn server(&self) -> ServerName<'static> {
        let name = if self.name.is_empty() {
            "nameless.test"
        } else {
            self.name
        };
        ServerName::try_from(name.to_owned()).expect("a name")
    }

    /// The client's side of a connection, and the record with its hello.
    pub fn start(&self) -> (ClientConnection, Vec<u8>) {
        let mut client = ClientConnection::new(self.config(), self.server()).expect("a client");
        let mut hello = Vec::new();
        client
            .write_tls(&mut hello)
            .expect("a vector takes all bytes");
        (client, hello)
    }

    /// Connects to an address; nothing when the server ends it before the handshake is done.
    pub fn connect(&self, from: &Namespace, to: IpAddr) -> Option<Sealed> {
        self.over(open(from, SocketAddr::new(to, 443)))
    }

    /// Shakes hands on a connection.
    pub fn over(&self, mut socket: TcpStream) -> Option<Sealed> {
        let (client, hello) = self.start();
        socket.write_all(&hello).ok()?;
        finish(client, socket)
    }
}

/// Completes a handshake whose hello was sent.
pub fn finish(mut client: ClientConnection, mut socket: TcpStream) -> Option<Sealed> {
    while client.is_handshaking() {
        client.complete_io(&mut socket).ok()?;
    }
    Some(StreamOwned::new(client, socket))
}

/// Opens a connection inside a namespace.
pub fn open(from: &Namespace, to: SocketAddr) -> TcpStream {
    let socket = from.enter(|| http::connect(to));
    socket.set_nodelay(true).expect("a socket has options");
    socket
}

/// Opens a connection to the forward proxy.
pub fn open_proxy(from: &Namespace) -> TcpStream {
    let address: IpAddr = LAN[0].parse().expect("an address");
    open(from, SocketAddr::new(address, PROXY))
}

/// The certificate that the server showed.
pub fn shown(stream: &Sealed) -> CertificateDer<'static> {
    let chain = stream
        .conn
        .peer_certificates()
        .expect("a handshake shows a certificate");
    chain[0].clone().into_owned()
}

/// One request as bytes, and its answer; nothing when the connection ends before.
pub fn ask(stream: &mut Sealed, request: &str) -> Option<http::Reply> {
    stream.write_all(request.as_bytes()).ok()?;
    http::read_reply(stream, request.starts_with("HEAD "))
}

/// A plain GET as bytes.
pub fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n")
}

/// A hello, split into records of one byte each (RFC 8446 §5.1).
pub fn in_byte_records(hello: &[u8]) -> Vec<u8> {
    assert_eq!(hello[0], 22, "a handshake record");
    let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    assert_eq!(hello.len(), 5 + length, "one record");
    hello[5..]
        .iter()
        .flat_map(|byte| [22, 3, 1, 0, 1, *byte])
        .collect()
}

/// A hello of TLS 1.0 that offers nothing newer (RFC 2246 §7.4.1.2), with a server name.
pub fn hello_of_tls_1_0(name: &str) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).expect("short").to_be_bytes();
    let mut list = vec![0];
    list.extend(length(name.len()));
    list.extend(name.as_bytes());
    let mut server_name = vec![0, 0];
    server_name.extend(length(list.len() + 2));
    server_name.extend(length(list.len()));
    server_name.extend(list);
    let mut body = vec![3, 1];
    body.extend([7; 32]);
    // No session; two suites of the time with CBC; no compression.
    body.extend([0, 0, 4, 0xc0, 0x0a, 0x00, 0x2f, 1, 0]);
    body.extend(length(server_name.len()));
    body.extend(server_name);
    let mut handshake = vec![1, 0];
    handshake.extend(length(body.len()));
    handshake.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(length(handshake.len()));
    record.extend(handshake);
    record
}

/// What a server does with bytes: everything it sends until it closes, or until it was silent
/// for `bound`, and whether it closed.
pub fn outcome(mut socket: TcpStream, bound: Duration) -> (Vec<u8>, bool) {
    socket.set_read_timeout(Some(bound)).expect("a timeout");
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return (bytes, true),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) => {
                let is_wait = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                return (bytes, !is_wait);
            }
        }
    }
}

/// Requests of HTTP/2 one after another on one connection, each an authority and a path: the
/// status and body of each, or nothing where the stream or the connection is refused.
pub fn ask_h2(
    stream: TcpStream,
    hello: &Hello,
    requests: &[(&str, &str)],
) -> Vec<Option<(u16, Vec<u8>)>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        stream.set_nonblocking(true).expect("a socket has modes");
        let stream = tokio::net::TcpStream::from_std(stream).expect("inside the runtime");
        let connector = tokio_rustls::TlsConnector::from(hello.config());
        let shaken = connector.connect(hello.server(), stream).await;
        let Ok(stream) = shaken else {
            return vec![None; requests.len()];
        };
        let Ok((mut sender, connection)) = h2::client::handshake(stream).await else {
            return vec![None; requests.len()];
        };
        let driver = tokio::spawn(connection);
        let mut answers = Vec::new();
        for (authority, path) in requests {
            let uri = format!("https://{authority}{path}");
            let request = ::http::Request::get(uri).body(()).expect("a request");
            let sent = sender.send_request(request, true);
            answers.push(match sent {
                Ok((response, _)) => answer_of_h2(response).await,
                Err(_) => None,
            });
        }
        driver.abort();
        answers
    })
}

async fn answer_of_h2(response: h2::client::ResponseFuture) -> Option<(u16, Vec<u8>)> {
    let (head, mut stream) = response.await.ok()?.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(part)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(part.len());
        body.extend_from_slice(&part);
    }
    Some((head.status.as_u16(), body))
}

/// Takes every certificate whose key signed the handshake.
#[derive(Debug)]
struct Shown(Arc<CryptoProvider>);

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _stapled: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
