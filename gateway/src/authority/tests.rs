//! What the tests share: an authority in a folder, and a server that shows what it is given.

mod clients;
mod folder;
mod handshake;
mod minting;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, Stream};
use tempfile::TempDir;

use super::*;

pub(super) const HOST: &str = "registry.test";
pub(super) const FILES: &str = "files.store.test";

pub(super) fn day(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

pub(super) fn names(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

/// An authority for two hosts.
pub(super) struct Made {
    pub(super) root: TempDir,
    pub(super) now: SystemTime,
}

impl Made {
    pub(super) fn new() -> Self {
        Self::at(SystemTime::now())
    }

    pub(super) fn at(now: SystemTime) -> Self {
        let made = Self {
            root: TempDir::new().unwrap(),
            now,
        };
        let terms = Terms {
            owner: Some("build farm"),
            hosts: &names(&[HOST, FILES]),
            life: LIFE,
        };
        create(&made.folder(), &terms, now).unwrap();
        made
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join("authority")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(super) fn load(&self) -> Arc<Authority> {
        Arc::new(Authority::load(&self.folder(), self.now).unwrap())
    }

    pub(super) fn leaves(&self, hosts: &[&str]) -> Leaves {
        Leaves::new(self.load(), &names(hosts), SystemTime::now).unwrap()
    }

    pub(super) fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file(name)).unwrap()
    }

    /// What a thief of the key could sign: names that this code refuses to.
    pub(super) fn forged(&self, name: SanType) -> Arc<ServerConfig> {
        let authority = self.load();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2099, 1, 1);
        params.subject_alt_names = vec![name];
        params.use_authority_key_identifier_extension = true;
        let signed = params.signed_by(&key, &authority.issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let key = ring::sign::any_ecdsa_type(&key).unwrap();
        let certified = CertifiedKey::new(vec![signed.der().clone()], key);
        showing(Arc::new(SingleCertAndKey::from(certified)))
    }
}

pub(super) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn showing(resolver: Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    Arc::new(config)
}

/// Answers each connection with one reply of HTTP/1.1; the port.
pub(super) fn serve(config: Arc<ServerConfig>) -> u16 {
    serve_with(move || Arc::clone(&config))
}

pub(super) fn serve_with(config: impl Fn() -> Arc<ServerConfig> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut session = ServerConnection::new(config()).unwrap();
            thread::spawn(move || {
                let mut stream = Stream::new(&mut session, &mut socket);
                let mut request = [0; 1024];
                if stream.read(&mut request).is_ok() {
                    let reply =
                        b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nwelcome";
                    let _ = stream.write_all(reply);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            });
        }
    });
    port
}

pub(super) fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
