//! TLS to clients: rustls with ring, TLS 1.2 and 1.3, HTTP/2 or HTTP/1.1 by ALPN (RFC 7301).
//!
//! Nothing is decided here but who speaks: a connection that passes goes on to `session` or `h2`, with the same rules.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::deadline::Deadline;
use super::session::{self, Door};
use super::wire::{Rewound, Wire};
use super::{Answerer, h2};
use crate::config;

const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// What a listener shakes hands with. The certificate can be changed while connections are open.
pub struct Tls(ArcSwap<InForce>);

/// A certificate, and all that goes with it.
struct InForce {
    certified: Arc<CertifiedKey>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Fails only where the machine has no randomness.
    pub fn new(certificate: &config::Tls) -> Result<Self, rustls::Error> {
        Ok(Self(ArcSwap::from_pointee(InForce::new(certificate)?)))
    }

    /// Shows another certificate from the next handshake on. Tickets of the one before are not taken any more, so that
    /// a key that was changed in haste is out of use at once.
    pub fn renew(&self, certificate: &config::Tls) -> Result<(), rustls::Error> {
        if self.0.load().certified.cert != certificate.0.cert {
            self.0.store(Arc::new(InForce::new(certificate)?));
        }
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.load().config))
    }
}

impl InForce {
    fn new(certificate: &config::Tls) -> Result<Self, rustls::Error> {
        let certified = Arc::clone(&certificate.0);
        let shown = SingleCertAndKey::from(Arc::clone(&certified));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
        // A client that comes back is known by its ticket: no memory of ours, no signature.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self {
            certified,
            config: Arc::new(config),
        })
    }
}

/// Serves a connection to a listener that speaks TLS.
pub async fn run(stream: TcpStream, peer: SocketAddr, tls: &Tls, door: Door) {
    let limit = door.answerer.limits().head_deadline;
    let shaken = Deadline::new()
        .within(limit, shake_hands(stream, tls, door.answerer.as_ref()))
        .await;
    // Too late, or no TLS: there is nobody who would understand an answer.
    let (Ok(Some(stream)), _) = shaken else {
        return;
    };
    speak(stream, peer, door).await;
}

/// Goes on in the protocol that was agreed on.
async fn speak<S>(stream: TlsStream<S>, peer: SocketAddr, door: Door)
where
    TlsStream<S>: Wire,
{
    if stream.get_ref().1.alpn_protocol() == Some(H2) {
        h2::run(stream, peer, door).await;
    } else {
        session::run(stream, peer, door).await;
    }
}

/// Sealed bytes that may wait for the socket: with head and seven records of 16 KiB, most packages go out in one call.
const SEALED_BYTES: usize = 128 * 1024;

/// The first byte of a TLS record that can begin a connection (RFC 8446 §5.1: handshake).
const HANDSHAKE: u8 = 22;

async fn shake_hands(
    mut stream: TcpStream,
    tls: &Tls,
    answerer: &dyn Answerer,
) -> Option<TlsStream<TcpStream>> {
    let mut first = [0];
    stream
        .peek(&mut first)
        .await
        .ok()
        .filter(|read| *read > 0)?;
    if first[0].is_ascii_uppercase() {
        answerer.refused_at_edge(400);
        let _ = stream.write_all(NOT_PLAIN).await;
        let _ = stream.shutdown().await;
        // What the client still sends would reset the connection, and the answer with it.
        let mut rest = [0; 1024];
        while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await {}
        return None;
    }
    if first[0] != HANDSHAKE {
        return None;
    }
    accept(stream, &tls.acceptor()).await
}

async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    acceptor: &TlsAcceptor,
) -> Option<TlsStream<S>> {
    acceptor
        .accept_with(stream, |session| {
            session.set_buffer_limit(Some(SEALED_BYTES))
        })
        .await
        .inspect_err(|error| tracing::debug!(%error, "a TLS handshake failed"))
        .ok()
}

/// Serves a connection whose first bytes are known to be TLS.
pub async fn open(stream: Rewound, peer: SocketAddr, acceptor: &TlsAcceptor, door: Door) {
    let limit = door.answerer.limits().head_deadline;
    let shaking = accept(stream, acceptor);
    if let (Ok(Some(stream)), _) = Deadline::new().within(limit, shaking).await {
        speak(stream, peer, door).await;
    }
}

/// What a client reads that speaks plain HTTP to a listener with TLS.
const NOT_PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
content-length: 38\r\ncache-control: no-store\r\nconnection: close\r\n\r\n\
this address speaks TLS: write https:\n";
