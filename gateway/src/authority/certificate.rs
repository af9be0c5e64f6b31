//! An authority's certificate as it stands in a file: who, how long, for which hosts.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rules::moment;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

use super::{AuthorityError, host};

/// A certificate that can sign, and for what.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) file: PathBuf,
    pub(super) der: CertificateDer<'static>,
    pub(super) subject: String,
    pub(super) owner: Option<String>,
    /// The whole SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    pub(super) public_key: Vec<u8>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// The permitted names, in lower case.
    pub(super) hosts: Vec<String>,
}

impl Certificate {
    /// Reads what the file held. One without name constraints is refused: its key would be good for the whole web.
    pub(super) fn read(
        der: CertificateDer<'static>,
        file: PathBuf,
    ) -> Result<Self, AuthorityError> {
        let problem = |problem: &dyn fmt::Display| AuthorityError::Unusable {
            file: file.clone(),
            problem: problem.to_string(),
        };
        let (rest, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|error| problem(&format!("it is no X.509 certificate ({error})")))?;
        let signs = parsed.basic_constraints().ok().flatten();
        if !rest.is_empty() || !signs.is_some_and(|constraints| constraints.value.ca) {
            return Err(problem(&"it is no authority's certificate"));
        }
        let hosts = permitted(&parsed);
        if hosts.is_empty() {
            return Err(problem(&"it is not limited to hosts by name constraints"));
        }
        let owner = parsed.subject().iter_organization().next();
        Ok(Self {
            subject: parsed.subject().to_string(),
            owner: owner.and_then(|owner| Some(owner.as_str().ok()?.to_owned())),
            public_key: parsed.public_key().raw.to_vec(),
            not_before: moment_of(parsed.validity().not_before),
            not_after: moment_of(parsed.validity().not_after),
            hosts,
            der: der.clone(),
            file,
        })
    }

    /// Fails outside of its time.
    pub(super) fn check(&self, now: SystemTime) -> Result<(), AuthorityError> {
        let file = self.file.clone();
        if now > self.not_after {
            let day = moment::show(self.not_after);
            return Err(AuthorityError::Expired { file, day });
        }
        if now < self.not_before {
            let day = moment::show(self.not_before);
            return Err(AuthorityError::Early { file, day });
        }
        Ok(())
    }

    /// RFC 5280 §4.2.1.10: a permitted name, or labels put to the left of one.
    pub(super) fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.hosts.iter().any(|permitted| {
            host.strip_suffix(permitted.as_str())
                .is_some_and(|left| left.is_empty() || left.ends_with('.') && left.len() > 1)
        })
    }

    /// Whether both say the same name and key.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.public_key == other.public_key && self.subject == other.subject
    }

    /// From the first moment to the last.
    pub(super) fn life(&self) -> Duration {
        self.not_after
            .duration_since(self.not_before)
            .unwrap_or_default()
    }

    /// SHA-256 in pairs of hexadecimal digits, as `openssl x509 -fingerprint` and browsers show it.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.der);
        let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    pub(super) fn unusable(&self, problem: impl fmt::Display) -> AuthorityError {
        AuthorityError::Unusable {
            file: self.file.clone(),
            problem: problem.to_string(),
        }
    }
}

/// The DNS names that the certificate permits; a name of ours is a host's, so that `""` (all names) is none.
fn permitted(certificate: &X509Certificate<'_>) -> Vec<String> {
    let constraints = certificate.name_constraints().ok().flatten();
    let subtrees =
        constraints.and_then(|constraints| constraints.value.permitted_subtrees.as_ref());
    subtrees
        .into_iter()
        .flatten()
        .filter_map(|subtree| match subtree.base {
            GeneralName::DNSName(name) => host::read(name).ok(),
            _ => None,
        })
        .collect()
}

/// What lies before 1970 is its beginning.
fn moment_of(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}
