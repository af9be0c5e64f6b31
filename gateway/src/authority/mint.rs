//! What the authority's certificates and its leaves say (RFC 5280), and the signatures under them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate as Signed, CertificateParams, CidrSubnet, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use super::certificate::Certificate;
use super::{AuthorityError, Terms, host};

/// Clients whose clock is late by less accept what was signed just now.
const SKEW: Duration = Duration::from_secs(3_600);
/// From a leaf's first moment to its last, both included (RFC 5280 §4.1.2.5).
const LEAF_LIFE: Duration = Duration::from_secs(7 * 86_400 - 1);
const LIFE_MIN: Duration = Duration::from_secs(86_400);
const LIFE_MAX: Duration = Duration::from_secs(3_650 * 86_400);
/// RFC 5280 appendix A: ub-organization-name.
const OWNER_CHARACTERS_MAX: usize = 64;
/// 9999-12-31T23:59:59, the last moment that a certificate can name.
const SECONDS_MAX: u64 = 253_402_300_799;

/// What an authority's certificate says, checked.
#[derive(Debug)]
pub(super) struct Charter {
    owner: Option<String>,
    pub(super) hosts: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// A certificate for one host, and its key.
pub(super) struct Leaf {
    /// The leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Charter {
    pub(super) fn new(terms: &Terms<'_>, now: SystemTime) -> Result<Self, AuthorityError> {
        let hosts: Result<Vec<_>, _> = terms.hosts.iter().map(|name| host::read(name)).collect();
        let mut hosts = hosts?;
        hosts.sort_unstable();
        hosts.dedup();
        if hosts.is_empty() {
            return Err(AuthorityError::Terms(
                "an authority needs the hosts it may sign for; name a repository with upstreams in \
                 `network.repository`",
            ));
        }
        if !(LIFE_MIN..=LIFE_MAX).contains(&terms.life) {
            return Err(AuthorityError::Terms(
                "an authority is valid for one day to ten years",
            ));
        }
        let owner = terms.owner.map(str::trim).filter(|owner| !owner.is_empty());
        if owner.is_some_and(|owner| {
            owner.chars().count() > OWNER_CHARACTERS_MAX || owner.contains(char::is_control)
        }) {
            return Err(AuthorityError::Terms(
                "an authority's owner is one line of at most 64 characters",
            ));
        }
        let not_before = now.checked_sub(SKEW).unwrap_or(UNIX_EPOCH);
        Ok(Self {
            owner: owner.map(str::to_owned),
            hosts,
            not_before,
            not_after: not_before + terms.life,
        })
    }
}

/// A predecessor's life, for its successor.
pub(super) fn within_limits(life: Duration) -> Duration {
    life.clamp(LIFE_MIN, LIFE_MAX)
}

/// ECDSA on P-256: what every client of the last ten years verifies.
pub(super) fn key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate().map_err(signing)
}

/// The certificate that clients are told to trust.
pub(super) fn authority(charter: &Charter, key: &KeyPair) -> Result<Signed, AuthorityError> {
    let mut params = authority_params(charter, key)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.self_signed(key).map_err(signing)
}

/// The same authority, vouched for by its predecessor, for as long as that is valid.
pub(super) fn cross(
    charter: &Charter,
    until: SystemTime,
    key: &KeyPair,
    predecessor: &Issuer<'_, KeyPair>,
) -> Result<Signed, AuthorityError> {
    let mut params = authority_params(charter, key)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.use_authority_key_identifier_extension = true;
    set_validity(
        &mut params,
        charter.not_before,
        charter.not_after.min(until),
    );
    params.signed_by(key, predecessor).map_err(signing)
}

fn authority_params(charter: &Charter, key: &KeyPair) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(serial()?);
    params.distinguished_name = subject(charter, key);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let hosts = charter.hosts.iter().cloned();
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: hosts.map(GeneralSubtree::DnsName).collect(),
        // A kind of name that is not mentioned would be unlimited.
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    set_validity(&mut params, charter.not_before, charter.not_after);
    Ok(params)
}

/// Differs with the key, so that clients can't take one authority's certificate for another's.
fn subject(charter: &Charter, key: &KeyPair) -> DistinguishedName {
    let digest = Sha256::digest(key.subject_public_key_info());
    let short: String = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut subject = DistinguishedName::new();
    if let Some(owner) = &charter.owner {
        subject.push(DnType::OrganizationName, owner.as_str());
    }
    subject.push(DnType::CommonName, format!("Portcullis authority {short}"));
    subject
}

/// A certificate for `host` with a key that nothing else uses (26 of the 63 µs that this takes), within the
/// authority's own time.
pub(super) fn leaf(
    host: &str,
    authority: &Certificate,
    issuer: &Issuer<'_, KeyPair>,
    now: SystemTime,
) -> Result<Leaf, AuthorityError> {
    let not_before = now.checked_sub(SKEW).unwrap_or(UNIX_EPOCH);
    let not_before = not_before.max(authority.not_before);
    let not_after = (not_before + LEAF_LIFE).min(authority.not_after);
    let mut params = CertificateParams::default();
    params.serial_number = Some(serial()?);
    // Not empty, so that no client has to understand a critical SAN; no common name, so that none falls back to it.
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Portcullis");
    let name = host.try_into().map_err(signing)?;
    params.subject_alt_names = vec![SanType::DnsName(name)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, not_before, not_after);
    let key = key()?;
    let signed = params.signed_by(&key, issuer).map_err(signing)?;
    Ok(Leaf {
        chain: vec![signed.der().clone()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        not_before,
        not_after,
    })
}

/// 126 random bits, positive and always as long (RFC 5280 §4.1.2.2).
fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(signing)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn set_validity(params: &mut CertificateParams, from: SystemTime, until: SystemTime) {
    let since = |time: SystemTime| {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Duration::from_secs(seconds.min(SECONDS_MAX))
    };
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since(from);
    params.not_after = epoch + since(until);
}

fn signing(error: impl std::fmt::Display) -> AuthorityError {
    AuthorityError::Signing(error.to_string())
}
