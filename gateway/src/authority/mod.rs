//! The certificate authority of network mode: its files, what it signs, and how it is succeeded.
//!
//! A client that was never configured speaks TLS to a registry's host. To judge what it asks for, the gateway opens
//! that connection with a certificate of its own for that name (`leaves`), signed by an authority that the client was
//! told to trust once. What could go wrong with such a key bounds what it is good for:
//!
//! - **Name constraints** (RFC 5280 §4.2.1.10, critical) permit the listed hosts and exclude every IP address. A
//!   constraint `host` means `host` and all names below it, in OpenSSL (Python, Node, curl), Go, rustls and Java alike:
//!   RFC 5280 has no way to say "this name alone". The leading-dot form that would exclude the names below is an
//!   extension that some clients don't parse, so it is not used; the closed list in [`Leaves`] is exact instead.
//!   OpenSSL, Go and rustls hold a root that is trusted directly to its own constraints. Java doesn't (RFC 5280 §6.1
//!   leaves it open): there the closed list and the key file are what protects. So no client is relied upon.
//! - **Extended key usage** `serverAuth`, also in the authority's certificate: it can't sign code, mail or clients.
//! - **Path length 1**, for one certificate: the successor's, cross-signed by its predecessor (see [`rotate`]).
//! - **Leaves** live for seven days, in memory only, each with a key of its own. One host each, never a wildcard.
//!   Their subject names who made them, without a common name: the host stands in the alternative names alone.
//! - **The key** stands in one file, mode 0600, and is never shown: no `Debug`, no error and no log repeats it.
//!
//! Nothing here asks what time it is: moments come in, and [`Leaves`] is given a clock.
//!
//! The folder:
//!
//! | file | |
//! |---|---|
//! | `authority.pem`, `authority.key` | certificate and key in force |
//! | `authority-cross.pem` | the certificate in force, signed by its predecessor; sent behind each leaf |
//! | `previous.pem` | the predecessor's certificate; its key is gone |
//! | `successor.*`, `successor-cross.pem` | a succession that is under way or was interrupted (`succession`) |

mod certificate;
mod error;
mod files;
mod host;
mod leaves;
mod mint;
mod show;
mod succession;
pub mod trust;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{Issuer, KeyPair, PublicKeyData};

use certificate::Certificate;
use files::Folder;
use mint::Leaf;
use succession::{Names, Successor};

pub use error::AuthorityError;
pub use leaves::Leaves;
pub use show::{Summary, show};

/// Whether a certificate may be made for a host of this form.
pub fn is_host(name: &str) -> bool {
    host::read(name).is_ok()
}

/// How long an authority is valid if nothing else is asked for.
pub const LIFE: Duration = Duration::from_secs(2 * 365 * 86_400);

/// What an authority is created for.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// Whose it is; stands in the subject, so that two gateways' authorities can be told apart.
    pub owner: Option<&'a str>,
    /// The hosts that it may sign for.
    pub hosts: &'a [String],
    /// How long it is valid, a day to ten years.
    pub life: Duration,
}

/// What [`rotate`] did.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The successor, now in force.
    pub summary: Summary,
    /// Hosts that clients refuse which trust the predecessor only: it was not good for them, or it had expired.
    pub unreached: Vec<String>,
}

/// An authority that can sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    cross: Option<Certificate>,
}

/// Makes a key and a certificate in `folder`, which is made if it is missing. Refuses if an authority is there.
pub fn create(
    folder: &Path,
    terms: &Terms<'_>,
    now: SystemTime,
) -> Result<Summary, AuthorityError> {
    let charter = mint::Charter::new(terms, now)?;
    let folder = Folder::create(folder)?;
    succession::finish(&folder)?;
    let names = succession::in_force(&folder);
    refuse_orphan(&folder, names)?;
    if folder.holds(names.certificate) {
        return Err(AuthorityError::Exists(folder.file(names.certificate)));
    }
    let key = mint::key()?;
    let certificate = mint::authority(&charter, &key)?;
    let successor = Successor {
        key: key.serialize_pem(),
        certificate: certificate.pem(),
        cross: None,
    };
    succession::install(&folder, &successor)?;
    show::summary(&folder, now)
}

/// Makes a successor for `hosts` and puts it in force.
///
/// The server then sends leaf and cross certificate: clients that trust the successor need only the leaf, clients that
/// trust the predecessor get from the leaf to it by the cross certificate, until the predecessor expires or is
/// succeeded again. The predecessor's key is destroyed once its last signature is on disk.
pub fn rotate(
    folder: &Path,
    hosts: &[String],
    now: SystemTime,
) -> Result<Rotation, AuthorityError> {
    let folder = Folder::change(folder)?;
    succession::finish(&folder)?;
    let old = Authority::read(&folder)?;
    let terms = Terms {
        owner: old.certificate.owner.as_deref(),
        hosts,
        life: mint::within_limits(old.certificate.life()),
    };
    let charter = mint::Charter::new(&terms, now)?;
    let key = mint::key()?;
    let certificate = mint::authority(&charter, &key)?;
    let expired = old.certificate.check(now).is_err();
    let cross = if expired {
        None
    } else {
        let until = old.certificate.not_after;
        Some(mint::cross(&charter, until, &key, &old.issuer)?)
    };
    let successor = Successor {
        key: key.serialize_pem(),
        certificate: certificate.pem(),
        cross: cross.map(|cross| cross.pem()),
    };
    succession::install(&folder, &successor)?;
    let hosts = charter.hosts.into_iter();
    Ok(Rotation {
        summary: show::summary(&folder, now)?,
        unreached: hosts.filter(|host| expired || !old.covers(host)).collect(),
    })
}

/// A key without its certificate is no authority, and nothing to write over: clients may still trust it.
fn refuse_orphan(folder: &Folder, names: Names) -> Result<(), AuthorityError> {
    if folder.holds(names.key) && !folder.holds(names.certificate) {
        return Err(AuthorityError::Unusable {
            file: folder.file(names.key),
            problem: "its certificate, authority.pem, is missing".to_owned(),
        });
    }
    Ok(())
}

impl Authority {
    /// Reads the authority in force; nothing is written, also where a succession was interrupted.
    pub fn load(folder: &Path, now: SystemTime) -> Result<Self, AuthorityError> {
        let authority = Self::read(&Folder::read(folder)?)?;
        authority.certificate.check(now)?;
        Ok(authority)
    }

    /// As [`Authority::load`], whatever the time is.
    fn read(folder: &Folder) -> Result<Self, AuthorityError> {
        let names = succession::in_force(folder);
        refuse_orphan(folder, names)?;
        let certificate = folder.certificate(names.certificate)?;
        let key = folder.key(names.key)?;
        if key.subject_public_key_info() != certificate.public_key {
            return Err(AuthorityError::Mismatch {
                key: folder.file(names.key),
                certificate: certificate.file,
            });
        }
        let cross = names
            .cross
            .map(|name| folder.certificate(name))
            .transpose()?;
        if let Some(cross) = cross.as_ref().filter(|cross| !cross.is_of(&certificate)) {
            return Err(AuthorityError::Cross {
                cross: cross.file.clone(),
                certificate: certificate.file,
            });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate.der, key)
            .map_err(|error| certificate.unusable(error))?;
        Ok(Self {
            issuer,
            certificate,
            cross,
        })
    }

    /// Whether clients accept its signature for a host: one that it was made for, or one below.
    pub fn covers(&self, host: &str) -> bool {
        self.certificate.covers(host)
    }

    /// The SHA-256 of its certificate, as `openssl x509 -fingerprint -sha256` shows it.
    pub fn fingerprint(&self) -> String {
        self.certificate.fingerprint()
    }

    /// When it expires.
    pub fn not_after(&self) -> SystemTime {
        self.certificate.not_after
    }

    /// Makes a certificate for one host with a key of its own. [`Leaves`] keeps what it made.
    fn mint(&self, host: &str, now: SystemTime) -> Result<Leaf, AuthorityError> {
        let host = host::read(host)?;
        if !self.covers(&host) {
            return Err(AuthorityError::Beyond {
                host,
                file: self.certificate.file.clone(),
            });
        }
        self.certificate.check(now)?;
        let mut leaf = mint::leaf(&host, &self.certificate, &self.issuer, now)?;
        if let Some(cross) = self.cross.as_ref().filter(|cross| cross.check(now).is_ok()) {
            leaf.chain.push(cross.der.clone());
        }
        Ok(leaf)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Authority")
            .field("subject", &self.certificate.subject)
            .field("file", &self.certificate.file)
            .finish_non_exhaustive()
    }
}
