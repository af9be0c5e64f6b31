//! The real probe: a TLS handshake that takes any certificate and only looks whose it is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Presented, Probe, Target};

/// For the whole of a probe: name, connection, proxy, handshake.
const DEADLINE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Asks the network.
pub struct Network {
    authority: CertificateDer<'static>,
    verifier: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

/// Takes every certificate, and tells whether it is of the authority.
#[derive(Debug)]
struct Witness {
    authority: CertificateDer<'static>,
    verifier: Arc<WebPkiServerVerifier>,
    told: mpsc::UnboundedSender<bool>,
}

impl Network {
    /// A probe that looks for certificates of this authority.
    pub fn new(authority: CertificateDer<'static>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let provider = Arc::new(ring::default_provider());
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = builder
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Network {
            authority,
            verifier,
            provider,
        })
    }

    async fn shake_hands(&self, target: &Target) -> Result<bool, String> {
        let stream = match &target.proxy {
            None => connect(&target.host, target.port).await?,
            Some(_) => through(target).await?,
        };
        let (told, mut heard) = mpsc::unbounded_channel();
        let witness = Witness {
            authority: self.authority.clone(),
            verifier: Arc::clone(&self.verifier),
            told,
        };
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(witness))
            .with_no_client_auth();
        let name = ServerName::try_from(target.host.clone()).map_err(|error| error.to_string())?;
        let shaken = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await;
        // A certificate was shown even where the handshake went wrong afterwards.
        match (heard.try_recv(), shaken) {
            (Ok(is_ours), _) => Ok(is_ours),
            (Err(_), Err(error)) => Err(error.to_string()),
            (Err(_), Ok(_)) => Err("no certificate was shown".to_owned()),
        }
    }
}

impl Probe for Network {
    fn ask(&self, target: &Target) -> Presented {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Presented::Nothing(error.to_string()),
        };
        let answer = runtime.block_on(async { timeout(DEADLINE, self.shake_hands(target)).await });
        // A name that is still looked up must not hold us.
        runtime.shutdown_background();
        match answer {
            Ok(Ok(true)) => Presented::Ours,
            Ok(Ok(false)) => Presented::Another,
            Ok(Err(why)) => Presented::Nothing(why),
            Err(_) => Presented::Nothing(format!("no answer in {} s", DEADLINE.as_secs())),
        }
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((host, port))
        .await
        .map_err(|error| error.to_string())
}

/// A tunnel through the proxy.
async fn through(target: &Target) -> Result<TcpStream, String> {
    let Some(proxy) = &target.proxy else {
        return Err("there is no proxy".to_owned());
    };
    let mut stream = connect(&proxy.host, proxy.port).await?;
    let place = match target.host.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => format!("[{v6}]:{}", target.port),
        _ => format!("{}:{}", target.host, target.port),
    };
    let mut head = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(authorization) = &proxy.authorization {
        head.push_str(&format!("Proxy-Authorization: {}\r\n", authorization.0));
    }
    head.push_str("\r\n");
    let sent = stream.write_all(head.as_bytes()).await;
    sent.map_err(|error| error.to_string())?;
    match status(&mut stream).await?.as_str() {
        "200" => Ok(stream),
        "407" => Err("the proxy asks for credentials (407)".to_owned()),
        other => Err(format!("the proxy answered {other}")),
    }
}

/// Byte by byte: what follows the head belongs to the tunnel.
async fn status(stream: &mut TcpStream) -> Result<String, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == ANSWER_BYTES_MAX {
            return Err("the proxy's answer is too long".to_owned());
        }
        let byte = stream.read_u8().await;
        head.push(byte.map_err(|_| "the proxy closed the connection".to_owned())?);
    }
    let text = String::from_utf8_lossy(&head);
    let word = text
        .strip_prefix("HTTP/1.")
        .and_then(|it| it.split(' ').nth(1));
    let code: String = word.unwrap_or("").chars().take(3).collect();
    match code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(code),
        false => Err("what answers is no HTTP proxy".to_owned()),
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let shows_it = intermediates.contains(&self.authority);
        // Nobody listens any more where the probe was given up.
        let _ = self.told.send(verified.is_ok() || shows_it);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
