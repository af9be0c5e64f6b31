//! An internet of a few hosts: registries behind TLS with certificates of its own authority, a
//! host with a certificate of another, the same without TLS on port 80, and a name server.
//!
//! The registries are the scripted ones of `support`, on loopback outside; what listens inside
//! takes TLS off and passes bytes on.

use super::dns::Zone;
use super::names::{FILES, Names, PINNED};
use super::topology::{self, RESOLVER, Topology};
use crate::support::packages::{self, Listed};
use crate::support::publish;
use crate::support::registry::{Answer, Registry};
use crate::support::tls::Authority;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio_rustls::TlsAcceptor;

/// The internet.
pub struct Internet {
    pub npm: Registry,
    pub pypi: Registry,
    /// PyPI's files.
    pub files: Registry,
    pub maven: Registry,
    /// No registry: its clients expect [`Internet::pin`].
    pub pinned: Registry,
    /// The certificate of the pinned host.
    pub pin: CertificateDer<'static>,
    /// Who signed the registries' certificates.
    pub authority: Authority,
    pub names: Names,
    pub zone: Arc<Zone>,
    lines: Arc<Lines>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// What lies between the hosts and what answers for them.
#[derive(Default)]
struct Lines {
    /// Every byte that was sent to any host, as it was inside TLS.
    heard: Mutex<Vec<u8>>,
    /// Who answers new connections instead of the registries.
    instead: Mutex<Option<SocketAddr>>,
}

impl Internet {
    /// Starts every host; the registries know nothing yet.
    pub fn start(topology: &Topology, names: Names) -> Internet {
        // Where the scripted registries have their documents.
        assert_eq!(
            (names.npm.path.as_str(), names.pypi.path.as_str()),
            ("/", "/simple/")
        );
        let (authority, other) = (Authority::new(), Authority::new());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let hosts = [
            &names.npm.host,
            &names.pypi.host,
            FILES,
            &names.maven.host,
            PINNED,
        ];
        let numbered = topology::HOSTS.zip(hosts);
        let addresses: Vec<[IpAddr; 2]> =
            numbered.map(|(number, _)| topology::host(number)).collect();
        let [npm, pypi, files, maven, pinned] = std::array::from_fn(|_| Registry::start());
        let (mut pin, lines) = (None, Arc::<Lines>::default());
        for (index, registry) in [&npm, &pypi, &files, &maven, &pinned]
            .into_iter()
            .enumerate()
        {
            let name = hosts[index];
            let signer = if name == PINNED { &other } else { &authority };
            let (certificate, key) = signer.issue(&[name]);
            pin = Some(certificate.der().clone());
            let acceptor = acceptor(certificate.der().clone(), key.serialize_der());
            for address in addresses[index] {
                let listen = |port| topology.internet.enter(|| listener(address, port));
                let to = (registry.address(), Arc::clone(&lines));
                runtime.spawn(serve(listen(443), Some(acceptor.clone()), to.clone()));
                runtime.spawn(serve(listen(80), None, to));
            }
        }
        let known = hosts.map(str::to_owned).into_iter().zip(addresses);
        let zone = Arc::new(Zone::new(known.collect::<BTreeMap<_, _>>()));
        for resolver in RESOLVER {
            let socket = topology.internet.enter(|| UdpSocket::bind((resolver, 53)));
            zone.serve(socket.expect("the port is free in here"));
        }
        Internet {
            npm,
            pypi,
            files,
            maven,
            pinned,
            pin: pin.expect("the pinned host is the last"),
            authority,
            names,
            zone,
            lines,
            runtime: Some(runtime),
        }
    }

    /// The registries, without the pinned host.
    pub fn registries(&self) -> [&Registry; 4] {
        [&self.npm, &self.pypi, &self.files, &self.maven]
    }

    /// How many requests the registries saw.
    pub fn total(&self) -> usize {
        self.registries().into_iter().map(Registry::total).sum()
    }

    pub fn forget(&self) {
        self.registries().into_iter().for_each(Registry::forget);
        self.lines.heard.lock().expect("no holder panicked").clear();
    }

    /// Whether any host was sent these bytes; pieces of several connections may lie between.
    pub fn heard(&self, bytes: &str) -> bool {
        let heard = self.lines.heard.lock().expect("no holder panicked");
        let mut parts = heard.windows(bytes.len());
        parts.any(|part| part == bytes.as_bytes())
    }

    /// From now on every host answers each connection with these bytes, whatever is asked.
    pub fn answer_raw(&self, reply: &'static str) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        *self.lines.instead.lock().expect("no holder panicked") = Some(address);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 64 * 1024]);
                let _ = stream.write_all(reply.as_bytes());
            }
        });
    }

    /// Puts an npm package on its registry, with addresses as the registry itself would say them.
    pub fn publish_npm(&self, name: &str, versions: &[&str]) {
        let base = self.names.npm.url();
        let built = versions.iter().map(|version| {
            let tarball = packages::npm_tarball(name, version, 64);
            ((*version).to_owned(), tarball)
        });
        let built: Vec<(String, Vec<u8>)> = built.collect();
        let document = packages::packument(base.trim_end_matches('/'), name, &built);
        publish::npm_document(&self.npm, name, &document);
        for (version, tarball) in built {
            let answer = Answer::ok("application/octet-stream", tarball);
            self.npm
                .set(&packages::npm_tarball_path(name, &version), answer);
        }
    }

    /// Puts a project on the index and its files on their own host.
    pub fn publish_pypi(&self, project: &str, versions: &[&str]) {
        let listed = versions.iter().map(|version| {
            let file = packages::wheel_name(project, version);
            let path = publish::pypi_path(&file);
            let bytes = packages::wheel(project, version, 0);
            let metadata = packages::wheel_metadata(project, version);
            let digest = packages::sha256_hex(metadata.as_bytes());
            let answer = |body: Vec<u8>| Answer::ok("application/octet-stream", body);
            self.files.set(&path, answer(bytes.clone()));
            self.files
                .set(&format!("{path}.metadata"), answer(metadata.into_bytes()));
            Listed {
                file,
                url: format!("https://{FILES}{path}"),
                bytes,
                metadata_sha256: Some(digest),
                version: (*version).to_owned(),
            }
        });
        publish::pypi_page(&self.pypi, project, &listed.collect::<Vec<_>>());
    }

    /// Puts an artifact below the repository's path.
    pub fn publish_maven(&self, (group, artifact): (&str, &str), version: &str, packaging: &str) {
        let root = self.names.maven.path.trim_end_matches('/');
        let folder = packages::maven_folder(group, artifact, version);
        let file = format!("{root}{folder}/{artifact}-{version}");
        let pom = packages::pom(group, artifact, version, packaging);
        publish::maven_file(&self.maven, &format!("{file}.pom"), pom.as_bytes());
        if packaging != "pom" {
            let jar = packages::jar(group, artifact, version);
            publish::maven_file(&self.maven, &format!("{file}.jar"), &jar);
        }
        let metadata = packages::maven_metadata(group, artifact, &[version]);
        let folder = folder.trim_end_matches(version);
        let path = format!("{root}{folder}maven-metadata.xml");
        publish::maven_file(&self.maven, &path, metadata.as_bytes());
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        // Connections that are still open must not hold the end of a test.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listener(address: IpAddr, port: u16) -> TcpListener {
    let listener = TcpListener::bind((address, port)).expect("the port is free in here");
    listener.set_nonblocking(true).expect("a socket has modes");
    listener
}

fn acceptor(certificate: CertificateDer<'static>, key: Vec<u8>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key).expect("a key");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate with its key");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Passes what comes in on to the registry.
async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, to: (SocketAddr, Arc<Lines>)) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("inside the runtime");
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, to) = (acceptor.clone(), to.clone());
        tokio::spawn(async move {
            match acceptor {
                None => pass(stream, to).await,
                // A client that does not trust us ends here; that is its own affair.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        pass(stream, to).await;
                    }
                }
            }
        });
    }
}

async fn pass(stream: impl AsyncRead + AsyncWrite + Unpin, to: (SocketAddr, Arc<Lines>)) {
    let (registry, lines) = to;
    let instead = *lines.instead.lock().expect("no holder panicked");
    let to = instead.unwrap_or(registry);
    if let Ok(mut registry) = tokio::net::TcpStream::connect(to).await {
        let mut stream = Tapped { stream, lines };
        let _ = copy_bidirectional(&mut stream, &mut registry).await;
    }
}

/// A stream whose bytes are remembered.
struct Tapped<S> {
    stream: S,
    lines: Arc<Lines>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let it = self.get_mut();
        let before = into.filled().len();
        let polled = Pin::new(&mut it.stream).poll_read(context, into);
        let mut heard = it.lines.heard.lock().expect("no holder panicked");
        heard.extend_from_slice(&into.filled()[before..]);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
