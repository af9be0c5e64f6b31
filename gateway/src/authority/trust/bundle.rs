//! Bundles of roots: PEM files (RFC 7468), where systems keep theirs, and the combined ones that
//! are written for clients whose setting replaces their roots.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::Surroundings;

/// No bundle of roots is larger.
const BUNDLE_BYTES_MAX: u64 = 16 << 20;

/// Where systems keep their bundle.
const PLACES: [&str; 7] = [
    "etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "etc/pki/tls/certs/ca-bundle.crt",   // the same, older
    "var/lib/ca-certificates/ca-bundle.pem", // SUSE
    "etc/ssl/ca-bundle.pem",             // SUSE, older
    "etc/ssl/cert.pem",                  // macOS, Alpine
    "usr/local/etc/openssl/cert.pem",    // Homebrew
];

/// The certificates of a PEM file, in its order; anything else in it is passed over.
pub fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    if fs::metadata(file)?.len() > BUNDLE_BYTES_MAX {
        return Err(io::Error::other("it is too large for a bundle of roots"));
    }
    Ok(certificates_in(&fs::read(file)?))
}

/// As [`certificates`].
pub fn certificates_in(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).flatten().collect()
}

/// Whether a file holds a certificate.
pub fn holds(file: &Path, wanted: &CertificateDer<'_>) -> io::Result<bool> {
    Ok(certificates(file)?.contains(wanted))
}

/// The bundle of this machine's system, whatever variables say.
pub fn of_system(surroundings: &Surroundings) -> Option<PathBuf> {
    let files = PLACES.map(|place| surroundings.root.join(place));
    files.into_iter().find(|file| file.is_file())
}

/// The certificates of all sources and ours behind them, each once.
pub fn combined(sources: &[Vec<CertificateDer<'static>>], ours: &CertificateDer<'_>) -> String {
    let mut seen = std::collections::HashSet::new();
    let mut text = String::new();
    let ours = std::iter::once(ours.as_ref());
    for certificate in sources.iter().flatten().map(AsRef::as_ref).chain(ours) {
        if seen.insert(certificate) {
            text.push_str(&pem(certificate));
        }
    }
    text
}

/// RFC 7468, section 5.1.
fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut digits = STANDARD.encode(der);
    while !digits.is_empty() {
        let rest = digits.split_off(digits.len().min(64));
        text.push_str(&digits);
        text.push('\n');
        digits = rest;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_once_and_ours_last() {
        let one = CertificateDer::from(vec![1; 48]);
        let two = CertificateDer::from(vec![2; 100]);
        let sources = [vec![one.clone(), two.clone()], vec![two.clone()]];
        let text = combined(&sources, &one);
        assert_eq!(certificates_in(text.as_bytes()), vec![one, two]);
        assert!(text.lines().all(|line| line.len() <= 64), "{text}");
    }
}
