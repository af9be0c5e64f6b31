//! The certificate that clients see: two PEM files become a chain and the key that signs for it.
//!
//! Read when the configuration is, so that `check` and a refused reload name what is wrong with them. The key never
//! leaves this form: it can sign, and it can't be shown.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::file::TlsEntry;
use super::problem::Findings;

/// A certificate with its chain, and its key.
#[derive(Debug, Clone)]
pub struct Tls(pub Arc<CertifiedKey>);

/// No chain and no key is longer.
const FILE_BYTES_MAX: u64 = 1 << 20;

const CERTIFICATE: [&str; 2] = ["tls", "certificate"];
const KEY: [&str; 2] = ["tls", "key"];

/// Reads both files; neither is no TLS, one alone a mistake. Paths start at the configuration file's folder.
pub(super) fn lower(entry: TlsEntry, findings: &mut Findings<'_>) -> Option<Tls> {
    let (certificate, key) = match (entry.certificate, entry.key) {
        (None, None) => return None,
        (Some(_), None) => {
            findings.report(
                &CERTIFICATE,
                "`tls.key` is missing; name the key's PEM file",
            );
            return None;
        }
        (None, Some(_)) => {
            let message = "`tls.certificate` is missing; name the certificate's PEM file";
            findings.report(&KEY, message);
            return None;
        }
        (Some(certificate), Some(key)) => (place(findings, certificate), place(findings, key)),
    };
    let chain = chain(&certificate).map_err(|message| findings.report(&CERTIFICATE, message));
    let secret = secret(&key).map_err(|message| findings.report(&KEY, message));
    let (chain, secret) = (chain.ok()?, secret.ok()?);
    match CertifiedKey::from_der(chain, secret, &default_provider()) {
        Ok(certified) => Some(Tls(Arc::new(certified))),
        Err(error) => {
            let message = format!(
                "the key in {} is not the one of the certificate in {}, or of a kind that is not known ({error}); \
                 name two files that belong together",
                key.display(),
                certificate.display()
            );
            findings.report(&KEY, message);
            None
        }
    }
}

fn place(findings: &Findings<'_>, file: PathBuf) -> PathBuf {
    findings.folder().join(file)
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let (pem, _) = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(format!(
            "{} holds no certificate; it must be PEM: the server's certificate first, then its issuers",
            file.display()
        )),
        Err(error) => Err(not_pem(file, &error)),
    }
}

fn secret(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let (pem, mode) = read(file)?;
    if mode & 0o007 != 0 {
        return Err(format!(
            "everybody on this machine can read or change {}; run `chmod 600` on it, and make a new key if others had it",
            file.display()
        ));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => format!(
            "{} holds no private key; it must be PEM: PKCS #8, SEC 1 or PKCS #1, without a passphrase",
            file.display()
        ),
        error => not_pem(file, &error),
    })
}

fn not_pem(file: &Path, error: &rustls::pki_types::pem::Error) -> String {
    format!("{} is no PEM: {error:?}; write it anew", file.display())
}

/// The content of a file and its permissions.
fn read(file: &Path) -> Result<(Vec<u8>, u32), String> {
    let attempt = || -> io::Result<_> {
        let opened = File::open(file)?;
        let mode = opened.metadata()?.mode();
        let mut content = Vec::new();
        opened.take(FILE_BYTES_MAX).read_to_end(&mut content)?;
        Ok((content, mode))
    };
    attempt().map_err(|error| {
        let file = file.display();
        format!("{file} can't be read: {error}; name a PEM file that the gateway may read")
    })
}
